package walk

import (
	"fmt"
	"net/netip"
	"slices"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
)

// Remove removes the connections that programs remove as the fleet becomes what it is
// (host.State.Removals), and says what, and why.
func (w *Walker) Remove() (removed []string) {
	for _, n := range w.nodes {
		removed = append(removed, n.remove()...)
	}
	return removed
}

// remove removes a node's, and says so once for each reason.
func (n *node) remove() (removed []string) {
	list := n.state.Removals
	count := map[string]int{}
	for _, c := range n.ct.List(n.w.now) {
		t := tracked(c)
		if i := slices.IndexFunc(list, func(r host.Removal) bool { return r.Removes(t) }); i >= 0 {
			n.ct.Delete(c)
			count[list[i].Why]++
		}
	}
	for i := range list {
		why := list[i].Why
		what := "a connection"
		if k := count[why]; k > 1 {
			what = fmt.Sprintf("%d connections", k)
		}
		if count[why] > 0 {
			removed = append(removed, fmt.Sprintf("%s: removed %s from conntrack (%s)", n.state.Name, what, why))
		}
		delete(count, why)
	}
	return removed
}

// tracked is a connection as host.Removal asks for it.
func tracked(c *conntrack.Conn) *host.Tracked {
	original, reply := &c.Tuples[conntrack.Original], &c.Tuples[conntrack.Reply]
	t := host.Tracked{Proto: original.Proto, Src: netip.AddrPortFrom(original.Src, 0), Dst: netip.AddrPortFrom(original.Dst, 0),
		Replies: netip.AddrPortFrom(reply.Src, 0)}
	if t.Proto == packet.ProtoUDP {
		t.Dst = netip.AddrPortFrom(original.Dst, original.DstPort)
		t.Replies = netip.AddrPortFrom(reply.Src, reply.SrcPort)
	}
	return &t
}
