package walk

import (
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
)

// elsewhere takes a later packet that arrived at another end than those before it: a
// node forgot the connection and chose another backend, say. Who listens there answers
// by any protocol but TCP, which resets what it does not know.
func (d *dialog) elsewhere(j *Journey) (reset bool) {
	if j.Verdict != trace.Allow || d.at.Host == "" || j.At.Host == d.at.Host && j.At.Link == d.at.Link {
		return false
	}
	if d.first.Proto == packet.ProtoTCP {
		j.Verdict, j.Why = trace.Deny, "a later packet of the connection arrived elsewhere, at "+j.Packet.Dst.String()
		return true
	}
	d.out.Notes = append(d.out.Notes, "a later packet of the connection arrived elsewhere, at "+j.Packet.Dst.String()+", and is answered from there")
	return false
}

// resetFrom sends the RST of an end that got a segment of a connection that it does not
// know; where that comes home the connection is over.
func (d *dialog) resetFrom(at End, got packet.Packet) {
	if got.TCP.Flags&packet.RST != 0 {
		return
	}
	p := Mirror(&got)
	p.PayloadLen, p.TCP = 0, packet.TCP{Seq: got.TCP.Ack, Flags: packet.RST}
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
