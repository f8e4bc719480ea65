package difftest

import (
	"net/netip"

	"tortie/dataplane/packet"
)

// tcp takes a TCP segment. A server sends its banner as soon as the connection
// stands, a client closes when it has the banner, as in the recordings: five
// segments from the client, three from the server, or four when it was slow to
// close and acknowledged the client's FIN before.
func (s *stack) tcp(p *packet.Packet) []packet.Packet {
	key := flow{netip.AddrPortFrom(p.Dst, p.DstPort), netip.AddrPortFrom(p.Src, p.SrcPort)}
	c := s.conns[key]
	switch {
	case c == nil && p.TCP.Flags&packet.RST != 0:
		return nil
	case c == nil && p.TCP.Flags&(packet.SYN|packet.ACK) == packet.SYN && tcpPorts[p.DstPort] && !s.closed:
		c = &tcpConn{seq: 500000, ack: p.TCP.Seq + 1, state: synReceived}
		s.conns[key] = c
		out := c.segment(p, packet.SYN|packet.ACK, 0)
		out.TCP.HasWScale, out.TCP.WScale, out.TCP.SACKPermitted, out.TCP.MSS = p.TCP.HasWScale, 7, p.TCP.SACKPermitted, 1460
		return []packet.Packet{out}
	case c == nil:
		return []packet.Packet{reset(p)}
	case p.TCP.Flags&packet.RST != 0:
		delete(s.conns, key)
		if c.state == synSent && s.isProbe(key) {
			s.probe.result = "refused"
		}
		return nil
	case c.state == synSent:
		return s.synAnswered(c, p)
	}
	if p.TCP.Flags&packet.ACK != 0 && p.TCP.Ack == c.seq {
		c.unacked = nil
	}
	return s.segmentOf(c, p)
}

func (s *stack) isProbe(key flow) bool {
	return s.probe != nil && s.probe.proto == packet.ProtoTCP && key.local == s.probe.local && key.remote == s.probe.remote
}

func (s *stack) synAnswered(c *tcpConn, p *packet.Packet) []packet.Packet {
	if p.TCP.Flags&(packet.SYN|packet.ACK) != packet.SYN|packet.ACK || p.TCP.Ack != c.seq {
		return []packet.Packet{reset(p)}
	}
	c.state, c.ack = established, p.TCP.Seq+1
	return []packet.Packet{c.segment(p, packet.ACK, 0)}
}

// segmentOf takes a segment of a connection that has both SYNs.
func (s *stack) segmentOf(c *tcpConn, p *packet.Packet) []packet.Packet {
	if p.TCP.Flags&packet.SYN != 0 || p.TCP.Seq != c.ack {
		return nil
	}
	if c.state == synReceived {
		c.state = established
		s.banner(p)
		return []packet.Packet{c.segment(p, packet.PSH|packet.ACK, bannerLen)}
	}
	if p.PayloadLen > 0 {
		c.ack += uint32(p.PayloadLen)
		out := []packet.Packet{c.segment(p, packet.ACK, 0), c.segment(p, packet.FIN|packet.ACK, 0)}
		c.state = finSent
		if s.probe != nil && s.probe.result == "" {
			s.probe.result = "reply"
		}
		return out
	}
	if p.TCP.Flags&packet.FIN == 0 {
		return nil
	}
	c.ack++
	if c.state == finSent {
		return []packet.Packet{c.segment(p, packet.ACK, 0)}
	}
	var out []packet.Packet
	if s.slow {
		out = append(out, c.segment(p, packet.ACK, 0))
	}
	out = append(out, c.segment(p, packet.FIN|packet.ACK, 0))
	c.state = finSent
	return out
}

// segment makes the next segment of the connection, in answer to p. What the
// peer must acknowledge is kept as unacked, and sent again later if it does not.
func (c *tcpConn) segment(p *packet.Packet, flags packet.TCPFlags, payload uint16) packet.Packet {
	a := answer(p)
	a.PayloadLen = payload
	a.TCP = packet.TCP{Seq: c.seq, Ack: c.ack, Flags: flags, Window: 502}
	if flags&packet.SYN != 0 {
		a.TCP.Window = 65160
	}
	c.seq += uint32(payload)
	if flags&(packet.SYN|packet.FIN) != 0 {
		c.seq++
	}
	if flags&(packet.SYN|packet.FIN) != 0 || payload > 0 {
		kept := a
		c.unacked = &kept
	}
	return a
}

// reset answers a segment that belongs to no connection.
func reset(p *packet.Packet) packet.Packet {
	a := answer(p)
	a.TOS = p.TOS
	if p.TCP.Flags&packet.ACK != 0 {
		a.TCP = packet.TCP{Seq: p.TCP.Ack, Flags: packet.RST}
		return a
	}
	n := uint32(p.PayloadLen)
	for _, f := range []packet.TCPFlags{packet.SYN, packet.FIN} {
		if p.TCP.Flags&f != 0 {
			n++
		}
	}
	a.TCP = packet.TCP{Ack: p.TCP.Seq + n, Flags: packet.RST | packet.ACK}
	return a
}

// late are the segments that the stack's connections still want acknowledged;
// a real stack repeats them after a second and more.
func (s *stack) late() []packet.Packet {
	var out []packet.Packet
	for _, c := range s.conns {
		if c.unacked != nil {
			out = append(out, *c.unacked)
		}
	}
	return out
}
