package route

import (
	"cmp"
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// gaps are what is not known of a family's routing, each in words; "" is nothing.
type gaps struct {
	addrs  string
	local  string // the table local: neither it nor the addresses are known
	routes string // every table but local
	tables string // the tables but local, main and default
}

func readGaps(s *host.State, fam packet.Family, hasLocal bool) gaps {
	g := gaps{addrs: why(s, host.PartAddrs, fam), routes: why(s, host.PartRoutes, fam), tables: why(s, host.PartTables, fam)}
	if !hasLocal {
		g.local = g.addrs
	}
	return g
}

func why(s *host.State, p host.Part, fam packet.Family) string {
	if m := s.FindMissing(p, fam); m != nil {
		return m.Why()
	}
	return ""
}

// unlisted says why a table may have more routes than are listed. Nothing puts
// routes into the table default by itself.
func (g *gaps) unlisted(table uint32) string {
	switch table {
	case host.TableLocal:
		return g.local
	case host.TableMain, 0:
		return g.routes
	case host.TableDefault:
		return ""
	}
	return cmp.Or(g.routes, g.tables)
}

// connected are the routes of table main that the kernel makes for the addresses
// of links that are up (fib_add_ifaddr, addrconf_prefix_route).
func connected(links []host.Link, fam packet.Family) (routes []host.Route) {
	for i := range links {
		l := &links[i]
		if !l.Up || l.Loopback {
			continue
		}
		for _, a := range l.Addrs {
			net := subnet(&a)
			if packet.FamilyOf(a.Prefix.Addr()) != fam || a.Secondary || net == single(a.Prefix.Addr()) {
				continue
			}
			r := host.Route{Table: host.TableMain, Type: host.RouteUnicast, Dst: net, Scope: host.ScopeLink,
				Hops: []host.NextHop{{Dev: l.Name}}, Protocol: "kernel"}
			if fam == packet.IPv4 {
				r.PrefSrc = a.Prefix.Addr()
			} else {
				r.Metric, r.Scope = 256, host.ScopeUniverse
			}
			routes = append(routes, r)
		}
	}
	return routes
}

// missingRules are the policy routing rules of a family that nobody captured: the
// kernel's own. A table that only other rules can lead to says that there are more.
func missingRules(s *host.State, fam packet.Family, own []host.Rule) []host.Rule {
	m := s.FindMissing(host.PartPolicyRules, fam)
	if m == nil {
		return nil
	}
	for i := range s.Routes {
		switch r := &s.Routes[i]; {
		case packet.FamilyOf(r.Dst.Addr()) != fam:
		case r.Table == 0, r.Table == host.TableMain, r.Table == host.TableLocal, r.Table == host.TableDefault:
		default:
			more := host.Rule{Priority: 1, Family: fam, Action: host.ActionLookup, Table: r.Table, Opaque: m.Why()}
			return append([]host.Rule{own[0], more}, own[1:]...)
		}
	}
	return nil
}

// checked is the outcome of a check for every value that a sysctl may have, or
// unknown where they differ.
func checked(values []int, unknown string, check func(int) Result) Result {
	first := check(values[0])
	for _, v := range values[1:] {
		if r := check(v); r.Err != first.Err || r.Unknown != first.Unknown {
			return Result{Unknown: unknown}
		}
	}
	return first
}

// KnowsLocal reports whether it is known which addresses of a family are the
// host's.
func (t *Tables) KnowsLocal(fam packet.Family) bool { return t.familyOf(fam).gaps.local == "" }

// DoubtsForwarding says why it is not known whether the host forwards packets of a
// family; "" if it is.
func (t *Tables) DoubtsForwarding(fam packet.Family) string {
	if !t.AssumesForwarding(fam) || t.noSysctls == "" {
		return ""
	}
	key := "net.ipv4.ip_forward"
	if fam == packet.IPv6 {
		key = "net.ipv6.conf.all.forwarding"
	}
	return key + " is not known: " + t.noSysctls
}

// unknownAddrs ends look-ups of a family whose addresses are not known.
func (t *Tables) unknownAddrs(dst netip.Addr) (Result, bool) {
	why := t.family(dst).gaps.addrs
	return Result{Unknown: why}, why != ""
}
