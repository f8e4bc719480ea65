package link

import (
	"slices"

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

// tablesOf are the tables of several files on a node whose rules Felix programs with a
// backend.
func tablesOf(files []Foreign, node nf.Backend) (out []nf.Table) {
	for _, f := range files {
		for _, t := range f.Tables {
			if f.AnyBackend && t.Backend.Iptables() && node.Iptables() {
				t.Backend = node
			}
			out = append(out, t)
		}
	}
	return out
}

// others are the tables that other programs have on a node: those that were there before
// kube-proxy and Felix, and those that came later, each in the order in which they were
// registered with the kernel.
type others struct{ early, late []nf.Table }

// others follows what other programs have had on a node since the beginning.
func (l *Linker) others(name host.Name, node nf.Backend) (o others) {
	for i, files := range l.options.NodeRules[name] {
		tables := tablesOf(files, node)
		if i == 0 {
			o.early = tables
			continue
		}
		early := staying(o.early, tables)
		late := slices.DeleteFunc(slices.Clone(tables), func(t nf.Table) bool { return findTable(early, &t) != nil })
		o = others{early, registered(o.late, late)}
	}
	return o
}

// staying are the tables of now that were there before, in the order of then. What
// iptables-legacy has registered stays, if only empty.
func staying(before, now []nf.Table) (out []nf.Table) {
	for i := range before {
		if t := findTable(now, &before[i]); t != nil {
			out = append(out, *t)
		} else if before[i].Backend == nf.IptablesLegacy {
			out = append(out, *before[i].Emptied())
		}
	}
	return out
}

// registered puts tables into the order in which the kernel has registered them: those
// that were there before keep theirs, and new ones come last.
func registered(before, now []nf.Table) []nf.Table {
	out := staying(before, now)
	for _, t := range now {
		if findTable(before, &t) == nil {
			out = append(out, t)
		}
	}
	return out
}

// findTable finds the table that is the same one in the kernel.
func findTable(list []nf.Table, t *nf.Table) *nf.Table {
	i := slices.IndexFunc(list, func(o nf.Table) bool { return o.Backend == t.Backend && o.Family == t.Family && o.Name == t.Name })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// join makes one node's tables of Felix's, kube-proxy's and other programs'. In a base
// chain of iptables that they share Felix's inserted rules come first (chainInsertMode
// Insert), then kube-proxy's, which inserts too, then others', then what Felix appends;
// the policies of base chains are the others', because neither Felix nor kube-proxy sets
// any. Felix goes back to these places whenever it reads its tables again, whoever came
// last (expectedHashesForInsertAppendChain in felix/iptables/table.go). Tables that
// others have alone were registered before those of kube-proxy and Felix, or last.
func join(result *felix.Result, proxy []nf.Table, o others) []nf.Table {
	felixFront := frontOf(result)
	own := kubeproxy.Merge(result.Ruleset.Tables, proxy, felixFront)
	front := func(f nf.Family, t nf.TableName, c nf.ChainName) int {
		n := felixFront(f, t, c)
		for i := range proxy {
			if k := proxy[i].FindChain(c); k != nil && proxy[i].Family == f && proxy[i].Name == t && proxy[i].Backend.Iptables() {
				n += len(k.Rules)
			}
		}
		return n
	}
	before, after := o.early, []nf.Table(nil)
	for _, t := range o.late {
		if findTable(own, &t) != nil {
			before = append(slices.Clip(before), t)
		} else {
			after = append(after, t)
		}
	}
	out := append(kubeproxy.Merge(own, before, front), after...)
	for i := range out {
		if f := findTable(before, &out[i]); f != nil {
			takePolicies(&out[i], f)
		}
	}
	return out
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
