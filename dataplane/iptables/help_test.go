package iptables

import (
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// famOf is the packet family of a table.
func famOf(t nf.Table) packet.Family {
	if t.Family == nf.FamilyIP6 {
		return packet.IPv6
	}
	return packet.IPv4
}

// strip returns the table without line numbers, which change when a text is
// written anew.
func strip(t nf.Table) nf.Table {
	t.Chains = append([]nf.Chain(nil), t.Chains...)
	for i := range t.Chains {
		c := &t.Chains[i]
		c.Rules = append([]nf.Rule(nil), c.Rules...)
		for j := range c.Rules {
			c.Rules[j].Line = 0
		}
	}
	return t
}
