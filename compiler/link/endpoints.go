package link

import (
	"net/netip"
	"slices"
	"sort"

	"tortie/dataplane/host"
)

// Endpoints lists the pods and other workloads of the given nodes (nil is all),
// and the host-networked pods, by name.
func (l *Linker) Endpoints(nodes []host.Name) []host.Endpoint {
	var out []host.Endpoint
	wanted := func(node string) bool { return nodes == nil || slices.Contains(nodes, host.Name(node)) }
	for _, e := range l.model.Endpoints {
		if !wanted(e.Value.Node) {
			continue
		}
		one := host.Endpoint{
			Name: e.Value.Namespace + "/" + e.Value.Pod,
			Host: host.Name(e.Value.Node), Link: host.LinkName(e.Value.InterfaceName),
		}
		for _, n := range e.Value.Nets {
			one.Addrs = append(one.Addrs, n.Addr())
		}
		out = append(out, one)
	}
	for _, o := range l.snapshot.Pods {
		p := o.Object
		if !p.Spec.HostNetwork || !wanted(p.Spec.NodeName) {
			continue
		}
		one := host.Endpoint{Name: p.Namespace + "/" + p.Name, Host: host.Name(p.Spec.NodeName), HostNetwork: true}
		if a, err := netip.ParseAddr(p.Status.PodIP); err == nil {
			one.Addrs = []netip.Addr{a}
		}
		out = append(out, one)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
