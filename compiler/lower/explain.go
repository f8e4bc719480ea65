package lower

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"tortie/compiler/diag"
)

// RuleSpan is the place of the intent behind a rule of a policy; rule counts from
// 1, and 0 asks for what closes the direction. ok is false for what was not made
// here.
func (o *Output) RuleSpan(kind, namespace, name, direction string, rule int) (span diag.Span, ok bool) {
	for i := range o.Policies {
		p := &o.Policies[i]
		if !o.at(p, kind, namespace, name) {
			continue
		}
		rules, closed := p.Ingress, p.ProtectedIn
		if direction == "egress" {
			rules, closed = p.Egress, p.ProtectedOut
		}
		switch {
		case rule >= 1 && rule <= len(rules):
			return rules[rule-1].Span, true
		case closed.File != "" || closed.Start.Line > 0:
			return closed, true
		}
		return p.Doc.Span, true
	}
	return span, false
}

// line is one rule, or one direction that a policy closes, with its place.
type line struct {
	span diag.Span
	text string
}

// Explain writes which line of intent became which rule and why, in the order of
// the intent.
func (o *Output) Explain(w io.Writer) error {
	e := &errWriter{w: w}
	var lines []line
	for i := range o.Policies {
		p := &o.Policies[i]
		if p.Delete {
			lines = append(lines, line{p.atom.Party.Span, p.title() + ": the enforced policy would be gone"})
			continue
		}
		lines = append(lines, p.lines("ingress", p.Ingress, p.In, p.ProtectedIn)...)
		lines = append(lines, p.lines("egress", p.Egress, p.Out, p.ProtectedOut)...)
	}
	for _, s := range o.Sets {
		lines = append(lines, line{s.Span, "GlobalNetworkSet " + s.Name + ": " + strings.Join(s.Nets, ", ")})
	}
	slices.SortStableFunc(lines, func(a, b line) int {
		return cmp.Or(strings.Compare(a.span.File, b.span.File), cmp.Compare(a.span.Start.Line, b.span.Start.Line), cmp.Compare(a.span.Start.Col, b.span.Start.Col))
	})
	last := ""
	for _, l := range lines {
		if at := place(l.span); at != last {
			fmt.Fprintln(e, at)
			last = at
		}
		fmt.Fprintf(e, "  %s\n", l.text)
	}
	return e.err
}

func (p *Policy) lines(direction string, rules []Rule, governs bool, closed diag.Span) []line {
	if !governs {
		return nil
	}
	var out []line
	for i, r := range rules {
		what := fmt.Sprintf("%s, %s rule %d: %s", p.title(), direction, i+1, r.words())
		out = append(out, line{r.Span, what + " (" + r.Why + ")"})
		for _, s := range r.Also {
			out = append(out, line{s, what + " (covers what this asks for)"})
		}
	}
	if closed.Start.Line > 0 {
		out = append(out, line{closed, fmt.Sprintf("%s governs %s: what no rule of tier %s allows is denied", p.title(), direction, p.Tier)})
	}
	return out
}

// title is the kind and the name of a policy.
func (p *Policy) title() string { return objectName(p.Kind(), p.Namespace, p.Name) }

func (r Rule) words() string {
	if r.Raw != nil {
		return "raw"
	}
	out := r.Action
	if r.Protocol != "" {
		out += " " + r.Protocol
	}
	for _, e := range []Entity{r.Source, r.Destination} {
		if len(e.Ports) > 0 {
			out += " " + strings.Join(e.Ports, ",")
		}
	}
	return out
}

// Closes reports whether a policy was made to close a direction without a rule
// that says so.
func (o *Output) Closes(kind, namespace, name, direction string) bool {
	for i := range o.Policies {
		p := &o.Policies[i]
		if o.at(p, kind, namespace, name) {
			return direction == "ingress" && p.ProtectedIn.Start.Line > 0 || direction == "egress" && p.ProtectedOut.Start.Line > 0
		}
	}
	return false
}

// at reports whether a policy is the one of this kind and name, or, when Enforced
// says that staged policies are taken as enforced, becomes it.
func (o *Output) at(p *Policy, kind, namespace, name string) bool {
	if p.Namespace != namespace || p.Name != name {
		return false
	}
	if !o.Enforced {
		return p.Kind() == kind
	}
	return strings.TrimPrefix(p.Kind(), "Staged") == kind && (p.Stage || !o.staged(namespace, name))
}

// staged reports whether a staged policy has a name, which enforced takes the place
// of the one that is not.
func (o *Output) staged(namespace, name string) bool {
	return slices.ContainsFunc(o.Policies, func(p Policy) bool { return p.Stage && p.Namespace == namespace && p.Name == name })
}
