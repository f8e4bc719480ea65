package lower

import (
	"slices"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
)

// IPv6 hosts find each other by ICMPv6, which policy of host endpoints judges like
// any other packet: a closed host would lose all IPv6 on its links. So the first
// policy of the tier at each host party lets the discovery of neighbours through.
var (
	neighboursIn  = []int{134, 135, 136} // router advertisement, neighbour solicitation and advertisement
	neighboursOut = []int{133, 135, 136} // router solicitation, neighbour solicitation and advertisement
)

const neighboursWhy = "IPv6 cannot do without"

func neighbourRules(types []int, at diag.Span) []Rule {
	var out []Rule
	for _, t := range types {
		out = append(out, Rule{Action: "Allow", Protocol: "ICMPv6", ICMPType: ptr(t), Span: at, Why: neighboursWhy})
	}
	return out
}

// neighbours puts the rules before all others at each host party that the
// policies from a place on refuse anything at.
func (u *unit) neighbours(from int, preDNAT bool) {
	if u.facts.known && !u.facts.v6 {
		return
	}
	var atoms []*intent.Atom
	for i := range u.out.Policies[from:] {
		p := &u.out.Policies[from+i]
		if p.atom.Kind == intent.Hosts && p.judges(preDNAT) && !slices.Contains(atoms, p.atom) {
			atoms = append(atoms, p.atom)
		}
	}
	for _, a := range atoms {
		for dir := range directions {
			u.neighbourRule(from, a, dir, preDNAT)
		}
	}
}

// judges reports whether a policy is one of the stage in hand.
func (p *Policy) judges(preDNAT bool) bool {
	return p.PreDNAT == preDNAT && (preDNAT || !p.ApplyOnForward)
}

func (u *unit) neighbourRule(from int, a *intent.Atom, dir int, preDNAT bool) {
	var first *Policy
	refuses := false
	for i := range u.out.Policies[from:] {
		p := &u.out.Policies[from+i]
		rules, governs := p.Ingress, p.In
		if dir == 1 {
			rules, governs = p.Egress, p.Out
		}
		if p.atom != a || !governs || !p.judges(preDNAT) {
			continue
		}
		if first == nil || p.Order < first.Order {
			first = p
		}
		refuses = refuses || !preDNAT || slices.ContainsFunc(rules, func(r Rule) bool { return r.Action == "Deny" || r.Raw != nil })
	}
	switch {
	case first == nil || !refuses:
	case dir == 0:
		first.Ingress = append(neighbourRules(neighboursIn, a.Party.Span), first.Ingress...)
	default:
		first.Egress = append(neighbourRules(neighboursOut, a.Party.Span), first.Egress...)
	}
}
