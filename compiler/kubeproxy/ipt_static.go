package kubeproxy

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// The chains of iptables mode.
const (
	chainServices      nf.ChainName = "KUBE-SERVICES"
	chainExternal      nf.ChainName = "KUBE-EXTERNAL-SERVICES"
	chainNodePorts     nf.ChainName = "KUBE-NODEPORTS"
	chainPostrouting   nf.ChainName = "KUBE-POSTROUTING"
	chainMarkMasq      nf.ChainName = "KUBE-MARK-MASQ"
	chainForward       nf.ChainName = "KUBE-FORWARD"
	chainProxyFirewall nf.ChainName = "KUBE-PROXY-FIREWALL"
	chainFirewall      nf.ChainName = "KUBE-FIREWALL"
	chainProxyCanary   nf.ChainName = "KUBE-PROXY-CANARY"
	chainKubeletCanary nf.ChainName = "KUBE-KUBELET-CANARY"
	chainKubeletHint   nf.ChainName = "KUBE-IPTABLES-HINT"
)

// The names of the nfacct counters.
const (
	acctInvalid   = "ct_state_invalid_dropped_pkts"
	acctLocalhost = "localhost_nps_accepted_pkts"
)

// largeCluster is the number of endpoints above which comments are left out.
const largeCluster = 1000

// ipt makes the iptables tables of one family.
type ipt struct {
	*input
	filter, nat, mangle *iptTable
	large               bool
}

// iptTable is a table under construction.
type iptTable struct {
	name   nf.TableName
	chains map[nf.ChainName][]nf.Rule
}

// declare makes a chain that may stay empty.
func (t *iptTable) declare(names ...nf.ChainName) {
	for _, n := range names {
		t.chains[n] = t.chains[n]
	}
}

// add appends a rule. Texts is its comment; statements that are nil are skipped.
func (t *iptTable) add(c nf.ChainName, origin int, comment string, body ...nf.Stmt) {
	r := nf.Rule{Origin: origin, Body: slices.DeleteFunc(body, func(s nf.Stmt) bool { return s == nil })}
	if comment != "" {
		r.Comments = []string{comment}
	}
	t.chains[c] = append(t.chains[c], r)
}

// iptablesTables makes the mangle, nat and filter tables of a family.
func iptablesTables(in *input) []nf.Table {
	b := &ipt{input: in}
	for _, t := range []**iptTable{&b.mangle, &b.nat, &b.filter} {
		*t = &iptTable{chains: map[nf.ChainName][]nf.Rule{}}
	}
	b.mangle.name, b.nat.name, b.filter.name = "mangle", "nat", "filter"
	total := 0
	for i := range in.services {
		total += len(in.services[i].endpoints)
	}
	b.large = total > largeCluster
	b.chains()
	b.jumps()
	b.masquerading()
	for i := range in.services {
		b.service(&in.services[i])
	}
	b.nodePortsJump()
	b.forwardRules()
	return []nf.Table{b.table(b.mangle), b.table(b.nat), b.table(b.filter)}
}

// table puts the built-in chains first, then the others by name.
func (b *ipt) table(t *iptTable) nf.Table {
	out := nf.Table{Family: b.tableFamily(), Name: t.name, Backend: b.Backend}
	for _, n := range nf.IptablesBuiltins(t.name) {
		base, _ := nf.IptablesBase(t.name, n)
		out.Chains = append(out.Chains, nf.Chain{Name: n, Base: &base, Rules: t.chains[n]})
		delete(t.chains, n)
	}
	first := len(out.Chains)
	for n, rules := range t.chains {
		out.Chains = append(out.Chains, nf.Chain{Name: n, Rules: rules})
	}
	slices.SortFunc(out.Chains[first:], func(x, y nf.Chain) int { return strings.Compare(string(x.Name), string(y.Name)) })
	return out
}

func (b *ipt) chains() {
	b.filter.declare(chainServices, chainExternal, chainForward, chainNodePorts, chainProxyFirewall, chainFirewall)
	b.nat.declare(chainServices, chainNodePorts, chainPostrouting, chainMarkMasq)
	for _, t := range []*iptTable{b.mangle, b.nat, b.filter} {
		t.declare(chainProxyCanary)
		if b.Kubelet {
			t.declare(chainKubeletCanary)
		}
	}
	if b.Kubelet {
		b.mangle.declare(chainKubeletHint)
	}
}

// jumps fills the built-in chains. kube-proxy puts each of its jumps in front of
// what is there; the kubelet's stay where they are if they were there first.
func (b *ipt) jumps() {
	isNew := nf.MatchConntrack{States: nf.CtNew}
	jump := func(t *iptTable, from, to nf.ChainName, comment string, m nf.Stmt) {
		t.add(from, 0, comment, m, nf.Jump{Chain: to})
	}
	firewall := func() {
		jump(b.filter, "INPUT", chainFirewall, "", nil)
		jump(b.filter, "OUTPUT", chainFirewall, "", nil)
	}
	kubeletFirst := b.Kubelet && b.family == packet.IPv4
	if !kubeletFirst {
		firewall()
	}
	for _, from := range []nf.ChainName{"INPUT", "FORWARD", "OUTPUT"} {
		jump(b.filter, from, chainProxyFirewall, "kubernetes load balancer firewall", isNew)
	}
	jump(b.filter, "INPUT", chainNodePorts, "kubernetes health check service ports", nil)
	jump(b.filter, "FORWARD", chainForward, "kubernetes forwarding rules", nil)
	jump(b.filter, "FORWARD", chainServices, "kubernetes service portals", isNew)
	jump(b.filter, "OUTPUT", chainServices, "kubernetes service portals", isNew)
	jump(b.filter, "INPUT", chainExternal, "kubernetes externally-visible service portals", isNew)
	jump(b.filter, "FORWARD", chainExternal, "kubernetes externally-visible service portals", isNew)
	if kubeletFirst {
		firewall()
	}
	jump(b.nat, "PREROUTING", chainServices, "kubernetes service portals", nil)
	jump(b.nat, "OUTPUT", chainServices, "kubernetes service portals", nil)
	jump(b.nat, "POSTROUTING", chainPostrouting, "kubernetes postrouting rules", nil)
}

func (b *ipt) masquerading() {
	b.nat.add(chainPostrouting, 0, "", nf.MatchMark{Value: b.mark, Mask: b.mark, Invert: true}, nf.Return{})
	b.nat.add(chainPostrouting, 0, "", nf.SetMark{Value: b.mark})
	b.nat.add(chainPostrouting, 0, "kubernetes service traffic requiring SNAT", nf.NAT{Kind: nf.Masquerade, FullyRandom: true})
	b.nat.add(chainMarkMasq, 0, "", nf.SetMark{Value: b.mark, Mask: b.mark})
	if b.localhost || b.Kubelet && b.family == packet.IPv4 {
		lo := netip.MustParsePrefix("127.0.0.0/8")
		b.filter.add(chainFirewall, 0, "block incoming localnet connections",
			nf.MatchAddr{Dir: nf.Src, Prefix: lo, Invert: true}, nf.MatchAddr{Dir: nf.Dst, Prefix: lo},
			nf.MatchConntrack{States: nf.CtRelated | nf.CtEstablished | nf.CtDNAT, StatesInvert: true}, nf.Drop{})
	}
}

// nodePortsJump ends KUBE-SERVICES with the way to KUBE-NODEPORTS.
func (b *ipt) nodePortsJump() {
	const comment = "kubernetes service nodeports; NOTE: this must be the last rule in this chain"
	to := nf.Jump{Chain: chainNodePorts}
	if b.matchAll {
		var notLoopback nf.Stmt
		switch {
		case b.family == packet.IPv6:
			notLoopback = nf.MatchAddr{Dir: nf.Dst, Prefix: netip.MustParsePrefix("::1/128"), Invert: true}
		case !b.localhost:
			notLoopback = nf.MatchAddr{Dir: nf.Dst, Prefix: netip.MustParsePrefix("127.0.0.0/8"), Invert: true}
		}
		b.nat.add(chainServices, 0, comment, notLoopback, nf.MatchAddrType{DstType: nf.AddrLocal}, to)
		return
	}
	for _, a := range b.nodePortAddrs() {
		b.nat.add(chainServices, 0, comment, dst(a), to)
	}
}

func (b *ipt) forwardRules() {
	if !b.ConntrackBeLiberal {
		b.filter.add(chainForward, 0, "", nf.MatchConntrack{States: nf.CtInvalid}, b.account(acctInvalid), nf.Drop{})
	}
	b.filter.add(chainForward, 0, "kubernetes forwarding rules", nf.MatchMark{Value: b.mark, Mask: b.mark}, nf.Accept{})
	b.filter.add(chainForward, 0, "kubernetes forwarding conntrack rule",
		nf.MatchConntrack{States: nf.CtRelated | nf.CtEstablished}, nf.Accept{})
}

// account counts if the kernel can.
func (b *ipt) account(name string) nf.Stmt {
	if !b.NFAcct {
		return nil
	}
	return nf.MatchNFAcct{Name: name}
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

func dst(a netip.Addr) nf.Stmt { return nf.MatchAddr{Dir: nf.Dst, Prefix: single(a)} }

func src(p netip.Prefix) nf.Stmt { return nf.MatchAddr{Dir: nf.Src, Prefix: p} }
