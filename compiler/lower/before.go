package lower

import (
	"slices"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
)

// Where a policy selects an end, its tier denies what none of the tier's policies
// decides. A statement about ends that no intent closes must not bring that about,
// nor may it pass by what others wrote in the tier. Such ends are therefore spoken
// of in a tier of their own just before, which hands on what it does not decide:
// everything behind is as it was.

// beforePrefix and a tier's name are the name of the tier before it.
const beforePrefix = "before-"

// setBefore finds the ends whose policies go to the tier before this one: those
// that no document closes and that rules, or a guard of forwarding, speak of, and
// all that may share ends with them, so that their order is kept. A tier in which
// nobody else has policies is enough by itself.
func (u *unit) setBefore() {
	if u.facts.open[u.tier.Name] || u.tier.Name != intent.DefaultTier && !u.facts.foreign[u.tier.Name] {
		return
	}
	forward := u.guardAtoms(intent.Forward)
	u.early = slices.Concat(u.rest(0), u.rest(1), forward)
	all := slices.Clone(forward)
	for _, p := range u.parts {
		all = append(all, p.atom)
	}
	for more := true; more; {
		more = false
		for _, a := range all {
			near := func(b *intent.Atom) bool { return !intent.Disjoint(a, b) }
			if !slices.Contains(u.early, a) && slices.ContainsFunc(u.early, near) {
				u.early, more = append(u.early, a), true
			}
		}
	}
	if len(u.early) > 0 {
		u.addBefore()
	}
}

// isEarly reports whether an atom's policies go to the tier before.
func (u *unit) isEarly(a *intent.Atom) bool { return slices.Contains(u.early, a) }

// tierOf is the tier of the policies for what an end itself sends and receives,
// and for what is forwarded.
func (u *unit) tierOf(a *intent.Atom) string {
	if u.isEarly(a) {
		return beforePrefix + u.tier.Name
	}
	return u.tier.Name
}

// addBefore adds the tier before this one, unless the cluster has it.
func (u *unit) addBefore() {
	name := beforePrefix + u.tier.Name
	have, exists := u.facts.tiers[name]
	exists = exists && !have.Ours
	switch {
	case exists && !u.facts.open[name]:
		u.diags.Add(diag.Finding{Code: "intent/tier-before", Severity: diag.Error, Span: u.early[0].Party.Span,
			Message: "the cluster's tier " + name + " denies what its policies do not decide; ends that are not protected need it to pass",
			Hint:    "give the tier defaultAction: Pass, or rename it"})
	case !exists && !slices.ContainsFunc(u.out.Tiers, func(t Tier) bool { return t.Name == name }):
		u.out.Tiers = append(u.out.Tiers, Tier{Name: name, Order: u.orderBefore(), Pass: true, Span: u.early[0].Party.Span})
	}
}

// orderBefore is an order behind all tiers that are asked before this one.
func (u *unit) orderBefore() float64 {
	last := u.tier.Order - 2
	behind := func(order float64) {
		if order < u.tier.Order {
			last = max(last, order)
		}
	}
	for name, t := range u.facts.tiers {
		if name != beforePrefix+u.tier.Name {
			behind(t.Order)
		}
	}
	for _, t := range u.program.Tiers {
		behind(t.Order)
	}
	return (last + u.tier.Order) / 2
}

// closeBehind protects an early end in the tier itself, where the policies of
// others still count: a policy without rules closes a direction.
func (u *unit) closeBehind(a *intent.Atom, dir int) {
	p := u.firstPart(a, func(p *part) bool { return p.protect[dir] != nil })
	y := u.policyIn(u.tier.Name, p.doc, a, "-protect")
	y.Order = orderClose
	i := slices.IndexFunc(u.out.Policies, func(o Policy) bool { return o.same(&y) })
	if i < 0 {
		i = len(u.out.Policies)
		u.out.Policies = append(u.out.Policies, y)
	}
	q := &u.out.Policies[i]
	if dir == 0 {
		q.In, q.ProtectedIn = true, p.protect[dir].Span
	} else {
		q.Out, q.ProtectedOut = true, p.protect[dir].Span
	}
}

// passing are the atoms at which what no rule decided is handed on. In a tier that
// does so by itself, these are only hosts at which policies for forwarded packets
// stand behind: the hosts' own packets must not reach them.
func (u *unit) passing(dir int) []*intent.Atom {
	switch {
	case len(u.early) == 0:
		return u.rest(dir)
	case dir == 0:
		return u.guardAtoms(intent.Forward)
	}
	return nil
}
