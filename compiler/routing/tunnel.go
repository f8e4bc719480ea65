package routing

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// The devices that Felix makes for tunnels.
const (
	vxlan4 host.LinkName = "vxlan.calico"
	vxlan6 host.LinkName = "vxlan-v6.calico"
	ipip   host.LinkName = "tunl0"
)

func vxlanLink(f packet.Family) host.LinkName {
	if f == packet.IPv6 {
		return vxlan6
	}
	return vxlan4
}

// What the headers of tunnels take of the link's MTU.
const (
	ipipHeader   = 20
	vxlanHeader4 = 50
	vxlanHeader6 = 70
)

// tunnels adds vxlan.calico, vxlan-v6.calico and tunl0 where Felix has them on
// and the node has a tunnel address, and WireGuard's devices.
func (b *builder) tunnels() {
	for _, f := range []packet.Family{packet.IPv4, packet.IPv6} {
		if f == packet.IPv4 && b.on.VXLAN || f == packet.IPv6 && b.on.VXLANv6 {
			b.vxlan(f)
		}
	}
	if b.on.IPIP && b.node.ipip.IsValid() {
		b.link(host.Link{
			Name: ipip, Kind: "ipip", MTU: b.underlayMTU() - ipipHeader,
			Addrs: []host.Addr{{Prefix: full(b.node.ipip)}}, TunnelLocal: b.node.v4.Addr(),
		})
	}
	b.wireGuard(packet.IPv4, b.on.WireGuard)
	b.wireGuard(packet.IPv6, b.on.WireGuardV6)
}

// underlayMTU is what Felix takes for the MTU of the host's network: that of the
// link to the other nodes.
func (b *builder) underlayMTU() int {
	if l := b.state.FindLink(b.underlay); l != nil && l.MTU > 0 {
		return l.MTU
	}
	return 1500
}

// vxlan adds the VXLAN device of a family, with a neighbour and an entry of its
// forwarding database for every other node's.
func (b *builder) vxlan(f packet.Family) {
	addr, mac := b.node.vtep(f)
	if !addr.IsValid() || !b.node.own(f).IsValid() {
		return
	}
	header := vxlanHeader4
	if f == packet.IPv6 {
		header = vxlanHeader6
	}
	v := &host.VXLAN{VNI: b.on.VNI, Port: b.on.VXLANPort, Local: b.node.own(f).Addr()}
	for i := range b.cluster.nodes {
		n := &b.cluster.nodes[i]
		via, mac := n.vtep(f)
		if n.name != b.node.name && via.IsValid() && n.own(f).IsValid() {
			v.FDB = append(v.FDB, host.VXLANPeer{Via: via, Remote: n.own(f).Addr(), MAC: mac})
		}
	}
	b.link(host.Link{Name: vxlanLink(f), Kind: "vxlan", MTU: b.underlayMTU() - header, MAC: mac, VXLAN: v,
		Addrs: []host.Addr{{Prefix: full(addr)}}})
}

// hopTo is the next hop to the blocks of another node: plain, or into a tunnel as
// the pool says; false when there is none.
func (b *builder) hopTo(peer *node, a netip.Addr) (host.NextHop, bool) {
	f := packet.FamilyOf(a)
	own, far := b.node.own(f), peer.own(f)
	plain := host.NextHop{Via: far.Addr(), Dev: b.underlay}
	p := b.cluster.poolFor(a)
	if p == nil || p.crossSubnet && own.IsValid() && own.Masked().Contains(far.Addr()) {
		return plain, far.IsValid()
	}
	vtep, _ := peer.vtep(f)
	switch {
	case p.encap == encapVXLAN && b.state.FindLink(vxlanLink(f)) != nil && vtep.IsValid():
		return host.NextHop{Via: vtep, Dev: vxlanLink(f), OnLink: true}, true
	case p.encap == encapIPIP && f == packet.IPv4 && b.state.FindLink(ipip) != nil:
		return host.NextHop{Via: far.Addr(), Dev: ipip, OnLink: true}, far.IsValid()
	}
	return plain, far.IsValid()
}

// noteTunnels notes the nodes without an address for the tunnel that an IPv4 pool asks
// for: calico-node gives them one, and here they are without the device.
func (c *Cluster) noteTunnels() {
	c.noteTunnel("VXLAN", encapVXLAN, func(n *node) netip.Addr { return n.vxlan4 })
	c.noteTunnel("IP-in-IP", encapIPIP, func(n *node) netip.Addr { return n.ipip })
}

func (c *Cluster) noteTunnel(name string, e encap, own func(*node) netip.Addr) {
	asks := func(p pool) bool { return p.encap == e && p.cidr.Addr().Is4() }
	if len(c.nodes) < 2 || !slices.ContainsFunc(c.pools, asks) {
		return
	}
	var without []string
	for i := range c.nodes {
		if !own(&c.nodes[i]).IsValid() {
			without = append(without, c.nodes[i].name)
		}
	}
	if len(without) > 0 {
		c.Notes = append(c.Notes, fmt.Sprintf("a pool asks for %s, and %s without an address for its device (Calico annotates or stores it): what goes there is walked without the tunnel",
			name, some(without)))
	}
}

// some names nodes, of many the first.
func some(names []string) string {
	sort.Strings(names)
	switch {
	case len(names) == 1:
		return "node " + names[0] + " is"
	case len(names) <= 3:
		return "nodes " + strings.Join(names, ", ") + " are"
	}
	return fmt.Sprintf("node %s and %d others are", names[0], len(names)-1)
}
