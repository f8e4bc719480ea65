package dump

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

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
	first := len(r.state.Routes)
	for _, l := range s.lines {
		w := r.words(s, l)
		if w.peek() == "nexthop" {
			r.nexthop(w)
			continue
		}
		r.route(w, s)
	}
	for i := range r.state.Routes[first:] {
		// With nexthop_compat_mode=0 a route shows the number of its next hop only.
		if route := &r.state.Routes[first+i]; len(route.Hops) == 0 && !hopless(route.Type) && route.Opaque == "" {
			route.Opaque = "a next hop that is not listed"
		}
	}
}

// hopless reports whether routes of a type lead nowhere.
func hopless(t host.RouteType) bool {
	switch t {
	case host.RouteBlackhole, host.RouteUnreachable, host.RouteProhibit, host.RouteThrow:
		return true
	}
	return false
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
	if hop != (host.NextHop{}) && !hopless(route.Type) {
		route.Hops = []host.NextHop{hop}
	}
	r.state.Routes = append(r.state.Routes, route)
}

// skippedWords are words of a route, with a value each, that do not decide where a
// packet goes: how TCP behaves on it, when it ends, who uses it.
var skippedWords = map[string]bool{
	"error": true, "expires": true, "advmss": true, "hoplimit": true, "initcwnd": true, "initrwnd": true,
	"rto_min": true, "window": true, "rtt": true, "rttvar": true, "ssthresh": true, "cwnd": true, "quickack": true, "congctl": true,
	"features": true, "realm": true, "realms": true, "nhid": true, "age": true, "uid": true, "users": true, "used": true,
	"reordering": true, "fastopen_no_cookie": true, "ttl-propagate": true,
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
	case "pref":
		route.Pref = w.preference()
	case "mtu":
		if w.peek() == "lock" {
			w.next()
		}
		w.next()
	case "from":
		opaqueRoute(w, word+" "+w.next(), route)
	case "encap":
		opaqueRoute(w, word+" "+w.next(), route)
		for len(w.rest) > 0 && w.peek() != "via" && w.peek() != "dev" {
			w.next()
		}
	case "cache", "notify":
	default:
		if skippedWords[word] {
			w.next()
		} else if !hopWord(w, word, hop) {
			opaqueRoute(w, word, route)
		}
	}
}

// opaqueRoute keeps what is not modelled of a route.
func opaqueRoute(w *words, text string, route *host.Route) {
	route.Opaque = strings.TrimSpace(route.Opaque + " " + text)
	word, _, _ := strings.Cut(text, " ")
	w.report(diag.Warning, quote(text)+" of a route is not modelled; packets that take the route to "+route.Dst.String()+" are unknown", word)
}

// hopWord reads one attribute of a next hop; false says that it is not known.
func hopWord(w *words, word string, hop *host.NextHop) bool {
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
	case "dead":
		hop.Dead = true
	case "linkdown", "pervasive", "offload", "rt_offload", "offload_failed", "rt_offload_failed", "trap", "rt_trap", "unresolved":
	default:
		return false
	}
	return true
}

// nexthop reads one "nexthop via … dev … weight 1" line of a multipath route.
func (r *reader) nexthop(w *words) {
	if len(r.state.Routes) == 0 {
		w.fail("nexthop", "a route before its next hops")
		return
	}
	w.next()
	var hop host.NextHop
	last := &r.state.Routes[len(r.state.Routes)-1]
	for len(w.rest) > 0 {
		if word := w.next(); !hopWord(w, word, &hop) {
			opaqueRoute(w, word, last)
		}
	}
	last.Hops = append(last.Hops, hop)
}

// namedTables is where the numbers begin that tables get of which only a name of
// /etc/iproute2/rt_tables is known.
const namedTables = 1 << 31

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
		switch {
		case err == nil:
			return uint32(n)
		case !reTableName.MatchString(word):
			w.fail(word, "the name or number of a routing table")
			return 0
		}
		return w.r.namedTable(word)
	}
}

var reTableName = regexp.MustCompile(`^[A-Za-z][\w.-]*$`)

// namedTable is a number for a name: all captures of a node print a table alike.
func (r *reader) namedTable(name string) uint32 {
	i := slices.Index(r.tableNames, name)
	if i < 0 {
		i = len(r.tableNames)
		r.tableNames = append(r.tableNames, name)
	}
	return namedTables + uint32(i)
}

// preference reads the router preference of an IPv6 route.
func (w *words) preference() int8 {
	switch word := w.next(); word {
	case "high":
		return 1
	case "medium":
	case "low":
		return -1
	default:
		w.fail(word, "high, medium or low")
	}
	return 0
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
