package intent

import (
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// names are things to which documents give names, with the words for those that
// nobody gives, and for those that several give.
type names[T any] struct {
	of            func(*Document) []T
	name          func(*T) string
	unknown       string // code
	missing, hint string
	ambiguous     string // code
	several       string
	also          []string // what is a name anywhere
}

var partyNames = names[Party]{
	of: func(d *Document) []Party { return d.Parties }, name: func(p *Party) string { return p.Name },
	unknown: "intent/unknown-party", missing: "no party is called %q", hint: "give it under parties, or write any",
	ambiguous: "intent/ambiguous-party", several: "party %q is given by more than one intent", also: []string{AnyParty},
}

var portNames = names[PortGroup]{
	of: func(d *Document) []PortGroup { return d.Ports }, name: func(g *PortGroup) string { return g.Name },
	unknown: "intent/unknown-ports", missing: "no list of ports is called %q", hint: "give it under ports, or write tcp/80",
	ambiguous: "intent/ambiguous-ports", several: "the list of ports %q is given by more than one intent",
}

// in is what a document gives a name; nil is nothing.
func (n *names[T]) in(d *Document, name string) *T {
	list := n.of(d)
	for i := range list {
		if n.name(&list[i]) == name {
			return &list[i]
		}
	}
	return nil
}

// lookUp finds what a name stands for: as intent.name, in the document itself, in the
// only other one that gives it. It marks what it finds as used, and reports what it
// does not find.
func lookUp[T any](l *linker, d *Document, name string, at diag.Span, n *names[T]) (*Document, *T) {
	owner, short := d, name
	if intent, rest, ok := strings.Cut(name, "."); ok {
		if i := slices.IndexFunc(l.program.Docs, func(o *Document) bool { return o.Name == intent }); i >= 0 {
			owner, short = l.program.Docs[i], rest
		}
	}
	x := n.in(owner, short)
	if x == nil {
		if owner = n.elsewhere(l, name, at); owner == nil {
			return nil, nil
		}
		x = n.in(owner, name)
	}
	l.used[x] = true
	return owner, x
}

// elsewhere is the only document that gives a name; without one it says so.
func (n *names[T]) elsewhere(l *linker, name string, at diag.Span) *Document {
	var owners []*Document
	for _, o := range l.program.Docs {
		if n.in(o, name) != nil {
			owners = append(owners, o)
		}
	}
	switch len(owners) {
	case 1:
		return owners[0]
	case 0:
		hint := n.hint
		if near := yamlpos.Nearest(name, n.known(l.program.Docs)); near != "" {
			hint = "did you mean " + near + "?"
		}
		l.report(n.unknown, diag.Error, at, hint, n.missing, name)
	default:
		l.report(n.ambiguous, diag.Error, at, "write "+owners[0].Name+"."+name+" or "+owners[1].Name+"."+name, n.several, name)
	}
	return nil
}

// known are all names that could have been meant.
func (n *names[T]) known(docs []*Document) (out []string) {
	for _, d := range docs {
		list := n.of(d)
		for i := range list {
			out = append(out, n.name(&list[i]))
		}
	}
	return append(out, n.also...)
}

// ports resolves a list of ports; nil stands for every packet.
func (l *linker) ports(d *Document, refs []PortRef) []PortTerm {
	var out []PortTerm
	for _, r := range refs {
		if len(r.Terms) > 0 {
			out = append(out, r.Terms...)
			continue
		}
		if _, g := lookUp(l, d, r.Text, r.Span, &portNames); g != nil {
			for _, t := range g.Terms {
				if len(t.Terms) == 0 {
					l.report("intent/nested-ports", diag.Error, t.Span, "write the ports out", "a list of ports cannot name another list (%q)", t.Text)
				}
				out = append(out, t.Terms...)
			}
		}
	}
	return out
}
