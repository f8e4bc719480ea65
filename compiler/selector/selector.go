// Package selector is Calico's selector language: app == 'web' && !has(canary).
//
// In goes the text of one selector; out comes its tree, with the place of every
// part in the text, its value on labels, its canonical text and the identifier
// that Felix makes of it. It does not know where labels come from or what a
// policy adds to a selector. It accepts, prints and judges exactly what
// libcalico-go/lib/selector does at v3.32.
package selector

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// Op is the kind of an expression. The zero value is invalid.
type Op uint8

// The kinds of expressions.
const (
	All Op = iota + 1
	Global
	Has
	Eq
	Ne
	In
	NotIn
	Contains
	StartsWith
	EndsWith
	Not
	And
	Or
)

// String returns the operator as the language spells it.
func (o Op) String() string {
	switch o {
	case All:
		return "all()"
	case Global:
		return "global()"
	case Has:
		return "has"
	case Eq:
		return "=="
	case Ne:
		return "!="
	case In:
		return "in"
	case NotIn:
		return "not in"
	case Contains:
		return "contains"
	case StartsWith:
		return "starts with"
	case EndsWith:
		return "ends with"
	case Not:
		return "!"
	case And:
		return "&&"
	case Or:
		return "||"
	}
	return "op?"
}

// Expr is one expression. Label is that of Has to EndsWith; Values holds the
// literal of Eq, Ne, Contains, StartsWith and EndsWith, or the sorted set of In
// and NotIn; Args are the operands of Not (one), And and Or (two or more). The
// expression stands at bytes [From,To) of the selector's text.
type Expr struct {
	Op       Op
	Label    string
	Values   []string
	Args     []*Expr
	From, To int
}

// Selector is a parsed selector. It is not changed after Parse.
type Selector struct {
	Root *Expr
	text string
}

// Labels are the labels of a thing to judge.
type Labels interface {
	Get(label string) (value string, present bool)
}

// Map is a plain map as Labels.
type Map map[string]string

// Get returns a label's value.
func (m Map) Get(label string) (string, bool) {
	v, ok := m[label]
	return v, ok
}

// Matches reports whether the selector selects a thing with these labels.
func (s *Selector) Matches(l Labels) bool { return s.Root.Matches(l) }

// String returns the canonical text, as libcalico-go prints it: double quotes
// unless the literal has one, sets sorted, brackets around every && and ||.
func (s *Selector) String() string { return s.text }

// UniqueID returns the identifier of the set of things the selector selects:
// what Felix calls the IP set before it shortens the name.
func (s *Selector) UniqueID() string { return UniqueID("s", s.text) }

// UniqueID makes an identifier of a text as libcalico-go/lib/hash does: the
// prefix, a colon and the SHA-224 of both in URL-safe base64 without padding.
func UniqueID(prefix, text string) string {
	sum := sha256.Sum224([]byte(prefix + ":" + text))
	return prefix + ":" + base64.RawURLEncoding.EncodeToString(sum[:])
}

// Prefixed returns the selector with a prefix put before every label's name, as
// namespace and service account selectors get one ("pcns.", "pcsa.").
func (s *Selector) Prefixed(prefix string) *Selector {
	return newSelector(s.Root.prefixed(prefix))
}

func newSelector(root *Expr) *Selector {
	var b strings.Builder
	root.write(&b)
	return &Selector{Root: root, text: b.String()}
}

func (e *Expr) prefixed(prefix string) *Expr {
	c := *e
	if c.Op >= Has && c.Op <= EndsWith {
		c.Label = prefix + c.Label
	}
	c.Args = make([]*Expr, len(e.Args))
	for i, a := range e.Args {
		c.Args[i] = a.prefixed(prefix)
	}
	return &c
}

// Matches reports whether the expression is true of these labels. Ne and NotIn
// are true of a thing without the label.
func (e *Expr) Matches(l Labels) bool {
	switch e.Op {
	case All, Global:
		return true
	case Not:
		return !e.Args[0].Matches(l)
	case And:
		return !slices.ContainsFunc(e.Args, func(a *Expr) bool { return !a.Matches(l) })
	case Or:
		return slices.ContainsFunc(e.Args, func(a *Expr) bool { return a.Matches(l) })
	}
	v, ok := l.Get(e.Label)
	return e.matchesValue(v, ok)
}

func (e *Expr) matchesValue(v string, present bool) bool {
	switch e.Op {
	case Has:
		return present
	case Eq:
		return present && v == e.Values[0]
	case Ne:
		return !present || v != e.Values[0]
	case In, NotIn:
		_, found := slices.BinarySearch(e.Values, v)
		return (present && found) == (e.Op == In)
	case Contains:
		return present && strings.Contains(v, e.Values[0])
	case StartsWith:
		return present && strings.HasPrefix(v, e.Values[0])
	case EndsWith:
		return present && strings.HasSuffix(v, e.Values[0])
	}
	return false
}

// write appends the canonical text.
func (e *Expr) write(b *strings.Builder) {
	switch e.Op {
	case All, Global:
		b.WriteString(e.Op.String())
	case Has:
		b.WriteString("has(" + e.Label + ")")
	case In, NotIn:
		b.WriteString(e.Label + " " + e.Op.String() + " {")
		for i, v := range e.Values {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(quote(v))
		}
		b.WriteString("}")
	case Not:
		b.WriteString("!")
		e.Args[0].write(b)
	case And, Or:
		b.WriteString("(")
		for i, a := range e.Args {
			if i > 0 {
				b.WriteString(" " + e.Op.String() + " ")
			}
			a.write(b)
		}
		b.WriteString(")")
	default:
		b.WriteString(e.Label + " " + e.Op.String() + " " + quote(e.Values[0]))
	}
}

// quote puts a literal in quotes. The language has no escapes: a literal never
// holds both kinds.
func quote(s string) string {
	if strings.Contains(s, `"`) {
		return "'" + s + "'"
	}
	return `"` + s + `"`
}

// Walk calls f for the expression and all below it, outer first.
func (e *Expr) Walk(f func(*Expr)) {
	f(e)
	for _, a := range e.Args {
		a.Walk(f)
	}
}
