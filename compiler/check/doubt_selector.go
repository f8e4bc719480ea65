package check

import (
	"strings"

	"tortie/compiler/selector"
)

// selectorDoubts warns of a selector that nothing, or everything, can match
// though it asks for labels.
func (o on) selectorDoubts(at path) {
	root := o.selectorRoot(at)
	if root == nil {
		return
	}
	switch {
	case o.src.Kind == "IPPool" && strings.ReplaceAll(o.text(at), " ", "") == "!all()": // a pool that nothing is given addresses of by itself
	case !possible(root):
		o.report("selector/never", at, "join alternatives with ||, or remove what contradicts", "%s: no labels can match %s", dotted(at), strings.TrimSpace(o.text(at)))
	case asksLabels(root) && !possible(&selector.Expr{Op: selector.Not, Args: []*selector.Expr{root}}):
		o.report("selector/always", at, "join exclusions with &&; write all() if everything is meant", "%s: any labels match %s", dotted(at), strings.TrimSpace(o.text(at)))
	}
}

// selectorRoot returns the selector at a path, nil if there is none to judge.
func (o on) selectorRoot(at path) *selector.Expr {
	if n := o.node(at); n == nil || n.Text == "" {
		return nil
	}
	s, err := selector.Parse(o.text(at))
	if err != nil || s.Root == nil {
		return nil
	}
	return s.Root
}

func asksLabels(e *selector.Expr) bool {
	asks := false
	e.Walk(func(e *selector.Expr) { asks = asks || e.Label != "" })
	return asks
}

// assignment is labels of a thing that might be; a nil value is a label that it
// does not have.
type assignment map[string]*string

// Get returns a label's value.
func (a assignment) Get(label string) (string, bool) {
	if v := a[label]; v != nil {
		return *v, true
	}
	return "", false
}

// mostAssignments bounds the search for labels that match.
const mostAssignments = 20_000

// possible says whether some labels match an expression. It tries every value
// that makes a difference; where these cannot be listed, it says yes.
func possible(e *selector.Expr) bool {
	values, ok := candidates(e)
	if !ok {
		return true
	}
	labels, total := sortedKeys(values), 1
	for _, l := range labels {
		if total *= len(values[l]); total > mostAssignments {
			return true
		}
	}
	a := assignment{}
	for i := range total {
		for _, l := range labels {
			a[l] = values[l][i%len(values[l])]
			i /= len(values[l])
		}
		if e.Matches(a) {
			return true
		}
	}
	return false
}

// candidates lists for each label the values that an expression can tell apart:
// none, those it names, one that it does not name, and for the one part of a value
// that it may ask for, that part at the beginning, the end and inside. ok is false
// if it asks for two parts of one label.
func candidates(e *selector.Expr) (values map[string][]*string, ok bool) {
	const other = "\x00other\x00"
	values, ok = map[string][]*string{}, true
	parts := map[string]string{}
	add := func(label string, texts ...string) {
		if values[label] == nil {
			fresh := other
			values[label] = []*string{nil, &fresh}
		}
		for _, t := range texts {
			values[label] = append(values[label], &t)
		}
	}
	e.Walk(func(e *selector.Expr) {
		switch e.Op {
		case selector.Has, selector.Eq, selector.Ne, selector.In, selector.NotIn:
			add(e.Label, e.Values...)
		case selector.Contains, selector.StartsWith, selector.EndsWith:
			v := e.Values[0]
			if _, again := parts[e.Label]; again {
				ok = false
			}
			parts[e.Label] = v
			add(e.Label, v, v+other, other+v, other+v+other)
		}
	})
	return values, ok
}
