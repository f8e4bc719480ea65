package trace

import (
	"fmt"
	"strings"
)

// packet writes one packet's steps.
func (t *textWriter) packet(p Packet) {
	t.printf("\n%s %s to %s: %s\n", p.Direction, p.From, p.To, t.paint.verdict(p.Verdict, string(p.Verdict)))
	t.node, t.from = "", ""
	for i := range p.Steps {
		s := &p.Steps[i]
		decided := s.decided(&p)
		if !decided && !t.wants(s) {
			continue
		}
		if s.Node != t.node {
			t.printf("  %s\n", t.paint.bold(s.Node))
			t.node = s.Node
		}
		t.step(s, decided, p.Verdict)
	}
}

// is says whether a step is the rule of a reason.
func (s *Step) is(r *Reason) bool {
	return s.Kind == KindRule && s.Matched == MatchedYes && r.Chain != "" && s.Node == r.Node && s.Hook == r.Hook &&
		s.Backend == r.Backend && s.Family == r.Family && s.Table == r.Table && s.Chain == r.Chain && s.Rule == r.Rule
}

// wants says whether a step is written: without All, of the rules only those
// that matched and changed or decided something.
func (t *textWriter) wants(s *Step) bool {
	if t.all {
		return true
	}
	switch s.Kind {
	case KindRule:
		return !s.Minor && (s.Taken != "" || s.Matched != MatchedNo && s.matters())
	case KindHook, KindPolicy:
		return false
	}
	return !s.Minor
}

// matters says whether a rule that matched did something that a reader needs.
func (s *Step) matters() bool {
	switch s.Effect {
	case EffectAccept, EffectDrop, EffectReject, EffectNoTrack, EffectNAT, EffectUnknown:
		return true
	case EffectMark:
		return s.MarkBefore != ""
	}
	return s.Matched == MatchedUnknown
}

func (t *textWriter) step(s *Step, decided bool, v Verdict) {
	lead, line := "   ", s.line()
	switch {
	case decided:
		lead, line = t.paint.verdict(v, "==>"), t.paint.bold(line)
	case s.Matched == MatchedNo:
		lead, line = "  .", t.paint.dim(line)
	}
	t.printf("  %s %-11s %-9s %s\n", lead, s.Hook, s.Kind, line)
	if s.Policy == nil || s.Matched == MatchedNo {
		t.from = ""
		return
	}
	if from := policyText(s.Policy); from != t.from {
		t.printf("                            from %s\n", from)
		t.from = from
	}
}

// line is the step without its kind and hook.
func (s *Step) line() string {
	var b []string
	if s.Chain != "" {
		b = append(b, placeText(s.Table, s.Chain, s.Rule)+":")
	}
	if s.Kind != KindHook {
		b = append(b, s.Text)
	} else if s.From != "" {
		b = append(b, s.From+" to "+s.To)
	}
	switch {
	case s.Effect != "" && s.Text == "":
		b = append(b, string(s.Effect))
	case s.Matched == MatchedUnknown:
		b = append(b, "(unknown)")
	}
	if s.Element != "" {
		b = append(b, fmt.Sprintf("(element %q)", s.Element))
	}
	if s.MarkBefore != "" {
		b = append(b, fmt.Sprintf("(mark %s to %s)", s.MarkBefore, s.Mark))
	}
	if s.CtState != "" && s.Kind == KindConntrack {
		b = append(b, s.CtState)
	}
	if s.From != "" && s.Kind == KindNAT {
		b = append(b, fmt.Sprintf("%s to %s", s.From, s.To))
	}
	switch {
	case s.Taken != "":
		b = append(b, "["+s.Taken+"]")
	case s.Why != "":
		b = append(b, "["+s.Why+"]")
	}
	return strings.Join(nonEmpty(b), " ")
}
