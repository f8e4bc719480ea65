package walk

import (
	"slices"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
)

// Session is a connection that stays while time passes and rules change. Each of
// its methods sends packets and reports what became of them, as Connect does of
// a whole connection: allow only if all of them arrive.
type Session struct {
	d    dialog
	req  Request
	from End // who began, also of a connection that stays inside a pod
	// client and server are the next sequence numbers of a TCP connection that
	// both ends know of.
	client, server uint32
	open           bool
	// around is the walker of the fleet when the connection stays inside a pod, whose
	// own walker then is the dialog's.
	around *Walker
}

// What a data segment and its answer carry.
const (
	clientData = 10
	serverData = 20
)

// Open begins a connection and exchanges a first message and its answer.
func (w *Walker) Open(r Request) (*Session, trace.Connection) {
	r.Data = true
	s := &Session{req: r, from: r.From, client: clientSeq + 1 + clientData, server: serverSeq + 1 + serverData}
	s.d = dialog{w: w, req: &s.req}
	if in, q, ok := w.inside(r); ok {
		s.around, s.d.w, s.req = w, in, q
	}
	c := s.act(func(d *dialog) {
		if d.begin() {
			d.exchange()
		}
	})
	s.open = c.Verdict == trace.Allow && !r.Closed && !r.HalfOpen
	return s, c
}

// IsOpen reports whether the connection stands for who began it.
func (s *Session) IsOpen() bool { return s.open && !s.d.over }

// Arrived is where the first packet arrived, and as which packet; false when it
// did not.
func (s *Session) Arrived() (End, packet.Packet, bool) {
	return s.d.at, s.d.peer, s.d.at.Host != ""
}

// From is who began.
func (s *Session) From() End { return s.from }

// First is the first packet as the beginner sent it.
func (s *Session) First() packet.Packet { return s.d.first }

// Send sends a message of the beginner and the far end's answer. What did not
// arrive is sent again by the next Send, as TCP does.
func (s *Session) Send() trace.Connection {
	return s.message(func(d *dialog) {
		if !d.request(s.segment(packet.ACK|packet.PSH, clientData)) {
			return
		}
		if !d.reply(s.answer(packet.ACK|packet.PSH, serverData, clientData)) {
			return
		}
		s.client, s.server = s.client+clientData, s.server+serverData
		if d.first.Proto == packet.ProtoTCP {
			d.request(s.segment(packet.ACK, 0))
		}
	})
}

// Acknowledge sends an empty segment of the beginner, or of the far end: how many
// acknowledgements TCP sends depends on time.
func (s *Session) Acknowledge(far bool) trace.Connection {
	return s.message(func(d *dialog) {
		if far {
			d.reply(s.answer(packet.ACK, 0, 0))
		} else {
			d.request(s.segment(packet.ACK, 0))
		}
	})
}

// Reply sends a message of the far end, which TCP acknowledges.
func (s *Session) Reply() trace.Connection {
	return s.say(s.open && !s.d.farOver, func(d *dialog) {
		if !d.reply(s.answer(packet.ACK|packet.PSH, serverData, 0)) || d.first.Proto != packet.ProtoTCP {
			return
		}
		s.server += serverData
		d.request(s.segment(packet.ACK, 0))
	})
}

// Close ends a TCP connection by the beginner's FIN; for other protocols nothing
// is sent.
func (s *Session) Close() trace.Connection {
	defer func() { s.open = false }()
	return s.message(func(d *dialog) {
		if d.first.Proto != packet.ProtoTCP || !d.request(s.segment(packet.FIN|packet.ACK, 0)) {
			return
		}
		s.client++
		if d.reply(s.answer(packet.FIN|packet.ACK, 0, 0)) {
			s.server++
			d.request(s.segment(packet.ACK, 0))
		}
	})
}

// Reset ends a TCP connection by the beginner's RST.
func (s *Session) Reset() trace.Connection {
	defer func() { s.open = false }()
	return s.message(func(d *dialog) {
		if d.first.Proto == packet.ProtoTCP {
			d.request(s.segment(packet.RST|packet.ACK, 0))
		}
	})
}

// message sends packets of a connection that stands for who sends.
func (s *Session) message(send func(d *dialog)) trace.Connection {
	return s.say(s.IsOpen(), send)
}

func (s *Session) say(stands bool, send func(d *dialog)) trace.Connection {
	if !stands {
		return trace.Connection{Verdict: trace.Deny, Reason: trace.Reason{
			Node: string(s.req.From.Host), Text: "the connection is not open"}}
	}
	return s.act(send)
}

// act runs one exchange and reports it.
func (s *Session) act(send func(d *dialog)) trace.Connection {
	d := &s.d
	if s.around != nil {
		d.w.rec, d.w.now = s.around.rec, s.around.now
	}
	d.w.notes = nil
	d.out = trace.Connection{Verdict: trace.Allow}
	send(d)
	d.conntrack()
	for _, n := range d.w.notes {
		if !slices.Contains(d.out.Notes, n) {
			d.out.Notes = append(d.out.Notes, n)
		}
	}
	if s.around != nil {
		return stays(d.out, s.req.From.Host)
	}
	return d.out
}

// Entry is how a host remembers the connection; Tracked is false when it does
// not.
func (s *Session) Entry(h host.Name) trace.Conntrack {
	c, _ := s.d.entry(h)
	return c
}

// segment is the beginner's next packet.
func (s *Session) segment(flags packet.TCPFlags, data uint16) packet.Packet {
	p := s.d.first
	if p.Proto != packet.ProtoTCP {
		return p
	}
	p.DontFragment, p.PayloadLen = p.Src.Is4(), data
	p.TCP = packet.TCP{Seq: s.client, Ack: s.server, Flags: flags, Window: 502}
	return p
}

// answer fills in the far end's next packet, which acknowledges the given data
// beyond what Session has counted.
func (s *Session) answer(flags packet.TCPFlags, data uint16, acked uint32) func(*packet.Packet) {
	return func(p *packet.Packet) {
		if p.Proto == packet.ProtoTCP {
			p.PayloadLen = data
			p.TCP = packet.TCP{Seq: s.server, Ack: s.client + acked, Flags: flags, Window: 509}
		} else if t, ok := icmpReplies[p.Proto][s.d.first.ICMPType]; ok {
			p.ICMPType = t
		}
	}
}
