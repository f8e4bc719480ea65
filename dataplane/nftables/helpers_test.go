package nftables

import "tortie/dataplane/nf"

// clearLines takes away what only a text has: the lines of its rules.
func clearLines(tables []nf.Table) {
	for i := range tables {
		for j := range tables[i].Chains {
			rules := tables[i].Chains[j].Rules
			for k := range rules {
				rules[k].Line, rules[k].Handle = 0, 0
			}
		}
	}
}
