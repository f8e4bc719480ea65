package walk

import (
	"tortie/dataplane/nf"
	"tortie/simulator/eval"
)

// accepted remembers what let the packet pass a filter chain. A policy counts only
// as long as no rule did it, and that of a chain before filtering has its place only
// until there is one.
func (n *node) accepted(f *flight, res eval.Result, priority int32) {
	r := res.Rule
	if r.Rule == 0 && !f.end.Accepted.IsZero() && !(f.end.Accepted.Rule == 0 && f.early && priority <= nf.PriFilter) {
		return
	}
	_, _, rule := n.eng.Place(r)
	f.end.Accepted, f.end.AcceptedOrigin, f.end.Marked = r, res.Origin, n.marker(f, markAsked(rule))
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
