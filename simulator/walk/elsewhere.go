package walk

import (
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
)

// elsewhere takes a later packet that arrived at another end than those before it, or as
// one of another connection: a node forgot the connection and chose another backend, or
// drew another port. Who listens there answers by any protocol but TCP, which resets what
// it does not know.
func (d *dialog) elsewhere(j *Journey) (reset bool) {
	if j.Verdict != trace.Allow || d.at.Host == "" {
		return false
	}
	tcp, there := d.first.Proto == packet.ProtoTCP, j.At.Host == d.at.Host && j.At.Link == d.at.Link
	why := "a later packet of the connection arrived elsewhere, at " + j.Packet.Dst.String()
	switch {
	case there && d.farOver:
		why = "the connection was reset before: a later packet arrived at " + j.Packet.Dst.String()
	case there && (!tcp || sameEnds(&j.Packet, &d.peer)):
		return false
	case there:
		why = "a later packet of the connection arrived as one of another, from " + trace.End(&j.Packet, true)
	case !tcp:
		d.out.Notes = append(d.out.Notes, why+", and is answered from there")
		return false
	}
	j.Verdict, j.Why = trace.Deny, why
	return true
}

// sameEnds reports whether two packets of TCP belong to one connection for whoever gets
// them.
func sameEnds(a, b *packet.Packet) bool {
	return a.Src == b.Src && a.Dst == b.Dst && a.SrcPort == b.SrcPort && a.DstPort == b.DstPort
}

// resetFrom sends the RST of an end that got a segment of a connection that it does not
// know; where that comes home the connection is over.
func (d *dialog) resetFrom(at End, got packet.Packet) {
	if got.TCP.Flags&packet.RST != 0 {
		return
	}
	p := reset(&got)
	j := d.w.Send(at, p, "")
	tp := d.packet(trace.Reply, &p, &j)
	if j.Verdict == trace.Allow {
		d.home(&j, true)
	}
	tp.Verdict, tp.Reason = j.Verdict, d.w.reason(&j)
	if j.Verdict == trace.Allow {
		d.over, d.out.Verdict = true, trace.Reject
		d.out.Reason.Text += ", which does not know it and resets it"
	}
}

// refuse sends what the kernel of an end says to an answer that none of its sockets
// waits for (tcp_v4_rcv, __udp4_lib_rcv): from outside by the link that the answer left
// by. It changes no verdict.
func (d *dialog) refuse(answer *Journey) {
	got := innermost(&answer.Packet)
	var p packet.Packet
	switch {
	case got.Proto == packet.ProtoTCP && got.TCP.Flags&packet.RST == 0:
		p = reset(got)
	case got.Proto == packet.ProtoUDP:
		p = portUnreachable(got)
	default:
		return
	}
	j := d.w.Send(answer.At, p, "")
	tp := d.packet(trace.Request, &p, &j)
	tp.Refusal, tp.Verdict, tp.Reason = true, j.Verdict, d.w.reason(&j)
	if p.Proto == packet.ProtoTCP && j.Verdict == trace.Allow {
		d.farOver = true
	}
}

// reset is the RST with which a kernel answers a segment of no connection of its own.
func reset(got *packet.Packet) packet.Packet {
	p := Mirror(got)
	p.PayloadLen, p.TCP = 0, packet.TCP{Seq: got.TCP.Ack, Flags: packet.RST}
	return p
}

// portUnreachable is the ICMP error with which a kernel answers a datagram that nobody
// listens to.
func portUnreachable(got *packet.Packet) packet.Packet {
	quoted := *got
	e := packet.Packet{Src: got.Dst, Dst: got.Src, Proto: packet.ProtoICMP, TTL: 64, ICMPType: 3, ICMPCode: 3, Inner: &quoted}
	if e.Src.Is6() {
		e.Proto, e.ICMPType, e.ICMPCode = packet.ProtoICMPv6, 1, 4
	}
	return e
}
