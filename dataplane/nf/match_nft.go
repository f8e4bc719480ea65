package nf

import "tortie/dataplane/packet"

// The matches of nftables. nft rules compare keys, which are read from packet,
// connection or routing table, with constants or sets. A key that the packet
// does not have (a TCP port of a UDP packet, a ct key without a connection) ends
// the rule, also when the comparison is "!=" (NFT_BREAK).

// KeyField names what an nftables expression loads.
type KeyField uint8

// The keys. Those with ports and ICMP imply the check of the protocol that nft
// adds on its own: tcp dport holds only for TCP.
const (
	KeySAddr          KeyField = iota + 1 // ip saddr, ip6 saddr
	KeyDAddr                              // ip daddr, ip6 daddr
	KeyIPProtocol                         // ip protocol, ip6 nexthdr
	KeyDSCP                               // ip dscp, ip6 dscp
	KeyTTL                                // ip ttl, ip6 hoplimit
	KeyIPLength                           // ip length
	KeyFragOff                            // ip frag-off
	KeyTHSPort                            // th sport
	KeyTHDPort                            // th dport
	KeyTCPSPort                           // tcp sport
	KeyTCPDPort                           // tcp dport
	KeyTCPFlags                           // tcp flags
	KeyUDPSPort                           // udp sport
	KeyUDPDPort                           // udp dport
	KeyUDPLiteSPort                       // udplite sport
	KeyUDPLiteDPort                       // udplite dport
	KeySCTPSPort                          // sctp sport
	KeySCTPDPort                          // sctp dport
	KeyDCCPSPort                          // dccp sport
	KeyDCCPDPort                          // dccp dport
	KeyICMPChecksum                       // icmp checksum: what nft calls the place of th dport in ICMP, as the next ones
	KeyICMPv6Checksum                     // icmpv6 checksum
	KeyIGMPChecksum                       // igmp checksum
	KeyAHReserved                         // ah reserved
	KeyCompCPI                            // comp cpi
	KeyICMPType                           // icmp type
	KeyICMPCode                           // icmp code
	KeyICMPv6Type                         // icmpv6 type
	KeyICMPv6Code                         // icmpv6 code
	KeyMark                               // meta mark
	KeyL4Proto                            // meta l4proto
	KeyNFProto                            // meta nfproto
	KeyIIF                                // iif (interface index)
	KeyOIF                                // oif
	KeyIIFName                            // iifname
	KeyOIFName                            // oifname
	KeyPktType                            // meta pkttype
	KeyLength                             // meta length
	KeySKUID                              // meta skuid
	KeySKGID                              // meta skgid
	KeyCtState                            // ct state
	KeyCtStatus                           // ct status
	KeyCtMark                             // ct mark
	KeyCtDirection                        // ct direction
	KeyCtProtocol                         // ct original protocol
	KeyCtOrigSAddr                        // ct original ip saddr
	KeyCtOrigDAddr                        // ct original ip daddr
	KeyCtOrigSPort                        // ct original proto-src
	KeyCtOrigDPort                        // ct original proto-dst
	KeyCtReplSAddr                        // ct reply ip saddr
	KeyCtReplDAddr                        // ct reply ip daddr
	KeyCtReplSPort                        // ct reply proto-src
	KeyCtReplDPort                        // ct reply proto-dst
	KeyFib                                // fib … (see Key.Fib)
	KeyNumgenRandom                       // numgen random mod N (see Key.Mod)
	KeyNumgenInc                          // numgen inc mod N
	KeyARPOperation                       // arp operation
	KeyARPSAddrIP                         // arp saddr ip
)

// Key is one loaded value.
type Key struct {
	Field KeyField
	// Family is the header that the key is read from (ip or ip6) in a table of
	// family inet, bridge or netdev: a packet of the other family does not have
	// the key. It is 0 in tables of family ip and ip6, and for keys of any header.
	Family packet.Family `json:",omitempty"`
	// Fib says what a fib key asks.
	Fib *Fib `json:",omitempty"`
	// Mod and Offset belong to numgen.
	Mod    uint32 `json:",omitempty"`
	Offset uint32 `json:",omitempty"`
}

// Fib is a look-up in the routing table (nft_fib*.c).
type Fib struct {
	// Saddr looks up the source, else the destination.
	Saddr bool
	// Mark, IIF and OIF add the packet's mark and interfaces to the look-up.
	Mark, IIF, OIF bool `json:",omitempty"`
	// Result is what the look-up yields: the type of the address, the index of
	// the interface or its name.
	Result FibResult
}

// FibResult is what a fib look-up yields.
type FibResult uint8

// The results.
const (
	FibType FibResult = iota + 1
	FibOIF
	FibOIFName
)

// Op is a comparison.
type Op uint8

// The comparisons. OpEqual of an interval or of several values means "is one of
// them"; of a bit mask type (ct state, ct status, tcp flags) without an explicit
// mask OpHasAny is what nft's plain "ct state established" means.
const (
	OpEqual Op = iota + 1
	OpNotEqual
	OpLess
	OpGreater
	OpLessEqual
	OpGreaterEqual
	// OpHasAny holds when value & data != 0 ("ct state established,related").
	OpHasAny
)

// MatchCompare compares one key, or a concatenation of keys, with constants.
// Values are alternatives (an anonymous set when there is more than one); each
// has one Datum per key. Of address types (fib … type) the numbers are RTN_
// numbers of linux/rtnetlink.h; of ct state they are CtState bits, of ct status
// CtStatus bits, of ct direction 0 and 1.
type MatchCompare struct {
	Key []Key
	// Mask is and-ed with a numeric key before it is compared; 0 is no mask.
	Mask   uint64 `json:",omitempty"`
	Op     Op
	Values [][]Datum
	// Anonymous says that the values stood in braces, even if there is only one.
	Anonymous bool `json:",omitempty"`
}

// MatchLookup looks the key up in a named set.
type MatchLookup struct {
	Key    []Key
	Set    SetName
	Invert bool `json:",omitempty"`
}
