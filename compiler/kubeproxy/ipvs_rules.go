package kubeproxy

import (
	"net/netip"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// The chains that only IPVS mode has.
const (
	chainNodePort     nf.ChainName = "KUBE-NODE-PORT"
	chainBalancer     nf.ChainName = "KUBE-LOAD-BALANCER"
	chainSourceRanges nf.ChainName = "KUBE-SOURCE-RANGES-FIREWALL"
	chainIPVSFilter   nf.ChainName = "KUBE-IPVS-FILTER"
	chainIPVSOut      nf.ChainName = "KUBE-IPVS-OUT-FILTER"
)

// rules makes the chains; rules that ask an empty set are mostly left out
// (writeIptablesRules).
func (b *ipvs) rules() {
	b.nat.declare(chainServices, chainPostrouting, chainNodePort, chainBalancer, chainMarkMasq)
	b.filter.declare(chainForward, chainNodePort, chainProxyFirewall, chainSourceRanges, chainIPVSFilter, chainIPVSOut)
	b.ipvsJumps()
	b.servicesChain()
	b.ask(b.nat, chainPostrouting, setLoopBack, "dst,dst,src", nf.NAT{Kind: nf.Masquerade})
	b.masquerading()
	b.nodePortChain()
	b.ask(b.nat, chainBalancer, setBalancerLocal, "dst,dst", nf.Return{})
	b.nat.add(chainBalancer, 0, "", nf.Jump{Chain: chainMarkMasq})
	b.filterChains()
}

// in is the condition that the packet is in a set.
func (b *ipvs) in(name nf.SetName, dirs string) nf.Stmt {
	m := nf.MatchSet{Set: ipvsSetName(name, b.family)}
	for d := range strings.SplitSeq(dirs, ",") {
		if d == "src" {
			m.Dirs = append(m.Dirs, nf.Src)
		} else {
			m.Dirs = append(m.Dirs, nf.Dst)
		}
	}
	return m
}

// ask adds a rule for packets of a set that is not empty, with the set's comment.
func (b *ipvs) ask(t *iptTable, c nf.ChainName, name nf.SetName, dirs string, rest ...nf.Stmt) {
	if len(b.sets[name].Elements) > 0 {
		b.askFirst(t, c, name, dirs, nil, rest...)
	}
}

// askFirst adds such a rule with a header match in front, empty or not.
func (b *ipvs) askFirst(t *iptTable, c nf.ChainName, name nf.SetName, dirs string, first nf.Stmt, rest ...nf.Stmt) {
	comment := ""
	for _, d := range ipvsSets {
		if d.name == name {
			comment = d.comment
		}
	}
	t.add(c, 0, comment, append([]nf.Stmt{first, b.in(name, dirs)}, rest...)...)
}

func (b *ipvs) ipvsJumps() {
	jump := func(t *iptTable, from, to nf.ChainName, comment string) {
		t.add(from, 0, comment, nf.Jump{Chain: to})
	}
	jump(b.nat, "PREROUTING", chainServices, "kubernetes service portals")
	jump(b.nat, "OUTPUT", chainServices, "kubernetes service portals")
	jump(b.nat, "POSTROUTING", chainPostrouting, "kubernetes postrouting rules")
	jump(b.filter, "INPUT", chainIPVSFilter, "kubernetes ipvs access filter")
	jump(b.filter, "INPUT", chainProxyFirewall, "kube-proxy firewall rules")
	jump(b.filter, "INPUT", chainNodePort, "kubernetes health check rules")
	jump(b.filter, "FORWARD", chainProxyFirewall, "kube-proxy firewall rules")
	jump(b.filter, "FORWARD", chainForward, "kubernetes forwarding rules")
	jump(b.filter, "OUTPUT", chainIPVSOut, "kubernetes ipvs access filter")
	if b.Kubelet {
		b.filter.declare(chainFirewall)
		jump(b.filter, "INPUT", chainFirewall, "")
		jump(b.filter, "OUTPUT", chainFirewall, "")
	}
}

// servicesChain is nat's KUBE-SERVICES: what asks for masquerading, and what
// rules of others shall not touch.
func (b *ipvs) servicesChain() {
	lo := netip.MustParsePrefix("127.0.0.0/8")
	if b.family == packet.IPv6 {
		lo = netip.MustParsePrefix("::1/128")
	}
	b.nat.add(chainServices, 0, "", src(lo), nf.Return{})
	b.ask(b.nat, chainServices, setBalancer, "dst,dst", nf.Jump{Chain: chainBalancer})
	masq := nf.Jump{Chain: chainMarkMasq}
	switch {
	case len(b.sets[setClusterIP].Elements) == 0:
	case b.MasqueradeAll:
		b.ask(b.nat, chainServices, setClusterIP, "dst,dst", masq)
	case b.detect.set():
		addr, iface := b.detect.iptMatches(true)
		if addr == nil {
			addr = iface
		}
		b.askFirst(b.nat, chainServices, setClusterIP, "dst,dst", addr, masq)
	default:
		b.ask(b.nat, chainServices, setClusterIP, "src,dst", masq)
	}
	b.ask(b.nat, chainServices, setExternalIP, "dst,dst", masq)
	for _, name := range []nf.SetName{setExternalIP, setExternalIPLocal} {
		b.ask(b.nat, chainServices, name, "dst,dst", nf.MatchPhysdev{IsIn: nf.Flag{Set: true, Invert: true}},
			nf.MatchAddrType{SrcType: nf.AddrLocal, SrcInvert: true}, nf.Accept{})
		b.ask(b.nat, chainServices, name, "dst,dst", nf.MatchAddrType{DstType: nf.AddrLocal}, nf.Accept{})
	}
	b.nat.add(chainServices, 0, "", nf.MatchAddrType{DstType: nf.AddrLocal}, nf.Jump{Chain: chainNodePort})
	for _, name := range []nf.SetName{setClusterIP, setBalancer} {
		if len(b.sets[name].Elements) > 0 {
			b.nat.add(chainServices, 0, "", b.in(name, "dst,dst"), nf.Accept{})
		}
	}
}

func (b *ipvs) nodePortChain() {
	for _, p := range []packet.Proto{packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP} {
		dirs := "dst"
		if p == packet.ProtoSCTP {
			dirs = "dst,dst"
		}
		if name := setNodePort(p, true); len(b.sets[name].Elements) > 0 {
			b.askFirst(b.nat, chainNodePort, name, dirs, nf.MatchProto{Proto: p}, nf.Return{})
		}
		if name := setNodePort(p, false); len(b.sets[name].Elements) > 0 {
			b.askFirst(b.nat, chainNodePort, name, dirs, nf.MatchProto{Proto: p}, nf.Jump{Chain: chainMarkMasq})
		}
	}
}

func (b *ipvs) filterChains() {
	b.ask(b.filter, chainProxyFirewall, setBalancerFW, "dst,dst", nf.Jump{Chain: chainSourceRanges})
	b.ask(b.filter, chainSourceRanges, setBalancerCIDR, "dst,dst,src", nf.Return{})
	b.ask(b.filter, chainSourceRanges, setBalancerSource, "dst,dst,src", nf.Return{})
	b.filter.add(chainSourceRanges, 0, "", nf.Drop{})
	for _, k := range b.noNode {
		b.filter.add(chainIPVSOut, k.origin, "", src(single(k.addr)),
			nf.MatchIPVS{Proto: k.proto, Addr: single(k.addr), Port: k.port}, nf.Drop{})
	}
	b.filter.add(chainForward, 0, "kubernetes forwarding rules", nf.MatchMark{Value: b.mark, Mask: b.mark}, nf.Accept{})
	b.filter.add(chainForward, 0, "kubernetes forwarding conntrack rule",
		nf.MatchConntrack{States: nf.CtRelated | nf.CtEstablished}, nf.Accept{})
	b.askFirst(b.filter, chainNodePort, setHealthCheck, "dst", nil, nf.Accept{})
	for _, name := range []nf.SetName{setBalancer, setClusterIP, setExternalIP, setExternalIPLocal} {
		b.filter.add(chainIPVSFilter, 0, "", b.in(name, "dst,dst"), nf.Return{})
	}
	b.filter.add(chainIPVSFilter, 0, "", b.in(setHealthCheck, "dst"), nf.Return{})
	b.filter.add(chainIPVSFilter, 0, "", nf.MatchConntrack{States: nf.CtNew}, b.in(setIPVSIPs, "dst"),
		nf.Reject{With: nf.RejectPortUnreach})
}
