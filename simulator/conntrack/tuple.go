package conntrack

import (
	"net/netip"

	"tortie/dataplane/packet"
)

// Dir is a direction of a connection.
type Dir uint8

// The directions: that of the first packet, and the other.
const (
	Original Dir = 0
	Reply    Dir = 1
)

// Other returns the opposite direction.
func (d Dir) Other() Dir { return d ^ 1 }

// String returns "original" or "reply".
func (d Dir) String() string {
	if d == Original {
		return "original"
	}
	return "reply"
}

// Tuple is what identifies one direction of a connection. It is comparable.
//
// SrcPort and DstPort hold the ports of TCP, UDP, UDP-Lite and SCTP. ICMP
// has its identifier in SrcPort and type<<8|code in DstPort. PPTP GRE has the
// call id in DstPort. For every other protocol, DCCP too, both are 0.
type Tuple struct {
	Src, Dst         netip.Addr
	Proto            packet.Proto
	SrcPort, DstPort uint16
}

// ICMPType returns the type of an ICMP tuple.
func (t Tuple) ICMPType() uint8 { return uint8(t.DstPort >> 8) }

// ICMPCode returns the code of an ICMP tuple.
func (t Tuple) ICMPCode() uint8 { return uint8(t.DstPort) }

// The extension headers of IPv6.
const (
	protoHopByHop packet.Proto = 0
	protoRouting  packet.Proto = 43
	protoFragment packet.Proto = 44
	protoNoNext   packet.Proto = 59
	protoDestOpts packet.Proto = 60
)

// TupleOf returns the tuple of a packet; false when the packet has none: a
// later fragment, or a header that is cut off before the ports.
func TupleOf(p *packet.Packet) (Tuple, bool) {
	t := Tuple{Src: p.Src, Dst: p.Dst, Proto: p.Proto}
	if p.FragOffset != 0 {
		return t, false
	}
	switch p.Proto {
	case packet.ProtoTCP, packet.ProtoSCTP:
		// Eight bytes are enough here; ICMP errors quote no more.
		t.SrcPort, t.DstPort = p.SrcPort, p.DstPort
		return t, !p.Truncated || p.SrcPort != 0 || p.DstPort != 0
	case packet.ProtoUDP, packet.ProtoUDPLite:
		t.SrcPort, t.DstPort = p.SrcPort, p.DstPort
		return t, !p.Truncated
	case packet.ProtoICMP, packet.ProtoICMPv6:
		t.SrcPort = p.ICMPID
		t.DstPort = uint16(p.ICMPType)<<8 | uint16(p.ICMPCode)
		return t, !p.Truncated
	case packet.ProtoGRE:
		t.DstPort = uint16(p.GREKey)
		return t, !p.Truncated
	case protoHopByHop, protoRouting, protoFragment, protoNoNext, protoDestOpts, packet.ProtoAH:
		// In IPv6 these are what is left of headers that cannot be followed.
		return t, p.Family() == packet.IPv4 || p.Proto == packet.ProtoAH && !p.Truncated
	}
	return t, true
}

// Inverse returns the tuple of an answer; false when there cannot be one, as
// for an ICMP type that is no query and no answer.
func (t Tuple) Inverse() (Tuple, bool) {
	inv := Tuple{Src: t.Dst, Dst: t.Src, Proto: t.Proto, SrcPort: t.DstPort, DstPort: t.SrcPort}
	if !t.Proto.IsICMP() {
		return inv, true
	}
	answer, ok := icmpInverse(t.Proto, t.ICMPType())
	inv.SrcPort = t.SrcPort
	inv.DstPort = uint16(answer)<<8 | uint16(t.ICMPCode())
	return inv, ok
}

// icmpInverse returns the type that answers an ICMP query or is answered by it.
func icmpInverse(proto packet.Proto, typ uint8) (uint8, bool) {
	if proto == packet.ProtoICMPv6 {
		switch typ {
		case 128, 139: // echo request, node information query
			return typ + 1, true
		case 129, 140:
			return typ - 1, true
		}
		return 0, false
	}
	switch typ {
	case 0:
		return 8, true
	case 8:
		return 0, true
	case 13, 15, 17: // timestamp, information, address mask
		return typ + 1, true
	case 14, 16, 18:
		return typ - 1, true
	}
	return 0, false
}
