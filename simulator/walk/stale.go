package walk

import (
	"fmt"
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
)

// removeStale removes the connections that a host's programs remove when it becomes what
// it is now, and returns why, and how many, in order of the first of each.
func (n *node) removeStale(was *host.State) (why []string) {
	stale := was.Stale(n.state)
	if stale == nil {
		return nil
	}
	count := map[string]int{}
	for _, c := range n.ct.List(n.w.now) {
		reason := stale(tracked(c))
		if reason == "" {
			continue
		}
		n.ct.Delete(c)
		if count[reason]++; count[reason] == 1 {
			why = append(why, reason)
		}
	}
	for i, reason := range why {
		what := "1 connection"
		if k := count[reason]; k > 1 {
			what = fmt.Sprintf("%d connections", k)
		}
		why[i] = fmt.Sprintf("%s: %s: removed %s from conntrack", n.state.Name, reason, what)
	}
	return why
}

// tracked is a connection as host.State.Stale asks for it.
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
