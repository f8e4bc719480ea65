// Package packet holds header values: addresses, protocols, ports, ICMP, TCP
// flags and the skb mark of one packet, as plain data.
//
// A Packet is what a hook of netfilter sees of a packet: parsed headers, the
// mark, and for ICMP errors the packet that they quote. It is one type for IPv4
// and IPv6. The package does not know rules, hosts or connections.
//
// Invariant: Src and Dst are of one family; Unmap'ed (never IPv4-in-IPv6).
package packet

import (
	"net/netip"
)

// Family is an IP family.
type Family uint8

// The two families; the zero value is none.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// String returns "ipv4" or "ipv6".
func (f Family) String() string {
	switch f {
	case IPv4:
		return "ipv4"
	case IPv6:
		return "ipv6"
	}
	return "family?"
}

// FamilyOf returns the family of an address; 0 for the invalid address.
func FamilyOf(a netip.Addr) Family {
	switch {
	case !a.IsValid():
		return 0
	case a.Is4() || a.Is4In6():
		return IPv4
	}
	return IPv6
}

// TCPFlags are the flag bits of a TCP header, as on the wire (byte 13).
type TCPFlags uint8

// The TCP flags.
const (
	FIN TCPFlags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// Packet is one packet as netfilter sees it. Ports are 0 for protocols without
// ports; ICMP fields are 0 for everything but ICMP and ICMPv6.
type Packet struct {
	Src, Dst netip.Addr
	Proto    Proto
	TTL      uint8 // hop limit in IPv6
	TOS      uint8 // DSCP<<2 | ECN; traffic class in IPv6

	// Fragment: FragOffset is in units of 8 bytes; MoreFragments is the MF bit.
	// FragID is the identification that fragments of one datagram share, 0 in
	// whole packets.
	FragOffset    uint16
	MoreFragments bool
	DontFragment  bool
	FragID        uint32

	SrcPort, DstPort uint16 // TCP, UDP, UDP-Lite, SCTP

	ICMPType, ICMPCode uint8
	ICMPID, ICMPSeq    uint16 // echo and the other query types

	TCP  TCP
	SCTP []SCTPChunk // chunks of an SCTP packet in order

	// Vtag is the verification tag of an SCTP packet.
	Vtag uint32
	// GREKey is the key of a PPTP GRE packet, 0 otherwise.
	GREKey uint32

	// PayloadLen is the number of bytes behind the last header that the fields
	// above describe.
	PayloadLen uint16
	// BadChecksum says that the layer 4 checksum is wrong.
	BadChecksum bool
	// Truncated says that the layer 4 header does not fit into the packet or is
	// malformed. Of TCP and SCTP the first eight bytes may be known nonetheless.
	Truncated bool

	// Inner is the packet quoted by an ICMP error or carried by a tunnel
	// (IP-in-IP, VXLAN); nil otherwise.
	Inner *Packet

	// Mark is the skb mark (nfmark). It never is on the wire.
	Mark uint32
}

// TCP is what connection tracking reads of a TCP header.
type TCP struct {
	Seq, Ack uint32
	Flags    TCPFlags
	Window   uint16 // as on the wire, unscaled
	// HasWScale and WScale are the window scale option of a SYN.
	HasWScale bool
	WScale    uint8
	// SACKPermitted is the SACK-permitted option of a SYN.
	SACKPermitted bool
	// MSS is the MSS option of a SYN, 0 when absent.
	MSS uint16
	// SACKRight is the highest right edge of the SACK blocks, 0 when absent.
	SACKRight uint32
}

// SCTPChunk is one chunk of an SCTP packet.
type SCTPChunk struct {
	Type  uint8
	Flags uint8
	// InitTag is the initiate tag of INIT and INIT ACK.
	InitTag uint32
}

// Family is the packet's IP family.
func (p *Packet) Family() Family { return FamilyOf(p.Src) }

// IsFragment reports whether the packet is any part of a fragmented datagram.
func (p *Packet) IsFragment() bool { return p.FragOffset != 0 || p.MoreFragments }
