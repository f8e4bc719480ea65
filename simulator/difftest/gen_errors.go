package difftest

import "tortie/dataplane/packet"

// icmpError makes an ICMP error: about a packet that reached a side, from its
// receiver or from a stranger behind it; about a packet as its sender made it,
// which nobody on the other side has seen if it was translated; or from the
// router itself.
func (t *traffic) icmpError() (Shot, bool) {
	if len(t.seen) == 0 {
		return Shot{}, false
	}
	f := t.seen[t.IntN(len(t.seen))]
	if t.chance(6) {
		s := t.sent[t.IntN(len(t.sent))]
		f = Frame{pick(t.maker, Left, Right), s.Packet}
	}
	if f.Packet.Inner != nil {
		return Shot{}, false
	}
	in := f.Packet
	p := packet.Packet{Src: in.Dst, Dst: in.Src, TTL: 64}
	t.errorType(&p, in.Family())
	p.Inner = t.quoted(in)
	switch {
	case t.chance(4):
		p.Src = at(in.Family(), "192.0.2.99")
	case t.chance(10):
		p.Dst = at(in.Family(), pick(t.maker, "10.1.0.3", "10.2.0.3"))
	case t.chance(10):
		return Shot{From: Local, Packet: t.fromRouter(p)}, true
	}
	return Shot{From: f.Side, Packet: p}, true
}

// fromRouter makes the router the error's sender.
func (t *traffic) fromRouter(p packet.Packet) packet.Packet {
	p.Src = at(packet.FamilyOf(p.Dst), pick(t.maker, labAddrs[Local]...))
	return p
}

// errorType sets type and code of an error.
func (t *traffic) errorType(p *packet.Packet, fam packet.Family) {
	if fam == packet.IPv6 {
		p.Proto, p.ICMPType = packet.ProtoICMPv6, pick(t.maker, uint8(1), 1, 2, 3, 4)
		if p.ICMPType == 1 {
			p.ICMPCode = pick(t.maker, uint8(0), 1, 3, 4)
		}
		return
	}
	p.Proto, p.ICMPType = packet.ProtoICMP, pick(t.maker, uint8(3), 3, 3, 11, 11, 12, 5)
	switch p.ICMPType {
	case 3:
		p.ICMPCode = pick(t.maker, uint8(0), 1, 3, 4, 13)
	case 5:
		p.ICMPCode = 1
	}
}

// quoted is what an error quotes of a packet: its headers, or of TCP now and then
// only the eight bytes that every error must hold.
func (t *traffic) quoted(in packet.Packet) *packet.Packet {
	if in.Proto == packet.ProtoTCP && t.chance(3) {
		in.TCP, in.Truncated = packet.TCP{Seq: in.TCP.Seq}, true
		in.PayloadLen += 12
	}
	return &in
}
