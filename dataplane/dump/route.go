package dump

import (
	"strconv"

	"tortie/compiler/diag"
	"tortie/dataplane/host"
)

var routeTypeByName = map[string]host.RouteType{
	"unicast": host.RouteUnicast, "local": host.RouteLocal, "broadcast": host.RouteBroadcast,
	"anycast": host.RouteAnycast, "multicast": host.RouteMulticast, "blackhole": host.RouteBlackhole,
	"unreachable": host.RouteUnreachable, "prohibit": host.RouteProhibit, "throw": host.RouteThrow,
}

// routes reads the output of ip route show [table all] and of its -6 form.
func (r *reader) routes(s section) {
	for _, l := range s.lines {
		w := r.words(s, l)
		if w.peek() == "nexthop" {
			r.nexthop(w)
			continue
		}
		r.route(w, s)
	}
}

// route reads one route: [type] destination and words with values.
func (r *reader) route(w *words, s section) {
	route := host.Route{Table: host.TableMain, Type: host.RouteUnicast}
	if t, ok := routeTypeByName[w.peek()]; ok {
		route.Type = t
		w.next()
	}
	route.Dst = w.prefix(s.family)
	if !route.Dst.IsValid() {
		return
	}
	route.Dst = route.Dst.Masked()
	var hop host.NextHop
	for len(w.rest) > 0 {
		routeWord(w, &route, &hop)
	}
	switch route.Type {
	case host.RouteBlackhole, host.RouteUnreachable, host.RouteProhibit, host.RouteThrow:
	default:
		if hop != (host.NextHop{}) {
			route.Hops = []host.NextHop{hop}
		}
	}
	r.state.Routes = append(r.state.Routes, route)
}

// routeWord reads one attribute of a route.
func routeWord(w *words, route *host.Route, hop *host.NextHop) {
	switch word := w.next(); word {
	case "table":
		route.Table = w.table()
	case "metric":
		route.Metric = uint32(w.number(32))
	case "scope":
		route.Scope = w.scope()
	case "src":
		route.PrefSrc = w.addr()
	case "proto":
		route.Protocol = w.next()
	case "tos", "dsfield":
		route.TOS = w.tos()
	case "from":
		w.fail(word, "a route without a source prefix, which is not modelled")
		w.next()
	case "mtu":
		if w.peek() == "lock" {
			w.next()
		}
		w.next()
	case "pref", "error", "expires", "advmss", "hoplimit", "initcwnd", "initrwnd", "rto_min", "window",
		"rtt", "rttvar", "ssthresh", "cwnd", "quickack", "congctl", "features", "realm", "realms", "nhid", "age", "uid", "users", "used":
		w.next()
	case "offload", "rt_offload", "trap", "rt_trap", "cache", "notify":
	case "encap":
		w.report(diag.Warning, "the encapsulation of this route is not modelled; the packet is taken to leave unchanged", word)
		for len(w.rest) > 0 && w.peek() != "via" && w.peek() != "dev" {
			w.next()
		}
	default:
		hopWord(w, word, hop)
	}
}

// hopWord reads one attribute of a next hop.
func hopWord(w *words, word string, hop *host.NextHop) {
	switch word {
	case "via":
		if w.peek() == "inet6" || w.peek() == "inet" {
			w.next()
		}
		hop.Via = w.addr()
	case "dev":
		hop.Dev = host.LinkName(w.next())
	case "weight":
		hop.Weight = int(w.number(16))
	case "onlink":
		hop.OnLink = true
	case "linkdown", "dead":
		hop.Dead = true
	case "pervasive", "offload", "trap", "unresolved":
	default:
		w.report(diag.Warning, "the word "+quote(word)+" of a route is not known and was left out", word)
	}
}

// nexthop reads one "nexthop via … dev … weight 1" line of a multipath route.
func (r *reader) nexthop(w *words) {
	if len(r.state.Routes) == 0 {
		w.fail("nexthop", "a route before its next hops")
		return
	}
	w.next()
	var hop host.NextHop
	for len(w.rest) > 0 {
		hopWord(w, w.next(), &hop)
	}
	last := &r.state.Routes[len(r.state.Routes)-1]
	last.Hops = append(last.Hops, hop)
}

// table reads the number or name of a routing table.
func (w *words) table() uint32 {
	switch word := w.next(); word {
	case "local":
		return host.TableLocal
	case "main":
		return host.TableMain
	case "default":
		return host.TableDefault
	default:
		n, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			w.fail(word, "local, main, default or the number of a routing table (ip -N prints numbers)")
		}
		return uint32(n)
	}
}

// tosNames are the names that iproute2's rt_dsfield gives to bare values of the
// old TOS field; others are printed as 0x numbers.
var tosNames = map[string]uint8{"default": 0, "lowdelay": 0x10, "throughput": 0x08, "reliability": 0x04}

func (w *words) tos() uint8 {
	if n, ok := tosNames[w.peek()]; ok {
		w.next()
		return n
	}
	return uint8(w.number(8))
}
