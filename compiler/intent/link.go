package intent

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tortie/compiler/diag"
)

// DefaultTier is the tier of a document that names none.
const DefaultTier = "default"

// NewTierOrder is the order of a tier that neither the intent nor the cluster
// gives one.
const NewTierOrder float64 = 500

const defaultTierOrder float64 = 1_000_000

// Options say what a program is linked against. Tiers are those that the cluster
// has. Today ("2026-11-24") is what until is held against;
// empty holds nothing against it.
type Options struct {
	Tiers map[string]ClusterTier
	Today string
}

// Link resolves the names of all documents and checks them against each other.
func Link(docs []*Document, opt Options) (*Program, diag.List) {
	l := &linker{opt: opt, program: &Program{}, atoms: map[*Party][]*Atom{}, used: map[any]bool{}}
	l.program.Docs = slices.Clone(docs)
	l.tiers()
	l.sortDocs()
	l.duplicates()
	for _, d := range l.program.Docs {
		l.document(d)
	}
	l.unused()
	l.conflicts()
	l.denied()
	l.diags.Sort()
	return l.program, l.diags
}

type linker struct {
	opt     Options
	program *Program
	diags   diag.List
	atoms   map[*Party][]*Atom
	used    map[any]bool
}

func (l *linker) report(code string, s diag.Severity, at diag.Span, hint, format string, args ...any) {
	l.diags.Add(diag.Finding{Code: code, Severity: s, Span: at, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// tiers settles the order of every tier in use.
func (l *linker) tiers() {
	byName := map[string]*TierUse{}
	given := map[string]*Document{}
	for _, d := range l.program.Docs {
		name := cmp.Or(d.Tier.Name, DefaultTier)
		d.Tier.Name = name
		u := byName[name]
		if u == nil {
			u = l.tier(name)
			u.Span = d.Tier.Span
			byName[name] = u
		}
		if d.Tier.Order == nil {
			continue
		}
		before := given[name]
		switch {
		case before != nil && *before.Tier.Order != *d.Tier.Order:
			l.report("intent/tier-order", diag.Error, d.Tier.Span, "give the order once", "tier %s has order %v in intent %s and %v here",
				name, *before.Tier.Order, before.Name, *d.Tier.Order)
		case u.Exists && u.Order != *d.Tier.Order:
			l.report("intent/tier-order", diag.Error, d.Tier.Span, "leave the order out", "the cluster's tier %s has order %v", name, u.Order)
		default:
			given[name], u.Order = d, *d.Tier.Order
		}
	}
	for _, u := range byName {
		l.program.Tiers = append(l.program.Tiers, *u)
	}
	slices.SortFunc(l.program.Tiers, func(a, b TierUse) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), strings.Compare(a.Name, b.Name))
	})
}

// tier is a tier before any document gives it an order.
func (l *linker) tier(name string) *TierUse {
	have, exists := l.opt.Tiers[name]
	switch {
	case name == DefaultTier:
		return &TierUse{Name: name, Order: defaultTierOrder, Exists: true}
	case !exists:
		return &TierUse{Name: name, Order: NewTierOrder}
	}
	return &TierUse{Name: name, Order: have.Order, Exists: !have.Ours}
}

func (l *linker) sortDocs() {
	rank := map[string]int{}
	for i, t := range l.program.Tiers {
		rank[t.Name] = i
	}
	slices.SortStableFunc(l.program.Docs, func(a, b *Document) int {
		return cmp.Or(cmp.Compare(rank[a.Tier.Name], rank[b.Tier.Name]), compareOrder(a.Order, b.Order),
			strings.Compare(a.Name, b.Name), strings.Compare(a.Span.File, b.Span.File), cmp.Compare(a.Span.Start.Line, b.Span.Start.Line))
	})
}

func compareOrder(a, b *float64) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Compare(*a, *b)
}

// duplicates reports names that are given twice.
func (l *linker) duplicates() {
	seen := map[string]*Document{}
	for _, d := range l.program.Docs {
		if d.Name == "" {
			continue
		}
		if first := seen[d.Name]; first != nil {
			l.report("intent/duplicate", diag.Error, d.Span, "names of intents become names of policies; choose another",
				"intent %s is already at %s", d.Name, first.Span)
		}
		seen[d.Name] = d
	}
}

// document resolves one document.
func (l *linker) document(d *Document) {
	for i := range d.Protect {
		one := &d.Protect[i]
		p := Protected{Doc: d, Protect: one, Atoms: l.party(d, one.Party)}
		l.subjects(one.Party, p.Atoms)
		l.program.Protects = append(l.program.Protects, p)
	}
	for i := range d.Rules {
		l.statement(d, &d.Rules[i])
	}
	l.parties(d, d.Unread)
	for i := range d.Guards {
		g := &d.Guards[i]
		out := Guarded{Doc: d, Guard: g, Hosts: l.parties(d, g.Hosts), Trust: l.parties(d, g.Trust)}
		l.onlyHosts(g.Hosts, out.Hosts, g.Section)
		l.noService(g.Trust, out.Trust)
		l.program.Guards = append(l.program.Guards, out)
	}
	for i := range d.Raw {
		r := &d.Raw[i]
		atoms := l.party(d, r.Party)
		l.subjects(r.Party, atoms)
		l.program.Raws = append(l.program.Raws, RawRule{Doc: d, Raw: r, Atoms: atoms})
	}
	for i := range d.Guarantees {
		g := &d.Guarantees[i]
		l.parties(d, g.Rule.From)
		l.parties(d, g.Rule.To)
		l.ports(d, g.Rule.On)
		l.report("intent/not-proved", diag.Warning, g.Rule.Span, "ask tortie trace for single connections, and tortie replay for what a scenario expects", "only the names of this guarantee are checked: whether it holds is not")
	}
}

func (l *linker) parties(d *Document, refs []Ref) []*Atom {
	var out []*Atom
	for _, r := range refs {
		for _, a := range l.party(d, r) {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// party returns what a name stands for; an unknown one is reported.
func (l *linker) party(d *Document, r Ref) []*Atom {
	if r.Name == AnyParty {
		return []*Atom{anyAtom}
	}
	owner, p := lookUp(l, d, r.Name, r.Span, &partyNames)
	if p == nil {
		return nil
	}
	return l.expand(owner, p, nil)
}

// expand turns a party into atoms; within is the way here through anyOf.
func (l *linker) expand(d *Document, p *Party, within []*Party) []*Atom {
	if out, ok := l.atoms[p]; ok {
		return out
	}
	if len(p.AnyOf) == 0 {
		l.atoms[p] = []*Atom{newAtom(d, p)}
		return l.atoms[p]
	}
	var out []*Atom
	for _, r := range p.AnyOf {
		if r.Name == AnyParty {
			out = append(out, anyAtom)
			continue
		}
		owner, q := lookUp(l, d, r.Name, r.Span, &partyNames)
		switch {
		case q == nil:
			continue
		case q == p || slices.Contains(within, q):
			l.report("intent/circular-party", diag.Error, r.Span, "leave it out", "party %s contains itself", q.Name)
			continue
		}
		for _, a := range l.expand(owner, q, append(slices.Clip(within), p)) {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	l.atoms[p] = out
	return out
}
