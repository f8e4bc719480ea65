package route

import (
	"cmp"
	"net/netip"
	"slices"

	"tortie/dataplane/host"
)

// table is one routing table of one family: for each prefix length that occurs,
// longest first, the routes by prefix. Routes of one prefix are in the kernel's
// order of aliases: TOS descending, then metric ascending.
type table struct {
	lengths []length
}

type length struct {
	bits   int
	routes map[netip.Addr][]*host.Route
}

func (t *table) add(r *host.Route) {
	bits := r.Dst.Bits()
	i, ok := slices.BinarySearchFunc(t.lengths, bits, func(l length, b int) int { return cmp.Compare(b, l.bits) })
	if !ok {
		t.lengths = slices.Insert(t.lengths, i, length{bits, map[netip.Addr][]*host.Route{}})
	}
	key := r.Dst.Masked().Addr()
	t.lengths[i].routes[key] = append(t.lengths[i].routes[key], r)
}

// sort orders the aliases. In the trie that IPv4 shares between the tables local
// and main the higher table number comes first (fib_find_alias).
func (t *table) sort() {
	for _, l := range t.lengths {
		for _, rs := range l.routes {
			slices.SortStableFunc(rs, func(a, b *host.Route) int {
				return cmp.Or(cmp.Compare(b.Table, a.Table), cmp.Compare(b.TOS, a.TOS), cmp.Compare(a.Metric, b.Metric), cmp.Compare(b.Pref, a.Pref))
			})
		}
	}
}

// lookup finds the route as fib_table_lookup does: the longest prefix that has a
// usable next hop, going back to shorter ones when it has none.
func (t *table) lookup(f *Flow, suppress int) Result {
	if t == nil {
		return Result{Err: again}
	}
	for i := range t.lengths {
		p, err := f.Dst.Prefix(t.lengths[i].bits)
		if err != nil {
			continue
		}
		res, ok := tryAll(t.lengths[i].routes[p.Addr()], f)
		if !ok {
			continue
		}
		if t.lengths[i].bits < suppress {
			return Result{Err: again}
		}
		return res
	}
	return Result{Err: again}
}

// tryAll takes the first alias that is usable.
func tryAll(routes []*host.Route, f *Flow) (Result, bool) {
	for i, r := range routes {
		if res, ok := try(r, f); ok {
			if i+1 < len(routes) && drawn(r, routes[i+1], f) {
				res.Unknown = "the kernel chooses between the routes to " + r.Dst.String() + " by what it knows of their neighbours"
			}
			return res, true
		}
	}
	if !f.PreferOIF || f.OIF == "" || len(routes) == 0 {
		return Result{}, false
	}
	q := *f
	q.OIF = ""
	return tryAll(routes, &q)
}

// drawn reports whether two IPv6 routes to one destination are equal in all that
// decides (find_rr_leaf then goes round). Those to link-local destinations and
// groups are many, one for each link, and are asked for with the link.
func drawn(a, b *host.Route, f *Flow) bool {
	return f.Dst.Is6() && f.OIF == "" && !needsLink(f.Dst) && a.Table == b.Table && a.Metric == b.Metric && a.Pref == b.Pref &&
		typeError(a.Type) == OK && a.Type != host.RouteLocal && len(b.Hops) > 0 && !b.Hops[0].Dead
}

// try takes one alias: errors by type, then the next hop that is usable, matches
// the flow's output link and is the one chosen of several.
func try(r *host.Route, f *Flow) (Result, bool) {
	if r.TOS != 0 && r.TOS&tosMask != f.TOS&tosMask {
		return Result{}, false
	}
	if e := typeError(r.Type); e != OK {
		return Result{Err: e, Type: r.Type, Route: r}, true
	}
	res, usable := Result{Type: r.Type, Route: r}, 0
	for i := range r.Hops {
		h := &r.Hops[i]
		if h.Dead || f.OIF != "" && f.OIF != h.Dev {
			continue
		}
		if usable == 0 || usable == f.Hop {
			res.Dev, res.RouteDev, res.Via = h.Dev, h.Dev, h.Via
		}
		usable++
	}
	res.Hops = usable
	if r.Opaque != "" {
		res.Unknown = "the route to " + r.Dst.String() + " has what is not modelled: " + r.Opaque
	}
	return res, usable > 0 || len(r.Hops) == 0 && (r.Type == host.RouteLocal || r.Opaque != "")
}

// tosMask is the part of the TOS byte that routing looks at (INET_DSCP_MASK).
const tosMask = 0xfc

// typeError is fib_props[].error.
func typeError(t host.RouteType) Err {
	switch t {
	case host.RouteBlackhole:
		return Invalid
	case host.RouteUnreachable:
		return HostUnreach
	case host.RouteProhibit:
		return Prohibited
	case host.RouteThrow:
		return again
	}
	return OK
}
