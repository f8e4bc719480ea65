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
				return cmp.Or(cmp.Compare(b.Table, a.Table), cmp.Compare(b.TOS, a.TOS), cmp.Compare(a.Metric, b.Metric))
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
	for _, r := range routes {
		if res, ok := try(r, f); ok {
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

// try takes one alias: errors by type, then the first next hop that is usable
// and matches the flow's output link.
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
		if usable++; usable == 1 {
			res.Dev, res.RouteDev, res.Via = h.Dev, h.Dev, h.Via
		}
	}
	res.Multipath = usable > 1
	return res, usable > 0 || len(r.Hops) == 0 && r.Type == host.RouteLocal
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
