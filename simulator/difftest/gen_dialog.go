package difftest

import "tortie/dataplane/packet"

// dialog is a TCP connection that is played to its end and begun anew with the
// same ports: handshake, now and then with both sides opening at once, data,
// closing, and a new SYN into TIME_WAIT.
type dialog struct {
	client, server packet.Packet // what each side sends, without TCP's header
	from, to       string
	cseq, sseq     uint32
	step           int
	both           bool // both sides open at once
}

// begin starts a dialog when a SYN has come through to a side.
func (t *traffic) begin(s Shot, frames []Frame) {
	if t.dialog != nil || len(frames) != 1 || s.From == Local || frames[0].Side == s.From {
		return
	}
	p, f := &s.Packet, &frames[0].Packet
	if len(p.SCTP) == 1 && p.SCTP[0].Type == sctpInit && f.Proto == packet.ProtoSCTP && p.TTL > 1 {
		t.dialog = &dialog{client: *p, server: answer(f), from: s.From, to: frames[0].Side}
		return
	}
	if p.Proto != packet.ProtoTCP || p.TCP.Flags != packet.SYN || f.Proto != packet.ProtoTCP || f.TCP.Flags != packet.SYN || p.IsFragment() || t.chance(3) {
		return
	}
	server := answer(f)
	server.DontFragment = false
	client := *p
	client.TTL = 64
	t.dialog = &dialog{client: client, server: server, from: s.From, to: frames[0].Side, cseq: p.TCP.Seq + 1, sseq: 7000000, both: t.chance(4)}
}

// talk makes the next segment of the dialog.
func (t *traffic) talk() (Shot, bool) {
	d := t.dialog
	if d.client.Proto == packet.ProtoSCTP {
		return t.associate()
	}
	script := []func() Shot{
		func() Shot { return d.serverSays(packet.SYN|packet.ACK, 0) },
		func() Shot { return d.clientSays(packet.ACK, 0) },
		func() Shot { return d.clientSays(packet.PSH|packet.ACK, 10) },
		func() Shot { return d.serverSays(packet.ACK, 0) },
		func() Shot { return d.clientSays(packet.FIN|packet.ACK, 0) },
		func() Shot { return d.serverSays(packet.ACK, 0) },
		func() Shot { return d.serverSays(packet.FIN|packet.ACK, 0) },
		func() Shot { return d.clientSays(packet.ACK, 0) },
		func() Shot {
			d.cseq += pick(t.maker, uint32(100000), 1, 1<<31)
			return d.clientSays(packet.SYN, 0)
		},
		func() Shot { return d.serverSays(packet.SYN|packet.ACK, 0) },
		func() Shot { return d.clientSays(packet.ACK, 0) },
	}
	if d.both {
		script = append([]func() Shot{
			func() Shot { return d.serverSays(packet.SYN, 0) },
			func() Shot { d.cseq--; return d.clientSays(packet.SYN|packet.ACK, 0) },
			func() Shot { d.sseq--; return d.serverSays(packet.SYN|packet.ACK, 0) },
		}, script[1:]...)
	}
	if d.step >= len(script) {
		t.dialog = nil
		return Shot{}, false
	}
	if t.chance(12) { // one side gives up
		t.dialog = nil
		if t.chance(2) {
			return d.clientSays(packet.RST, 0), true
		}
		return d.serverSays(packet.RST|packet.ACK, 0), true
	}
	s := script[d.step]()
	d.step++
	if t.chance(12) {
		t.disturb(&s.Packet)
	}
	return s, true
}

func (d *dialog) clientSays(flags packet.TCPFlags, data uint16) Shot {
	return Shot{From: d.from, Packet: say(d.client, flags, &d.cseq, d.sseq, data)}
}

func (d *dialog) serverSays(flags packet.TCPFlags, data uint16) Shot {
	return Shot{From: d.to, Packet: say(d.server, flags, &d.sseq, d.cseq, data)}
}

// say makes a segment and moves its sender's number on.
func say(p packet.Packet, flags packet.TCPFlags, seq *uint32, ack uint32, data uint16) packet.Packet {
	p.TCP, p.PayloadLen = packet.TCP{Seq: *seq, Flags: flags, Window: 64240}, data
	if flags&packet.ACK != 0 {
		p.TCP.Ack = ack
	}
	*seq += uint32(data)
	if flags&(packet.SYN|packet.FIN) != 0 {
		*seq++
	}
	return p
}
