package check

import (
	"slices"
	"strings"

	"tortie/compiler/selector"
	"tortie/compiler/yamlpos"
)

// policyDoubts warns of Calico policies, staged ones too, that everybody accepts
// and that surely do not do what was meant.
func (o on) policyDoubts() {
	o.policyName()
	o.unusedDirection("types")
	for _, field := range []string{"selector", "namespaceSelector", "serviceAccountSelector"} {
		o.selectorDoubts(path{"spec", field})
	}
	for _, direction := range []string{"ingress", "egress"} {
		at := path{"spec", direction}
		for i := range items(o.node(at)) {
			o.ruleDoubts(at.add(i))
		}
		o.duplicateRules(direction)
		o.covered(direction)
	}
	o.hostOnly()
	if o.text(path{"spec", "doNotTrack"}) == "true" {
		o.mirrors("ingress", "egress")
		o.mirrors("egress", "ingress")
	}
}

// policyName warns of names that mean something else.
func (o on) policyName() {
	at := path{"metadata", "name"}
	prefix, _, dotted := strings.Cut(o.text(at), ".")
	tier := o.text(path{"spec", "tier"})
	if tier == "" {
		tier = "default"
	}
	switch {
	case strings.HasPrefix(o.text(at), "knp.default.") || strings.HasPrefix(o.text(at), "ossg.default."):
		o.report("policy/reserved-name", at, "choose another name", "names that begin with %s.default. are those that Calico gives to policies made of other objects", prefix)
	case dotted && prefix != tier:
		o.report("policy/other-tier-name", at, "set tier: "+prefix+", or rename the policy", "the policy is in tier %s, but its name says tier %s", tier, prefix)
	}
}

// unusedDirection warns of rules for a direction that the policy does not govern.
func (o on) unusedDirection(field string) {
	types := o.node(path{"spec", field})
	if types == nil || types.Kind != yamlpos.List || len(types.Items) == 0 {
		return
	}
	for direction, word := range map[string]string{"ingress": "Ingress", "egress": "Egress"} {
		at := path{"spec", direction}
		governed := slices.ContainsFunc(types.Items, func(n *yamlpos.Node) bool { return n.Text == word })
		if !governed && len(items(o.node(at))) > 0 {
			o.reportAt("policy/unused-direction", o.src.At("spec", field), "add "+word+" to "+field+", or remove the rules",
				"%s rules, but %s is not among %s: they are never used", direction, word, field)
		}
	}
}

// hostOnly warns of untracked and pre-DNAT policies that ask for what only
// workloads have: they act on host endpoints alone.
func (o on) hostOnly() {
	kind := ""
	for _, field := range []string{"doNotTrack", "preDNAT"} {
		if o.text(path{"spec", field}) == "true" {
			kind = field
		}
	}
	if kind == "" {
		return
	}
	for _, field := range []string{"namespaceSelector", "serviceAccountSelector"} {
		if at := (path{"spec", field}); o.text(at) != "" {
			o.report("policy/host-only", at, "select host endpoints by their labels", "a %s policy acts on host endpoints, which are in no namespace: with %s it has no effect", kind, field)
		}
	}
	if root := o.selectorRoot(path{"spec", "selector"}); root != nil && !possibleForHosts(root) {
		o.report("policy/host-only", path{"spec", "selector"}, "select host endpoints by their labels", "a %s policy acts on host endpoints, and the selector asks for what only workloads have", kind)
	}
}

// possibleForHosts says whether a selector can match without the labels that
// Calico gives to every workload.
func possibleForHosts(e *selector.Expr) bool {
	none := func(label string) *selector.Expr {
		return &selector.Expr{Op: selector.Not, Args: []*selector.Expr{{Op: selector.Has, Label: label}}}
	}
	return possible(&selector.Expr{Op: selector.And, Args: []*selector.Expr{e, none("projectcalico.org/orchestrator"), none("projectcalico.org/namespace")}})
}

// mirrors warns of a rule of an untracked policy whose replies no rule of the
// other direction allows: they come from the ports that it goes to.
func (o on) mirrors(direction, back string) {
	list := path{"spec", direction}
	replies := items(o.node(path{"spec", back}))
	if !slices.ContainsFunc(replies, func(n *yamlpos.Node) bool { return n.Str("action") == "Allow" }) {
		return // reported as one way
	}
	for i, rule := range items(o.node(list)) {
		if rule.Str("action") != "Allow" {
			continue
		}
		if !slices.ContainsFunc(replies, func(reply *yamlpos.Node) bool { return repliesTo(rule, reply) }) {
			o.reportAt("policy/untracked-replies", o.src.Rule(direction, i), "add an "+back+" rule with source and destination ports exchanged",
				"no %s rule allows the replies of %s rule %d, which are judged on their own", back, direction, i+1)
		}
	}
}

// repliesTo says whether a rule can allow replies to what another one allows, as
// far as protocols and ports go.
func repliesTo(rule, reply *yamlpos.Node) bool {
	a, b := rule.Str("protocol"), reply.Str("protocol")
	if reply.Str("action") != "Allow" || a != "" && b != "" && protocolNumber(a) != protocolNumber(b) {
		return false
	}
	return sharePorts(rule.Get("destination"), reply.Get("source")) && sharePorts(rule.Get("source"), reply.Get("destination"))
}

func sharePorts(a, b *yamlpos.Node) bool {
	x, y := portRanges(a), portRanges(b)
	if len(x) == 0 || len(y) == 0 {
		return true
	}
	return slices.ContainsFunc(x, func(p portRange) bool { return slices.ContainsFunc(y, p.meets) })
}
