package walk

import (
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/eval"
	"tortie/simulator/trace"
)

// hook calls the functions of a hook; false says that the packet ended there.
func (n *node) hook(h nf.Hook, f *flight) bool {
	f.ctx.Hook = h
	if why := n.plan(f.p.Family()).missing; why != "" {
		f.unknown(n, why)
		return false
	}
	steps := n.steps(h, f)
	if r := n.w.rec; r.On() {
		r.Add(trace.Step{Kind: trace.KindHook, Hook: h.String(), Text: h.String(), InIface: f.ctx.In.Name, OutIface: f.ctx.Out.Name,
			From: trace.End(&f.p, true), To: trace.End(&f.p, false)})
	}
	for i := range steps {
		if !n.step(h, &steps[i], f) {
			return false
		}
	}
	return true
}

func (n *node) step(h nf.Hook, s *step, f *flight) bool {
	switch s.kind {
	case stepDefrag:
		return n.gather(h, f)
	case stepTrack:
		return n.track(h, f)
	case stepNAT:
		return n.nat(h, s, f)
	case stepConfirm:
		return n.confirm(h, f)
	case stepIPVSIn:
		return n.ipvsIn(h, f)
	case stepIPVSOut:
		return n.ipvsOut(h, f)
	}
	return n.chain(h, s, f)
}

func (n *node) track(h nf.Hook, f *flight) bool {
	had := f.ctx.Ct
	ref, v := n.ct.In(&f.p, f.ctx.Ct, h == nf.LocalOut, n.w.now)
	ref = n.assumed(ref, had, f)
	f.ctx.Ct = ref
	f.summed, f.tos = h == nf.PreRouting && had.Conn == nil && had.Info != conntrack.Untracked, f.p.TOS
	if v.Uncertain {
		n.w.assume("connection tracking of " + string(n.state.Name) + " depends on the kernel's hash seed here")
	}
	if r := n.w.rec; r.On() && (had.Conn == nil && had.Info != conntrack.Untracked || v.Why != "") {
		r.Add(trace.Step{Kind: trace.KindConntrack, Hook: h.String(), Text: trackText(v), CtState: ref.Info.String()})
	}
	if v.Drop {
		f.drop(n, h, string(v.Why))
		return false
	}
	return true
}

func trackText(v conntrack.Verdict) string {
	if v.Why != "" {
		return "connection tracking: " + string(v.Why)
	}
	return "connection tracking"
}

func (n *node) confirm(h nf.Hook, f *flight) bool {
	ref, v := n.ct.Confirm(f.ctx.Ct, n.w.now)
	f.ctx.Ct = ref
	if v.Drop {
		f.drop(n, h, string(v.Why))
		return false
	}
	return true
}

// chain runs one filter or route chain. A route chain of OUTPUT looks for a new
// route when it changed what routing reads (ipt_mangle_out, nf_route_table_hook).
func (n *node) chain(h nf.Hook, s *step, f *flight) bool {
	before := routingKey(&f.p)
	res := n.eng.Run(s.chain, &f.ctx)
	if !n.verdict(h, res, f) {
		return false
	}
	if s.priority > nf.PriMangle && h != nf.PreRouting && h != nf.PostRouting {
		n.accepted(f, res, s.priority)
	}
	if s.reroute && routingKey(&f.p) != before {
		return n.reroute(h, f)
	}
	return true
}

// verdict ends the flight if the chain did; true goes on.
func (n *node) verdict(h nf.Hook, res eval.Result, f *flight) bool {
	switch res.Verdict {
	case eval.Accept:
		return true
	case eval.Drop:
		f.finish(n, Dropped, "")
	case eval.Reject:
		if f.finish(n, Rejected, ""); f.doubt != "" {
			return false
		}
	default:
		f.finish(n, Unknown, "a rule that is not modelled")
		if why := n.whyUnknown(res.Rule, f.p.Family()); why != "" {
			n.w.assume(why)
		}
	}
	f.end.Hook, f.end.Rule, f.end.Origin = h, res.Rule, res.Origin
	if r := n.w.rec; r.On() {
		r.MarkDeciding()
	}
	if res.Verdict == eval.Reject {
		n.reject(h, res.Reject, f)
	}
	return false
}

// routing is what a route chain must not change without a new route.
type routing struct {
	src, dst  [16]byte
	mark      uint32
	tos, hops uint8
}

func routingKey(p *packet.Packet) routing {
	k := routing{src: p.Src.As16(), dst: p.Dst.As16(), mark: p.Mark, tos: p.TOS}
	if p.Src.Is6() {
		k.hops = p.TTL
	}
	return k
}
