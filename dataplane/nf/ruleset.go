package nf

import "tortie/dataplane/packet"

// TableName, ChainName and SetName keep the three kinds of name apart.
type (
	TableName string
	ChainName string
	SetName   string
)

// Backend says which subsystem of the kernel holds a table.
type Backend uint8

// The backends. IptablesLegacy is x_tables; IptablesNFT is iptables syntax kept
// in nf_tables; NFTables is native nftables.
const (
	NFTables Backend = iota + 1
	IptablesLegacy
	IptablesNFT
)

// String returns "nftables", "iptables-legacy" or "iptables-nft".
func (b Backend) String() string {
	switch b {
	case NFTables:
		return "nftables"
	case IptablesLegacy:
		return "iptables-legacy"
	case IptablesNFT:
		return "iptables-nft"
	}
	return "backend?"
}

// Iptables reports whether tables of this backend speak iptables' language.
func (b Backend) Iptables() bool { return b == IptablesLegacy || b == IptablesNFT }

// Family is the protocol family of a table.
type Family uint8

// The table families; values are the kernel's NFPROTO_ numbers.
const (
	FamilyInet   Family = 1
	FamilyIP     Family = 2
	FamilyARP    Family = 3
	FamilyNetdev Family = 5
	FamilyBridge Family = 7
	FamilyIP6    Family = 10
)

// String returns nft's name of the family.
func (f Family) String() string {
	switch f {
	case FamilyInet:
		return "inet"
	case FamilyIP:
		return "ip"
	case FamilyARP:
		return "arp"
	case FamilyNetdev:
		return "netdev"
	case FamilyBridge:
		return "bridge"
	case FamilyIP6:
		return "ip6"
	}
	return "family?"
}

// Sees reports whether tables of this family see IP packets of family p at the
// IP hooks.
func (f Family) Sees(p packet.Family) bool {
	switch f {
	case FamilyInet:
		return true
	case FamilyIP:
		return p == packet.IPv4
	case FamilyIP6:
		return p == packet.IPv6
	}
	return false
}

// Ruleset is all of netfilter's configuration in one network namespace.
//
// Tables stand in the order in which their base chains were registered with the
// kernel. At equal priority in one hook the kernel runs the newest registration
// first (nf_hook_entries_grow in net/netfilter/core.c).
type Ruleset struct {
	Tables []Table
	// IPSets are the sets of the ipset subsystem, shared by all xtables tables.
	IPSets []Set
}

// Table is one table of one backend.
type Table struct {
	Family  Family
	Name    TableName
	Backend Backend
	Chains  []Chain
	// Sets are nftables sets and maps. Empty for iptables tables.
	Sets []Set
	// Opaque are objects that are kept but not modelled (flowtables, quotas …),
	// each as its source text.
	Opaque  []string `json:",omitempty"`
	Comment string   `json:",omitempty"`
	// Dormant tables of nftables have no chain on a hook.
	Dormant bool `json:",omitempty"`
}

// Chain is a base chain (Base set) or a regular chain.
type Chain struct {
	Name  ChainName
	Base  *Base `json:",omitempty"`
	Rules []Rule
	// Policy counters of a base chain of iptables.
	Packets, Bytes uint64 `json:",omitempty"`
	Comment        string `json:",omitempty"`
}

// Base makes a chain a base chain: attached to a hook.
type Base struct {
	Type     ChainType
	Hook     Hook
	Priority int32
	Policy   Policy
	// Devices are the interfaces of an ingress or egress chain; none is unsaid
	// (nft's JSON leaves them out).
	Devices []string `json:",omitempty"`
}

// ChainType is the type of a base chain.
type ChainType uint8

// The chain types. A route chain re-routes a packet of the OUTPUT hook when it
// changed mark, addresses or TOS (nft_chain_route.c, iptable_mangle.c); the
// mangle table's OUTPUT chain of iptables is one.
const (
	TypeFilter ChainType = iota + 1
	TypeNAT
	TypeRoute
)

// String returns nft's name of the type.
func (t ChainType) String() string {
	switch t {
	case TypeFilter:
		return "filter"
	case TypeNAT:
		return "nat"
	case TypeRoute:
		return "route"
	}
	return "type?"
}

// Policy is what happens to a packet at the end of a base chain.
type Policy uint8

// The two policies of a base chain.
const (
	PolicyAccept Policy = iota + 1
	PolicyDrop
)

// String returns "accept" or "drop".
func (p Policy) String() string {
	switch p {
	case PolicyAccept:
		return "accept"
	case PolicyDrop:
		return "drop"
	}
	return "policy?"
}

// Rule is an ordered list of statements. Matches that fail end the rule; targets
// act, and the terminal ones end the chain. In an iptables rule all matches
// stand before at most one target (and a Goto or Jump is that target).
type Rule struct {
	Body []Stmt
	// Comments are the texts of -m comment (iptables may have several) or of
	// nft's comment.
	Comments []string `json:",omitempty"`
	// Packets and Bytes are an iptables rule's counters; nftables rules count in
	// a Counter statement.
	Packets, Bytes uint64 `json:",omitempty"`
	// Handle is the kernel's handle of an nftables rule, 0 when unknown.
	Handle uint64 `json:",omitempty"`
	// Line is the line of the capture that the rule was read from, 0 when the
	// rule was made by the compiler.
	Line int `json:",omitempty"`
	// Origin indexes host.Fleet.Origins (or host.State.Origins); 0 is none.
	Origin int `json:",omitempty"`
}

// Stmt is a Match or a Target.
type Stmt interface{ stmt() }

// Match is a condition. A rule goes on behind it when it holds.
type Match interface {
	Stmt
	match()
}

// Target is an action: a verdict, a change of packet or state, or nothing.
type Target interface {
	Stmt
	target()
}

// FindTable returns the table of that family, name and backend, or nil.
func (r *Ruleset) FindTable(b Backend, f Family, n TableName) *Table {
	for i := range r.Tables {
		if t := &r.Tables[i]; t.Backend == b && t.Family == f && t.Name == n {
			return t
		}
	}
	return nil
}

// FindChain returns the chain of that name, or nil.
func (t *Table) FindChain(n ChainName) *Chain {
	for i := range t.Chains {
		if t.Chains[i].Name == n {
			return &t.Chains[i]
		}
	}
	return nil
}

// FindSet returns the set or map of that name, or nil.
func (t *Table) FindSet(n SetName) *Set {
	for i := range t.Sets {
		if t.Sets[i].Name == n {
			return &t.Sets[i]
		}
	}
	return nil
}
