package intent

import "slices"

// Independent is what can be judged of a program in which something is wrong
// elsewhere: statements, protections, raw rules and guards in which nothing is.
func (p *Program) Independent() *Program {
	out := &Program{Docs: p.Docs, Tiers: p.Tiers}
	for _, s := range p.Statements {
		if !s.Rule.Wrong && all(s.From, sound) && all(s.To, sound) {
			out.Statements = append(out.Statements, s)
		}
	}
	for _, x := range p.Protects {
		if all(x.Atoms, sound) && all(x.Atoms, (*Atom).Subject) {
			out.Protects = append(out.Protects, x)
		}
	}
	for _, r := range p.Raws {
		if len(r.Atoms) > 0 && all(r.Atoms, (*Atom).Subject) && all(r.Atoms, sound) {
			out.Raws = append(out.Raws, r)
		}
	}
	hosts := func(a *Atom) bool { return a.Kind == Hosts }
	ends := func(a *Atom) bool { return a.Kind != Service }
	for _, g := range p.Guards {
		found := len(g.Hosts) > 0 && (len(g.Trust) > 0 || len(g.Guard.Trust) == 0)
		if found && all(g.Hosts, hosts) && all(g.Hosts, sound) && all(g.Trust, ends) && all(g.Trust, sound) {
			out.Guards = append(out.Guards, g)
		}
	}
	return out
}

func sound(a *Atom) bool { return a.Party == nil || !a.Party.Wrong }

func all(list []*Atom, is func(*Atom) bool) bool {
	return !slices.ContainsFunc(list, func(a *Atom) bool { return !is(a) })
}
