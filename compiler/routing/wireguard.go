package routing

import (
	"encoding/base64"
	"net/netip"
	"slices"
	"sort"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// WireGuard is what Felix's configuration of a node says of WireGuard in one
// address family.
type WireGuard struct {
	On   bool
	Link host.LinkName
	Port uint16
	// Mark is the mark of encrypted packets, by which they pass the routing rule by;
	// Priority is that rule's.
	Mark, Priority uint32
	// Hosts sends packets between hosts through it as well.
	Hosts bool
	// WorkloadIPs takes networks from pods instead of blocks (routeSource).
	WorkloadIPs bool
}

// wireGuardTable is the first table of Felix's default routeTableRange, which it
// takes for both families.
const wireGuardTable uint32 = 1

// What WireGuard's headers take of the link's MTU.
const (
	wireGuardHeader4 = 60
	wireGuardHeader6 = 80
)

// wireGuardIdentity is what a node publishes of its device of one family.
type wireGuardIdentity struct {
	// key is the public key; empty when the node has none or none that can be read.
	key  string
	addr netip.Addr
	// made says that both may be made up: no server has stored the node.
	made bool
}

func (n *node) wireGuard(f packet.Family) *wireGuardIdentity {
	if f == packet.IPv6 {
		return &n.wg6
	}
	return &n.wg4
}

// publicKey returns the text if it is a key that is not zero.
func publicKey(text string) string {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != 32 || !slices.ContainsFunc(raw, func(b byte) bool { return b != 0 }) {
		return ""
	}
	return text
}

// wireGuard adds the WireGuard device of a family, the table of what goes into it,
// and the rule by which packets come to that table (felix/wireguard). A node whose
// kernel has no WireGuard publishes no key, and has none of it.
func (b *builder) wireGuard(f packet.Family, on WireGuard) {
	own := b.node.wireGuard(f)
	if !on.On || own.key == "" {
		return
	}
	header := wireGuardHeader4
	if f == packet.IPv6 {
		header = wireGuardHeader6
	}
	dev := host.Link{Name: on.Link, Kind: "wireguard", MTU: b.underlayMTU() - header}
	switch {
	case own.addr.IsValid():
		dev.Addrs = []host.Addr{{Prefix: full(own.addr)}}
	case on.Hosts && b.node.own(f).IsValid():
		dev.Addrs = []host.Addr{{Prefix: full(b.node.own(f).Addr())}}
	}
	dev.WireGuard = &host.WireGuard{Port: on.Port, Mark: on.Mark, Peers: b.wireGuardPeers(f, on)}
	b.link(dev)
	if on.Hosts && f == packet.IPv4 {
		b.state.Sysctls["net.ipv4.conf.all.src_valid_mark"] = "1"
	}
	b.policyRules(f, host.Rule{
		Priority: on.Priority, Family: f, Invert: true, Mark: on.Mark, Mask: on.Mark,
		Action: host.ActionLookup, Table: wireGuardTable,
	})
}

// policyRules adds a rule to those that the kernel has from the beginning.
func (b *builder) policyRules(f packet.Family, r host.Rule) {
	lookup := func(priority, table uint32) host.Rule {
		return host.Rule{Priority: priority, Family: f, Action: host.ActionLookup, Table: table}
	}
	b.state.Rules = append(b.state.Rules, lookup(0, host.TableLocal), r, lookup(32766, host.TableMain))
	if f == packet.IPv4 {
		b.state.Rules = append(b.state.Rules, lookup(32767, host.TableDefault))
	}
}

// wireGuardPeers are the nodes that have a key of their own, with their networks. Each
// network gets its route: to the device, or back to the other tables when it is
// of this node or of one without a key. Felix does not compare the others' keys with
// the node's own, but the kernel takes no peer that has the device's key (set_peer
// in drivers/net/wireguard/netlink.c): such a node has routes and is no peer.
func (b *builder) wireGuardPeers(f packet.Family, on WireGuard) (peers []host.WireGuardPeer) {
	const noPeer = -1
	index, holders := map[string]int{}, b.otherKeys(f)
	for i := range b.cluster.nodes {
		n := &b.cluster.nodes[i]
		switch key := n.wireGuard(f).key; {
		case n.name == b.node.name || !n.own(f).IsValid() || holders[key] != 1:
		case key == b.node.wireGuard(f).key:
			index[n.name] = noPeer
		default:
			index[n.name] = len(peers)
			peers = append(peers, host.WireGuardPeer{Endpoint: netip.AddrPortFrom(n.own(f).Addr(), on.Port)})
		}
	}
	for _, net := range b.wireGuardNets(f, on) {
		r := host.Route{Table: wireGuardTable, Type: host.RouteThrow, Dst: net.cidr}
		i, ok := index[net.node]
		if ok {
			r.Type, r.Scope, r.Hops = host.RouteUnicast, host.ScopeLink, []host.NextHop{{Dev: on.Link}}
		}
		if ok && i != noPeer {
			peers[i].Allowed = append(peers[i].Allowed, net.cidr)
		}
		b.route(r)
	}
	return peers
}

// otherKeys counts the other nodes that have a key.
func (b *builder) otherKeys(f packet.Family) map[string]int {
	count := map[string]int{}
	for i := range b.cluster.nodes {
		n := &b.cluster.nodes[i]
		if key := n.wireGuard(f).key; key != "" && n.name != b.node.name {
			count[key]++
		}
	}
	return count
}

// wireGuardNets are the networks of a family that Felix knows, with the nodes that
// they are on (l3_route_resolver.go and wireguard_mgr.go): blocks and addresses out
// of others' blocks, pods, tunnels, and with host encryption the other nodes' own.
func (b *builder) wireGuardNets(f packet.Family, on WireGuard) []block {
	owner := map[netip.Prefix]string{}
	if !on.WorkloadIPs {
		for _, blk := range b.cluster.blocks {
			owner[blk.cidr] = blk.node
		}
	}
	var hosts []netip.Prefix
	for i := range b.cluster.nodes {
		n := &b.cluster.nodes[i]
		for _, a := range n.addrs {
			if n.name != b.node.name {
				owner[full(a)] = n.name
				hosts = append(hosts, full(a))
			}
		}
	}
	for _, a := range b.cluster.allocated() {
		if a.tunnel || on.WorkloadIPs || a.node == b.node.name {
			owner[a.cidr] = a.node
		}
	}
	if !on.Hosts {
		for _, h := range hosts {
			delete(owner, h)
		}
	}
	return sortedBlocks(owner, f)
}

// sortedBlocks lists the networks of a family.
func sortedBlocks(owner map[netip.Prefix]string, f packet.Family) (list []block) {
	for cidr, node := range owner {
		if packet.FamilyOf(cidr.Addr()) == f {
			list = append(list, block{cidr: cidr, node: node})
		}
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i].cidr, list[j].cidr
		return a.Addr().Less(b.Addr()) || a.Addr() == b.Addr() && a.Bits() < b.Bits()
	})
	return list
}

// AssumeWireGuard gives the nodes on which WireGuard is on what calico-node would
// publish once it ran, where no node has published anything and no server has
// stored the node; notes the others that have no key; and forgets what nodes have
// published on which it is off, because Felix soon takes that back.
func (c *Cluster) AssumeWireGuard(f packet.Family, on func(name string) bool) {
	published := slices.ContainsFunc(c.nodes, func(n node) bool { return n.wireGuard(f).key != "" })
	var assumed, without, off []string
	for i := range c.nodes {
		n := &c.nodes[i]
		own := n.wireGuard(f)
		switch has := own.key != ""; {
		case has && !on(n.name):
			own.key, off = "", append(off, n.name)
		case has || !on(n.name):
		case published || !own.made:
			without = append(without, n.name)
		default:
			assumed = append(assumed, n.name)
			c.assumeIdentity(n, f)
		}
	}
	if len(assumed) > 0 {
		c.Notes = append(c.Notes, "WireGuard is on and no node in the input has a public key (projectcalico.org/WireguardPublicKey): "+
			some(assumed)+" taken to have one and an address of its own block for the device")
	}
	if len(without) > 0 {
		c.Notes = append(c.Notes, "WireGuard is on, and "+some(without)+" without a public key (a kernel without WireGuard publishes none): packets go there and come from there unencrypted")
	}
	if len(off) > 0 {
		c.Notes = append(c.Notes, some(off)+" without WireGuard by the configuration, whose public key in the input Felix takes back: packets go there and come from there unencrypted")
	}
}

// assumeIdentity makes up a node's key, and an address for its device.
func (c *Cluster) assumeIdentity(n *node, f packet.Family) {
	own := n.wireGuard(f)
	own.key = "made up for " + n.name
	if !own.addr.IsValid() {
		own.addr = c.freeAddress(f, n.name)
	}
}

// freeAddress is the highest address of a node's first block that nobody has; invalid
// without one.
func (c *Cluster) freeAddress(f packet.Family, name string) netip.Addr {
	taken := map[netip.Addr]bool{}
	for _, a := range c.allocated() {
		taken[a.cidr.Addr()] = true
	}
	for _, blk := range c.blocks {
		if blk.node != name || packet.FamilyOf(blk.cidr.Addr()) != f {
			continue
		}
		for a := lastOf(blk.cidr); blk.cidr.Contains(a); a = a.Prev() {
			if !taken[a] {
				return a
			}
		}
	}
	return netip.Addr{}
}

// lastOf is the highest address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	raw := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < 8*len(raw); i++ {
		raw[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}

// identities are what a node says of its devices of both families.
func identities(o *cluster.Sourced[calico.Node]) (v4, v6 wireGuardIdentity) {
	n := &o.Value
	v4.key, v6.key = publicKey(n.Status.WireguardPublicKey), publicKey(n.Status.WireguardPublicKeyV6)
	if w := n.Spec.Wireguard; w != nil {
		v4.addr, _ = netip.ParseAddr(w.InterfaceIPv4Address)
		v6.addr, _ = netip.ParseAddr(w.InterfaceIPv6Address)
	}
	v4.made = !o.Source.FromServer()
	v6.made = v4.made
	return v4, v6
}
