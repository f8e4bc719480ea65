package eval

import (
	"cmp"

	"tortie/dataplane/nf"
	"tortie/simulator/trace"
)

// maxGotos bounds the gotos of one packet in one base chain.
const maxGotos = 1 << 16

// Run walks a base chain for a packet.
func (e *Engine) Run(id BaseID, c *Context) Result {
	if id < 0 || int(id) >= len(e.chains) || c.Packet == nil {
		return Result{Verdict: Unknown}
	}
	w := &c.scratch
	w.e, w.c, w.p = e, c, c.Packet
	w.family = w.p.Family()
	w.src, w.dst = addrValue(w.p.Src), addrValue(w.p.Dst)
	w.res = Result{}
	w.walk(int32(id))
	w.e, w.c, w.p = nil, nil, nil
	return w.res
}

// walk goes through the rules of a base chain and what they call.
func (w *scratch) walk(base int32) {
	depth := 0
	at := frame{chain: base}
	for calls := 0; ; {
		ch := &w.e.chains[at.chain]
		out := ret
		if int(at.rule) < len(ch.rules) {
			at.rule++
			w.ref, w.origin, w.found = RuleRef{at.chain + 1, at.rule}, at.origin, nil
			out = w.rule(&ch.rules[at.rule-1])
		}
		switch out {
		case end, hotDrop:
			w.res.Rule, w.res.Origin = w.ref, w.origin
			return
		case unknown:
			w.res = Result{Verdict: Unknown, Rule: w.ref}
			return
		case jump:
			if depth == len(w.stack) { // deeper than any ruleset that was loaded
				w.res = Result{Verdict: Unknown, Rule: w.ref}
				return
			}
			w.stack[depth] = at
			depth++
			at = frame{chain: w.target, origin: w.origin}
		case jumpOver:
			if calls++; calls > maxGotos { // a loop, which the kernel refuses to load
				w.res = Result{Verdict: Unknown, Rule: w.ref}
				return
			}
			at = frame{chain: w.target, origin: w.origin}
		case ret:
			if depth == 0 {
				w.policy(base)
				return
			}
			depth--
			at = w.stack[depth]
		}
	}
}

// policy ends the walk with the base chain's policy.
func (w *scratch) policy(base int32) {
	ch := &w.e.chains[base]
	w.ref = RuleRef{Chain: base + 1}
	w.res = Result{Verdict: ch.policy, Rule: w.ref}
	if w.c.Rec.On() {
		w.c.Rec.Add(trace.Step{Kind: trace.KindPolicy, Backend: ch.table.Backend.String(), Family: ch.table.Family.String(),
			Hook: w.c.Hook.String(), Table: string(ch.table.Name), Chain: string(ch.chain.Name),
			Text: "policy " + ch.policy.String(), Effect: trace.Effect(ch.policy.String()), Mark: trace.Hex(w.p.Mark)})
	}
}

// rule evaluates one rule's statements in order.
func (w *scratch) rule(r *rule) outcome {
	if w.c.Rec.On() {
		return w.tracedRule(r)
	}
	for i := range r.steps {
		out := r.steps[i](w)
		if out == goOn {
			continue
		}
		if out == unknown && w.missesLater(r, i) > 0 {
			return miss
		}
		if out == unknown && w.c.Explore {
			if w.choose(Choice{Kind: ChoiceUnknown, Rule: w.ref, N: 2}) == 1 {
				continue
			}
			return miss
		}
		return out
	}
	return goOn
}

// choose asks the caller, and keeps the answer within the alternatives.
func (w *scratch) choose(ch Choice) int {
	n := 0
	switch {
	case w.c.Choose != nil:
		n = w.c.Choose(ch)
	case ch.Kind == ChoiceStatistic && ch.Probability >= 0.5:
		n = 1
	}
	if n < 0 || n >= ch.N {
		return 0
	}
	return n
}

// tracedRule is rule with a step recorded for it.
func (w *scratch) tracedRule(r *rule) outcome {
	mark, ref := w.p.Mark, w.ref
	w.taken, w.passedBy = "", false
	at := -1
	out := goOn
	for i := range r.steps {
		at, out = i, r.steps[i](w)
		if out == unknown {
			if later := w.missesLater(r, i); later > 0 {
				at, out = later, miss
			}
		}
		if out == unknown && w.c.Explore {
			out = miss
			if w.choose(Choice{Kind: ChoiceUnknown, Rule: ref, N: 2}) == 1 {
				out = goOn
			}
		}
		if out != goOn {
			break
		}
	}
	if _, _, rule := w.e.Place(ref); w.taken != "" && inert(rule) {
		w.taken = ""
	}
	if out != miss || w.c.Rec.All || w.taken != "" {
		w.c.Rec.Add(w.ruleStep(ref, out, at, mark))
	}
	return out
}

// ruleStep describes a rule that was tried.
func (w *scratch) ruleStep(ref RuleRef, out outcome, at int, before uint32) trace.Step {
	t, ch, r := w.e.Place(ref)
	s := trace.Step{Kind: trace.KindRule, Backend: t.Backend.String(), Family: t.Family.String(), Hook: w.c.Hook.String(),
		Table: string(t.Name), Chain: string(ch.Name), Rule: int(ref.Rule), Text: w.c.Rec.RuleText(t, ch, r),
		Matched: trace.MatchedYes, Effect: w.effect(out, r), Mark: trace.Hex(w.p.Mark), Line: r.Line, Origin: cmp.Or(r.Origin, w.origin),
		Comments: r.Comments, CtState: w.c.Ct.Info.String(), InIface: w.c.In.Name, OutIface: w.c.Out.Name,
		Taken: w.taken}
	if w.found != nil {
		s.Element = w.found.Comment
	}
	if before != w.p.Mark {
		s.MarkBefore = trace.Hex(before)
	}
	if r.Origin != 0 || out == end {
		p := *w.p
		s.Packet = &p
	}
	switch out {
	case miss:
		s.Matched, s.Minor = trace.MatchedNo, w.passedBy
	case hotDrop:
		s.Uncounted = true
	case unknown:
		s.Matched = trace.MatchedUnknown
	}
	if (out == miss || out == unknown) && at < len(r.Body) {
		s.Why = w.why(r.Body[at], out)
	}
	return s
}

// inert reports whether a rule does nothing to packets that match it.
func inert(r *nf.Rule) bool {
	for _, s := range r.Body {
		switch s.(type) {
		case nf.Log, nf.NFLog, nf.Counter, nf.Inert, nf.Continue:
		case nf.Target:
			return false
		}
	}
	return true
}

// effect names what a rule did.
func (w *scratch) effect(out outcome, r *nf.Rule) trace.Effect {
	switch out {
	case miss:
		return ""
	case unknown:
		return trace.EffectUnknown
	case jump:
		return trace.EffectJump
	case jumpOver:
		return trace.EffectGoto
	case ret:
		return trace.EffectReturn
	case end, hotDrop:
		if w.res.HasNAT {
			return trace.EffectNAT
		}
		return trace.Effect(w.res.Verdict.String())
	}
	for i := len(r.Body) - 1; i >= 0; i-- {
		switch r.Body[i].(type) {
		case nf.SetMark:
			return trace.EffectMark
		case nf.SetCtMark:
			return trace.EffectConnmark
		case nf.NoTrack:
			return trace.EffectNoTrack
		case nf.SetDSCP:
			return trace.EffectDSCP
		case nf.SetElement:
			return trace.EffectSet
		}
	}
	return ""
}
