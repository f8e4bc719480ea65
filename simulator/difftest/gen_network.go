package difftest

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// network makes policy routing, special routes and reverse path filters for a
// third of the cases each.
func (m maker) network() Network {
	n := Network{Sysctls: map[string]string{}}
	if m.chance(3) {
		for _, l := range []string{"all", "lr", "rr"} {
			n.Sysctls["net.ipv4.conf."+l+".rp_filter"] = strconv.Itoa(m.IntN(3))
		}
		n.Sysctls["net.ipv4.conf.all.src_valid_mark"] = strconv.Itoa(m.IntN(2))
		n.Sysctls["net.ipv4.conf."+pick(m, "lr", "rr")+".accept_local"] = strconv.Itoa(m.IntN(2))
	}
	if m.chance(3) {
		for range 1 + m.IntN(2) {
			n.add(m.route(host.TableMain))
		}
	}
	if m.chance(3) {
		n.Rules = defaultRules()
		for i := range 1 + m.IntN(3) {
			n.Rules = append(n.Rules, m.policyRule(uint32(100+i)))
		}
		for range 1 + m.IntN(3) {
			n.add(m.route(sideTable))
		}
	}
	return n
}

// String shows what is not the same in every case.
func (n *Network) String() string {
	var b strings.Builder
	for _, r := range n.Rules {
		if r.Table == sideTable || r.Table == 0 {
			fmt.Fprintf(&b, "rule %d %s not=%v from %s to %s iif %s mark %d/%d ipproto %s action %d\n", r.Priority, r.Family, r.Invert, r.From, r.To, r.IIF, r.Mark, r.Mask, r.Proto, r.Action)
		}
	}
	for _, r := range n.Routes {
		fmt.Fprintf(&b, "route table %d type %d %s %v\n", r.Table, r.Type, r.Dst, r.Hops)
	}
	return b.String() + fmt.Sprint(n.Sysctls)
}

// add adds a route unless there is one to the same prefix, which it would replace.
func (n *Network) add(r host.Route) {
	same := func(o host.Route) bool { return o.Table == r.Table && o.Dst == r.Dst }
	if !slices.ContainsFunc(n.Routes, same) {
		n.Routes = append(n.Routes, r)
	}
}

// sideTable is the routing table that policy rules send packets to.
const sideTable = 100

// defaultRules are the policy rules that every namespace has.
func defaultRules() []host.Rule {
	var out []host.Rule
	for _, fam := range families {
		out = append(out, host.Rule{Family: fam, Action: host.ActionLookup, Table: host.TableLocal},
			host.Rule{Priority: 32766, Family: fam, Action: host.ActionLookup, Table: host.TableMain})
	}
	return append(out, host.Rule{Priority: 32767, Family: packet.IPv4, Action: host.ActionLookup, Table: host.TableDefault})
}

// policyRule makes one policy rule, in most cases one that asks for a mark.
func (m maker) policyRule(priority uint32) host.Rule {
	r := host.Rule{Priority: priority, Family: m.fam, Action: host.ActionLookup, Table: sideTable}
	switch m.IntN(8) {
	case 0:
		r.From = m.prefix()
	case 1:
		r.To = m.prefix()
	case 2:
		r.IIF = pick(m, host.LinkName("lr"), "rr", "lo")
	case 3:
		// A raw socket, as processes have it here, does not tell routing its ports.
		r.IIF, r.Proto, r.DPortLo, r.DPortHi = pick(m, host.LinkName("lr"), "rr"), packet.ProtoTCP, 80, 443
	default:
		r.Mark, r.Mask, r.Invert = uint32(m.IntN(4)), 3, m.chance(6)
	}
	if m.chance(6) {
		r.Action, r.Table = pick(m, host.ActionUnreachable, host.ActionProhibit, host.ActionBlackhole), 0
	}
	return r
}

// route makes a route: by one of the sides, or one that refuses.
func (m maker) route(table uint32) host.Route {
	r := host.Route{Table: table, Type: host.RouteUnicast, Dst: prefixAt(m.fam, pick(m, "10.9.9.0/24", "10.9.9.9/32", "192.0.2.0/24", "10.2.0.3/32", "10.1.0.3/32"))}
	if table == sideTable && m.chance(2) {
		r.Dst = netip.PrefixFrom(unspecified(m.fam), 0)
	}
	switch m.IntN(6) {
	case 0:
		r.Type = pick(m, host.RouteBlackhole, host.RouteUnreachable, host.RouteProhibit, host.RouteThrow)
	case 1, 2:
		r.Hops = []host.NextHop{{Via: at(m.fam, "10.2.0.2"), Dev: "rr"}}
	default:
		r.Hops = []host.NextHop{{Via: at(m.fam, "10.1.0.2"), Dev: "lr"}}
	}
	return r
}

// rpfilter makes a match that PREROUTING of raw and mangle allows.
func (m maker) rpfilter() nf.Stmt {
	return nf.MatchRPFilter{Loose: m.chance(3), ValidMark: m.chance(3), AcceptLocal: m.chance(3), Invert: m.chance(2)}
}

// fib makes a look-up in the routing table that the hook allows.
func (m maker) fib(h nf.Hook) nf.Stmt {
	f := &nf.Fib{Saddr: m.chance(2), Mark: m.chance(3)}
	k := nf.Key{Field: nf.KeyFib, Fib: f}
	in := h == nf.PreRouting || h == nf.LocalIn || h == nf.Forward
	op := pick(m, nf.OpEqual, nf.OpNotEqual)
	if in && !m.chance(3) {
		f.Result, f.IIF = pick(m, nf.FibOIF, nf.FibOIFName), m.chance(2)
		d := nf.NumDatum(0)
		if f.Result == nf.FibOIFName {
			d = nf.NameDatum(pick(m, "lr", "rr"))
		}
		return nf.MatchCompare{Key: []nf.Key{k}, Op: op, Values: [][]nf.Datum{{d}}}
	}
	f.Result, f.Mark = nf.FibType, false
	switch {
	case in && m.chance(3):
		f.IIF = true
	case (h == nf.LocalOut || h == nf.PostRouting) && m.chance(3):
		f.OIF = true
	}
	typ := pick(m, host.RouteLocal, host.RouteUnicast, host.RouteLocal, host.RouteUnreachable, host.RouteMulticast)
	return nf.MatchCompare{Key: []nf.Key{k}, Op: op, Values: [][]nf.Datum{{nf.NumDatum(uint64(typ))}}}
}
