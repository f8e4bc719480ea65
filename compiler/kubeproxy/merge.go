package kubeproxy

import (
	"slices"

	"tortie/dataplane/nf"
)

// Front says how many of Felix's rules stand in front of other programs' rules
// in a base chain (felix.Result.Hooks).
type Front func(f nf.Family, t nf.TableName, c nf.ChainName) int

// Merge joins Felix's tables with kube-proxy's into those of one node. Two
// iptables tables of one backend, family and name are one table in the kernel:
// in its base chains Felix's front rules come first, then kube-proxy's, then
// what Felix appends; other chains stand side by side. Tables that only one of
// them has (native nftables always, iptables in different backends) stay apart;
// Felix's then come last, because at equal priority the kernel runs the tables
// that were registered last first. Neither input is changed.
//
//	felix FORWARD:  cali-FORWARD | accept mark, set mark
//	                      front ─┘ └─ back
//	merged:         cali-FORWARD, KUBE-PROXY-FIREWALL, KUBE-FORWARD …, accept mark, set mark
//
// Origins are not renumbered: shift those of one side before.
func Merge(felix, kubeProxy []nf.Table, front Front) []nf.Table {
	var out []nf.Table
	used := make([]bool, len(kubeProxy))
	for _, f := range felix {
		i := slices.IndexFunc(kubeProxy, func(k nf.Table) bool { return sameTable(f, k) })
		if i >= 0 {
			used[i] = true
			f = mergeTable(f, kubeProxy[i], front)
		}
		out = append(out, f)
	}
	var apart []nf.Table
	for i, k := range kubeProxy {
		if !used[i] {
			apart = append(apart, k)
		}
	}
	return append(apart, out...)
}

func sameTable(a, b nf.Table) bool {
	return a.Backend.Iptables() && a.Backend == b.Backend && a.Family == b.Family && a.Name == b.Name
}

func mergeTable(felix, kube nf.Table, front Front) nf.Table {
	out := felix
	out.Chains = slices.Grow(slices.Clone(felix.Chains), len(kube.Chains))
	place := map[nf.ChainName]int{}
	for i := range out.Chains {
		place[out.Chains[i].Name] = i
	}
	for _, k := range kube.Chains {
		i, ok := place[k.Name]
		if !ok {
			place[k.Name] = len(out.Chains)
			out.Chains = append(out.Chains, k)
			continue
		}
		c := &out.Chains[i]
		n := len(c.Rules)
		if c.Base != nil {
			n = min(max(front(felix.Family, felix.Name, c.Name), 0), n)
		}
		c.Rules = slices.Concat(c.Rules[:n], k.Rules, c.Rules[n:])
	}
	return out
}
