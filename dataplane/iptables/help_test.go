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

// strip removes line numbers, which change when a text is written anew.
func strip(t *nf.Table) {
	for i := range t.Chains {
		for j := range t.Chains[i].Rules {
			t.Chains[i].Rules[j].Line = 0
		}
	}
}
