package conntrack

import (
	"time"

	"tortie/dataplane/packet"
)

// Translate rewrites a packet as its connection's bindings say for one manip:
// addresses, ports, ICMP identifiers, and in an ICMP error the quoted packet
// too (nf_nat_packet, nf_nat_icmp_reply_translation). It is called at every nat
// hook, also for packets that NeedsNAT says nothing about. oif is the interface
// index of the way out at POSTROUTING and 0 at the other hooks; a masqueraded
// connection that changes its interface is killed and the packet dropped.
func (t *Table) Translate(p *packet.Packet, r Ref, m Manip, oif int, now time.Duration) Verdict {
	c := r.Conn
	if c == nil {
		return Verdict{}
	}
	if relatedICMP(p, r) {
		return translateError(p, r, m)
	}
	if c.MasqIfindex != 0 && oif != 0 && r.Dir() == Original && oif != c.MasqIfindex {
		t.Delete(c)
		return Verdict{Drop: true, Why: WhyOIFChanged}
	}
	if c.Status&translates(r.Dir(), m) == 0 {
		return Verdict{}
	}
	if target, ok := c.Tuples[r.Dir().Other()].Inverse(); ok {
		rewrite(p, target, m)
	}
	return Verdict{}
}

// translates returns the status bit that makes a manip rewrite packets of a
// direction: answers are changed back at the opposite hooks.
func translates(dir Dir, m Manip) Status {
	if dir == Reply {
		m = m.other()
	}
	changed, _ := m.bits()
	return changed
}

// redirect types of ICMP and ICMPv6.
const (
	icmpRedirect   = 5
	icmpv6Redirect = 137
)

// translateError translates an ICMP error and the packet that it quotes.
func translateError(p *packet.Packet, r Ref, m Manip) Verdict {
	c := r.Conn
	switch {
	case p.Inner == nil:
		return Verdict{Drop: true, Why: WhyNATTruncated}
	case p.BadChecksum:
		return Verdict{Drop: true, Why: WhyNATChecksum}
	case p.ICMPType == icmpRedirect && p.Proto == packet.ProtoICMP,
		p.ICMPType == icmpv6Redirect && p.Proto == packet.ProtoICMPv6:
		if c.Status&natDone != natDone || c.Status&natMask != 0 {
			return Verdict{Drop: true, Why: WhyNATRedirect}
		}
	}
	if c.Status&translates(r.Dir(), m) == 0 {
		return Verdict{}
	}
	other := c.Tuples[r.Dir().Other()]
	inner := *p.Inner // the quoted packet may be shared with other packets
	rewrite(&inner, other, m.other())
	p.Inner = &inner
	if target, ok := other.Inverse(); ok {
		setAddr(p, target, m)
	}
	return Verdict{}
}

// setAddr replaces the address that a manip changes.
func setAddr(p *packet.Packet, target Tuple, m Manip) {
	if m == SrcManip {
		p.Src = target.Src
	} else {
		p.Dst = target.Dst
	}
}

// rewrite replaces the address and port that a manip changes by the target's
// (nf_nat_manip_pkt).
func rewrite(p *packet.Packet, target Tuple, m Manip) {
	setAddr(p, target, m)
	if p.FragOffset != 0 {
		return
	}
	switch p.Proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoUDPLite, packet.ProtoSCTP:
		if m == SrcManip {
			p.SrcPort = target.SrcPort
		} else {
			p.DstPort = target.DstPort
		}
		if p.Proto == packet.ProtoSCTP && !p.Truncated {
			p.BadChecksum = false // the CRC is computed anew
		}
	case packet.ProtoICMP, packet.ProtoICMPv6:
		if _, query := icmpInverse(p.Proto, p.ICMPType); query && p.ICMPType != 139 && p.ICMPType != 140 {
			p.ICMPID = target.SrcPort
		}
	case packet.ProtoGRE:
		if m == DstManip && p.GREKey != 0 {
			p.GREKey = p.GREKey&^0xffff | uint32(target.DstPort)
		}
	}
}
