package intent

import (
	"net/netip"
	"slices"

	"tortie/compiler/selector"
	"tortie/dataplane/packet"
)

// AtomKind says what an atom's ends are.
type AtomKind uint8

// The kinds of atoms.
const (
	Any AtomKind = iota + 1
	Pods
	Hosts
	Nets
	Service
)

// String returns the kind in words.
func (k AtomKind) String() string {
	return [...]string{"", "everything", "pods", "hosts", "networks", "a service"}[k]
}

// Atom is a party that is not made of others.
type Atom struct {
	Kind  AtomKind
	Party *Party
	Doc   *Document
}

var anyAtom = &Atom{Kind: Any, Party: &Party{Name: AnyParty}, Doc: &Document{}}

func newAtom(d *Document, p *Party) *Atom {
	a := &Atom{Kind: Pods, Party: p, Doc: d}
	switch {
	case p.Hosts != nil:
		a.Kind = Hosts
	case len(p.Nets) > 0:
		a.Kind = Nets
	case p.Service != "":
		a.Kind = Service
	}
	return a
}

// Subject reports whether policy can be put at the atom's ends.
func (a *Atom) Subject() bool { return a.Kind == Pods || a.Kind == Hosts }

// Family is the only family of the atom's addresses, 0 if it may have both.
func (a *Atom) Family() packet.Family {
	if a.Kind == Nets {
		return family(a.Party.Nets)
	}
	return 0
}

// Contains reports whether an address is in the nets and not in the exceptions.
func (a *Atom) Contains(x netip.Addr) bool {
	has := func(nets []netip.Prefix) bool {
		return slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Contains(x) })
	}
	return has(a.Party.Nets) && !has(a.Party.Except)
}

// Disjoint reports whether two atoms surely never have an end in common. Only
// pods and hosts are compared; false means "perhaps not".
func Disjoint(a, b *Atom) bool {
	switch {
	case a == b:
		return false
	case a.Kind != b.Kind:
		return a.Subject() && b.Subject()
	case a.Kind == Hosts:
		return exclude(a.Party.Hosts, b.Party.Hosts)
	case a.Kind != Pods:
		return false
	}
	p, q := a.Party, b.Party
	if p.Namespace != "" && q.Namespace != "" && p.Namespace != q.Namespace {
		return true
	}
	if len(p.Accounts) > 0 && len(q.Accounts) > 0 && !slices.ContainsFunc(p.Accounts, func(s string) bool { return slices.Contains(q.Accounts, s) }) {
		return true
	}
	return exclude(p.Pods, q.Pods) || exclude(p.Namespaces, q.Namespaces)
}

// exclude reports whether two selectors surely select nothing together: they
// demand different values of one label.
func exclude(a, b *Selector) bool {
	if a == nil || b == nil {
		return false
	}
	for label, va := range demands(a.Sel.Root) {
		vb, ok := demands(b.Sel.Root)[label]
		if ok && !slices.ContainsFunc(va, func(v string) bool { return slices.Contains(vb, v) }) {
			return true
		}
	}
	return false
}

// demands lists labels that must have one of some values for the expression to be
// true.
func demands(e *selector.Expr) map[string][]string {
	out := map[string][]string{}
	switch e.Op {
	case selector.Eq, selector.In:
		out[e.Label] = e.Values
	case selector.And:
		for _, x := range e.Args {
			for label, values := range demands(x) {
				out[label] = values
			}
		}
	}
	return out
}

// Within reports whether each end of one atom is surely one of another. false
// means "perhaps not".
func Within(a, b *Atom) bool {
	switch {
	case a == b:
		return true
	case a.Kind == Nets && b.Kind == Nets:
		return netsWithin(a.Party.Nets, b.Party)
	case a.Kind == Service && b.Kind == Service:
		return a.Party.Service == b.Party.Service
	case a.Kind != b.Kind || !a.Subject():
		return false
	case a.Kind == Hosts:
		return implies(a.Party.Hosts, b.Party.Hosts)
	}
	p, q := a.Party, b.Party
	if q.Namespace != "" && p.Namespace != q.Namespace || q.Namespaces != nil && !implies(p.Namespaces, q.Namespaces) {
		return false
	}
	if len(q.Accounts) > 0 && (len(p.Accounts) == 0 || slices.ContainsFunc(p.Accounts, func(s string) bool { return !slices.Contains(q.Accounts, s) })) {
		return false
	}
	return q.Pods == nil || implies(p.Pods, q.Pods)
}

// among reports whether each end of an atom is surely one of a list of others.
func among(a *Atom, list []*Atom) bool {
	return slices.ContainsFunc(list, func(w *Atom) bool { return w == anyAtom || Within(a, w) })
}

// netsWithin reports whether networks lie in those of a party, and in none of its
// exceptions.
func netsWithin(nets []netip.Prefix, p *Party) bool {
	return !slices.ContainsFunc(nets, func(n netip.Prefix) bool {
		return slices.ContainsFunc(p.Except, n.Overlaps) ||
			!slices.ContainsFunc(p.Nets, func(w netip.Prefix) bool { return w.Bits() <= n.Bits() && w.Contains(n.Addr()) })
	})
}

// implies reports whether whatever one selector selects another selects too.
func implies(a, b *Selector) bool {
	if a == nil || b == nil {
		return b == nil
	}
	return a.Text == b.Text || holds(b.Sel.Root, demands(a.Sel.Root))
}

// holds reports whether an expression is surely true of what has one of the
// demanded values for each label.
func holds(e *selector.Expr, known map[string][]string) bool {
	values, ok := known[e.Label]
	all := func(f func(string) bool) bool {
		return ok && !slices.ContainsFunc(values, func(v string) bool { return !f(v) })
	}
	switch e.Op {
	case selector.All:
		return true
	case selector.Has:
		return ok
	case selector.Eq, selector.In:
		return all(func(v string) bool { return slices.Contains(e.Values, v) })
	case selector.Ne, selector.NotIn:
		return all(func(v string) bool { return !slices.Contains(e.Values, v) })
	case selector.And:
		return !slices.ContainsFunc(e.Args, func(x *selector.Expr) bool { return !holds(x, known) })
	case selector.Or:
		return slices.ContainsFunc(e.Args, func(x *selector.Expr) bool { return holds(x, known) })
	}
	return false
}
