package link

import (
	"net/netip"
	"slices"
	"sort"

	"tortie/compiler/calico"
	"tortie/dataplane/host"

	corev1 "k8s.io/api/core/v1"
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
		if !p.Spec.HostNetwork || !wanted(p.Spec.NodeName) || calico.WhyNoEndpoint(p) != "" {
			continue
		}
		out = append(out, host.Endpoint{Name: p.Namespace + "/" + p.Name, Host: host.Name(p.Spec.NodeName), HostNetwork: true, Addrs: l.hostAddrs(p)})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// hostAddrs are the addresses of a pod on its host's network: those that its status
// has, else the node's own.
func (l *Linker) hostAddrs(p *corev1.Pod) (out []netip.Addr) {
	for _, ip := range append([]corev1.PodIP{{IP: p.Status.PodIP}}, p.Status.PodIPs...) {
		if a, err := netip.ParseAddr(ip.IP); err == nil && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	if out == nil {
		out = l.routing.AddrsOf(p.Spec.NodeName)
	}
	return out
}
