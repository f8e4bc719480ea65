package check

import (
	"slices"

	"tortie/compiler/selector"
	"tortie/compiler/yamlpos"
)

// labelExpr is a selector of Kubernetes as one of Calico's; a missing or empty one
// is all(). It is nil if the selector cannot be read.
func labelExpr(n *yamlpos.Node) *selector.Expr {
	out := &selector.Expr{Op: selector.And, Args: []*selector.Expr{{Op: selector.All}}}
	add := func(e *selector.Expr) { out.Args = append(out.Args, e) }
	for _, f := range fields(child(n, "matchLabels")) {
		add(&selector.Expr{Op: selector.Eq, Label: f.Key, Values: []string{f.Value.Text}})
	}
	for _, r := range items(child(n, "matchExpressions")) {
		e := &selector.Expr{Label: r.Str("key")}
		for _, v := range items(r.Get("values")) {
			e.Values = append(e.Values, v.Text)
		}
		slices.Sort(e.Values)
		switch r.Str("operator") {
		case "In":
			e.Op = selector.In
		case "NotIn":
			e.Op = selector.NotIn
		case "Exists":
			e.Op, e.Values = selector.Has, nil
		case "DoesNotExist":
			e.Op, e.Values = selector.Has, nil
			e = &selector.Expr{Op: selector.Not, Args: []*selector.Expr{e}}
		default:
			return nil
		}
		add(e)
	}
	return out
}

// child returns a field of a node, nil if either is missing or null.
func child(n *yamlpos.Node, field string) *yamlpos.Node {
	if n == nil {
		return nil
	}
	if v := n.Get(field); v != nil && v.Kind != yamlpos.Null {
		return v
	}
	return nil
}

// implies says whether whatever one selector of Kubernetes matches is matched by
// another one.
func implies(narrow, wide *yamlpos.Node) bool {
	a, b := labelExpr(narrow), labelExpr(wide)
	if a == nil || b == nil {
		return false
	}
	return !possible(&selector.Expr{Op: selector.And, Args: []*selector.Expr{a, {Op: selector.Not, Args: []*selector.Expr{b}}}})
}

// labelDoubts warns of a selector of Kubernetes that no labels can match.
func (o on) labelDoubts(at path) {
	n := o.node(at)
	if n == nil {
		return
	}
	if e := labelExpr(n); e != nil && !possible(e) {
		o.reportAt("selector/never", o.src.At(at...), "remove what contradicts: all that a selector lists must hold", "%s: no labels can match", dotted(at))
	}
}
