package route

import (
	"net/netip"
	"slices"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// Tables are the compiled routing data of one node.
type Tables struct {
	v4, v6 family
	links  map[host.LinkName]*link
	order  []*link
	owners map[netip.Addr]*link
	lo     host.LinkName
	vrfs   bool // there are VRFs
	// noSysctls says why sysctls that are not listed are not known.
	noSysctls string
	// assumed4 and assumed6 say that forwarding is supposed, not known.
	assumed4, assumed6 bool
}

// family is what is kept per IP family.
type family struct {
	rules  []host.Rule
	custom bool // the rules are not the default ones
	// customLocal says that somebody other than the kernel added local routes.
	customLocal bool
	tables      map[uint32]*table
	gaps        gaps
}

// link is one link with the sysctls that routing reads, already combined with
// those of "all".
type link struct {
	*host.Link
	forward4, forward6     bool
	rpFilter               int
	routeLocalnet          bool
	acceptLocal            bool
	srcValidMark           bool
	sendRedirects          bool
	bcForward, sharedMedia bool
	// rpUnknown and localnetUnknown say that the values are what is known at least.
	rpUnknown, localnetUnknown bool
	hasAddr4, hasAddr6         bool
}

// New compiles the routing data of a node. The state must not change afterwards.
func New(s *host.State) *Tables {
	t := &Tables{links: map[host.LinkName]*link{}, owners: map[netip.Addr]*link{}, lo: "lo",
		assumed4: !knowsForwarding(s.Sysctls, "ipv4"), assumed6: !knowsForwarding(s.Sysctls, "ipv6")}
	t.noSysctls = why(s, host.PartSysctls, 0)
	for i := range s.Links {
		t.addLink(s, &s.Links[i])
	}
	t.v4 = t.newFamily(s, packet.IPv4)
	t.v6 = t.newFamily(s, packet.IPv6)
	return t
}

func (t *Tables) addLink(s *host.State, l *host.Link) {
	d := &link{Link: l}
	d.readSysctls(s.Sysctls, t.noSysctls != "")
	for _, a := range l.Addrs {
		d.hasAddr4 = d.hasAddr4 || a.Prefix.Addr().Is4()
		d.hasAddr6 = d.hasAddr6 || a.Prefix.Addr().Is6()
		if _, taken := t.owners[a.Prefix.Addr()]; !taken {
			t.owners[a.Prefix.Addr()] = d
		}
	}
	if l.Loopback {
		t.lo = l.Name
	}
	t.vrfs = t.vrfs || l.Kind == "vrf"
	t.links[l.Name] = d
	t.order = append(t.order, d)
}

func (t *Tables) newFamily(s *host.State, fam packet.Family) family {
	f := family{tables: map[uint32]*table{}}
	f.rules, f.custom = rulesOf(s, fam)
	hasLocal := false
	for i := range s.Routes {
		r := &s.Routes[i]
		if !r.Dst.IsValid() || packet.FamilyOf(r.Dst.Addr()) != fam {
			continue
		}
		hasLocal = hasLocal || r.Table == host.TableLocal
		f.customLocal = f.customLocal || r.Type == host.RouteLocal && r.Protocol != "kernel" && r.Protocol != ""
		if t.overDown(r) {
			continue
		}
		if t.viaItself(r) {
			c := *r
			c.Opaque, r = "a gateway that is an address of the node", &c
		}
		f.add(r, fam)
	}
	if f.gaps = readGaps(s, fam, hasLocal); f.gaps.routes != "" {
		for _, r := range connected(s.Links, fam) {
			f.add(&r, fam)
		}
	}
	if !hasLocal {
		for _, r := range LocalRoutes(s.Links, fam) {
			f.add(&r, fam)
		}
	}
	for _, tb := range f.tables {
		tb.sort()
	}
	if fam == packet.IPv4 && !f.custom {
		f.tables[host.TableMain] = nil // its routes are in the shared trie
	}
	return f
}

// overDown reports whether a route leads over links that are down alone: the kernel
// has removed it then, but for the routes to the link's own addresses that are still
// there (fib_sync_down_dev, rt6_disable_ip).
func (t *Tables) overDown(r *host.Route) bool {
	if len(r.Hops) == 0 || r.Type == host.RouteLocal {
		return false
	}
	return !slices.ContainsFunc(r.Hops, func(h host.NextHop) bool { return !t.isDown(h.Dev) })
}

// isDown reports whether a link is known to be down.
func (t *Tables) isDown(n host.LinkName) bool {
	l := t.links[n]
	return l != nil && !l.Up && !l.Loopback
}

// viaItself reports whether a gateway is an address of the host. If it was one
// when the route was made, the kernel takes the route for one without a gateway.
func (t *Tables) viaItself(r *host.Route) bool {
	for i := range r.Hops {
		if _, own := t.owners[r.Hops[i].Via]; own {
			return true
		}
	}
	return false
}

// add puts a route into its table. IPv4 keeps the tables local and main in one
// trie as long as there are only the default rules (fib_trie_unmerge), so that
// a longer prefix of main wins over a shorter one of local.
func (f *family) add(r *host.Route, fam packet.Family) {
	id := r.Table
	if id == 0 {
		id = host.TableMain
	}
	if id == host.TableMain && fam == packet.IPv4 && !f.custom {
		id = host.TableLocal
	}
	tb := f.tables[id]
	if tb == nil {
		tb = &table{}
		f.tables[id] = tb
	}
	c := *r
	if fam == packet.IPv6 && c.Metric == 0 && c.Table != host.TableLocal {
		c.Metric = 1024 // IP6_RT_PRIO_USER
	}
	if c.Table == 0 {
		c.Table = host.TableMain
	}
	if c.Type == host.RouteUnspec {
		c.Type = host.RouteUnicast
	}
	tb.add(&c)
}

func (t *Tables) family(a netip.Addr) *family { return t.familyOf(packet.FamilyOf(a)) }

func (t *Tables) familyOf(fam packet.Family) *family {
	if fam == packet.IPv4 {
		return &t.v4
	}
	return &t.v6
}

// Owns returns the link that has the address, and whether there is one.
func (t *Tables) Owns(a netip.Addr) (host.LinkName, bool) {
	if l := t.owners[a]; l != nil {
		return l.Name, true
	}
	return "", false
}

// MTU is the link's MTU, 0 when unknown.
func (t *Tables) MTU(n host.LinkName) int {
	if l := t.links[n]; l != nil {
		return l.MTU
	}
	return 0
}

// Loopback is the name of the loopback link.
func (t *Tables) Loopback() host.LinkName { return t.lo }

// Forwards reports whether packets that came in by the link may be forwarded.
func (t *Tables) Forwards(n host.LinkName, fam packet.Family) bool {
	l := t.links[n]
	if l == nil {
		return false
	}
	if fam == packet.IPv4 {
		return l.forward4
	}
	return l.forward6
}

// AssumesForwarding reports whether the sysctls say nothing about forwarding in
// the family; it is then supposed to be on.
func (t *Tables) AssumesForwarding(fam packet.Family) bool {
	if fam == packet.IPv4 {
		return t.assumed4
	}
	return t.assumed6
}
