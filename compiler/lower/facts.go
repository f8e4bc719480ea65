package lower

import (
	"net/netip"
	"slices"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/intent"
	"tortie/compiler/selector"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// hep is a host endpoint as the compiler needs it.
type hep struct {
	name, node string
	labels     selector.Map
	expected   []string
	// open says that its profiles let everything pass that no policy decides.
	open bool
}

// factsOf reads from a snapshot what the compiler has to know of a cluster.
func factsOf(s *cluster.Snapshot) facts {
	f := facts{open: map[string]bool{}}
	if s == nil {
		return f
	}
	f.known = true
	for _, o := range s.Tiers {
		f.open[o.Object.Name] = o.Object.Spec.DefaultAction != nil && *o.Object.Spec.DefaultAction == v3.Pass
	}
	for _, o := range s.IPPools {
		if p, ok := calico.ParseNet(o.Object.Spec.CIDR); ok {
			f.addNet(p)
		}
	}
	model, _ := s.Model()
	for _, n := range model.Nodes {
		for _, a := range nodeAddrs(&n.Value) {
			if p, ok := calico.ParseNet(a); ok {
				f.addNet(netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
			}
		}
	}
	for _, h := range model.HostEndpoints {
		one := hep{name: h.Value.Name, node: h.Value.Node, labels: h.Value.Labels, open: slices.Contains(h.Value.Profiles, calico.DefaultAllowProfile)}
		for _, a := range h.Value.ExpectedIPs {
			one.expected = append(one.expected, a.String())
		}
		f.heps = append(f.heps, one)
	}
	slices.SortFunc(f.nets, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	return f
}

// closed reports whether an atom may select host endpoints that are closed even
// without policy.
func (f *facts) closed(a *intent.Atom) bool {
	if a.Kind != intent.Hosts || !f.known {
		return a.Kind == intent.Hosts
	}
	return slices.ContainsFunc(f.heps, func(h hep) bool { return !h.open && a.Party.Hosts.Sel.Matches(h.labels) })
}

func (f *facts) addNet(p netip.Prefix) {
	f.v6 = f.v6 || p.Addr().Is6()
	if !slices.Contains(f.nets, p) {
		f.nets = append(f.nets, p)
	}
}

// nodeAddrs are the addresses by which a node sends.
func nodeAddrs(n *calico.Node) []string {
	var out []string
	if b := n.Spec.BGP; b != nil {
		for _, a := range []string{b.IPv4Address, b.IPv6Address} {
			if p, err := netip.ParsePrefix(a); err == nil {
				a = p.Addr().String()
			}
			out = append(out, a)
		}
		out = append(out, b.IPv4IPIPTunnelAddr)
	}
	out = append(out, n.Spec.IPv4VXLANTunnelAddr, n.Spec.IPv6VXLANTunnelAddr)
	for _, a := range n.Spec.Addresses {
		out = append(out, a.Address)
	}
	if w := n.Spec.Wireguard; w != nil {
		out = append(out, w.InterfaceIPv4Address, w.InterfaceIPv6Address)
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}
