package conntrack

import (
	"time"

	"tortie/dataplane/packet"
)

// udpStreamAge is the age from which a UDP flow with replies is a stream.
const udpStreamAge = 2 * time.Second

// udp tracks UDP (nf_conntrack_udp_packet).
func (t *Table) udp(c *Conn, now time.Duration) Reason {
	if c.Status&Confirmed == 0 {
		c.streamAt = now + udpStreamAge
	}
	if c.Status&SeenReply == 0 || now <= c.streamAt {
		c.refresh(t.cfg.Timeouts.UDP, now)
		return ""
	}
	c.refresh(t.cfg.Timeouts.UDPStream, now)
	if c.Status&NATClash == 0 {
		c.Status |= Assured
	}
	return ""
}

// stream tracks a protocol that is a stream as soon as there is a reply: GRE
// and UDP-Lite.
func (t *Table) stream(c *Conn, first, replied, now time.Duration) {
	if c.Status&SeenReply == 0 {
		c.refresh(first, now)
		return
	}
	c.refresh(replied, now)
	if c.Status&NATClash == 0 {
		c.Status |= Assured
	}
}

// icmp tracks ICMP and ICMPv6 messages other than errors.
func (t *Table) icmp(c *Conn, p *packet.Packet, now time.Duration) Reason {
	v6 := p.Proto == packet.ProtoICMPv6
	if v6 != (p.Family() == packet.IPv6) {
		return WhyICMPFamily
	}
	typ := c.Tuples[Original].ICMPType()
	if v6 {
		if c.Status&Confirmed == 0 && typ != 128 && typ != 139 {
			return WhyICMPType
		}
		c.refresh(t.cfg.Timeouts.ICMPv6, now)
		return ""
	}
	switch typ {
	case 8, 13, 15, 17:
		c.refresh(t.cfg.Timeouts.ICMP, now)
		return ""
	}
	return WhyICMPType
}

// maxICMPType is the highest ICMP type that is known (NR_ICMP_TYPES).
const maxICMPType = 18

// icmpError handles what comes before the look-up of an ICMP packet: checks,
// untracked types and errors. The zero Ref without a reason means that the
// packet is tracked by its own tuple.
func (t *Table) icmpError(p *packet.Packet, check bool, now time.Duration) (Ref, Reason) {
	v6 := p.Proto == packet.ProtoICMPv6
	switch {
	case v6 != (p.Family() == packet.IPv6):
		return Ref{}, "" // icmp refuses it
	case p.Truncated:
		return Ref{}, WhyShort
	case check && p.BadChecksum:
		return Ref{}, WhyChecksum
	case !v6 && p.ICMPType > maxICMPType:
		return Ref{}, WhyICMPType
	case !v6 && !isICMPError(p.ICMPType):
		return Ref{}, ""
	case v6 && isUntrackedICMPv6(p.ICMPType):
		return UntrackedRef(), ""
	case v6 && p.ICMPType == 137:
		return t.redirect(p, now)
	case v6 && p.ICMPType >= 128:
		return Ref{}, ""
	}
	return t.related(p, now)
}

// isICMPError reports whether an ICMPv4 type quotes a packet.
func isICMPError(typ uint8) bool {
	switch typ {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

// isUntrackedICMPv6 reports whether an ICMPv6 type is exempt from tracking:
// multicast listener, multicast router and neighbour discovery.
func isUntrackedICMPv6(typ uint8) bool {
	return typ >= 130 && typ <= 136 || typ == 143 || typ == 151 || typ == 152
}

// redirect handles an ICMPv6 redirect.
func (t *Table) redirect(p *packet.Packet, now time.Duration) (Ref, Reason) {
	switch {
	case p.ICMPCode != 0:
		return Ref{}, ""
	case p.TTL != 255 || !p.Src.IsLinkLocalUnicast():
		return Ref{}, WhyRedirect
	case p.Inner == nil:
		return Ref{}, ""
	}
	return t.related(p, now)
}

// related finds the connection that an ICMP error is about
// (nf_conntrack_inet_error).
func (t *Table) related(p *packet.Packet, now time.Duration) (Ref, Reason) {
	if p.Inner == nil {
		return Ref{}, WhyICMPInner
	}
	quoted, ok := TupleOf(p.Inner)
	if !ok {
		return Ref{}, WhyICMPInner
	}
	tuple, ok := quoted.Inverse()
	if !ok {
		return Ref{}, WhyICMPInner
	}
	e, ok := t.find(tuple, now)
	switch {
	case !ok:
		return Ref{}, WhyICMPInner
	case e.conn.Tuples[e.dir].Dst != p.Dst:
		return Ref{}, WhyICMPOuter
	case e.dir == Reply:
		return Ref{Conn: e.conn, Info: RelatedReply}, ""
	}
	return Ref{Conn: e.conn, Info: Related}, ""
}
