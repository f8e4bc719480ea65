package nf

import (
	"net/netip"
	"time"
)

// Accept ends the base chain: the packet goes on to the next hook function. In
// iptables it ends the table's walk in this hook.
type Accept struct{}

// Drop ends the packet.
type Drop struct{}

// Return goes back to the calling chain; in a base chain it means the policy.
type Return struct{}

// Continue does nothing (nft's continue; an iptables rule without a target).
type Continue struct{}

// Jump calls a chain; its Return comes back to the next rule.
type Jump struct {
	Chain ChainName
}

// Goto goes on in a chain; its Return goes to the caller of this one.
type Goto struct {
	Chain ChainName
}

// Verdict is a verdict as data of a verdict map: accept, drop, return,
// continue, jump or goto.
type Verdict struct {
	Kind  VerdictKind
	Chain ChainName `json:",omitempty"`
}

// VerdictKind is the kind of a Verdict.
type VerdictKind uint8

// The kinds.
const (
	VerdictAccept VerdictKind = iota + 1
	VerdictDrop
	VerdictReturn
	VerdictContinue
	VerdictJump
	VerdictGoto
)

// VMap looks the key up in a verdict map, named (Set) or anonymous (Elements),
// and does as it says; without an entry the rule goes on.
type VMap struct {
	Key      []Key
	Set      SetName   `json:",omitempty"`
	Elements []Element `json:",omitempty"`
}

// Reject ends the packet and answers.
type Reject struct {
	With RejectWith
}

// RejectWith is the answer of a Reject.
type RejectWith uint8

// The answers. RejectDefault is port unreachable in the packet's family (what
// iptables and nft do when nothing is said).
const (
	RejectDefault RejectWith = iota + 1
	RejectTCPReset
	RejectPortUnreach
	RejectHostUnreach
	RejectNetUnreach
	RejectProtoUnreach // IPv4 only
	RejectNetProhib    // IPv4 only
	RejectHostProhib   // IPv4 only
	RejectAdminProhib
	RejectNoRoute     // IPv6 only
	RejectPolicyFail  // IPv6 only
	RejectRejectRoute // IPv6 only
)

// SetMark changes the mark: mark = (mark &^ Mask) ^ Value. iptables' --set-xmark
// V/M is {V, M}; nft's "mark | X" is {X, X}, "mark & A" is {0, ^A}, "mark ^ X" is
// {X, 0} and "set X" is {X, ^0}.
type SetMark struct {
	Value, Mask uint32
}

// SetCtMark changes the connection's mark (CONNMARK, nft's ct mark set). Op is
// "set" (as SetMark, on ctmark), "save" (ctmark from mark) or "restore" (mark
// from ctmark): save: ct = (ct &^ CtMask) ^ (mark & NfMask); restore: mark =
// (mark &^ NfMask) ^ (ct & CtMask).
type SetCtMark struct {
	Op             string
	Value, Mask    uint32 `json:",omitempty"`
	NfMask, CtMask uint32 `json:",omitempty"`
}

// NoTrack marks the packet as untracked (NOTRACK, CT --notrack, notrack).
type NoTrack struct {
	// CT says that it was written -j CT --notrack.
	CT bool `json:",omitempty"`
}

// Log writes a line and goes on.
type Log struct {
	Prefix string `json:",omitempty"`
	// Level is syslog's number; 4 (warning) is the default of both tools.
	Level uint8
	// Options are further options, verbatim.
	Options string `json:",omitempty"`
}

// NFLog sends the packet to a netlink group and goes on (NFLOG, nft's log group).
type NFLog struct {
	Group   uint16
	Prefix  string `json:",omitempty"`
	Options string `json:",omitempty"`
}

// NAT is an address translation: DNAT, SNAT, MASQUERADE, REDIRECT.
type NAT struct {
	Kind NATKind
	// Addr to AddrTo is the interval to choose from; invalid for "keep".
	Addr, AddrTo netip.Addr `json:",omitzero"`
	// Port to PortTo is the interval of ports; 0 for "keep if possible".
	Port, PortTo uint16 `json:",omitempty"`
	// Map yields address and port from a map look-up (nft: dnat ip to numgen
	// random mod 2 map {…}, dnat to ip daddr map @m); Addr and Port are then unset.
	Map                             *MapLookup `json:",omitempty"`
	Random, FullyRandom, Persistent bool       `json:",omitempty"`
}

// NATKind is the kind of a translation.
type NATKind uint8

// The kinds.
const (
	DNAT NATKind = iota + 1
	SNAT
	Masquerade
	Redirect
	Netmap // Addr to AddrTo is the prefix to map into, in the hook's direction
)

// MapLookup is a look-up in a map of data: named (Set) or anonymous.
type MapLookup struct {
	Key      []Key
	Set      SetName   `json:",omitempty"`
	Elements []Element `json:",omitempty"`
	// Type says what the data are: an address, or an address and a port.
	Type []DataType
}

// SetDSCP sets the DSCP (DSCP --set-dscp, nft's ip dscp set).
type SetDSCP struct {
	DSCP uint8
}

// SetElement adds to, updates or deletes from a set (SET, nft's add, update,
// delete @set {…}).
type SetElement struct {
	Op  string // "add", "update" or "delete"
	Set SetName
	// Key is nft's key; Dirs are the dimensions of iptables' SET.
	Key     []Key         `json:",omitempty"`
	Dirs    []Dir         `json:",omitempty"`
	Timeout time.Duration `json:",omitempty"`
	// Exist is --exist of iptables' SET.
	Exist bool `json:",omitempty"`
}

// Counter is nft's counter statement.
type Counter struct {
	Packets, Bytes uint64
}

// Inert is a target that changes no verdict and nothing that another rule can
// see: CHECKSUM, TCPMSS, TRACE, CLASSIFY, AUDIT. Text is as it was read ("TCPMSS
// --clamp-mss-to-pmtu").
type Inert struct {
	Text string
}

// OpaqueTarget is a target that is kept but not modelled: after it the outcome
// is "unknown". Text is as it was read, with its options.
type OpaqueTarget struct {
	Text string
}
