package lower

import (
	"slices"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/intent"
)

// Options say what else to make. HostEndpoints makes host endpoints for nodes
// whose labels fit a party that has none.
type Options struct {
	HostEndpoints bool
}

// Compile turns a program into objects. The snapshot may be nil.
func Compile(p *intent.Program, s *cluster.Snapshot, opt Options) (*Output, diag.List) {
	c := newCompiler(p.Enforced(), factsOf(s), opt)
	c.spots = spots(p.Docs)
	c.compile()
	if p.Staged() {
		c.stage(p)
	}
	for _, d := range p.Docs {
		c.out.Intents = append(c.out.Intents, d.Name)
	}
	c.namesTaken()
	c.out.sort()
	c.diags.Sort()
	c.diags = slices.CompactFunc(c.diags, func(a, b diag.Finding) bool {
		return a.Code == b.Code && a.Span == b.Span && a.Message == b.Message
	})
	return c.out, c.diags
}

// compiler makes the objects of a program whose documents are all enforced.
type compiler struct {
	program *intent.Program
	options Options
	facts   facts
	out     *Output
	diags   diag.List
	names   map[string]*intent.Atom
	// behind are the pods behind the services asked for so far.
	behind map[*intent.Atom]*intent.Atom
	// effective are the allows that rules were made of.
	effective map[*intent.Statement]bool
	// spots are the places of documents within their tiers.
	spots map[*intent.Document]spot
}

func newCompiler(p *intent.Program, f facts, opt Options) *compiler {
	return &compiler{program: p, options: opt, facts: f, out: &Output{}, names: map[string]*intent.Atom{},
		behind: map[*intent.Atom]*intent.Atom{}, effective: map[*intent.Statement]bool{}}
}

func (c *compiler) compile() {
	for _, t := range c.program.Tiers {
		if !t.Exists {
			c.out.Tiers = append(c.out.Tiers, Tier{Name: t.Name, Order: t.Order, Span: t.Span})
		}
	}
	for i, t := range c.program.Tiers {
		u := &unit{compiler: c, tier: t, later: c.program.Tiers[i:]}
		u.compile()
	}
	c.cluster()
}

// unit is the policies of one tier.
type unit struct {
	*compiler
	tier  intent.TierUse
	later []intent.TierUse // this tier and those behind it
	parts []*part
	// early are the atoms whose policies go to the tier before this one.
	early []*intent.Atom
}

// part is what one document says about one atom.
type part struct {
	doc         *intent.Document
	atom        *intent.Atom
	raw         [2][]Rule // by direction: in, out
	deny, allow [2][]Rule
	protect     [2]*intent.Protect
}

var directions = [2]intent.Direction{intent.In, intent.Out}

func (u *unit) compile() {
	for _, d := range u.program.Docs {
		if u.has(d) {
			u.document(d)
			u.fastPath(d)
		}
	}
	u.setBefore()
	u.normal()
	u.guards(intent.NodePorts)
	u.guards(intent.Forward)
}

func (u *unit) has(d *intent.Document) bool { return d.Tier.Name == u.tier.Name }

// document collects what a document says of its subjects in normal policy.
func (u *unit) document(d *intent.Document) {
	for i := range u.program.Protects {
		p := &u.program.Protects[i]
		if p.Doc != d {
			continue
		}
		for _, a := range p.Atoms {
			pt := u.part(d, a)
			if p.Protect.In {
				pt.protect[0] = p.Protect
			}
			if p.Protect.Out {
				pt.protect[1] = p.Protect
			}
		}
	}
	for i := range u.program.Statements {
		s := &u.program.Statements[i]
		if s.Doc == d && s.Rule.Section == intent.Normal {
			u.statement(s)
		}
	}
	for i := range u.program.Raws {
		if r := &u.program.Raws[i]; r.Doc == d {
			u.rawRule(r)
		}
	}
}

func (u *unit) rawRule(r *intent.RawRule) {
	dir := 1
	if r.Raw.In {
		dir = 0
	}
	for _, a := range r.Atoms {
		pt := u.part(r.Doc, a)
		pt.raw[dir] = append(pt.raw[dir], Rule{Raw: r.Raw.Rule, Span: r.Raw.Span, Why: "carried through as written"})
	}
}

func (u *unit) part(d *intent.Document, a *intent.Atom) *part {
	for _, p := range u.parts {
		if p.doc == d && p.atom == a {
			return p
		}
	}
	p := &part{doc: d, atom: a}
	u.parts = append(u.parts, p)
	return p
}

// statement adds the rules of a statement at each of its subjects.
func (u *unit) statement(s *intent.Statement) {
	for dir := range directions {
		peers := enforcedAgainst(s, dir)
		if len(peers) == 0 {
			continue
		}
		for _, h := range u.holds(s, dir) {
			if !s.Rule.Deny && !u.matters(h.atom, dir) {
				continue
			}
			pt := u.part(s.Doc, h.atom)
			u.effective[s] = true
			rules := u.rulesAt(s, h, peers, directions[dir])
			if s.Rule.Deny {
				pt.deny[dir] = appendNew(pt.deny[dir], rules...)
			} else {
				pt.allow[dir] = appendNew(pt.allow[dir], rules...)
			}
		}
	}
}

// enforcedAgainst are the peers of a statement where it holds in a direction. A pod
// refuses by itself; its peers need not.
func enforcedAgainst(s *intent.Statement, dir int) []*intent.Atom {
	peers := subjects(s, 1-dir)
	if dir == 1 && s.Rule.Deny && s.Rule.At == 0 {
		return slices.DeleteFunc(slices.Clone(peers), func(a *intent.Atom) bool { return a.Kind == intent.Pods })
	}
	return peers
}

// matters reports whether an allow at an atom can make a difference: something in
// this tier or a later one may refuse there.
func (u *unit) matters(a *intent.Atom, dir int) bool {
	if u.facts.closed(a) {
		return true
	}
	for i := range u.program.Protects {
		p := &u.program.Protects[i]
		on := p.Protect.In && dir == 0 || p.Protect.Out && dir == 1
		if on && u.reaches(p.Doc) && slices.ContainsFunc(p.Atoms, func(x *intent.Atom) bool { return !intent.Disjoint(a, x) }) {
			return true
		}
	}
	for i := range u.program.Statements {
		s := &u.program.Statements[i]
		if !s.Rule.Deny || s.Rule.Section != intent.Normal || !u.reaches(s.Doc) || len(enforcedAgainst(s, dir)) == 0 {
			continue
		}
		if slices.ContainsFunc(subjects(s, dir), func(x *intent.Atom) bool {
			at := u.subject(x)
			return at != nil && !intent.Disjoint(a, at)
		}) {
			return true
		}
	}
	return false
}

// reaches reports whether a document takes part at or behind this tier.
func (u *unit) reaches(d *intent.Document) bool {
	return slices.ContainsFunc(u.later, func(t intent.TierUse) bool { return t.Name == d.Tier.Name })
}
