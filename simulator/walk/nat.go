package walk

import (
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/simulator/conntrack"
	"tortie/simulator/eval"
	"tortie/simulator/trace"
)

func manipOf(h nf.Hook) conntrack.Manip {
	if h == nf.PreRouting || h == nf.LocalOut {
		return conntrack.DstManip
	}
	return conntrack.SrcManip
}

// nat is the core hook of all nat chains (nf_nat_inet_fn): only the first packet
// of a connection asks the rules, every packet is translated. In OUTPUT a changed
// destination needs a new route (nf_nat_ipv4_local_fn).
func (n *node) nat(h nf.Hook, s *step, f *flight) bool {
	if f.ctx.Ct.Conn == nil {
		return true
	}
	m := manipOf(h)
	if conntrack.NeedsNAT(&f.p, f.ctx.Ct, m) && !n.bind(h, s, m, f) {
		return false
	}
	oif := 0
	if h == nf.PostRouting {
		oif = f.ctx.Out.Index
	}
	src, dst, sp, dp := f.p.Src, f.p.Dst, f.p.SrcPort, f.p.DstPort
	if v := n.ct.Translate(&f.p, f.ctx.Ct, m, oif, n.w.now); v.Drop {
		f.drop(n, h, string(v.Why))
		return false
	}
	if r := n.w.rec; r.On() && (src != f.p.Src || dst != f.p.Dst || sp != f.p.SrcPort || dp != f.p.DstPort) {
		r.Add(trace.Step{Kind: trace.KindNAT, Hook: h.String(), Text: "translated",
			From: trace.End(&f.p, true), To: trace.End(&f.p, false)})
	}
	if h == nf.LocalOut && natRerouted(f.ctx.Ct) {
		return n.reroute(h, f)
	}
	return true
}

// natRerouted reports whether the destination that the sender meant is not the
// one that the packet now has.
func natRerouted(r conntrack.Ref) bool {
	d := r.Dir()
	t := &r.Conn.Tuples
	if t[d].Dst != t[d.Other()].Src {
		return true
	}
	// IPv6 compares the whole address only as well; ports do not reroute.
	return false
}

// bind asks the nat chains until one sets the manip up, else binds to nothing.
func (n *node) bind(h nf.Hook, s *step, m conntrack.Manip, f *flight) bool {
	for _, id := range s.nat {
		res := n.eng.Run(id, &f.ctx)
		if !n.verdict(h, res, f) {
			return false
		}
		if !res.HasNAT {
			continue
		}
		if v := n.setup(h, m, &res.NAT, f); v.Drop {
			f.drop(n, h, string(v.Why))
			f.end.Rule = res.Rule
			return false
		}
		if !conntrack.NeedsNAT(&f.p, f.ctx.Ct, m) {
			n.noteFreedom(f.ctx.Ct.Conn)
			return true
		}
	}
	if p := n.hostPort(f); p != nil && m == conntrack.DstManip {
		f.unknown(n, trace.End(&f.p, false)+" is "+p.Name+": the CNI plugin portmap translates it to the pod, by rules that are not in the input")
		return false
	}
	v := n.ct.NullBinding(f.ctx.Ct, m, n.w.now)
	if v.Drop {
		f.drop(n, h, string(v.Why))
		return false
	}
	n.noteFreedom(f.ctx.Ct.Conn)
	return true
}

// hostPort is the port of the host that the packet is for and that rules translate which
// are not known; nil for others.
func (n *node) hostPort(f *flight) *host.HostPort {
	for i := range n.state.HostPorts {
		p := &n.state.HostPorts[i]
		if p.Port == f.p.DstPort && p.Proto == f.p.Proto && p.Prefix.Contains(f.p.Dst) && n.routes.AddrType(f.p.Dst, "") == host.RouteLocal {
			return p
		}
	}
	return nil
}

func (n *node) noteFreedom(c *conntrack.Conn) {
	if c != nil && c.FreePort {
		n.w.assume("the kernel draws the translated port at random")
	}
}

// setup turns what a rule asked for into a binding.
func (n *node) setup(h nf.Hook, m conntrack.Manip, q *eval.NATRequest, f *flight) conntrack.Verdict {
	rg := conntrack.Range{AddrLo: q.Addr, AddrHi: q.AddrTo, PortLo: q.Port, PortHi: q.PortTo,
		HasPorts: q.Port != 0 || q.PortTo != 0, Random: q.Random, FullyRandom: q.FullyRandom, Persistent: q.Persistent}
	if rg.AddrLo.IsValid() && !rg.AddrHi.IsValid() {
		rg.AddrHi = rg.AddrLo
	}
	if rg.HasPorts && rg.PortHi == 0 {
		rg.PortHi = rg.PortLo
	}
	switch q.Kind {
	case nf.Masquerade:
		return n.ct.Masquerade(f.ctx.Ct, n.masqAddr(f), f.ctx.Out.Index, rg, n.w.now)
	case nf.Redirect:
		a := n.redirectAddr(h, f)
		if !a.IsValid() {
			return conntrack.Verdict{Drop: true, Why: "REDIRECT: the in-interface has no address"}
		}
		rg.AddrLo, rg.AddrHi = a, a
	case nf.Netmap:
		rg.NetMap = true
	case nf.DNAT:
		m = conntrack.DstManip
	case nf.SNAT:
		m = conntrack.SrcManip
	}
	return n.ct.SetupNAT(f.ctx.Ct, m, rg, n.w.now)
}

// masqAddr is the address that MASQUERADE takes: of the out-interface, in the
// subnet of the next hop if possible.
func (n *node) masqAddr(f *flight) netip.Addr {
	out := host.LinkName(f.ctx.Out.Name)
	if f.p.Src.Is6() {
		return n.routes.SelectAddr6(out, f.p.Dst)
	}
	return n.routes.SelectAddr(out, f.dst.NextHop(f.p.Dst), host.ScopeUniverse)
}

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)

// redirectAddr is nf_nat_redirect: the loopback address in OUTPUT, else the
// first address of the in-interface.
func (n *node) redirectAddr(h nf.Hook, f *flight) netip.Addr {
	v6 := f.p.Src.Is6()
	if h == nf.LocalOut {
		if v6 {
			return loopback6
		}
		return loopback4
	}
	l := n.state.FindLink(f.in)
	if l == nil {
		return netip.Addr{}
	}
	for _, a := range l.Addrs {
		if a.Prefix.Addr().Is6() == v6 && (!v6 || a.Prefix.Addr().IsLinkLocalUnicast() == f.p.Dst.IsLinkLocalUnicast()) {
			return a.Prefix.Addr()
		}
	}
	return netip.Addr{}
}
