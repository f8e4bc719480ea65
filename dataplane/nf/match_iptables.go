package nf

import (
	"net/netip"

	"tortie/dataplane/packet"
)

// Dir says which end of a packet a match looks at.
type Dir uint8

// The two ends; Either is multiport's --ports.
const (
	Src Dir = iota + 1
	Dst
	Either
)

// String returns "src", "dst" or "either".
func (d Dir) String() string {
	switch d {
	case Src:
		return "src"
	case Dst:
		return "dst"
	case Either:
		return "either"
	}
	return "dir?"
}

// The matches of iptables. Each is one header option (-s, -d, -i, -o, -p, -f) or
// one -m module with all of its options (xt_*.c in net/netfilter).

// MatchProto is -p: the packet's protocol. Proto 0 matches every protocol.
type MatchProto struct {
	Proto  packet.Proto
	Invert bool `json:",omitempty"`
}

// MatchAddr is -s or -d with a prefix.
type MatchAddr struct {
	Dir    Dir // Src or Dst
	Prefix netip.Prefix
	Invert bool `json:",omitempty"`
}

// MatchIface is -i (Dir Src) or -o (Dir Dst). Wildcard says that Name is a
// prefix of the interface's name ("cali+"); an empty Name with Wildcard matches
// every interface, also none.
type MatchIface struct {
	Dir      Dir
	Name     string
	Wildcard bool `json:",omitempty"`
	Invert   bool `json:",omitempty"`
}

// MatchFragment is -f: second and further fragments of IPv4 packets.
type MatchFragment struct {
	Invert bool `json:",omitempty"`
}

// PortRange is a closed interval of ports.
type PortRange struct{ From, To uint16 }

// MatchL4 is -m tcp, -m udp, -m sctp (and udplite): port ranges and TCP flags. A
// nil Src or Dst is no condition. It follows -p of the same protocol.
type MatchL4 struct {
	Proto     packet.Proto
	Src       *PortRange `json:",omitempty"`
	SrcInvert bool       `json:",omitempty"`
	Dst       *PortRange `json:",omitempty"`
	DstInvert bool       `json:",omitempty"`
	// Flags is --tcp-flags MASK COMP; --syn is FIN,SYN,RST,ACK SYN.
	Flags *TCPFlagsTest `json:",omitempty"`
}

// TCPFlagsTest holds when flags&Mask == Comp.
type TCPFlagsTest struct {
	Mask, Comp packet.TCPFlags
	Invert     bool `json:",omitempty"`
}

// MatchMultiport is -m multiport with at most 15 ports, a range counting two.
type MatchMultiport struct {
	Dir    Dir
	Ports  []PortRange
	Invert bool `json:",omitempty"`
}

// MatchICMP is -m icmp or -m icmp6 (Family says which). Type 255 in IPv4 is "any".
// Without a code in the rule the code interval is 0 to 255.
type MatchICMP struct {
	Family         packet.Family
	Type           uint8
	CodeLo, CodeHi uint8
	Invert         bool `json:",omitempty"`
}

// MatchMark is -m mark: (mark & Mask) == Value.
type MatchMark struct {
	Value, Mask uint32
	Invert      bool `json:",omitempty"`
}

// MatchConnmark is -m connmark: (ctmark & Mask) == Value. False without a
// connection.
type MatchConnmark struct {
	Value, Mask uint32
	Invert      bool `json:",omitempty"`
}

// CtState is a set of the states that -m conntrack --ctstate and nft's ct state
// know. Kernel: XT_CONNTRACK_STATE_ and NF_CT_STATE_ bits; the values here are
// our own.
type CtState uint8

// The states. CtSNAT and CtDNAT are iptables' virtual states.
const (
	CtInvalid CtState = 1 << iota
	CtEstablished
	CtRelated
	CtNew
	CtUntracked
	CtSNAT
	CtDNAT
)

// CtStatus is a set of the flags of a connection (IPS_ bits of
// include/uapi/linux/netfilter/nf_conntrack_common.h, same values).
type CtStatus uint32

// The flags that rules can ask for.
const (
	CtStatusExpected  CtStatus = 1 << 0
	CtStatusSeenReply CtStatus = 1 << 1
	CtStatusAssured   CtStatus = 1 << 2
	CtStatusConfirmed CtStatus = 1 << 3
	CtStatusSNAT      CtStatus = 1 << 4
	CtStatusDNAT      CtStatus = 1 << 5
	CtStatusDying     CtStatus = 1 << 9
)

// MatchConntrack is -m conntrack (and -m state) with all options of one
// occurrence; nil or zero fields are not asked. See conntrack_mt in
// net/netfilter/xt_conntrack.c for the order.
type MatchConntrack struct {
	States       CtState `json:",omitempty"`
	StatesInvert bool    `json:",omitempty"`
	// StateModule says that it was written -m state --state.
	StateModule bool `json:",omitempty"`

	Status       CtStatus `json:",omitempty"`
	StatusNone   bool     `json:",omitempty"` // --ctstatus NONE
	StatusInvert bool     `json:",omitempty"`

	Proto       packet.Proto `json:",omitempty"`
	ProtoInvert bool         `json:",omitempty"`

	OrigSrc, OrigDst, ReplSrc, ReplDst *CtAddr `json:",omitempty"`
	OrigSrcPort, OrigDstPort           *CtPort `json:",omitempty"`
	ReplSrcPort, ReplDstPort           *CtPort `json:",omitempty"`

	// Direction is 0 (not asked), Src for ORIGINAL or Dst for REPLY.
	Direction Dir `json:",omitempty"`
	// ExpireLo and ExpireHi are seconds; asked when HasExpire.
	HasExpire          bool   `json:",omitempty"`
	ExpireLo, ExpireHi uint32 `json:",omitempty"`
	ExpireInvert       bool   `json:",omitempty"`
}

// CtAddr is a prefix test on an address of a connection's tuples.
type CtAddr struct {
	Prefix netip.Prefix
	Invert bool `json:",omitempty"`
}

// CtPort is an interval test on a port of a connection's tuples.
type CtPort struct {
	PortRange
	Invert bool `json:",omitempty"`
}

// MatchSet is -m set --match-set NAME DIRS.
type MatchSet struct {
	Set           SetName
	Dirs          []Dir
	Invert        bool `json:",omitempty"`
	ReturnNomatch bool `json:",omitempty"`
	// Options are further options (--packets-gt …), verbatim; a match with some
	// evaluates to unknown.
	Options string `json:",omitempty"`
}

// AddrType is a set of route types (RTN_ numbers of linux/rtnetlink.h as bits).
type AddrType uint16

// The address types.
const (
	AddrUnspec AddrType = 1 << iota
	AddrUnicast
	AddrLocal
	AddrBroadcast
	AddrAnycast
	AddrMulticast
	AddrBlackhole
	AddrUnreachable
	AddrProhibit
)

// MatchAddrType is -m addrtype. A zero SrcType or DstType is not asked.
type MatchAddrType struct {
	SrcType   AddrType `json:",omitempty"`
	SrcInvert bool     `json:",omitempty"`
	DstType   AddrType `json:",omitempty"`
	DstInvert bool     `json:",omitempty"`
	LimitIn   bool     `json:",omitempty"`
	LimitOut  bool     `json:",omitempty"`
}

// MatchRPFilter is -m rpfilter.
type MatchRPFilter struct {
	Loose, ValidMark, AcceptLocal, Invert bool `json:",omitempty"`
}

// MatchStatistic is -m statistic. Random: Probability is the threshold of 2^31.
// Nth: every Every packets, beginning with number Packet.
type MatchStatistic struct {
	Nth         bool   `json:",omitempty"`
	Probability uint32 `json:",omitempty"` // parts of 2^31
	Every       uint32 `json:",omitempty"`
	Packet      uint32 `json:",omitempty"`
	Invert      bool   `json:",omitempty"`
}

// MatchLimit is -m limit, and nft's limit rate. Rate tokens per Unit; Burst
// tokens at most (iptables' default is 5). Over is nft's "over" (true when the
// limit is exceeded).
type MatchLimit struct {
	Rate  uint64
	Unit  LimitUnit
	Burst uint32
	Over  bool `json:",omitempty"`
	// PerByte says that nft counts bytes, not packets.
	PerByte bool `json:",omitempty"`
}

// LimitUnit is the unit of time of a limit.
type LimitUnit uint8

// The units.
const (
	PerSecond LimitUnit = iota + 1
	PerMinute
	PerHour
	PerDay
	PerWeek
)

// MatchHashLimit is -m hashlimit: a limit for each group of packets that have the
// named header values in common. Rules of one family with one Name share their
// groups, and the settings of the first of them.
type MatchHashLimit struct {
	Name string
	Upto bool // --hashlimit-upto, else --hashlimit-above
	// Rate is in packets per Unit, or with PerByte in bytes per second; Burst in
	// packets (iptables' default is 5), or in bytes.
	Rate    uint64
	Unit    LimitUnit
	PerByte bool   `json:",omitempty"`
	Burst   uint64 `json:",omitempty"`
	// What makes a group; without any there is one.
	SrcIP, SrcPort, DstIP, DstPort bool `json:",omitempty"`
	// Prefix lengths by which addresses are grouped.
	SrcMask, DstMask uint8
	// Settings of the table of groups, times in milliseconds; 0 is the default.
	Size, Max, GCInterval, Expire uint32 `json:",omitempty"`
	// RateMatch compares the rate over the last RateInterval seconds in place of
	// counting tokens.
	RateMatch    bool   `json:",omitempty"`
	RateInterval uint32 `json:",omitempty"`
}

// MatchConnLimit is -m connlimit. Upto is --connlimit-upto, else -above. Mask is
// the prefix length by which addresses are grouped; ByDst groups by destination.
// nft's "ct count over N" is Above N without grouping (NoGroup).
type MatchConnLimit struct {
	Limit   uint32
	Upto    bool `json:",omitempty"`
	Mask    uint8
	ByDst   bool `json:",omitempty"`
	NoGroup bool `json:",omitempty"`
}

// MatchRecent is -m recent.
type MatchRecent struct {
	Op       string // "set", "rcheck", "update" or "remove"
	Name     string
	Seconds  uint32     `json:",omitempty"`
	Reap     bool       `json:",omitempty"`
	HitCount uint32     `json:",omitempty"`
	TTL      bool       `json:",omitempty"`
	Mask     netip.Addr `json:",omitzero"`
	ByDst    bool       `json:",omitempty"` // --rdest, else --rsource
	Invert   bool       `json:",omitempty"`
}

// MatchNFAcct is -m nfacct: counts and always holds.
type MatchNFAcct struct {
	Name string
}

// MatchIPRange is -m iprange; nil ranges are not asked.
type MatchIPRange struct {
	Src, Dst             *AddrRange `json:",omitempty"`
	SrcInvert, DstInvert bool       `json:",omitempty"`
}

// AddrRange is a closed interval of addresses.
type AddrRange struct{ From, To netip.Addr }

// MatchPktType is -m pkttype, and nft's meta pkttype.
type MatchPktType struct {
	Type   string // "unicast", "broadcast" or "multicast"
	Invert bool   `json:",omitempty"`
}

// MatchTTL is -m ttl or -m hl. Op is "eq", "lt" or "gt".
type MatchTTL struct {
	Op     string
	Value  uint8
	Invert bool `json:",omitempty"`
	// HL says that it was written -m hl.
	HL bool `json:",omitempty"`
}

// MatchDSCP is -m dscp.
type MatchDSCP struct {
	DSCP   uint8
	Invert bool `json:",omitempty"`
}

// MatchLength is -m length: the length of the IP packet in bytes.
type MatchLength struct {
	Lo, Hi uint16
	Invert bool `json:",omitempty"`
}

// OpaqueMatch is a match that is kept but not modelled. It evaluates to
// "unknown". Text is as it was read.
type OpaqueMatch struct {
	Text string
}
