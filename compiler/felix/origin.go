package felix

import (
	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
)

// Origin says what a rule was made from. Rule counts from 1 as the user wrote
// the rules; 0 stands for the whole: of Kind "Tier" the tier's end, of Kind
// "Profiles" the end of the list of profiles.
type Origin struct {
	Kind, Namespace, Name, Tier, Direction string
	Rule                                   int
	File                                   string
	Line, Col                              int
}

// origins numbers origins from 1 in order of first use; 0 is none.
type origins struct {
	list  []Origin
	index map[Origin]int
}

func newOrigins() *origins {
	return &origins{list: []Origin{{}}, index: map[Origin]int{}}
}

func (o *origins) number(one Origin) int {
	if n, ok := o.index[one]; ok {
		return n
	}
	n := len(o.list)
	o.list = append(o.list, one)
	o.index[one] = n
	return n
}

func (r *renderer) originOfRule(o owner, d direction, i int, in *resolve.Rule) int {
	return r.origins.number(Origin{
		Kind: o.kind, Namespace: o.namespace, Name: o.name, Tier: o.tier,
		Direction: d.String(), Rule: in.Index + 1, File: in.Origin.File, Line: in.Origin.Line, Col: in.Origin.Col,
	})
}

func (r *renderer) originOfTier(name string, d direction) int {
	return r.origins.number(Origin{Kind: "Tier", Name: name, Tier: name, Direction: d.String()})
}

func (r *renderer) originOfNoProfile(d direction) int {
	return r.origins.number(Origin{Kind: "Profiles", Direction: d.String()})
}

// Problem is something in the view that makes the real Felix crash or reload for
// ever, or that this package does not model. Origin is an index into
// Result.Origins, 0 when the problem is not a policy rule's.
type Problem struct {
	Text   string
	Origin int
	// Unwritable says that there is no way to write the rule for the tool that Felix
	// hands it to: nothing of the node's rules can be written then.
	Unwritable bool
	// Setting is the parameter of Felix's that is behind it, in lower case.
	Setting string
	// Place is where the object is that is behind it; empty where Origin or Setting
	// says that.
	Place resolve.Origin
}

// SettingError is a parameter with which Felix does not start.
type SettingError struct{ Setting, Text, Hint string }

func (e *SettingError) Error() string { return e.Text }

// Result is what Felix programs on one node.
type Result struct {
	Ruleset nf.Ruleset
	// Origins is what nf.Rule.Origin counts in; entry 0 is none.
	Origins []Origin
	// Hooks say where this node's other rules belong.
	Hooks    []Hook
	Problems []Problem
}

// Hook says of one base chain of an iptables table how many of its rules Felix
// puts in front of other programs' rules; it appends the others.
type Hook struct {
	Family nf.Family
	Table  nf.TableName
	Chain  nf.ChainName
	Front  int
}
