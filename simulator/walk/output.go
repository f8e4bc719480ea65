package walk

import (
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/route"
	"tortie/simulator/trace"
)

// Output walks a packet that a process of the host sends. An invalid source is
// chosen by routing. bound is the link that the socket is bound to, or empty.
func (w *Walker) Output(h host.Name, p packet.Packet, bound host.LinkName) Outcome {
	n := w.byName[h]
	if n == nil {
		return Outcome{Fate: Unknown, Node: h, Reason: "no such host", Packet: p}
	}
	f := w.take(&p, 0)
	f.on(n)
	f.bound = bound
	n.output(f, false)
	return w.give(f)
}

// OutputICMP walks a packet that the host's own ICMP code sends, such as an echo
// reply. About such a packet the kernel sends no ICMP error, because it cannot
// lock its ICMP socket twice (icmp_xmit_lock).
func (w *Walker) OutputICMP(h host.Name, p packet.Packet) Outcome {
	n := w.byName[h]
	if n == nil {
		return Outcome{Fate: Unknown, Node: h, Reason: "no such host", Packet: p}
	}
	f := w.take(&p, 0)
	f.on(n)
	f.silent = true
	n.output(f, false)
	return w.give(f)
}

// OutputAnswer walks a packet that the host's IP layer sends because of one that
// was delivered: that nobody has its protocol. It carries the connection of what it
// answers, ref, as an answer does.
func (w *Walker) OutputAnswer(h host.Name, p packet.Packet, ref conntrack.Ref) Outcome {
	n := w.byName[h]
	if n == nil {
		return Outcome{Fate: Unknown, Node: h, Reason: "no such host", Packet: p}
	}
	f := w.take(&p, 0)
	f.on(n)
	f.ctx.Ct = conntrack.Attach(ref)
	n.output(f, false)
	return w.give(f)
}

// output chooses route and source, then sends. anySource lets the source be an
// address that is not the host's.
func (n *node) output(f *flight, anySource bool) {
	if !f.p.Dst.IsValid() {
		f.unknown(n, "a packet without a destination")
		return
	}
	q := f.flow()
	q.OIF = f.bound
	f.dst = n.routeOut(&q, anySource)
	f.hasDst = true
	if f.dst.Err == route.OK && f.dst.Unknown == "" && !f.p.Src.IsValid() {
		f.p.Src = f.dst.Src
	}
	if r := n.w.rec; r.On() && f.p.Src.IsValid() {
		r.Add(trace.Step{Kind: trace.KindLocal, Text: "sent by this host", From: trace.End(&f.p, true), To: trace.End(&f.p, false)})
		n.recordRoute(f)
	}
	switch {
	case f.dst.Unknown != "":
		f.unknown(n, f.dst.Unknown)
	case f.dst.Err != route.OK:
		f.drop(n, 0, f.dst.Err.String())
	case !f.p.Src.IsValid() || f.p.Src.Is4() != f.p.Dst.Is4():
		f.drop(n, 0, "no source address")
	default:
		n.localOut(f)
	}
}

// localOut is LOCAL_OUT. The hook sees the link of the first route throughout;
// a new route shows from POSTROUTING on.
func (n *node) localOut(f *flight) {
	f.ctx.In = n.iface("")
	f.ctx.Out = n.iface(f.dst.Dev)
	if !n.hook(nf.LocalOut, f) {
		return
	}
	n.postRouting(f)
}

// reroute is ip_route_me_harder.
func (n *node) reroute(h nf.Hook, f *flight) bool {
	q := f.flow()
	q.IIF, q.OIF = "", f.bound
	switch n.routes.AddrType(q.Src, "") {
	case host.RouteLocal, host.RouteUnicast:
	default:
		if q.Src.Is4() {
			q.Src = unset
		}
	}
	r := n.routeOut(&q, true)
	if r.Unknown != "" {
		f.unknown(n, r.Unknown)
		return false
	}
	if r.Err != route.OK {
		f.drop(n, h, "no route after a change in OUTPUT: "+r.Err.String())
		return false
	}
	f.dst = r
	n.recordRoute(f)
	return true
}

// postRouting is POSTROUTING, then the link.
func (n *node) postRouting(f *flight) {
	f.ctx.Out = n.iface(f.dst.Dev)
	if !n.hook(nf.PostRouting, f) {
		return
	}
	if f.dst.Dev == n.routes.Loopback() {
		n.loop(f)
		return
	}
	if why := n.barred(f.dst.Dev); why != "" {
		f.drop(n, 0, why+"; nothing leaves by it")
		return
	}
	if why := n.unmodelled(f.dst.Dev); why != "" {
		f.unknown(n, why)
		return
	}
	if n.encapsulate(f) {
		return
	}
	if why := n.unwalked(nf.Egress, f.dst.Dev); why != "" {
		f.unknown(n, why)
		return
	}
	f.finish(n, Sent, "")
	f.end.Fragments = n.cut(f, f.dst.Dev)
	f.end.Out, f.end.NextHop = f.dst.Dev, f.dst.NextHop(f.p.Dst)
}

// loop is the loopback link: the packet comes back in with its connection and
// its route, in fragments if it was sent in fragments.
func (n *node) loop(f *flight) {
	if f.depth++; f.depth > maxDepth {
		f.unknown(n, "a packet that loops on the loopback link")
		return
	}
	parts := n.cut(f, f.dst.Dev)
	f.in, f.ctx.In, f.ctx.Out = f.dst.Dev, n.iface(f.dst.Dev), n.iface("")
	f.hasDst, f.cuts = f.dst.Local(), f.cuts[:0]
	f.ctx.FrameDst = f.p.Dst
	if parts == nil {
		n.input(f)
		return
	}
	var answers []Outcome
	for i := range parts {
		p := n.w.take(&parts[i], f.depth)
		p.on(n)
		p.in, p.ctx.In, p.dst, p.hasDst, p.ctx.Ct = f.in, f.ctx.In, f.dst, f.hasDst, f.ctx.Ct
		n.input(p)
		f.end = n.w.give(p)
		answers = append(answers, f.end.Answers...)
	}
	f.end.Answers = answers
}

// answer sends a packet that the host makes because of another one, with the
// other's connection attached.
func (n *node) answer(f *flight, p *packet.Packet, anySource bool) {
	if f.depth >= maxDepth {
		return
	}
	a := n.w.take(p, f.depth+1)
	a.on(n)
	a.ctx.Ct = attach(f)
	n.output(a, anySource)
	f.end.Answers = append(f.end.Answers, n.w.give(a))
}
