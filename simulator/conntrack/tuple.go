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
// call id in DstPort. For every other protocol both are 0.
type Tuple struct {
	Src, Dst         netip.Addr
	Proto            packet.Proto
	SrcPort, DstPort uint16
}

// ICMPType returns the type of an ICMP tuple.
func (t Tuple) ICMPType() uint8 { return uint8(t.DstPort >> 8) }

// ICMPCode returns the code of an ICMP tuple.
func (t Tuple) ICMPCode() uint8 { return uint8(t.DstPort) }
