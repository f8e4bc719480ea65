package lower

import (
	"slices"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
)

// The orders of policies within a tier. Each document has a hundred (see spot):
// denies, then allows. Behind all documents come closings for what is protected, then what
// lets the rest go on, then what only forwarded packets reach.
const (
	orderRaw     = 5
	orderDeny    = 10
	orderAllow   = 20
	orderDoc     = 100
	orderClose   = 100_000
	orderRest    = 100_100
	orderForward = 200_000
	orderEnd     = 300_000
)

// normal makes the policies for what the ends themselves send and receive.
func (u *unit) normal() {
	from := len(u.out.Policies)
	for _, p := range u.parts {
		u.partPolicies(p)
	}
	for dir := range directions {
		for _, a := range u.protectedAtoms(dir) {
			switch {
			case u.isEarly(a):
				u.closeBehind(a, dir)
			case u.explicit(a, dir):
				u.closing(a, dir)
			}
		}
		for _, a := range u.passing(dir) {
			u.pass(a, dir)
		}
	}
	u.neighbours(from, false)
}

// partPolicies makes the policies of one document for one atom: one, unless
// denies have to come before the allows of other atoms.
func (u *unit) partPolicies(p *part) {
	if len(p.raw[0])+len(p.raw[1]) > 0 {
		u.add(p, orderRaw, "-raw", p.raw[0], p.raw[1], false)
	}
	denies := len(p.deny[0])+len(p.deny[1]) > 0
	split := denies && u.overlaps(p)
	if split {
		u.add(p, orderDeny, "-deny", p.deny[0], p.deny[1], false)
		u.add(p, orderAllow, "", p.allow[0], p.allow[1], true)
		return
	}
	u.add(p, orderAllow, "", slices.Concat(p.deny[0], p.allow[0]), slices.Concat(p.deny[1], p.allow[1]), true)
}

// overlaps reports whether another atom of the document may share ends with this
// one, so that their rules must not be mixed.
func (u *unit) overlaps(p *part) bool {
	return slices.ContainsFunc(u.parts, func(o *part) bool {
		return o != p && o.doc == p.doc && !intent.Disjoint(o.atom, p.atom)
	})
}

// add makes a policy unless it would say nothing. closes says that it also
// stands for the protection of the atom.
func (u *unit) add(p *part, order float64, suffix string, in, out []Rule, closes bool) {
	y := u.policy(p.doc, p.atom, suffix)
	y.Order = u.spots[p.doc].order(order)
	y.Ingress, y.Egress = in, out
	y.In, y.Out = len(in) > 0, len(out) > 0
	for dir, pr := range p.protect {
		if !closes || pr == nil || u.explicit(p.atom, dir) {
			continue
		}
		if dir == 0 {
			y.In, y.ProtectedIn = true, pr.Span
		} else {
			y.Out, y.ProtectedOut = true, pr.Span
		}
	}
	if y.In || y.Out {
		u.out.Policies = append(u.out.Policies, y)
	}
}

// policy is a policy for an atom, still without rules.
func (u *unit) policy(d *intent.Document, a *intent.Atom, suffix string) Policy {
	return u.policyIn(u.tierOf(a), d, a, suffix)
}

func (u *unit) policyIn(tier string, d *intent.Document, a *intent.Atom, suffix string) Policy {
	y := Policy{Name: u.name(tier, d, a, suffix), Namespace: policyNamespace(a), Tier: tier, Doc: d, atom: a}
	p := a.Party
	if a.Kind == intent.Hosts {
		y.Selector = and(p.Hosts, "!has(projectcalico.org/namespace)")
		return y
	}
	y.Selector = "all()"
	if p.Pods != nil {
		y.Selector = p.Pods.Text
	}
	if p.Namespace == "" {
		y.NamespaceSelector = "all()"
		if p.Namespaces != nil {
			y.NamespaceSelector = p.Namespaces.Text
		}
	}
	if len(p.Accounts) > 0 {
		y.ServiceAccountSelector = "projectcalico.org/name in " + quoted(p.Accounts)
	}
	return y
}

// name is the name of a policy: after the intent and the party, with the tier
// before it as Calico wants it.
func (u *unit) name(tier string, d *intent.Document, a *intent.Atom, suffix string) string {
	base := d.Name + "-" + a.Party.Name
	if a.Doc != d {
		base = d.Name + "-" + a.Doc.Name + "-" + a.Party.Name
	}
	if tier != intent.DefaultTier {
		base = tier + "." + base
	}
	key := policyNamespace(a) + "/" + base
	if have := u.names[key]; have != nil && have != a {
		u.diags.Add(diag.Finding{Code: "intent/name-collision", Severity: diag.Error, Span: a.Party.Span, Hint: "rename one of the parties",
			Message: "two parties would give policies the name " + base, Related: []diag.Related{{Span: have.Party.Span, Message: "the other"}}})
	}
	u.names[key] = a
	return base + suffix
}

// protectedAtoms are the atoms that any document of the tier closes.
func (u *unit) protectedAtoms(dir int) []*intent.Atom {
	var out []*intent.Atom
	for _, p := range u.parts {
		if p.protect[dir] != nil && !slices.Contains(out, p.atom) {
			out = append(out, p.atom)
		}
	}
	return out
}

// rest are the atoms that have rules, or a guard against forwarding, and that
// nobody closes: what no rule decides goes on there as if there were no policy.
func (u *unit) rest(dir int) []*intent.Atom {
	closed := u.protectedAtoms(dir)
	var out []*intent.Atom
	add := func(a *intent.Atom) {
		within := slices.ContainsFunc(closed, func(b *intent.Atom) bool { return intent.Within(a, b) })
		if !within && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	for _, p := range u.parts {
		if len(p.deny[dir])+len(p.allow[dir])+len(p.raw[dir]) > 0 {
			add(p.atom)
		}
	}
	if dir == 0 {
		for _, a := range u.guardAtoms(intent.Forward) {
			add(a)
		}
	}
	return out
}

// explicit reports whether the protection of an atom needs a rule that says so:
// what passes the rest, or a policy for forwarded packets, stands behind it; or
// the tier itself passes.
func (u *unit) explicit(a *intent.Atom, dir int) bool {
	if u.facts.open[u.tier.Name] || u.isEarly(a) {
		return true
	}
	near := func(x *intent.Atom) bool { return !intent.Disjoint(a, x) }
	return slices.ContainsFunc(u.rest(dir), near) || dir == 0 && slices.ContainsFunc(u.guardAtoms(intent.Forward), near)
}

// closing denies what no document of the tier allowed at a protected atom.
func (u *unit) closing(a *intent.Atom, dir int) {
	p := u.firstPart(a, func(p *part) bool { return p.protect[dir] != nil })
	r := Rule{Action: "Deny", Span: p.protect[dir].Span, Why: "what nothing allowed"}
	u.direction(p, "-protect", orderClose, dir, r)
}

// pass hands on what no rule decided at an atom.
func (u *unit) pass(a *intent.Atom, dir int) {
	p := u.firstPart(a, func(*part) bool { return true })
	if p == nil {
		d := u.guardDoc(a)
		p = &part{doc: d, atom: a}
	}
	u.direction(p, "-rest", orderRest, dir, Rule{Action: "Pass", Span: a.Party.Span, Why: "not protected in this tier: later tiers decide"})
}

// direction adds a rule for a direction to the policy with this suffix.
func (u *unit) direction(p *part, suffix string, order float64, dir int, r Rule) {
	y := u.policy(p.doc, p.atom, suffix)
	i := slices.IndexFunc(u.out.Policies, func(o Policy) bool { return o.same(&y) })
	if i < 0 {
		y.Order = order
		u.out.Policies = append(u.out.Policies, y)
		i = len(u.out.Policies) - 1
	}
	q := &u.out.Policies[i]
	if dir == 0 {
		q.In, q.Ingress = true, append(q.Ingress, r)
	} else {
		q.Out, q.Egress = true, append(q.Egress, r)
	}
}

func (u *unit) firstPart(a *intent.Atom, ok func(*part) bool) *part {
	for _, p := range u.parts {
		if p.atom == a && ok(p) {
			return p
		}
	}
	return nil
}
