package routing

import (
	"net/netip"
	"sort"
	"strings"

	"tortie/compiler/calico"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// builder fills one node's state.
type builder struct {
	cluster *Cluster
	node    *node
	on      Tunnels
	state   host.State
	// underlay is the link that leads to the other nodes.
	underlay host.LinkName
}

func (b *builder) link(l host.Link) *host.Link {
	l.Index = len(b.state.Links) + 1
	l.Up = true
	b.state.Links = append(b.state.Links, l)
	return &b.state.Links[len(b.state.Links)-1]
}

func (b *builder) route(r host.Route) { b.state.Routes = append(b.state.Routes, r) }

func full(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

var (
	loopback4 = netip.MustParsePrefix("127.0.0.1/8")
	loopback6 = netip.MustParsePrefix("::1/128")
	all4      = netip.MustParsePrefix("0.0.0.0/0")
	// multicast6 leads to every link that speaks IPv6 (addrconf_add_mroute in
	// net/ipv6/addrconf.c).
	multicast6 = netip.MustParsePrefix("ff00::/8")
	all6       = netip.MustParsePrefix("::/0")
)

func (b *builder) baseLinks() {
	b.link(host.Link{Name: "lo", Loopback: true, MTU: 65536, Addrs: []host.Addr{
		{Prefix: loopback4, Scope: host.ScopeHost}, {Prefix: loopback6, Scope: host.ScopeHost},
	}})
	own := b.cluster.networks[b.node.name]
	b.underlay = b.node.uplink
	switch {
	case own != nil && len(own.Spec.Interfaces) > 0:
		b.hostLinks(own)
		b.underlay = b.linkOf(b.node.v4.Addr())
	default:
		b.assumedLinks()
	}
	if own != nil && len(own.Spec.Routes) > 0 {
		b.hostRoutes(own)
		return
	}
	b.defaultRoutes()
}

// assumedLinks are the node's own.
func (b *builder) assumedLinks() {
	for _, own := range b.node.links {
		l := host.Link{Name: own.name, Kind: "veth", MTU: 1500}
		for _, p := range own.addrs {
			l.Addrs = append(l.Addrs, host.Addr{Prefix: p})
			b.connected(own.name, p)
		}
		b.link(l)
	}
}

// linkOf returns the link that has the address; eth0 or the first link behind lo
// when none has.
func (b *builder) linkOf(a netip.Addr) host.LinkName {
	for _, l := range b.state.Links {
		for _, have := range l.Addrs {
			if have.Prefix.Addr() == a {
				return l.Name
			}
		}
	}
	if b.state.FindLink(Underlay) == nil && len(b.state.Links) > 1 {
		return b.state.Links[1].Name
	}
	return Underlay
}

// defaultRoutes lead out of the underlay to whoever answers.
func (b *builder) defaultRoutes() {
	for _, dst := range []netip.Prefix{all4, all6} {
		own := b.node.v4
		if dst == all6 {
			own = b.node.v6
		}
		if own.IsValid() {
			b.route(host.Route{
				Table: host.TableMain, Type: host.RouteUnicast, Dst: dst, Scope: host.ScopeLink,
				Hops: []host.NextHop{{Dev: b.underlay}}, Protocol: "static",
			})
		}
	}
}

// workloads adds a link and routes for each local endpoint, and the blackholes
// of the blocks that live here.
func (b *builder) workloads() {
	for _, e := range b.local() {
		name := host.LinkName(e.InterfaceName)
		if name == "" || b.state.FindLink(name) != nil {
			continue
		}
		b.link(host.Link{Name: name, Kind: "veth", MTU: 1500})
		for _, net := range e.Nets {
			b.route(host.Route{
				Table: host.TableMain, Type: host.RouteUnicast, Dst: full(net.Addr()), Scope: host.ScopeLink,
				Metric: 1024, Hops: []host.NextHop{{Dev: name}},
			})
		}
	}
	for _, blk := range b.cluster.blocks {
		if blk.node == b.node.name && blk.cidr.Bits() < blk.cidr.Addr().BitLen() {
			b.route(host.Route{Table: host.TableMain, Type: host.RouteBlackhole, Dst: blk.cidr, Protocol: "bird"})
		}
	}
}

func (b *builder) local() []*calico.Endpoint {
	var out []*calico.Endpoint
	for i := range b.cluster.model.Endpoints {
		if e := &b.cluster.model.Endpoints[i].Value; e.Node == b.node.name {
			out = append(out, e)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Workload < out[j].Workload })
	return out
}

// remoteBlocks adds the routes to the blocks of other nodes: plain, or into a
// tunnel as the pool says.
func (b *builder) remoteBlocks() {
	for _, blk := range b.cluster.blocks {
		peer := b.cluster.find(blk.node)
		if peer == nil || blk.node == b.node.name {
			continue
		}
		hop, ok := b.hopTo(peer, blk.cidr.Addr())
		if !ok {
			continue
		}
		b.route(host.Route{
			Table: host.TableMain, Type: host.RouteUnicast, Dst: blk.cidr,
			Hops: []host.NextHop{hop}, Protocol: b.programmer(blk.cidr.Addr()),
		})
	}
}

// programmer is the protocol of routes to other nodes' blocks: Felix programs those of
// pools with VXLAN, BIRD all others.
func (b *builder) programmer(a netip.Addr) string {
	if p := b.cluster.poolFor(a); p != nil && p.encap == encapVXLAN {
		return host.RouteFelix
	}
	return "bird"
}

// localTable adds what the kernel itself keeps for every address.
func (b *builder) localTable() {
	for _, l := range b.state.Links {
		for _, a := range l.Addrs {
			b.localRoutes(l.Name, a)
		}
		if !l.Loopback {
			b.route(host.Route{
				Table: host.TableLocal, Type: host.RouteMulticast, Dst: multicast6,
				Metric: 256, Hops: []host.NextHop{{Dev: l.Name}}, Protocol: "kernel",
			})
		}
	}
}

func (b *builder) localRoutes(dev host.LinkName, a host.Addr) {
	hop := []host.NextHop{{Dev: dev}}
	local := host.Route{Table: host.TableLocal, Type: host.RouteLocal, Scope: host.ScopeHost, PrefSrc: a.Prefix.Addr(), Hops: hop, Protocol: "kernel"}
	local.Dst = full(a.Prefix.Addr())
	b.route(local)
	if packet.FamilyOf(a.Prefix.Addr()) != packet.IPv4 {
		return
	}
	if a.Scope == host.ScopeHost {
		local.Dst = a.Prefix.Masked()
		b.route(local)
	}
	if a.Prefix.Bits() < 31 {
		b.route(host.Route{
			Table: host.TableLocal, Type: host.RouteBroadcast, Dst: full(broadcast(a.Prefix)), Scope: host.ScopeLink,
			PrefSrc: a.Prefix.Addr(), Hops: hop, Protocol: "kernel",
		})
	}
}

// broadcast returns the highest address of an IPv4 prefix.
func broadcast(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		a[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(a)
}

func (b *builder) isWorkload(name host.LinkName) bool {
	for _, e := range b.local() {
		if host.LinkName(e.InterfaceName) == name {
			return true
		}
	}
	return false
}

// sysctls are those that Felix sets (felix/dataplane/linux/endpoint_mgr.go and
// int_dataplane.go, v3.32) and that decide a packet's path.
func (b *builder) sysctls() {
	set := func(name, value string) { b.state.Sysctls[name] = value }
	set("net.ipv4.ip_forward", "1")
	set("net.ipv4.conf.all.forwarding", "1")
	set("net.ipv4.conf.default.forwarding", "1")
	set("net.ipv6.conf.all.forwarding", "1")
	for _, l := range b.state.Links {
		dev := "net.ipv4.conf." + strings.ReplaceAll(string(l.Name), ".", "/")
		set(dev+".forwarding", "1")
		set(dev+".rp_filter", "0")
		if b.isWorkload(l.Name) {
			set(dev+".route_localnet", "1")
			set(dev+".proxy_arp", "1")
		}
	}
}
