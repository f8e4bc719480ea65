package walk

import (
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/eval"
	"tortie/simulator/route"
)

// AddrType answers -m addrtype (see eval.Lookups).
func (n *node) AddrType(a netip.Addr, dev eval.Iface) (rtn uint8, ok bool) {
	return uint8(n.routes.AddrType(a, host.LinkName(dev.Name))), n.routes.KnowsLocal(packet.FamilyOf(a))
}

// ReversePath answers -m rpfilter (rpfilter_mt of ipt_rpfilter.c and
// ip6t_rpfilter.c, without the inversion).
func (n *node) ReversePath(p *packet.Packet, in eval.Iface, m nf.MatchRPFilter) eval.Truth {
	dev := host.LinkName(in.Name)
	if dev == n.routes.Loopback() {
		return eval.Yes
	}
	if p.Src.Is4() {
		return n.reverse4(p, dev, m)
	}
	return n.reverse6(p, dev, m)
}

func (n *node) reverse4(p *packet.Packet, dev host.LinkName, m nf.MatchRPFilter) eval.Truth {
	if p.Src.IsUnspecified() && (p.Dst.IsMulticast() || p.Dst == limitedBroadcast) {
		return eval.Yes
	}
	q := route.Flow{Dst: p.Src, Src: p.Dst, IIF: n.routes.Loopback(), TOS: p.TOS}
	if p.Dst.IsMulticast() || p.Dst == limitedBroadcast || p.Dst.IsUnspecified() {
		q.Src = unset
	}
	if m.ValidMark {
		q.Mark = p.Mark
	}
	res := n.routes.Lookup(&q)
	switch {
	case res.Unknown != "":
		return eval.Unknown3
	case res.Err != route.OK:
		return eval.No
	case res.Type != host.RouteUnicast && (res.Type != host.RouteLocal || !m.AcceptLocal):
		return eval.No
	}
	return truth(route.UsesDev(res.Route, dev) || m.Loose)
}

func (n *node) reverse6(p *packet.Packet, dev host.LinkName, m nf.MatchRPFilter) eval.Truth {
	if p.Src.IsMulticast() || p.Src.IsUnspecified() {
		return truth(p.Src.IsUnspecified())
	}
	q := route.Flow{Dst: p.Src, Src: p.Dst, TOS: p.TOS}
	if m.ValidMark {
		q.Mark = p.Mark
	}
	if p.Src.IsLinkLocalUnicast() || !m.Loose {
		q.OIF, q.PreferOIF = dev, !p.Src.IsLinkLocalUnicast()
	}
	res := n.routes.Lookup(&q)
	switch {
	case res.Unknown != "":
		return eval.Unknown3
	case res.Err != route.OK:
		return eval.No
	case res.Type == host.RouteAnycast:
		return eval.No
	case res.Type == host.RouteLocal:
		return truth(m.AcceptLocal)
	}
	return truth(m.Loose || res.RouteDev == dev)
}

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func truth(b bool) eval.Truth {
	if b {
		return eval.Yes
	}
	return eval.No
}

// Fib answers nft's fib expression (nft_fib4_eval, nft_fib6_eval and their
// _type_ variants).
func (n *node) Fib(q eval.FibQuery) (eval.FibAnswer, bool) {
	a, other := q.Packet.Dst, q.Packet.Src
	if q.Fib.Saddr {
		a, other = other, a
	}
	if q.Fib.Result == nf.FibType {
		return n.fibType(q, a), n.routes.KnowsLocal(packet.FamilyOf(a))
	}
	return n.fibDev(q, a, other)
}

func (n *node) fibType(q eval.FibQuery, a netip.Addr) eval.FibAnswer {
	var dev host.LinkName
	switch {
	case q.Fib.IIF:
		dev = host.LinkName(q.In.Name)
	case q.Fib.OIF:
		dev = host.LinkName(q.Out.Name)
	}
	if a.Is4() {
		return eval.FibAnswer{Type: uint8(n.routes.AddrType(a, dev))}
	}
	return eval.FibAnswer{Type: uint8(n.fibType6(q, a, dev))}
}

// fibType6 is nft_fib6_eval_type. It looks the route up without the link, and asks
// the link whether it has the address.
func (n *node) fibType6(q eval.FibQuery, a netip.Addr, dev host.LinkName) host.RouteType {
	flow := route.Flow{Dst: a, Src: q.Packet.Src, IIF: n.routes.Loopback(), TOS: q.Packet.TOS}
	if q.Fib.Saddr {
		flow.Src = q.Packet.Dst
	}
	if q.Fib.Mark {
		flow.Mark = q.Packet.Mark
	}
	own, owned := n.routes.Owns(a)
	switch r := n.routes.Lookup(&flow); {
	case a.IsUnspecified():
		return host.RouteUnspec
	case a.IsMulticast():
		return host.RouteMulticast
	case r.Err == route.Invalid:
		return host.RouteBlackhole
	case r.Err == route.Prohibited:
		return host.RouteProhibit
	case r.Err != route.OK:
		return host.RouteUnreachable
	case r.Type == host.RouteAnycast:
		return host.RouteAnycast
	case dev == "" && r.Type == host.RouteLocal, dev != "" && owned && own == dev:
		return host.RouteLocal
	}
	return host.RouteUnicast
}

func (n *node) fibDev(q eval.FibQuery, a, other netip.Addr) (eval.FibAnswer, bool) {
	if (q.Hook == nf.PreRouting || q.Hook == nf.LocalIn) && q.In.Name == string(n.routes.Loopback()) {
		return eval.FibAnswer{Iface: q.In}, true
	}
	if p := q.Packet; p.Src == netip.IPv4Unspecified() && (p.Dst.IsLinkLocalMulticast() || p.Dst == limitedBroadcast) {
		return eval.FibAnswer{Iface: q.In}, true
	}
	var want host.LinkName
	switch {
	case q.Fib.OIF:
		want = host.LinkName(q.Out.Name)
	case q.Fib.IIF:
		want = host.LinkName(q.In.Name)
	}
	flow := route.Flow{Dst: a, Src: other, TOS: q.Packet.TOS, IIF: n.routes.Loopback()}
	if q.Hook == nf.Forward && q.Fib.IIF && q.Fib.Saddr {
		flow.IIF = host.LinkName(q.Out.Name)
	}
	if q.Fib.Mark {
		flow.Mark = q.Packet.Mark
	}
	switch {
	case a.Is6() && (a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast()):
		if flow.OIF = want; want == "" {
			flow.OIF = host.LinkName(q.In.Name)
		}
	case a.Is4() && (other.IsMulticast() || other == limitedBroadcast || other.IsUnspecified()):
		flow.Src = unset
	}
	return n.fibAnswer(&flow, want)
}

func (n *node) fibAnswer(flow *route.Flow, want host.LinkName) (eval.FibAnswer, bool) {
	res := n.routes.Lookup(flow)
	switch {
	case res.Unknown != "":
		return eval.FibAnswer{}, false
	case res.Err != route.OK || res.Type == host.RouteLocal || res.Type == host.RouteAnycast:
		return eval.FibAnswer{}, true
	case want == "":
		return eval.FibAnswer{Iface: n.iface(res.RouteDev)}, true
	case route.UsesDev(res.Route, want):
		return eval.FibAnswer{Iface: n.iface(want)}, true
	}
	return eval.FibAnswer{}, true
}
