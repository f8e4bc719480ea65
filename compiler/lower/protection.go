package lower

import (
	"fmt"
	"slices"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
)

// protections reports ends that two intents protect in different ways.
func (c *compiler) protections() {
	all := c.program.Protects
	for j := range all {
		for i := range j {
			a, b := &all[i], &all[j]
			if a.Doc == b.Doc {
				continue
			}
			if what, ok := c.shared(a.Atoms, b.Atoms); ok {
				c.differ(a, b, what)
			}
		}
	}
}

// differ reports what is different between an earlier and a later protection of
// the same ends.
func (c *compiler) differ(a, b *intent.Protected, what string) {
	both := a.Protect.In && b.Protect.In || a.Protect.Out && b.Protect.Out
	tierA, tierB := tierName(a.Doc), tierName(b.Doc)
	message, hint := "", ""
	switch {
	case tierA != tierB && both:
		message = fmt.Sprintf("intent %s in tier %s protects %s already and is asked first: what only intent %s in tier %s allows is denied", a.Doc.Name, tierA, what, b.Doc.Name, tierB)
		hint = "allow it in the earlier tier, or protect in one tier only"
	case tierA == tierB && (a.Protect.In != b.Protect.In || a.Protect.Out != b.Protect.Out):
		message = fmt.Sprintf("intent %s protects %s %s, this one %s: both count together", a.Doc.Name, what, ways(a.Protect), ways(b.Protect))
		hint = "give both the same direction"
	default:
		return
	}
	c.diags.Add(diag.Finding{Code: "intent/protected-differently", Severity: diag.Warning, Span: b.Protect.Span, Message: message, Hint: hint,
		Related: []diag.Related{{Span: a.Protect.Span, Message: "protected here"}}})
}

func tierName(d *intent.Document) string {
	if d.Tier.Name == "" {
		return intent.DefaultTier
	}
	return d.Tier.Name
}

func ways(p *intent.Protect) string {
	switch {
	case p.In && p.Out:
		return "in both directions"
	case p.In:
		return "from what comes in"
	}
	return "from going out"
}

// shared names an end that is in both lists; without a cluster, a party that both
// write in the same way.
func (c *compiler) shared(a, b []*intent.Atom) (string, bool) {
	for _, x := range a {
		for _, y := range b {
			if name, ok := c.inBoth(x, y); ok {
				return name, true
			}
		}
	}
	return "", false
}

func (c *compiler) inBoth(x, y *intent.Atom) (string, bool) {
	if x.Kind != y.Kind {
		return "", false
	}
	if x == y || selects(x) == selects(y) {
		return "party " + y.Party.Name, true
	}
	f := &c.facts
	if x.Kind == intent.Hosts {
		for _, h := range f.hepsOf(x) {
			if y.Party.Hosts.Sel.Matches(h.labels) {
				return "host endpoint " + h.name, true
			}
		}
		return "", false
	}
	theirs := f.podsOf(y)
	for _, p := range f.podsOf(x) {
		if slices.Contains(theirs, p) {
			return "pod " + p.namespace + "/" + p.name, true
		}
	}
	return "", false
}

// selects writes out what a party of pods or hosts selects.
func selects(a *intent.Atom) string {
	text := func(s *intent.Selector) string {
		if s == nil {
			return "-"
		}
		return s.Text
	}
	p := a.Party
	return fmt.Sprintf("%q %q %q %q %q", p.Namespace, text(p.Namespaces), text(p.Pods), p.Accounts, text(p.Hosts))
}
