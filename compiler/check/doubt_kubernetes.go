package check

import (
	"fmt"
	"slices"
	"strconv"

	"tortie/compiler/yamlpos"
)

// kubernetesDoubts warns of policies of Kubernetes, staged ones too, that say what
// they cannot mean.
func (o on) kubernetesDoubts() {
	o.unusedDirection("policyTypes")
	o.labelDoubts(path{"spec", "podSelector"})
	for direction, peers := range peerFields {
		rules := path{"spec", direction}
		for i, rule := range items(o.node(rules)) {
			at := rules.add(i, peers)
			for j := range items(child(rule, peers)) {
				o.labelDoubts(at.add(j, "podSelector"))
				o.labelDoubts(at.add(j, "namespaceSelector"))
				o.emptyBlock(at.add(j, "ipBlock"))
			}
			o.redundant(at, items(child(rule, peers)), coversPeer)
			o.redundant(rules.add(i, "ports"), items(child(rule, "ports")), coversPort)
		}
		o.redundantRules(rules, peers)
	}
}

// peerFields is where rules of a direction have their peers.
var peerFields = map[string]string{"ingress": "from", "egress": "to"}

// emptyBlock warns of a block of which the exceptions leave nothing.
func (o on) emptyBlock(at path) {
	block, _, err := parseNet(o.text(at.add("cidr")))
	except, ok := prefixesOf(o.node(at.add("except")))
	if err == nil && ok && nothingLeft(block, except) {
		o.reportAt("rule/never", o.src.At(at.add("except")...), "leave out the exceptions that take everything, or the block", "%s leaves nothing of %s", dotted(at.add("except")), block)
	}
}

// redundant warns of an item of a list that allows no more than another one; of
// two that allow the same it is the later.
func (o on) redundant(list path, all []*yamlpos.Node, covers func(a, b *yamlpos.Node) bool) {
	for i, item := range all {
		for j, other := range all {
			if i == j || !covers(other, item) || i < j && covers(item, other) {
				continue
			}
			o.reportAt("policy/redundant-rule", o.src.At(list.add(i)...), "remove it, or narrow the other one: what a list has is added up",
				"%s adds nothing: %s allows all that it allows", dotted(list.add(i)), dotted(list.add(j)))
			break
		}
	}
}

// redundantRules is redundant for rules; of one that allows everything it says so
// once, and nothing of the others.
func (o on) redundantRules(rules path, peers string) {
	all := items(o.node(rules))
	open := slices.IndexFunc(all, func(n *yamlpos.Node) bool { return isZero(child(n, peers)) && isZero(child(n, "ports")) })
	if open < 0 {
		o.redundant(rules, all, func(a, b *yamlpos.Node) bool {
			return coversList(child(a, peers), child(b, peers), coversPeer) && coversList(child(a, "ports"), child(b, "ports"), coversPort)
		})
		return
	}
	if len(all) > 1 {
		what := "the other rule adds"
		if len(all) > 2 {
			what = fmt.Sprintf("the other %d rules add", len(all)-1)
		}
		o.reportAt("policy/redundant-rule", o.src.At(rules.add(open)...), "remove it, or name in it what is meant: without "+peers+" and ports a rule allows everything",
			"%s allows everything: %s nothing", dotted(rules.add(open)), what)
	}
}

// coversList says whether each item of a narrow list is covered by one of a wide
// list; an empty list is everything.
func coversList(wide, narrow *yamlpos.Node, covers func(a, b *yamlpos.Node) bool) bool {
	if isZero(wide) {
		return true
	}
	return !isZero(narrow) && !slices.ContainsFunc(items(narrow), func(b *yamlpos.Node) bool {
		return !slices.ContainsFunc(items(wide), func(a *yamlpos.Node) bool { return covers(a, b) })
	})
}

// coversPeer says whether whatever a narrow peer is, a wide one is too.
func coversPeer(wide, narrow *yamlpos.Node) bool {
	a, b := child(wide, "ipBlock"), child(narrow, "ipBlock")
	if a != nil || b != nil {
		return a != nil && b != nil && coversBlock(a, b)
	}
	if len(fields(wide)) == 0 {
		return false // refused
	}
	here, there := child(wide, "namespaceSelector"), child(narrow, "namespaceSelector")
	switch {
	case here == nil && there != nil:
		return false
	case here != nil && there == nil && !implies(nil, here): // the policy's own namespace
		return false
	case here != nil && there != nil && !implies(there, here):
		return false
	}
	return implies(child(narrow, "podSelector"), child(wide, "podSelector"))
}

func coversBlock(wide, narrow *yamlpos.Node) bool {
	a, _, errA := parseNet(wide.Str("cidr"))
	b, _, errB := parseNet(narrow.Str("cidr"))
	without, okA := prefixesOf(child(wide, "except"))
	lacks, okB := prefixesOf(child(narrow, "except"))
	if errA != nil || errB != nil || !okA || !okB || a != b && !inside(b, a) {
		return false
	}
	for _, x := range without {
		if x.Overlaps(b) && (x.Bits() <= b.Bits() || !nothingLeft(x, lacks)) {
			return false
		}
	}
	return true
}

// coversPort says whether a port of a rule holds another one.
func coversPort(wide, narrow *yamlpos.Node) bool {
	if protocolOf(wide) != protocolOf(narrow) {
		return false
	}
	a, b := child(wide, "port"), child(narrow, "port")
	if a == nil || b == nil {
		return a == nil
	}
	if a.Kind == yamlpos.String || b.Kind == yamlpos.String {
		return a.Kind == b.Kind && a.Text == b.Text
	}
	low, high := portSpan(wide)
	first, last := portSpan(narrow)
	return low <= first && last <= high
}

func protocolOf(port *yamlpos.Node) string {
	if p := port.Str("protocol"); p != "" {
		return p
	}
	return "TCP"
}

// portSpan are the first and the last of a port's numbers; there is none if they
// cannot be read.
func portSpan(port *yamlpos.Node) (low, high int) {
	n := child(port, "port")
	if n == nil {
		return 1, 0
	}
	low, err := strconv.Atoi(n.Text)
	if err != nil {
		return 1, 0
	}
	if end := child(port, "endPort"); end != nil {
		high, _ = strconv.Atoi(end.Text)
		return low, high
	}
	return low, low
}
