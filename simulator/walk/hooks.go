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
		n.accepted(f, res.Rule, s.priority)
	}
	if s.reroute && routingKey(&f.p) != before {
		return n.reroute(h, f)
	}
	return true
}

// accepted remembers what let the packet pass a filter chain. A policy counts only
// as long as no rule did it, and that of a chain before filtering has its place only
// until there is one.
func (n *node) accepted(f *flight, r eval.RuleRef, priority int32) {
	if r.Rule == 0 && !f.end.Accepted.IsZero() && !(f.end.Accepted.Rule == 0 && f.early && priority <= nf.PriFilter) {
		return
	}
	_, _, rule := n.eng.Place(r)
	f.end.Accepted, f.end.Marked = r, n.marker(f, markAsked(rule))
	f.early = priority < nf.PriFilter
}

// marker is the rule whose mark an accept by mark goes back to; zero is none, and the
// accept stands for itself. That is the last rule of this hook that set a bit that
// was asked for and that the packet still has; else the policy that set any in this
// hook, because kube-proxy accepts packets by a mark of its own, behind the policy that
// let them pass; else the policy of an earlier hook that set what was asked for.
func (n *node) marker(f *flight, asked uint32) eval.RuleRef {
	if asked == 0 {
		return eval.RuleRef{}
	}
	still := f.p.Mark
	if r := n.marked(f, asked&still, true, false); !r.IsZero() {
		return r
	}
	if r := n.marked(f, still, true, true); !r.IsZero() {
		return r
	}
	return n.marked(f, asked&still, false, true)
}

// marked is the last rule, here in this hook or anywhere, of a policy or of anybody,
// that set any of the bits.
func (n *node) marked(f *flight, bits uint32, here, policy bool) eval.RuleRef {
	for i := len(f.ctx.Marks) - 1; i >= 0; i-- {
		m := &f.ctx.Marks[i]
		if m.Bits&bits != 0 && (!here || m.Hook == f.ctx.Hook) && (!policy || n.ofPolicy(m.Rule)) {
			return m.Rule
		}
	}
	return eval.RuleRef{}
}

func (n *node) ofPolicy(r eval.RuleRef) bool {
	_, chain, rule := n.eng.Place(r)
	return rule != nil && (rule.Origin != 0 || n.w.opts.OfPolicy != nil && n.w.opts.OfPolicy(chain.Name))
}

// markAsked are the bits of the packet's mark that a rule wants set, if it asks for
// nothing else.
func markAsked(rule *nf.Rule) (bits uint32) {
	if rule == nil {
		return 0
	}
	for _, s := range rule.Body {
		switch m := s.(type) {
		case nf.MatchMark:
			if !m.Invert {
				bits |= m.Value
			}
		case nf.MatchCompare:
			if len(m.Key) != 1 || m.Key[0].Field != nf.KeyMark || m.Op != nf.OpEqual || len(m.Values) != 1 {
				return 0
			}
			bits |= uint32(m.Values[0][0].Num)
		case nf.Match:
			return 0
		}
	}
	return bits
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
	f.end.Hook, f.end.Rule = h, res.Rule
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
