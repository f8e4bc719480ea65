package intent

import "slices"

// Independent is what can be judged of a program in which something is wrong
// elsewhere: raw rules and guards whose own names are right.
func (p *Program) Independent() *Program {
	out := &Program{Docs: p.Docs, Tiers: p.Tiers}
	for _, r := range p.Raws {
		if len(r.Atoms) > 0 && all(r.Atoms, (*Atom).Subject) {
			out.Raws = append(out.Raws, r)
		}
	}
	hosts := func(a *Atom) bool { return a.Kind == Hosts }
	ends := func(a *Atom) bool { return a.Kind != Service }
	for _, g := range p.Guards {
		found := len(g.Hosts) > 0 && (len(g.Trust) > 0 || len(g.Guard.Trust) == 0)
		if found && all(g.Hosts, hosts) && all(g.Trust, ends) {
			out.Guards = append(out.Guards, g)
		}
	}
	return out
}

func all(list []*Atom, is func(*Atom) bool) bool {
	return !slices.ContainsFunc(list, func(a *Atom) bool { return !is(a) })
}
