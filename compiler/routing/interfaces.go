package routing

import (
	"net/netip"
	"slices"

	"tortie/compiler/calico"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// nodeLink is a link of a node with its addresses.
type nodeLink struct {
	name  host.LinkName
	addrs []netip.Prefix
}

// gatherAddresses takes what the node is known by. Of Kubernetes' internal addresses
// the first of a family is its own where Calico says none.
func (n *node) gatherAddresses(list []calico.NodeAddress) {
	know := func(a netip.Addr) {
		if a.IsValid() && !slices.Contains(n.addrs, a) {
			n.addrs = append(n.addrs, a)
		}
	}
	for _, one := range list {
		know(ownPrefix(one.Address, 0).Addr())
		a, err := netip.ParseAddr(one.Address)
		switch {
		case err != nil:
		case one.Type == "ExternalIP":
			n.external = append(n.external, a)
		case one.Type == "InternalIP":
			n.internal = append(n.internal, a)
			if own := n.ownOf(packet.FamilyOf(a)); !own.IsValid() {
				*own = netip.PrefixFrom(a, map[bool]int{true: 24, false: 64}[a.Is4()])
			}
		}
	}
	know(n.v4.Addr())
	know(n.v6.Addr())
}

func (n *node) ownOf(f packet.Family) *netip.Prefix {
	if f == packet.IPv6 {
		return &n.v6
	}
	return &n.v4
}

// linksOf are the links that a node says it has, which calico-node notes where it looks
// for the node's address itself (projectcalico.org/Interfaces). The annotation has
// no prefix lengths: only that of the node's own address is known.
func (n *node) linksOf(from []calico.NodeInterface) (out []nodeLink) {
	for _, f := range from {
		if len(f.Name) > 15 || notUplink.MatchString(f.Name) {
			continue
		}
		l := nodeLink{name: host.LinkName(f.Name)}
		for _, text := range f.Addresses {
			if a, err := netip.ParseAddr(text); err == nil {
				l.addrs = append(l.addrs, n.withLength(a))
			}
		}
		out = append(out, l)
	}
	return out
}

// withLength is an address of the node with its prefix length, where that is known.
func (n *node) withLength(a netip.Addr) netip.Prefix {
	if own := n.own(packet.FamilyOf(a)); own.Addr() == a {
		return own
	}
	return full(a)
}

// has reports whether one of the links has the address.
func (n *node) has(a netip.Addr) bool {
	return slices.ContainsFunc(n.links, func(l nodeLink) bool {
		return slices.ContainsFunc(l.addrs, func(p netip.Prefix) bool { return p.Addr() == a })
	})
}

// settleLinks puts the uplink first, and on it those of the node's addresses that no
// link has: its own, and what Kubernetes knows as internal. External ones are
// translated on the way to the node unless a link has them.
func (n *node) settleLinks() {
	up := slices.IndexFunc(n.links, func(l nodeLink) bool { return l.name == n.uplink })
	if up < 0 {
		up, n.links = 0, slices.Insert(n.links, 0, nodeLink{name: n.uplink})
	}
	n.links[0], n.links[up] = n.links[up], n.links[0]
	for _, a := range append([]netip.Addr{n.v4.Addr(), n.v6.Addr()}, n.internal...) {
		if a.IsValid() && !n.has(a) {
			n.links[0].addrs = append(n.links[0].addrs, n.withLength(a))
		}
	}
}

// uplinkOf is the link that has one of the node's own addresses.
func (n *node) uplinkOf() (host.LinkName, bool) {
	for _, l := range n.links {
		for _, p := range l.addrs {
			if p == n.v4 || p == n.v6 {
				return l.name, true
			}
		}
	}
	return "", false
}

// noteOtherLinks says that nobody knows what is behind further links.
func (c *Cluster) noteOtherLinks() {
	var names []string
	for i := range c.nodes {
		n := &c.nodes[i]
		if len(n.links) > 1 && c.networks[n.name] == nil {
			names = append(names, n.name)
		}
	}
	if len(names) > 0 {
		c.Notes = append(c.Notes, some(names)+" taken to have the interfaces of projectcalico.org/Interfaces, which does not say what networks are behind them: all but the one with the node's own address lead nowhere (a HostNetwork says more)")
	}
}

// Translated are the addresses by which nodes are known outside and which none of their
// links has, with the nodes.
func (c *Cluster) Translated() map[netip.Addr]host.Name {
	out := map[netip.Addr]host.Name{}
	for i := range c.nodes {
		n := &c.nodes[i]
		for _, a := range n.external {
			if !n.has(a) && !c.networks[n.name].has(a) {
				out[a] = host.Name(n.name)
			}
		}
	}
	return out
}

// has reports whether an interface of the document has the address.
func (n *hostNetwork) has(a netip.Addr) bool {
	if n == nil {
		return false
	}
	return slices.ContainsFunc(n.Spec.Interfaces, func(f hostInterface) bool {
		return slices.ContainsFunc(f.Addresses, func(text string) bool {
			p, err := netip.ParsePrefix(text)
			return err == nil && p.Addr() == a
		})
	})
}
