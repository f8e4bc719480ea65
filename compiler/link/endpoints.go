package link

import (
	"net/netip"
	"slices"
	"sort"

	"tortie/dataplane/host"
)

// endpoints lists the pods and other workloads of the given nodes, and the
// host-networked pods, by name.
func (l *Linker) endpoints(nodes []host.Name) []host.Endpoint {
	var out []host.Endpoint
	for _, e := range l.model.Endpoints {
		if !slices.Contains(nodes, host.Name(e.Value.Node)) {
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
		if !p.Spec.HostNetwork || !slices.Contains(nodes, host.Name(p.Spec.NodeName)) {
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
