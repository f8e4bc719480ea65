package walk

import (
	"net/netip"
	"slices"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/route"
	"tortie/simulator/trace"
)

// Request is a connection to try.
type Request struct {
	// From is who begins. An invalid address of a process is chosen by routing.
	From End
	// Dst is whom the first packet is addressed to: an end or a service.
	Dst              netip.Addr
	Proto            packet.Proto
	SrcPort, DstPort uint16
	// ICMPType and ICMPCode of the first packet; a type of 0 with HasICMP unset is
	// an echo request.
	HasICMP            bool
	ICMPType, ICMPCode uint8
	ICMPID             uint16
	// Bound is the link that the sending socket is bound to.
	Bound host.LinkName
	// Closed says that nobody listens at the far end; TCP is then answered by RST
	// and UDP by port unreachable.
	Closed bool
	// Flags, if any, are those of a single TCP segment that is sent in place of a
	// handshake.
	Flags packet.TCPFlags
	// Assume sends only the first packet, which connection tracking of every host takes to
	// be in State, whatever it knows; no answer could be in the same state.
	Assume bool
	State  conntrack.Info
	// Data sends a segment of data each way behind a TCP handshake.
	Data bool
	// Enters says that the first packet comes in by From.Link as it is, whatever the
	// kernel of a pod behind that link would do with it.
	Enters bool
	// HalfOpen sends only the first packet and, of TCP, its answer.
	HalfOpen bool
}

// dialog is a connection while it is being tried.
type dialog struct {
	w     *Walker
	req   *Request
	out   trace.Connection
	first packet.Packet // as the beginner sent it
	peer  packet.Packet // as the far end received it
	at    End           // where the far end is
	nodes []host.Name   // hosts on the way
	// over and farOver say that the connection was reset, which the beginner or the far
	// end knows.
	over, farOver bool
}

// Connect tries a connection: the first packet, its reply, and what follows
// until both sides know that it stands. The verdict is allow only if all of them
// arrive.
func (w *Walker) Connect(r Request) trace.Connection {
	if in, q, ok := w.inside(r); ok {
		return stays(in.Connect(q), q.From.Host)
	}
	w.notes = nil
	d := dialog{w: w, req: &r}
	d.out.Verdict = trace.Allow
	if !d.begin() {
		return d.out
	}
	d.exchange()
	d.aboutVirtual()
	if !r.Assume {
		d.conntrack()
	}
	for _, n := range w.notes {
		if !slices.Contains(d.out.Notes, n) {
			d.out.Notes = append(d.out.Notes, n)
		}
	}
	return d.out
}

// begin makes the first packet; false is none, with a verdict that says why.
func (d *dialog) begin() bool {
	v, why := d.firstPacket()
	if v != trace.Allow {
		d.out.Verdict, d.out.Reason = v, trace.Reason{Node: string(d.req.From.Host), Text: why}
	}
	return v == trace.Allow
}

func (d *dialog) firstPacket() (trace.Verdict, string) {
	r := d.req
	p := packet.Packet{Src: r.From.Addr.Unmap(), Dst: r.Dst.Unmap(), Proto: r.Proto, TTL: 64, SrcPort: r.SrcPort, DstPort: r.DstPort}
	n := d.w.byName[r.From.Host]
	switch {
	case n == nil:
		return trace.Deny, "no such host: " + string(r.From.Host)
	case r.From.Unknown != "":
		return trace.Unknown, r.From.Unknown
	case !r.Dst.IsValid():
		return trace.Deny, "no destination"
	case !p.Src.IsValid() && r.From.Link != "":
		return trace.Deny, "no source address"
	case r.From.Link == "" && p.Dst.IsUnspecified():
		p.Dst = toSelf(p)
	}
	if !p.Src.IsValid() {
		q := route.Flow{Dst: p.Dst, OIF: r.Bound, Proto: r.Proto, SrcPort: r.SrcPort, DstPort: r.DstPort}
		res := n.routeOut(&q, false)
		switch {
		case res.Unknown != "":
			return trace.Unknown, res.Unknown
		case res.Err != route.OK || !res.Src.IsValid():
			return trace.Deny, res.Err.String()
		}
		p.Src = res.Src
	}
	if p.Src.Is4() != p.Dst.Is4() {
		return trace.Deny, "source and destination are of different families"
	}
	if v := d.w.virtualAt(p.Dst); v != nil && v.Translated && d.w.isOutside(p.Src) {
		return trace.Unknown, p.Dst.String() + " is " + v.Name + ": to what it is translated on the way here nobody says"
	}
	d.first = p
	return trace.Allow, ""
}

// toSelf is the destination of a process that asks for the unspecified address:
// its own, or loopback (ip_route_output_key_hash_rcu, tcp_v6_connect).
func toSelf(p packet.Packet) netip.Addr {
	switch {
	case p.Dst.Is6():
		return netip.IPv6Loopback()
	case p.Src.IsValid():
		return p.Src
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// exchange sends the packets of the protocol.
func (d *dialog) exchange() {
	if d.req.Assume {
		d.w.assumption = assumption{on: true, state: d.req.State, proto: d.first.Proto}
		defer func() { d.w.assumption = assumption{} }()
	}
	switch p := &d.first; {
	case p.Proto == packet.ProtoTCP && d.req.Flags != 0:
		d.segment()
	case p.Proto == packet.ProtoTCP:
		d.tcp()
	case p.Proto == packet.ProtoSCTP:
		d.sctp()
	case p.Proto.IsICMP():
		d.icmp()
	case p.Proto == packet.ProtoUDP || p.Proto == packet.ProtoUDPLite:
		p.PayloadLen = 32
		if d.request(*p) && d.req.Closed {
			d.closed()
		} else if d.alive() && !d.req.HalfOpen {
			d.reply(func(*packet.Packet) {})
		}
	default:
		p.PayloadLen = 32
		if d.request(*p) && !d.req.HalfOpen {
			d.reply(func(*packet.Packet) {})
		}
	}
}

func (d *dialog) alive() bool { return d.out.Verdict == trace.Allow }

const (
	clientSeq = 1000
	serverSeq = 5000
)

func (d *dialog) tcp() {
	syn := d.first
	syn.DontFragment = syn.Src.Is4()
	syn.TCP = packet.TCP{Seq: clientSeq, Flags: packet.SYN, Window: 64240, HasWScale: true, WScale: 7, SACKPermitted: true, MSS: 1460}
	if !d.request(syn) {
		return
	}
	if d.req.Closed {
		d.reply(func(p *packet.Packet) {
			p.TCP = packet.TCP{Ack: clientSeq + 1, Flags: packet.RST | packet.ACK}
		})
		return
	}
	ok := d.reply(func(p *packet.Packet) {
		p.TCP = packet.TCP{Seq: serverSeq, Ack: clientSeq + 1, Flags: packet.SYN | packet.ACK, Window: 65160,
			HasWScale: true, WScale: 7, SACKPermitted: true, MSS: 1460}
	})
	if !ok || d.req.HalfOpen {
		return
	}
	ack := syn
	ack.TCP = packet.TCP{Seq: clientSeq + 1, Ack: serverSeq + 1, Flags: packet.ACK, Window: 502}
	d.request(ack)
	if !d.req.Data || d.out.Verdict == trace.Reject {
		return
	}
	// The beginner does not know that its acknowledgement was lost, and goes on.
	ack.PayloadLen, ack.TCP.Flags = clientData, packet.ACK|packet.PSH
	answered := d.request(ack) && d.reply(func(p *packet.Packet) {
		p.PayloadLen = serverData
		p.TCP = packet.TCP{Seq: serverSeq + 1, Ack: clientSeq + 1 + clientData, Flags: packet.ACK | packet.PSH, Window: 509}
	})
	if answered {
		ack.PayloadLen = 0
		ack.TCP = packet.TCP{Seq: clientSeq + 1 + clientData, Ack: serverSeq + 1 + serverData, Flags: packet.ACK, Window: 502}
		d.request(ack)
	}
}

// The chunk types of an SCTP handshake.
const (
	sctpInit       = 1
	sctpInitAck    = 2
	sctpCookieEcho = 10
	sctpCookieAck  = 11
)

func (d *dialog) sctp() {
	const clientTag, serverTag = 0x1111, 0x2222
	p := d.first
	p.PayloadLen = 20
	p.SCTP = []packet.SCTPChunk{{Type: sctpInit, InitTag: clientTag}}
	if !d.request(p) || !d.reply(func(p *packet.Packet) {
		p.Vtag, p.SCTP = clientTag, []packet.SCTPChunk{{Type: sctpInitAck, InitTag: serverTag}}
	}) || d.req.HalfOpen {
		return
	}
	p.Vtag, p.SCTP = serverTag, []packet.SCTPChunk{{Type: sctpCookieEcho}}
	if d.request(p) {
		d.reply(func(p *packet.Packet) {
			p.Vtag, p.SCTP = clientTag, []packet.SCTPChunk{{Type: sctpCookieAck}}
		})
	}
}

// icmpReplies are the answers to ICMP queries by type.
var icmpReplies = map[packet.Proto]map[uint8]uint8{
	packet.ProtoICMP:   {8: 0, 13: 14, 15: 16, 17: 18},
	packet.ProtoICMPv6: {128: 129, 139: 140},
}

func (d *dialog) icmp() {
	p := &d.first
	p.ICMPType, p.ICMPCode, p.ICMPID, p.PayloadLen = d.req.ICMPType, d.req.ICMPCode, d.req.ICMPID, 56
	if !d.req.HasICMP && p.ICMPType == 0 {
		p.ICMPType = 8
		if p.Proto == packet.ProtoICMPv6 {
			p.ICMPType = 128
		}
	}
	answer, asks := icmpReplies[p.Proto][p.ICMPType]
	if d.request(*p) && asks && !d.req.HalfOpen {
		d.reply(func(p *packet.Packet) { p.ICMPType = answer })
	}
}

// closed is port unreachable from the far end, for UDP that nobody listens to.
func (d *dialog) closed() {
	d.back(portUnreachable(&d.peer), false)
}
