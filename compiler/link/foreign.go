package link

import (
	"tortie/compiler/felix"
	"tortie/compiler/kubeproxy"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
)

// Foreign are tables of other programs on a node: of iptables, which may be the
// very tables that Felix uses, and native nftables.
type Foreign struct {
	Tables []nf.Table
	// AnyBackend says that the text does not tell which iptables made them: then
	// it is that of the node.
	AnyBackend bool
}

// addForeign puts the rules of other programs into a node's tables: behind what
// Felix inserts (chainInsertMode) and, in front of the rest, behind kube-proxy,
// which inserts too. The policies of base chains are theirs, because Felix sets
// none. Tables that Felix does not have, and all of them in nftables mode, were
// there before Felix's.
func (l *Linker) addForeign(name host.Name, node nf.Backend, result *felix.Result) {
	foreign, ok := l.options.NodeRules[name]
	if !ok {
		return
	}
	tables := make([]nf.Table, len(foreign.Tables))
	copy(tables, foreign.Tables)
	for i := range tables {
		if foreign.AnyBackend && tables[i].Backend.Iptables() && node.Iptables() {
			tables[i].Backend = node
		}
	}
	result.Ruleset.Tables = kubeproxy.Merge(result.Ruleset.Tables, tables, frontOf(result))
	for i := range result.Ruleset.Tables {
		t := &result.Ruleset.Tables[i]
		for j := range tables {
			if f := &tables[j]; f.Name == t.Name && f.Family == t.Family && f.Backend == t.Backend {
				takePolicies(t, f)
			}
		}
	}
}

// frontOf says how many rules Felix puts in front of others' in a base chain.
func frontOf(result *felix.Result) kubeproxy.Front {
	return func(f nf.Family, t nf.TableName, c nf.ChainName) int {
		for _, h := range result.Hooks {
			if h.Family == f && h.Table == t && h.Chain == c {
				return h.Front
			}
		}
		return 0
	}
}

func takePolicies(to, from *nf.Table) {
	for i := range to.Chains {
		c := &to.Chains[i]
		if f := from.FindChain(c.Name); f != nil && f.Base != nil && c.Base != nil {
			base := *c.Base
			base.Policy = f.Base.Policy
			c.Base = &base
		}
	}
}
