package eval

import (
	"net/netip"

	"tortie/dataplane/nf"
)

// Verdict is the outcome of a base chain.
type Verdict uint8

// The verdicts. Undecided, the zero value, is never returned by Run.
const (
	Undecided Verdict = iota
	Accept            // go on with the next function of the hook
	Drop
	Reject // drop and answer with Result.Reject
	Unknown
)

// String returns the verdict in lower case.
func (v Verdict) String() string {
	switch v {
	case Accept:
		return "accept"
	case Drop:
		return "drop"
	case Reject:
		return "reject"
	case Unknown:
		return "unknown"
	}
	return "undecided"
}

// RuleRef names a rule of an Engine: an index of Engine's chains plus one, and
// the rule's number from 1; rule 0 is the chain's policy. The zero RuleRef is
// none.
type RuleRef struct {
	Chain int32
	Rule  int32
}

// IsZero reports whether the RuleRef names nothing.
func (r RuleRef) IsZero() bool { return r.Chain == 0 }

// Result is what a base chain did.
type Result struct {
	Verdict Verdict
	// Rule decided; its number is 0 for the policy.
	Rule RuleRef
	// Origin is what the set element was made from that led to the rule or made it
	// match (nf.Element.Origin); 0 is none.
	Origin int
	// Reject is the answer of a Reject verdict.
	Reject nf.RejectWith
	// HasNAT says that the verdict came with a translation, which the caller
	// applies.
	HasNAT bool
	NAT    NATRequest
}

// NATRequest is a translation with its map look-up resolved.
type NATRequest struct {
	Kind nf.NATKind
	// Addr to AddrTo and Port to PortTo as in nf.NAT.
	Addr, AddrTo                    netip.Addr
	Port, PortTo                    uint16
	Random, FullyRandom, Persistent bool
}

// BaseID names a base chain of an Engine.
type BaseID int32

// Base is a base chain on its hook.
type Base struct {
	ID    BaseID
	Table *nf.Table
	Chain *nf.Chain
}
