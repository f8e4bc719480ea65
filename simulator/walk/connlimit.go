package walk

import (
	"net/netip"
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
)

// settled is when the kernel surely forgets a connection that ended: it looks
// once a jiffy, and at what another CPU added after two (HZ is 100 or more).
const settled = 20 * time.Millisecond

// maxEvicted is how many ended connections the kernel forgets while it counts
// once: it stops behind CONNCOUNT_GC_MAX_NODES, which is 8.
const maxEvicted = 9

// countKey names one group of one rule's connlimit.
type countKey struct {
	match *nf.MatchConnLimit
	addr  netip.Addr
}

// counted is a connection in a group. Whether one that ended is still there, or
// one that was tracked before is there at all, may depend on the kernel's time.
type counted struct {
	tuple conntrack.Tuple
	maybe bool
}

// countList is a group's connections, and when they were counted last.
type countList struct {
	list []counted
	at   time.Duration
}

// ConnCount counts the connections of the packet's group that met the rule, the
// packet's own included (__nf_conncount_add of nf_conncount.c, Linux 6.18: lists
// forget ended connections at most once a jiffy). The count is between low and
// high; ok is false where it cannot be told what the kernel does. A packet that is
// foreign to the living connection with its tuple, because it is invalid or came
// before conntrack, is counted by some kernels and not by others.
func (n *node) ConnCount(p *packet.Packet, ct conntrack.Ref, m *nf.MatchConnLimit) (low, high uint32, ok bool) {
	own, ok := conntrack.TupleOf(p)
	confirmed, foreign := false, false
	if ct.Conn != nil {
		own, ok, confirmed = ct.Conn.Tuples[conntrack.Original], true, ct.Conn.Status&conntrack.Confirmed != 0
	} else if ok {
		_, _, foreign = n.ct.Lookup(own, n.w.now)
	}
	if !ok {
		return 0, 0, false
	}
	key := countKey{match: m, addr: groupAddr(p, m)}
	group, old := n.counts[key]
	if !old {
		group = &countList{}
		n.counts[key] = group
	}
	soon := old && n.w.now-group.at < settled
	group.at = n.w.now
	empty := len(group.list) == 0 && !m.NoGroup
	mine := group.forget(n, own, soon, confirmed)
	switch {
	case !mine:
		group.list = append(group.list, counted{own, (confirmed || foreign) && !empty})
	case soon && !confirmed:
		group.list = append(group.list, counted{own, true}) // the kernel does not look
	}
	low, high = group.sure(), uint32(len(group.list))
	if low == 0 && confirmed && n.ended(own) {
		return 0, 0, false // for a count of nothing connlimit_mt drops the packet
	}
	return low, high, true
}

// forget drops the connections that ended, where the kernel surely does; where
// it may not have looked they become doubtful. It reports whether the packet's
// own connection is surely in the list: one that was confirmed before is not added
// again, and forgotten like others when this packet ended it.
func (g *countList) forget(n *node, own conntrack.Tuple, soon, confirmed bool) (mine bool) {
	ended := 0
	for i, c := range g.list {
		switch {
		case c.tuple == own && !(confirmed && n.ended(own)):
			mine = mine || !c.maybe
		case n.ended(c.tuple):
			g.list[i].maybe = true
			ended++
		}
	}
	if soon || mine || ended > maxEvicted {
		return mine
	}
	kept := g.list[:0]
	for _, c := range g.list {
		if c.tuple != own && !n.ended(c.tuple) {
			kept = append(kept, c)
		}
	}
	g.list = kept
	return false
}

func (g *countList) sure() (n uint32) {
	for _, c := range g.list {
		if !c.maybe {
			n++
		}
	}
	return n
}

// ended reports whether a connection is no longer counted (already_closed).
func (n *node) ended(t conntrack.Tuple) bool {
	c, _, alive := n.ct.Lookup(t, n.w.now)
	return !alive || t.Proto == packet.ProtoTCP && (c.TCP.State == conntrack.TCPTimeWait || c.TCP.State == conntrack.TCPClose)
}

func groupAddr(p *packet.Packet, m *nf.MatchConnLimit) netip.Addr {
	if m.NoGroup {
		return netip.Addr{}
	}
	a := p.Src
	if m.ByDst {
		a = p.Dst
	}
	pre, err := a.Prefix(int(m.Mask))
	if err != nil {
		return a
	}
	return pre.Addr()
}
