package trace

import (
	"fmt"
	"io"
	"strings"
)

// TextOptions say how much WriteText writes.
type TextOptions struct {
	// All writes every step, also rules that did not match.
	All bool
}

// WriteText writes the connection for a person: the verdict and what decided it
// first, then for each packet a few lines per node.
func (c Connection) WriteText(w io.Writer, o TextOptions) error {
	t := &textWriter{w: w, all: o.All}
	t.printf("%s: %s\n", strings.ToUpper(string(c.Verdict)), headline(c))
	if p := reasonPlace(c.Reason); p != "" {
		t.printf("  decided by %s\n", p)
	}
	if c.Reason.Policy != nil {
		t.printf("  policy %s\n", policyText(c.Reason.Policy))
	}
	if s := c.Reason.Source; s != nil {
		t.printf("  at %s:%d\n", s.File, s.Line)
	}
	for _, p := range c.Packets {
		t.packet(p)
	}
	t.conntrack(c.Conntrack)
	for _, n := range c.Notes {
		t.printf("note: %s\n", n)
	}
	return t.err
}

func headline(c Connection) string {
	if len(c.Packets) == 0 {
		return c.Reason.Text
	}
	p := c.Packets[0]
	s := p.From + " to " + p.To
	if p.Protocol != "" {
		s += " " + p.Protocol
	}
	return s
}

// reasonPlace writes the rule that decided: node, table, chain, number, text.
func reasonPlace(r Reason) string {
	var b strings.Builder
	b.WriteString(r.Node)
	if r.Chain != "" {
		fmt.Fprintf(&b, " %s", placeText(r.Table, r.Chain, r.Rule))
	}
	if r.Text != "" {
		fmt.Fprintf(&b, ": %s", r.Text)
	}
	return strings.TrimPrefix(b.String(), ": ")
}

func placeText(table, chain string, rule int) string {
	if rule == 0 {
		return fmt.Sprintf("%s/%s policy", table, chain)
	}
	return fmt.Sprintf("%s/%s rule %d", table, chain, rule)
}

func policyText(p *Policy) string {
	name := p.Name
	if p.Namespace != "" {
		name = p.Namespace + "/" + name
	}
	s := p.Kind + " " + name
	if p.Tier != "" {
		s += " in tier " + p.Tier
	}
	if p.Rule > 0 {
		s += fmt.Sprintf(", %s rule %d", p.Direction, p.Rule)
	} else if p.Direction != "" {
		s += ", " + p.Direction
	}
	return s
}

type textWriter struct {
	w    io.Writer
	all  bool
	node string
	hook string
	err  error
}

func (t *textWriter) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

func (t *textWriter) packet(p Packet) {
	t.printf("\n%s %s to %s: %s\n", p.Direction, p.From, p.To, p.Verdict)
	t.node, t.hook = "", ""
	for _, s := range p.Steps {
		if !t.wants(s) {
			continue
		}
		if s.Node != t.node {
			t.printf("  %s\n", s.Node)
			t.node = s.Node
		}
		t.step(s)
	}
}

// wants says whether a step is written: without All, of the rules only those
// that matched and changed or decided something.
func (t *textWriter) wants(s Step) bool {
	if t.all || s.Deciding {
		return true
	}
	switch s.Kind {
	case KindRule:
		return s.Matched != MatchedNo && s.matters()
	case KindHook, KindPolicy:
		return false
	}
	return true
}

// matters says whether a rule that matched did something that a reader needs.
func (s Step) matters() bool {
	switch s.Effect {
	case EffectAccept, EffectDrop, EffectReject, EffectNoTrack, EffectNAT, EffectUnknown:
		return true
	case EffectMark:
		return s.MarkBefore != ""
	}
	return s.Matched == MatchedUnknown
}

func (t *textWriter) step(s Step) {
	lead := "   "
	if s.Deciding {
		lead = "==>"
	} else if s.Matched == MatchedNo {
		lead = "  ."
	}
	t.printf("  %s %-9s %s\n", lead, s.Kind, s.line())
	if s.Policy != nil && s.Matched != MatchedNo {
		t.printf("                  from %s\n", policyText(s.Policy))
	}
}

// line is the step without its kind.
func (s Step) line() string {
	var b []string
	if s.Hook != "" {
		b = append(b, s.Hook)
	}
	if s.Chain != "" {
		b = append(b, placeText(s.Table, s.Chain, s.Rule)+":")
	}
	b = append(b, s.Text)
	switch {
	case s.Effect != "" && s.Text == "":
		b = append(b, string(s.Effect))
	case s.Matched == MatchedUnknown:
		b = append(b, "(unknown)")
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
	if s.Why != "" {
		b = append(b, "["+s.Why+"]")
	}
	return strings.Join(nonEmpty(b), " ")
}

func nonEmpty(in []string) []string {
	out := in[:0]
	for _, s := range in {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (t *textWriter) conntrack(list []Conntrack) {
	if len(list) > 0 {
		t.printf("\nconntrack\n")
	}
	for _, c := range list {
		if !c.Tracked {
			t.printf("  %s: not tracked\n", c.Node)
			continue
		}
		t.printf("  %s: %s original %s reply %s\n", c.Node, c.State, c.Original, c.Reply)
	}
}
