package lower

import (
	"slices"

	"tortie/compiler/intent"
	"tortie/compiler/selector"
)

// deniesDNS reports a deny that takes the cluster's DNS from all pods, at the pods
// that answer or at those that ask.
func (c *compiler) deniesDNS(s *intent.Statement) {
	if !s.Rule.Deny {
		return
	}
	for dir := range directions {
		if !c.holdsForDNS(s, dir) || len(enforcedAgainst(s, dir)) == 0 {
			continue
		}
		rank := func(d *intent.Document) int { return slices.Index(c.program.Docs, d) }
		earlier := func(o intent.Statement) bool {
			return !o.Rule.Deny && rank(o.Doc) < rank(s.Doc) && c.holdsForDNS(&o, dir)
		}
		if !slices.ContainsFunc(c.program.Statements, earlier) {
			c.warn("intent/lock-out", s.Rule.Span, "deny it from fewer, on other ports than "+c.facts.dns[0].portText()+", or allow it in an intent that is asked earlier",
				"this denies all pods the cluster's DNS")
			return
		}
	}
}

// holdsForDNS reports whether a statement is about what all pods ask the cluster's
// DNS, where it holds in a direction.
func (c *compiler) holdsForDNS(s *intent.Statement, dir int) bool {
	if s.Rule.Section != intent.Normal || s.Rule.At != 0 && s.Rule.At != directions[dir] {
		return false
	}
	from, to := s.From, s.To
	if dir == 0 {
		to = slices.DeleteFunc(slices.Clone(to), func(a *intent.Atom) bool { return c.subject(a) == nil })
	} else {
		from = slices.DeleteFunc(slices.Clone(from), func(a *intent.Atom) bool { return a.Kind != intent.Pods })
		if s.Rule.Deny {
			to = enforcedAgainst(s, dir)
		}
	}
	return c.allPods(from) && slices.ContainsFunc(to, func(a *intent.Atom) bool { return c.isDNS(a, s.On) })
}

// allPods reports whether parties have all pods, or all of the cluster but those
// that answer for names.
func (c *compiler) allPods(list []*intent.Atom) bool {
	if slices.ContainsFunc(list, everybody) {
		return true
	}
	asks := func(p *pod) bool {
		return !slices.ContainsFunc(c.facts.dns, func(d dnsService) bool { return slices.Contains(d.pods, p) })
	}
	some := false
	for i := range c.facts.pods {
		if p := &c.facts.pods[i]; asks(p) {
			if some = true; !slices.ContainsFunc(list, func(a *intent.Atom) bool { return c.facts.isOf(p, a) }) {
				return false
			}
		}
	}
	return some
}

// everybody reports whether a party surely has all pods.
func everybody(a *intent.Atom) bool {
	p := a.Party
	return a.Kind == intent.Any || a.Kind == intent.Pods && p.Namespace == "" && p.Namespaces == nil && len(p.Accounts) == 0 && p.Pods.Sel.Root.Op == selector.All
}
