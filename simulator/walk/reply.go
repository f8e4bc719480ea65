package walk

import (
	"slices"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
)

// request sends one packet of the beginner; true when it arrived at the far end.
func (d *dialog) request(p packet.Packet) bool {
	j := d.w.Send(d.req.From, p, d.req.Bound)
	tp := d.packet(trace.Request, &p, &j)
	if j.Verdict == trace.Allow && p.Dst.Is6() && len(d.out.Packets) == 1 && !d.w.opts.KnownNeighbours {
		d.neighbours(&j)
	}
	unknown := d.elsewhere(&j)
	d.over = d.over || j.Reset
	d.judge(&j, tp)
	if unknown {
		d.resetFrom(j.At, j.Packet)
	}
	if j.Verdict == trace.Allow {
		d.at, d.peer = j.At, j.Packet
	}
	return d.alive()
}

// NoDiscovery is why IPv6 does not pass where rules drop neighbour discovery.
const NoDiscovery = "IPv6 neighbour discovery is dropped, and so all IPv6 on that link"

// neighbours refuses a way on which neighbour discovery does not work.
func (d *dialog) neighbours(j *Journey) {
	o := d.w.discovery(d.req.From, j)
	if o == nil {
		return
	}
	j.Legs = append(j.Legs, *o)
	j.Verdict, j.Why = trace.Deny, NoDiscovery
	d.out.Notes = append(d.out.Notes, j.Why+"; packets pass only while the neighbours still know each other")
}

// reply sends the far end's answer: the packet that arrived there, mirrored. There
// is none to a packet in an assumed state.
func (d *dialog) reply(fill func(*packet.Packet)) bool {
	if d.req.Assume {
		return false
	}
	p := Mirror(&d.peer)
	fill(innermost(&p))
	return d.back(p, true)
}

// Mirror is the packet that a peer answers with: both ends exchanged, and inside
// of a tunnel packet those of the inner one too.
func Mirror(p *packet.Packet) packet.Packet {
	m := packet.Packet{Src: p.Dst, Dst: p.Src, Proto: p.Proto, TTL: 64, SrcPort: p.DstPort, DstPort: p.SrcPort,
		ICMPType: p.ICMPType, ICMPCode: p.ICMPCode, ICMPID: p.ICMPID, ICMPSeq: p.ICMPSeq,
		Vtag: p.Vtag, GREKey: p.GREKey, PayloadLen: p.PayloadLen, DontFragment: p.DontFragment}
	if isTunnel(p) {
		inner := Mirror(p.Inner)
		m.Inner, m.SrcPort, m.DstPort = &inner, p.SrcPort, p.DstPort
	}
	return m
}

// back sends a packet of the far end and looks whether it comes home; match asks
// that it looks like an answer to the first packet.
func (d *dialog) back(p packet.Packet, match bool) bool {
	j := d.w.Send(d.at, p, "")
	tp := d.packet(trace.Reply, &p, &j)
	arrived := j.Verdict == trace.Allow
	if arrived {
		d.home(&j, match)
	}
	d.farOver = d.farOver || j.Reset
	d.judge(&j, tp)
	if arrived && j.Verdict != trace.Allow {
		d.refuse(&j)
	}
	return d.alive()
}

// home refuses replies that arrive elsewhere or from another address than the
// beginner wrote to: the beginner's kernel finds no socket for them.
func (d *dialog) home(j *Journey, match bool) {
	from, got, sent := d.req.From, innermost(&j.Packet), &d.first
	switch {
	case !d.w.samePlace(j.At, from):
		j.Verdict, j.Why = trace.Deny, "the reply arrived at "+endName(j.At)+" instead of "+endName(from)
	case match && (got.Dst != sent.Src || got.Src != sent.Dst):
		j.Verdict, j.Why = trace.Deny, "the reply comes from "+got.Src.String()+" to "+got.Dst.String()+
			", the request went from "+sent.Src.String()+" to "+sent.Dst.String()
	case match && sent.Proto.HasPorts() && (got.DstPort != sent.SrcPort || got.SrcPort != sent.DstPort):
		j.Verdict, j.Why = trace.Deny, "the reply has other ports than the request"
	case d.over:
		j.Verdict, j.Why = trace.Deny, "the connection was reset, and who opened it knows it no more"
	case match && sent.Proto.IsICMP() && got.ICMPID != sent.ICMPID:
		j.Verdict, j.Why = trace.Deny, "the reply has another ICMP identifier than the request"
	}
}

// samePlace reports whether two ends are one: the same process or link, or two
// links of one network segment, behind which is the same outside.
func (w *Walker) samePlace(a, b End) bool {
	if a.Host == b.Host && a.Link == b.Link {
		return true
	}
	for i := range w.fleet.Segments {
		s := &w.fleet.Segments[i]
		if member(s, a.Host, a.Link) && member(s, b.Host, b.Link) {
			return true
		}
	}
	return false
}

func endName(e End) string {
	if e.Link == "" {
		return string(e.Host)
	}
	return "what is behind " + string(e.Link) + " of " + string(e.Host)
}

// packet adds a packet's way to the result.
func (d *dialog) packet(dir trace.Direction, p *packet.Packet, j *Journey) *trace.Packet {
	for i := range j.Legs {
		if h := j.Legs[i].Node; !slices.Contains(d.nodes, h) {
			d.nodes = append(d.nodes, h)
		}
	}
	tp := trace.Packet{Direction: dir, From: trace.End(p, true), To: trace.End(p, false), Protocol: p.Proto.String()}
	tp.Steps = d.w.rec.Take()
	d.takeNotes(tp.Steps)
	d.out.Packets = append(d.out.Packets, tp)
	return &d.out.Packets[len(d.out.Packets)-1]
}

// takeNotes lifts what was assumed out of the steps, each once.
func (d *dialog) takeNotes(steps []trace.Step) {
	for _, n := range trace.TakenNotes(steps) {
		if !slices.Contains(d.out.Notes, n) {
			d.out.Notes = append(d.out.Notes, n)
		}
	}
}

// judge sets the verdict of the packet, and of the connection: the first packet
// that does not arrive decides; the first one that does names the reason. Of a
// reply that is rejected the server hears; its client waits in vain.
func (d *dialog) judge(j *Journey, tp *trace.Packet) {
	tp.Verdict = j.Verdict
	tp.Reason = d.w.reason(j)
	if d.alive() && (j.Verdict != trace.Allow || d.out.Reason.Node == "") {
		d.out.Verdict, d.out.Reason = j.Verdict, tp.Reason
		if tp.Direction == trace.Reply && j.Verdict == trace.Reject {
			d.out.Verdict = trace.Deny
		}
	}
}

// conntrack says how each host on the way remembers the connection.
func (d *dialog) conntrack() {
	for _, h := range d.nodes {
		if c, ok := d.entry(h); ok {
			d.out.Conntrack = append(d.out.Conntrack, c)
		}
	}
}

func (d *dialog) entry(h host.Name) (trace.Conntrack, bool) {
	n := d.w.byName[h]
	if n == nil {
		return trace.Conntrack{}, false
	}
	for _, c := range n.ct.List(d.w.now) {
		if !d.concerns(c) {
			continue
		}
		t := trace.Conntrack{Node: string(h), Tracked: true, State: stateOf(c), Status: statusOf(c),
			Original: c.Tuples[0].String(), Reply: c.Tuples[1].String()}
		if c.Mark != 0 {
			t.Mark = trace.Hex(c.Mark)
		}
		return t, true
	}
	return trace.Conntrack{Node: string(h)}, true
}
