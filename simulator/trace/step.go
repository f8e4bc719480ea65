package trace

import (
	"tortie/dataplane/packet"
)

// Kind is the kind of a Step.
type Kind string

// The kinds of steps.
const (
	KindRule      Kind = "rule"      // a rule was tried; Matched says how it went
	KindPolicy    Kind = "policy"    // a base chain ended by its policy
	KindHook      Kind = "hook"      // the packet entered a hook
	KindRoute     Kind = "route"     // a routing decision
	KindConntrack Kind = "conntrack" // the packet met connection tracking
	KindNAT       Kind = "nat"       // addresses or ports changed
	KindEncap     Kind = "encap"     // put into a tunnel packet
	KindDecap     Kind = "decap"     // taken out of a tunnel packet
	KindLocal     Kind = "local"     // delivered to or sent by a local process
	KindDrop      Kind = "drop"      // dropped by something that is no rule
	KindReject    Kind = "reject"    // an answer of a REJECT left
	KindChoice    Kind = "choice"    // chance decided; the text says what was assumed
	KindNote      Kind = "note"      // anything worth a word
)

// Matched is how a rule went.
type Matched uint8

// The outcomes of a rule; the zero value is "not a rule".
const (
	NoRule Matched = iota
	MatchedNo
	MatchedYes
	MatchedUnknown
)

// MarshalJSON writes true, false or "unknown".
func (m Matched) MarshalJSON() ([]byte, error) {
	switch m {
	case MatchedYes:
		return []byte("true"), nil
	case MatchedUnknown:
		return []byte(`"unknown"`), nil
	}
	return []byte("false"), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Matched) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "true":
		*m = MatchedYes
	case `"unknown"`:
		*m = MatchedUnknown
	default:
		*m = MatchedNo
	}
	return nil
}

// Effect is what a matched rule did to the packet, in one word; empty for a rule
// that only counted or logged.
type Effect string

// The effects of rules.
const (
	EffectAccept   Effect = "accept"
	EffectDrop     Effect = "drop"
	EffectReject   Effect = "reject"
	EffectReturn   Effect = "return"
	EffectJump     Effect = "jump"
	EffectGoto     Effect = "goto"
	EffectMark     Effect = "mark"
	EffectConnmark Effect = "connmark"
	EffectNoTrack  Effect = "notrack"
	EffectNAT      Effect = "nat"
	EffectDSCP     Effect = "dscp"
	EffectSet      Effect = "set"
	EffectUnknown  Effect = "unknown"
)

// Policy names the policy that a rule was made from.
type Policy struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Tier      string `json:"tier,omitempty"`
	Direction string `json:"direction,omitempty"`
	// Rule counts from 1 within the policy's direction; 0 is the policy as a whole.
	Rule int `json:"rule,omitempty"`
}

// Source is a place in a file.
type Source struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// Step is one thing that happened to a packet. Which fields are set follows
// from Kind; Node and Text always are.
type Step struct {
	Node    string `json:"node"`
	Kind    Kind   `json:"kind"`
	Backend string `json:"backend,omitempty"` // "nftables", "iptables-legacy", "iptables-nft"
	Family  string `json:"family,omitempty"`  // the table's family: "ip", "ip6", "inet"
	Hook    string `json:"hook,omitempty"`
	Table   string `json:"table,omitempty"`
	Chain   string `json:"chain,omitempty"`
	// Rule counts from 1 within its chain; 0 is the chain's policy or no rule.
	Rule int    `json:"rule,omitempty"`
	Text string `json:"text"`
	// Uncounted says that a match of the rule dropped the packet before the rule
	// had matched: its counter stays.
	Uncounted bool    `json:"uncounted,omitempty"`
	Matched   Matched `json:"matched,omitzero"`
	Effect    Effect  `json:"effect,omitempty"`
	// Deciding marks the step that ended the packet or let it through.
	Deciding bool `json:"deciding,omitempty"`
	// Mark is the packet's mark after the step, MarkBefore the one before it
	// when it changed; "0x40000".
	Mark       string `json:"mark,omitempty"`
	MarkBefore string `json:"markBefore,omitempty"`
	CtState    string `json:"ctstate,omitempty"`
	// From and To are the packet's ends after a rewrite, "10.0.0.1:80".
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// InIface and OutIface are the interfaces of a hook or a route.
	InIface  string `json:"in,omitempty"`
	OutIface string `json:"out,omitempty"`
	// Why is the first condition of a rule that did not hold.
	Why string `json:"why,omitempty"`
	// Taken says how a rule was taken whose match depends on chance, or on the rate
	// of packets.
	Taken string `json:"taken,omitempty"`
	// Line is the line of the capture that the rule was read from.
	Line   int     `json:"line,omitempty"`
	Policy *Policy `json:"policy,omitempty"`
	Source *Source `json:"source,omitempty"`
	// Comments are the rule's comments.
	Comments []string `json:"comments,omitempty"`
	// Element is the comment of the element of a set or map that the rule found.
	Element string `json:"element,omitempty"`
	// Origin is nf.Rule.Origin, for filling Policy and Source in.
	Origin int `json:"-"`
	// Packet is the packet as a rule with an Origin met it, or one that ended its
	// chain.
	Packet *packet.Packet `json:"-"`
	// Minor steps are left out of the short text.
	Minor bool `json:"-"`
}

// End writes one end of a packet: "10.0.0.1:80", "[2001:db8::1]:80", or the
// address alone for protocols without ports.
func End(p *packet.Packet, src bool) string {
	addr, port := p.Dst, p.DstPort
	if src {
		addr, port = p.Src, p.SrcPort
	}
	return endText(addr, port, p.Proto.HasPorts() && p.FragOffset == 0)
}
