package difftest

import (
	"net/netip"

	"tortie/dataplane/packet"
)

// traffic makes packets while a walk shows where earlier ones went, so that
// answers go to where a peer would send them.
type traffic struct {
	maker
	router *router
	shots  []Shot
	// seen are packets that reached a side, sent those that were sent.
	seen []Frame
	sent []Shot
	// rest are fragments to be sent next.
	rest   []Shot
	dialog *dialog
	seq    uint32
	fragID uint32
}

// Case makes a random case with at most n packets.
func (m maker) Case(seed uint64, n int) *Case {
	c := &Case{Seed: seed, Ruleset: m.Ruleset(), Network: m.network(), Family: m.fam}
	t := &traffic{maker: m, router: newRouter(c.state()), seq: 1000}
	for range n {
		s, ok := t.next()
		if !ok {
			continue
		}
		if _, err := packet.Encode(&s.Packet); err != nil {
			continue
		}
		if t.chance(8) {
			s = t.inFragments(s)
		}
		frames := t.router.try(s)
		if why := t.router.n.undecided(); why != "" {
			c.LeftOut = append(c.LeftOut, why)
			t.rewind(c)
			continue
		}
		t.shots = append(t.shots, s)
		t.begin(s, frames)
		t.seen, t.sent = append(t.seen, frames...), append(t.sent, s)
	}
	c.Shots = t.shots
	return c
}

// rewind makes the router forget the last packet, by sending it the earlier ones
// anew.
func (t *traffic) rewind(c *Case) {
	t.router = newRouter(c.state())
	for _, s := range t.shots {
		t.router.try(s)
	}
}

// next makes the next packet.
func (t *traffic) next() (Shot, bool) {
	if len(t.rest) > 0 {
		s := t.rest[0]
		t.rest = t.rest[1:]
		return s, true
	}
	if t.dialog != nil && !t.chance(6) {
		return t.talk()
	}
	switch k := t.IntN(10); {
	case len(t.sent) == 0 || k < 3:
		return t.fresh(), true
	case k < 7 && len(t.seen) > 0:
		return t.reply(t.seen[t.IntN(len(t.seen))])
	case k < 9:
		return t.again(t.sent[t.IntN(len(t.sent))]), true
	}
	return t.icmpError()
}

// fresh makes the first packet of a flow, or something that looks like the
// middle of one.
func (t *traffic) fresh() Shot {
	from := pick(t.maker, Left, Left, Right, Local)
	if t.chance(8) { // now and then of the other family
		t.fam = otherFamily(t.fam)
		defer func() { t.fam = otherFamily(t.fam) }()
	}
	p := packet.Packet{Src: t.addr(labAddrs[from]...), Dst: t.destination(from), TTL: 64, PayloadLen: uint16(t.IntN(20))}
	if from != Local && t.chance(15) {
		p.Src = t.addr("192.0.2.1", "0.1.2.3")
	}
	if t.chance(25) {
		p.TTL = 1
	}
	if t.chance(10) {
		p.TOS = 32
	}
	p.Proto = pick(t.maker, packet.ProtoTCP, packet.ProtoTCP, packet.ProtoTCP, packet.ProtoUDP, packet.ProtoUDP, t.icmp(), packet.ProtoSCTP)
	switch p.Proto {
	case packet.ProtoICMP:
		p.ICMPType, p.ICMPID, p.ICMPSeq = pick(t.maker, uint8(8), 8, 8, 0), uint16(1+t.IntN(3)), 1
	case packet.ProtoICMPv6:
		p.ICMPType, p.ICMPID, p.ICMPSeq = pick(t.maker, uint8(128), 128, 128, 129), uint16(1+t.IntN(3)), 1
		if t.chance(4) && from != Local { // a process would hear itself
			t.solicit(&p)
		}
	case packet.ProtoTCP:
		p.SrcPort, p.DstPort = pick(t.maker, uint16(5000), 5001, 1000), t.port()
		t.seq += 10000
		p.TCP = packet.TCP{Seq: t.seq, Flags: packet.SYN, Window: 64240}
		p.PayloadLen = 0
		if t.chance(6) {
			p.TCP.Flags, p.TCP.Ack, p.PayloadLen = pick(t.maker, packet.ACK, packet.RST, packet.FIN|packet.ACK, packet.SYN|packet.ACK, packet.SYN|packet.FIN, 0), 77, uint16(t.IntN(10))
		}
		if t.chance(2) && p.TCP.Flags&packet.SYN != 0 {
			p.TCP.HasWScale, p.TCP.WScale, p.TCP.SACKPermitted, p.TCP.MSS = true, 7, true, 1460
		}
	case packet.ProtoSCTP:
		t.sctp(&p)
	case packet.ProtoUDP:
		p.SrcPort, p.DstPort = pick(t.maker, uint16(5000), 5001, 53), t.port()
	}
	return Shot{From: from, Packet: p}
}

func otherFamily(f packet.Family) packet.Family { return packet.IPv4 + packet.IPv6 - f }

// solicit makes the packet a message of neighbour discovery about nothing, which
// the router takes and does not answer.
func (t *traffic) solicit(p *packet.Packet) {
	p.ICMPType, p.ICMPID, p.ICMPSeq, p.TTL, p.PayloadLen = pick(t.maker, uint8(neighbourSolicitation), neighbourAdvert), 0, 0, 255, 16
	if t.chance(2) {
		p.Dst = solicitedNode(t.addr(labAddrs[Local]...))
	}
}

func (t *traffic) destination(from string) netip.Addr {
	switch {
	case t.chance(6):
		return t.addr("10.9.9.9")
	case t.chance(25) && from != Local && t.fam == packet.IPv4:
		return t.addr("10.1.0.255", "10.2.0.255")
	}
	to := pick(t.maker, Left, Right, Right, Local)
	for to == from {
		to = pick(t.maker, Left, Right, Local)
	}
	return t.addr(labAddrs[to]...)
}

// reply answers a packet as its receiver would, or nearly.
func (t *traffic) reply(f Frame) (Shot, bool) {
	p := answer(&f.Packet)
	p.DontFragment = false
	if f.Packet.FragOffset != 0 {
		return Shot{}, false
	}
	switch f.Packet.Proto {
	case packet.ProtoTCP:
		in := f.Packet.TCP
		p.TCP = packet.TCP{Seq: 5000000 + uint32(t.IntN(3))*7, Ack: t.acknowledged(&f.Packet), Flags: packet.ACK, Window: 500}
		if in.Ack != 0 {
			p.TCP.Seq = in.Ack
		}
		switch {
		case in.Flags&(packet.SYN|packet.ACK) == packet.SYN && !t.chance(5):
			p.TCP.Flags, p.TCP.Window = packet.SYN|packet.ACK, 65160
			if in.HasWScale {
				p.TCP.HasWScale, p.TCP.WScale, p.TCP.SACKPermitted = true, 7, true
			}
		case in.Flags&packet.SYN != 0 && t.chance(3):
			p.TCP.Flags, p.TCP.Ack = packet.SYN, 0 // simultaneous open
		case t.chance(4):
			p.TCP.Flags = pick(t.maker, packet.FIN|packet.ACK, packet.RST, packet.RST|packet.ACK)
		default:
			p.PayloadLen = uint16(t.IntN(30))
		}
		t.disturb(&p)
	case packet.ProtoSCTP:
		if !t.sctpReply(&p, &f.Packet) {
			return Shot{}, false
		}
	case packet.ProtoICMP, packet.ProtoICMPv6:
		if f.Packet.ICMPType != 8 && f.Packet.ICMPType != 128 {
			return Shot{}, false
		}
		if f.Packet.ICMPType == 128 {
			p.ICMPType = 129
		}
		p.ICMPID, p.ICMPSeq = f.Packet.ICMPID, f.Packet.ICMPSeq
	}
	return Shot{From: f.Side, Packet: p}, true
}

// acknowledged is the number behind a segment.
func (t *traffic) acknowledged(p *packet.Packet) uint32 {
	n := p.TCP.Seq + uint32(p.PayloadLen)
	if p.TCP.Flags&(packet.SYN|packet.FIN) != 0 {
		n++
	}
	return n
}

// disturb moves a segment out of its window now and then.
func (t *traffic) disturb(p *packet.Packet) {
	if t.chance(8) {
		p.TCP.Seq += pick(t.maker, uint32(1), 100, 70000, 1<<30)
	}
	if t.chance(8) {
		p.TCP.Ack += pick(t.maker, uint32(1), 70000, 1<<31)
	}
}

// again sends the next packet of a flow from its sender, the same one, or one
// that begins it anew.
func (t *traffic) again(s Shot) Shot {
	p := s.Packet
	if p.Proto != packet.ProtoTCP || p.Inner != nil || p.IsFragment() || t.chance(4) {
		return s
	}
	next := t.acknowledged(&p)
	p.TCP = packet.TCP{Seq: next, Ack: 5000001, Flags: packet.ACK, Window: 500}
	switch t.IntN(6) {
	case 0:
		p.TCP.Flags = packet.FIN | packet.ACK
	case 1:
		p.TCP.Flags = packet.RST
	case 2:
		t.seq += 200000
		p.TCP = packet.TCP{Seq: t.seq, Flags: packet.SYN, Window: 64240}
	}
	p.PayloadLen = 0
	if p.TCP.Flags == packet.ACK {
		p.PayloadLen = uint16(t.IntN(30))
	}
	t.disturb(&p)
	return Shot{From: s.From, Packet: p}
}
