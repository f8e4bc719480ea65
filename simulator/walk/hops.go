package walk

import (
	"fmt"
	"net/netip"

	"tortie/dataplane/host"
	"tortie/simulator/eval"
	"tortie/simulator/route"
)

// hopKey is what the kernel hashes to choose a next hop of a multipath route. Of a
// packet of the host's own the source stays out, because it follows the hop
// (fib_select_multipath prefers the hop that has the source's link).
type hopKey struct {
	route    *host.Route
	src, dst netip.Addr
}

// routeIn routes a packet that came in, by one of several next hops.
func (n *node) routeIn(q *route.Flow) route.Result {
	res := n.routes.Input(q)
	if res.Hops > 1 && res.Err == route.OK {
		q.Hop = n.chooseHop(hopKey{res.Route, q.Src, q.Dst}, res.Hops)
		res = n.routes.Input(q)
	}
	return res
}

// routeOut routes a packet of the host, by one of several next hops.
func (n *node) routeOut(q *route.Flow, anySource bool) route.Result {
	res := n.routes.Output(q, anySource)
	if res.Hops > 1 && res.Err == route.OK {
		q.Hop = n.chooseHop(hopKey{route: res.Route, dst: q.Dst}, res.Hops)
		res = n.routes.Output(q, anySource)
	}
	return res
}

// chooseHop chooses once for all packets that have one hash.
func (n *node) chooseHop(k hopKey, count int) int {
	if i, ok := n.hops[k]; ok {
		return i
	}
	i := 0
	if choose := n.w.opts.Choose; choose != nil {
		i = choose(eval.Choice{Kind: eval.ChoiceHop, N: count})
	}
	i = min(max(i, 0), count-1)
	n.hops[k] = i
	return i
}

// noteHop says which of several next hops was taken.
func (n *node) noteHop(r *route.Result, dst netip.Addr) {
	if r.Hops > 1 && r.Route != nil {
		n.w.assume(fmt.Sprintf("the kernel chooses among the %d next hops of the route to %s by a hash; shown is %s by %s",
			r.Hops, r.Route.Dst, r.NextHop(dst), r.Dev))
	}
}
