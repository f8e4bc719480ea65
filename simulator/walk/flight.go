package walk

import (
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/eval"
	"tortie/simulator/route"
	"tortie/simulator/trace"
)

// Fate is what became of a packet on one host.
type Fate uint8

// The fates. The zero value is none.
const (
	Delivered Fate = iota + 1 // to a process of the host
	Sent                      // out of a link
	Dropped                   // by a rule, a policy or the IP layer
	Rejected                  // dropped by a rule with an answer (if one could be made)
	Unknown                   // something that is not modelled stood in the way
	Held                      // a fragment that waits for the rest of its datagram
)

// String returns the fate in lower case.
func (f Fate) String() string {
	switch f {
	case Delivered:
		return "delivered"
	case Sent:
		return "sent"
	case Dropped:
		return "dropped"
	case Rejected:
		return "rejected"
	case Unknown:
		return "unknown"
	case Held:
		return "held"
	}
	return "fate?"
}

// Outcome is what became of a packet on one host.
type Outcome struct {
	Fate Fate
	Node host.Name
	// Hook is where a packet ended; 0 when it ended outside of the hooks.
	Hook nf.Hook
	// Reason says why it ended when no rule did it.
	Reason string
	// Rule is the rule or policy that ended it; zero when none did. Origin is what the
	// set element or virtual server was made from that made the end, 0 without one.
	Rule   eval.RuleRef
	Origin int
	// Accepted is the rule or policy that let the packet pass the last filter
	// chain of INPUT, FORWARD or OUTPUT, and Marked the rule whose mark it was let
	// pass by, if it was: the policy behind an accept. AcceptedOrigin is Origin of the
	// former.
	Accepted, Marked eval.RuleRef
	AcceptedOrigin   int
	// Packet is the packet as it was delivered, sent or dropped.
	Packet packet.Packet
	// Fragments are what a packet that came in fragments is sent as; nil for
	// others.
	Fragments []packet.Packet
	// In is the link it came in by, Out the one it left by, NextHop whom it was
	// handed to there.
	In, Out host.LinkName
	NextHop netip.Addr
	// Ct is its connection.
	Ct conntrack.Ref
	// Answers are packets that the host itself sent because of this one: the RST
	// or ICMP error of a REJECT, time exceeded and so on.
	Answers []Outcome
}

// flight is one packet on its way through one host (struct sk_buff).
type flight struct {
	p      packet.Packet
	ctx    eval.Context
	in     host.LinkName
	dst    route.Result
	hasDst bool
	bound  host.LinkName // the link that the sending socket is bound to
	doubt  string        // what it took for granted to get this far
	depth  int           // answers to answers, tunnels in tunnels
	silent bool          // no ICMP error about it
	// answered says that IPVS translated the packet as an answer.
	answered bool
	cuts     []int // the sizes of the fragments that it came in
	fragID   uint32
	summed   bool  // connection tracking computed its checksum
	tos      uint8 // as it was then
	early    bool  // end.Accepted is of a chain before filtering has its place
	end      Outcome
}

// maxDepth bounds answers and tunnels.
const maxDepth = 8

// take returns a flight for a packet; give returns it for reuse.
func (w *Walker) take(p *packet.Packet, depth int) *flight {
	var f *flight
	if n := len(w.free); n > 0 {
		f, w.free = w.free[n-1], w.free[:n-1]
	} else {
		f = &flight{}
	}
	f.p = *p
	if p.Inner != nil { // NAT rewrites quoted packets
		inner := *p.Inner
		f.p.Inner = &inner
	}
	f.in, f.dst, f.hasDst, f.bound, f.depth, f.end = "", route.Result{}, false, "", depth, Outcome{}
	f.silent, f.answered, f.cuts, f.doubt, f.summed, f.early = false, false, f.cuts[:0], "", false, false
	c := &f.ctx
	c.FrameDst = unset
	c.Packet, c.In, c.Out, c.Ct, c.Marks = &f.p, eval.Iface{}, eval.Iface{}, conntrack.Ref{}, c.Marks[:0]
	c.IPVS, c.Bridged = nil, false
	c.Hook, c.Now, c.Choose, c.Explore, c.Rec = 0, w.now, nil, w.opts.Explore, w.rec
	return f
}

func (w *Walker) give(f *flight) Outcome {
	o := f.end
	f.end = Outcome{}
	w.free = append(w.free, f)
	return o
}

// on prepares the flight for a host.
func (f *flight) on(n *node) {
	n.expire()
	f.ctx.State, f.ctx.Lookups, f.ctx.Choose = &n.mem, n, n.choose
	if n.w.rec != nil {
		n.w.rec.Node = string(n.state.Name)
	}
}

// finish ends the flight. A doubt leaves only that it is dropped, which it is also
// if the doubt is founded.
func (f *flight) finish(n *node, fate Fate, reason string) {
	if f.doubt != "" && fate != Dropped && fate != Held && fate != Unknown {
		fate, reason = Unknown, f.doubt
		n.w.rec.Note("unknown: " + reason)
	}
	f.end.Fate, f.end.Reason, f.end.Node = fate, reason, n.state.Name
	f.end.Packet, f.end.Ct, f.end.In = f.p, f.ctx.Ct, f.in
}

// drop ends the flight because of something that is no rule.
func (f *flight) drop(n *node, h nf.Hook, reason string) {
	f.finish(n, Dropped, reason)
	f.end.Hook = h
	if r := n.w.rec; r.On() {
		s := trace.Step{Kind: trace.KindDrop, Text: reason}
		if h != 0 {
			s.Hook = h.String()
		}
		r.Add(s)
	}
}

// unknown ends the flight because of something that is not modelled.
func (f *flight) unknown(n *node, reason string) {
	f.finish(n, Unknown, reason)
	n.w.rec.Note("unknown: " + reason)
}

// flow is what routing asks about the packet. Of a fragment that was not put
// together it asks no ports, of the first one neither (fib4_rules_early_flow_dissect
// and its namesake of IPv6, which stop at fragments).
func (f *flight) flow() route.Flow {
	q := route.Flow{Src: f.p.Src, Dst: f.p.Dst, IIF: f.in, Mark: f.p.Mark, TOS: f.p.TOS, Proto: f.p.Proto}
	if !f.p.IsFragment() {
		q.SrcPort, q.DstPort = f.p.SrcPort, f.p.DstPort
	}
	return q
}
