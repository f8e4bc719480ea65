package walk

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/trace"
)

// fragKey names the datagram that a fragment is a part of. Fragments are
// gathered at each place for itself (enum ip_defrag_users): before tracking in
// PREROUTING and in OUTPUT, and before delivery.
type fragKey struct {
	at       nf.Hook
	src, dst netip.Addr
	proto    packet.Proto
	id       uint32
}

// fragQueue are the parts of a datagram that have come, by offset.
type fragQueue struct {
	parts []fragPart
	since time.Duration
	end   int // of the datagram, once the last part is there; else 0
}

// fragPart is a fragment and the number of its bytes.
type fragPart struct {
	p    packet.Packet
	size int
}

func (f *fragPart) from() int { return int(f.p.FragOffset) * 8 }

// How long a datagram waits for its parts (net.ipv4.ipfrag_time and its
// IPv6 twins).
const (
	fragTime4 = 30 * time.Second
	fragTime6 = 60 * time.Second
)

// gather keeps a fragment until the datagram is complete, and then lets it go on
// as a whole (ip_defrag, nf_ct_frag6_gather); false says that the packet ended
// here. What is not a fragment goes on.
func (n *node) gather(at nf.Hook, f *flight) bool {
	if !f.p.IsFragment() || at != nf.LocalIn && seen(f) {
		return true
	}
	b, err := packet.Encode(&f.p)
	if err != nil {
		f.unknown(n, "a fragment that cannot be measured: "+err.Error())
		return false
	}
	part := fragPart{f.p, len(b) - fragHeader(&f.p)}
	switch {
	case f.p.MoreFragments && part.size%8 != 0:
		f.unknown(n, "a fragment whose length is no multiple of 8")
		return false
	case f.p.Src.Is6() && part.headless() && at == nf.LocalIn:
		f.drop(n, at, "an IPv6 fragment without the headers that a first one must have")
		n.icmpAnswer(f, icmpError{proto: packet.ProtoICMPv6, typ: 4, code: 3})
		return false
	case f.p.Src.Is6() && part.headless():
		return true
	}
	key := fragKey{at, f.p.Src, f.p.Dst, f.p.Proto, f.p.FragID}
	q := n.fragments(key)
	switch why := q.add(part); {
	case why == sameFragment:
		f.drop(n, at, why)
		return false
	case why != "":
		delete(n.frags, key)
		f.drop(n, at, why)
		return false
	case !q.complete():
		f.finish(n, Held, "the fragment waits for the rest of its datagram")
		n.w.rec.Note(f.end.Reason)
		return false
	}
	delete(n.frags, key)
	return n.whole(q, f)
}

// seen reports whether a fragment has passed connection tracking already and so is
// not gathered for it: one that is untracked, and in IPv6 one that looped back
// with its connection.
func seen(f *flight) bool {
	return f.ctx.Ct.Info == conntrack.Untracked || f.ctx.Ct.Conn != nil && f.p.Src.Is6()
}

// headless reports whether the part is the first one and does not hold the header
// of its protocol, which IPv6 demands (ipv6frag_thdr_truncated).
func (f *fragPart) headless() bool {
	need := 1
	switch f.p.Proto {
	case packet.ProtoTCP:
		need = 20
	case packet.ProtoUDP, packet.ProtoICMPv6:
		need = 8
	}
	return f.p.FragOffset == 0 && f.size < need
}

// fragHeader is the length of the headers before a fragment's bytes.
func fragHeader(p *packet.Packet) int {
	if p.Src.Is6() {
		return 48
	}
	return 20
}

// fragments is the queue of a datagram; one that has waited too long is new.
func (n *node) fragments(k fragKey) *fragQueue {
	limit := fragTime4
	if k.src.Is6() {
		limit = fragTime6
	}
	q := n.frags[k]
	if q == nil || n.w.now >= q.since+limit {
		q = &fragQueue{since: n.w.now}
		n.frags[k] = q
	}
	return q
}

const sameFragment = "a fragment that is there already"

// add puts a part into its place; otherwise it says what is wrong with it
// (ip_frag_queue, inet_frag_queue_insert).
func (q *fragQueue) add(part fragPart) string {
	from, to := part.from(), part.from()+part.size
	last := 0
	for i := range q.parts {
		o := &q.parts[i]
		last = max(last, o.from()+o.size)
	}
	switch {
	case part.size == 0:
		return "a fragment without bytes"
	case !part.p.MoreFragments && (to < last || q.end != 0 && to != q.end), part.p.MoreFragments && q.end != 0 && to > q.end:
		return "fragments that contradict each other"
	}
	for i := range q.parts {
		o := &q.parts[i]
		switch {
		case from >= o.from() && to <= o.from()+o.size:
			return sameFragment
		case from < o.from()+o.size && o.from() < to:
			return "overlapping fragments"
		}
	}
	if !part.p.MoreFragments {
		q.end = to
	}
	q.parts = append(q.parts, part)
	slices.SortFunc(q.parts, func(a, b fragPart) int { return cmp.Compare(a.p.FragOffset, b.p.FragOffset) })
	return ""
}

// complete reports whether no part is missing; parts never overlap.
func (q *fragQueue) complete() bool {
	sum := 0
	for i := range q.parts {
		sum += q.parts[i].size
	}
	return q.end != 0 && sum == q.end
}

// whole makes the packet the datagram of the parts. The headers are those of the
// first part; how it was cut is kept for sending it on.
func (n *node) whole(q *fragQueue, f *flight) bool {
	first := &q.parts[0]
	p := first.p
	f.cuts, f.fragID = f.cuts[:0], p.FragID
	for i := range q.parts {
		o := &q.parts[i]
		if o.p.TOS != p.TOS {
			f.unknown(n, "fragments with different TOS")
			return false
		}
		f.cuts = append(f.cuts, o.size)
	}
	switch {
	case q.end > 0xffff-20:
		f.drop(n, 0, "a reassembled datagram that is too long")
		return false
	case p.Truncated || opaqueWhole(&p):
		f.unknown(n, "a datagram with headers in its second fragment")
		return false
	}
	p.PayloadLen += uint16(q.end - first.size)
	p.MoreFragments, p.FragID, p.Mark = false, 0, first.p.Mark
	f.p = p
	if r := n.w.rec; r.On() {
		r.Add(trace.Step{Kind: trace.KindLocal, Text: "put together from its fragments", From: trace.End(&f.p, true), To: trace.End(&f.p, false)})
	}
	return true
}

// opaqueWhole reports whether a datagram carries headers that were not read from
// its first fragment: a quoted or a tunnelled packet.
func opaqueWhole(p *packet.Packet) bool {
	switch p.Proto {
	case packet.ProtoICMP:
		return !isICMPQuery(p.ICMPType)
	case packet.ProtoICMPv6:
		return p.ICMPType < 128 || p.ICMPType == 137
	case packet.ProtoIPIP, packet.ProtoIPv6, packet.ProtoGRE, packet.ProtoSCTP:
		return true
	case packet.ProtoUDP:
		return p.DstPort == packet.VXLANPort
	}
	return false
}

// longest is the length of the packet, or of the longest fragment that it came
// in, as an IP packet.
func (f *flight) longest() int {
	if len(f.cuts) == 0 {
		return ipLen(&f.p)
	}
	header := 20
	if f.p.Src.Is6() {
		header = 48
	}
	return header + slices.Max(f.cuts)
}

// cut are the fragments that a reassembled packet leaves in: as it came, or
// smaller where the link asks for it (ip_do_fragment, ip6_fragment). Nil for
// others, and for an IPv6 packet that is no longer than its longest fragment was.
func (n *node) cut(f *flight, l host.LinkName) []packet.Packet {
	if len(f.cuts) == 0 || f.p.Src.Is6() && ipLen(&f.p) <= f.longest() {
		return nil
	}
	sizes := f.cuts[:len(f.cuts)-1]
	if mtu := n.routes.MTU(l); mtu > 0 && f.longest() > mtu {
		sizes = nil
		step := (mtu - 20) &^ 7
		for rest := ipLen(&f.p) - 20; rest > mtu-20 && step > 0; rest -= step {
			sizes = append(sizes, step)
		}
	}
	p := f.p
	p.DontFragment = false
	list, err := packet.Fragments(&p, f.fragID, sizes...)
	if err != nil {
		return nil
	}
	var out []packet.Packet
	for _, b := range list {
		part, err := packet.Decode(b)
		if err != nil {
			return nil
		}
		part.Mark = f.p.Mark
		out = append(out, part)
	}
	return out
}
