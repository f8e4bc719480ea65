package main

import (
	"fmt"
	"strings"

	"tortie/simulator/trace"
)

// nameIntent gives the explanation of a trace the lines of intent where it has
// those of compiled objects, and the end of a tier the line that protects.
func (l *loaded) nameIntent(c *trace.Connection) {
	x := c.Explanation
	if l.compiled == nil || x == nil {
		return
	}
	var closing *trace.Source
	for i := range x.Considered {
		d := &x.Considered[i]
		d.Source = l.intentOf(d.Policy, d.Source)
		switch {
		case d.Policy == nil || d.Policy.Kind != "Tier":
			if d.Source != nil && l.closes(d.Policy) {
				closing = d.Source
			}
		case d.Deciding && d.Source == nil && closing != nil:
			d.Source = closing
			if c.Reason.Policy != nil && c.Reason.Policy.Kind == "Tier" {
				c.Reason.Source = closing
			}
		}
	}
	for i := range x.Sides {
		x.Sides[i].Source = l.intentOf(x.Sides[i].Policy, x.Sides[i].Source)
	}
	if n := x.Nearest; n != nil && n.Source != nil {
		before := fmt.Sprintf("%s:%d", n.Source.File, n.Source.Line)
		n.Source = l.intentOf(n.Policy, n.Source)
		x.Suggestion = strings.ReplaceAll(x.Suggestion, before, fmt.Sprintf("%s:%d", n.Source.File, n.Source.Line))
	}
}

// intentOf is the line of intent of a policy's rule, or what is known already.
func (l *loaded) intentOf(p *trace.Policy, known *trace.Source) *trace.Source {
	if p == nil {
		return known
	}
	span, ok := l.compiled.RuleSpan(p.Kind, p.Namespace, p.Name, p.Direction, p.Rule)
	if !ok {
		return known
	}
	return &trace.Source{File: span.File, Line: span.Start.Line}
}

// closes reports whether a policy is what closes its direction.
func (l *loaded) closes(p *trace.Policy) bool {
	return p != nil && l.compiled.Closes(p.Kind, p.Namespace, p.Name, p.Direction)
}
