package host

import (
	"strings"

	"tortie/dataplane/packet"
)

// Part is one part of what a node's kernel has.
type Part uint8

// The parts.
const (
	PartRules       Part = iota + 1 // the rule sets of a family
	PartLegacyRules                 // those of iptables-legacy, beside others that are known
	PartNFTables                    // those of nf_tables that are not iptables', beside others that are known
	PartSets                        // IP sets
	PartAddrs                       // links and the addresses of a family
	PartRoutes                      // all routing tables of a family
	PartTables                      // the routing tables of a family other than main
	PartPolicyRules                 // policy routing rules of a family
	PartSysctls                     // the sysctls that State.Sysctls does not have
	PartNeighbours                  // neighbours and forwarding entries of VXLAN devices
)

// Missing is a part of a node that is not known, because no capture tells of it.
// What a State without it does not list does not exist.
type Missing struct {
	Part   Part
	Family packet.Family `json:",omitempty"` // 0 is both
	// Capture is the command whose output tells of it.
	Capture string
}

// FindMissing says whether a part of the node is not known, or is nil.
func (s *State) FindMissing(p Part, fam packet.Family) *Missing {
	for i := range s.Missing {
		if m := &s.Missing[i]; m.Part == p && (m.Family == fam || m.Family == 0 || fam == 0) {
			return m
		}
	}
	return nil
}

// String names the part in the plural.
func (p Part) String() string {
	switch p {
	case PartRules:
		return "rules"
	case PartLegacyRules:
		return "rules of iptables-legacy"
	case PartNFTables:
		return "rules of nftables"
	case PartSets:
		return "IP sets"
	case PartAddrs:
		return "addresses"
	case PartRoutes:
		return "routes"
	case PartTables:
		return "routing tables other than main"
	case PartPolicyRules:
		return "policy routing rules"
	case PartSysctls:
		return "sysctls"
	case PartNeighbours:
		return "neighbours of VXLAN devices"
	}
	return "part?"
}

// Why says what is missing and how to get it: "the IPv4 routes are not among the
// captures; add the output of ip route show table all".
func (m *Missing) Why() string {
	family := ""
	if m.Family != 0 {
		family = "IPv" + strings.TrimPrefix(m.Family.String(), "ipv") + " "
	}
	return "the " + family + m.Part.String() + " are not among the captures; add the output of " + m.Capture
}
