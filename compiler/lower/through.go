package lower

import (
	"slices"

	"tortie/compiler/intent"
)

// What a statement allows to pass through a host, nodePorts of that host must not
// stop on the way: it is handed on to the policies for what is forwarded.

// passThrough makes policies that hand it on at hosts that forward by another name
// than they are guarded by, and counts them. Such a policy refuses nothing.
func (u *unit) passThrough() int {
	guarded := u.guardAtoms(intent.NodePorts)
	made := 0
	for _, a := range u.viaAtoms() {
		near := func(b *intent.Atom) bool { return !intent.Disjoint(a, b) }
		if slices.Contains(guarded, a) || !slices.ContainsFunc(guarded, near) {
			continue
		}
		if rules := u.forwarded(a); len(rules) > 0 {
			u.guardPolicy(u.guarded(intent.NodePorts)[0].Doc, a, intent.NodePorts, orderEnd-orderDoc, "-through", rules)
			made++
		}
	}
	return made
}

// viaAtoms are the hosts at which statements about forwarding hold, of any tier.
func (u *unit) viaAtoms() []*intent.Atom {
	var out []*intent.Atom
	for _, d := range u.program.Docs {
		for _, a := range u.program.Via(d) {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// forwarded are the rules that hand on what statements allow to pass through a host
// party. What is for these hosts themselves, node ports too, is not among it.
func (u *unit) forwarded(a *intent.Atom) []Rule {
	var out []Rule
	for i := range u.program.Statements {
		s := &u.program.Statements[i]
		if s.Rule.Section != intent.Forward || s.Rule.Deny || !slices.Contains(u.program.Via(s.Doc), a) {
			continue
		}
		for _, to := range s.To {
			one := *s
			one.To = []*intent.Atom{to}
			for _, r := range u.guardStatement(&one, a, intent.Forward) {
				if r.Action != "Allow" { // a log of its own would come twice
					continue
				}
				if to.Kind != intent.Pods {
					r.Destination.NotSelector = and(a.Party.Hosts, "!has(projectcalico.org/namespace)")
				}
				r.Action, r.Why = "Pass", "on its way through, which forward judges: "+r.Why
				out = appendNew(out, r)
			}
		}
	}
	return out
}
