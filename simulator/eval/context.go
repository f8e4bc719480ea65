package eval

import (
	"net/netip"
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/trace"
)

// Truth is the value of a match.
type Truth uint8

// The three values.
const (
	No Truth = iota
	Yes
	Unknown3
)

// Iface is an interface as rules see it; the zero value is none.
type Iface struct {
	Name  string
	Index int
}

// Context is everything besides the rules that a chain's outcome depends on.
// Packet and State must be set, the rest may be zero. Run changes Packet.Mark,
// Packet.TOS, Ct (NOTRACK), the connection's mark, State and Marks.
type Context struct {
	Packet *packet.Packet
	Hook   nf.Hook
	// In is absent for packets of this host, Out before routing.
	In, Out Iface
	// FrameDst is the destination that the packet came in with, by which its frame
	// was addressed; invalid for the one that it has now.
	FrameDst netip.Addr
	// Ct is the packet's connection.
	Ct conntrack.Ref
	// IPVS is the virtual server whose real server the packet is on its way to.
	IPVS *VirtualServer
	// Bridged says that the packet came through a bridge.
	Bridged bool
	// Lookups answers what rules ask of routing; nil makes such matches unknown.
	Lookups Lookups
	// Now is the clock, on the same scale as conntrack's; 0 is the moment of the
	// capture (timeouts of set elements count from there).
	Now time.Duration
	// Choose decides what the kernel leaves to chance. Nil takes the most likely
	// alternative.
	Choose func(Choice) int
	// Explore asks Choose about unknown matches, too, instead of ending the chain
	// with Unknown.
	Explore bool
	// State is what rules remember between packets.
	State *State
	// Rec records the rules; nil records nothing.
	Rec *trace.Recorder
	// Marks are the rules that set bits of the packet's mark, in their order; callers
	// clear it for a new packet.
	Marks []MarkChange

	scratch scratch
}

// MarkChange says which bits of the packet's mark a rule turned from 0 to 1, and in
// which hook.
type MarkChange struct {
	Rule RuleRef
	Hook nf.Hook
	Bits uint32
}

// ChoiceKind is what a Choice is about.
type ChoiceKind uint8

// The kinds of choices.
const (
	// ChoiceStatistic is -m statistic --mode random: alternative 1 is "matches".
	ChoiceStatistic ChoiceKind = iota + 1
	// ChoiceNumgen is numgen random: the alternative is the number.
	ChoiceNumgen
	// ChoiceUnknown is an unknown match: alternative 1 is "matches".
	ChoiceUnknown
	// ChoiceServer is IPVS's choice of a real server; the walk makes it.
	ChoiceServer
	// ChoiceHop is the choice of a next hop of a multipath route; the walk makes it.
	ChoiceHop
)

// Choice is a decision that is left to the caller: one of N alternatives,
// numbered from 0.
type Choice struct {
	Kind ChoiceKind
	// Host is where the choice is made; the walk fills it in.
	Host string
	Rule RuleRef
	N    int
	// Probability of alternative 1 of a ChoiceStatistic.
	Probability float64
}

// Lookups answers questions about addresses, routes and connections. An answer
// that is not known is Unknown3 or ok == false.
type Lookups interface {
	// AddrType returns the RTN_ number of an address as inet_dev_addr_type does
	// (fib look-up in the local table, then main; limited to an interface unless
	// dev is zero). For IPv6 it returns RTN_LOCAL, RTN_ANYCAST, RTN_UNREACHABLE,
	// RTN_MULTICAST or RTN_UNICAST.
	AddrType(a netip.Addr, dev Iface) (rtn uint8, ok bool)
	// ReversePath evaluates -m rpfilter without its Invert: whether the packet's
	// source is routed back through its interface (ipt_rpfilter.c, ip6t_rpfilter.c).
	ReversePath(p *packet.Packet, in Iface, m nf.MatchRPFilter) Truth
	// Fib evaluates nft's fib expression (nft_fib_ipv4.c, nft_fib_ipv6.c),
	// loopback's special case included: the RTN_ number for FibType, the
	// interface (zero when there is none) for the others.
	Fib(q FibQuery) (FibAnswer, bool)
	// ConnCount counts the connections of the packet's group as nf_conncount
	// does, the packet's own included. Every rule counts for itself: m is its
	// match's address. The kernel's count may depend on its time: it is between
	// low and high.
	ConnCount(p *packet.Packet, ct conntrack.Ref, m *nf.MatchConnLimit) (low, high uint32, ok bool)
}

// FibQuery is the question of a fib expression.
type FibQuery struct {
	Packet  *packet.Packet
	Hook    nf.Hook
	In, Out Iface
	Fib     nf.Fib
}

// FibAnswer is the answer to a FibQuery.
type FibAnswer struct {
	Type  uint8
	Iface Iface
}
