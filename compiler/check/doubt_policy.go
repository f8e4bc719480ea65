package check

import (
	"net/netip"
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
		if rule.Str("action") != "Allow" || unanswered(rule) {
			continue
		}
		if !slices.ContainsFunc(replies, func(reply *yamlpos.Node) bool { return repliesTo(rule, reply) }) {
			o.reportAt("policy/untracked-replies", o.src.Rule(direction, i), "add an "+back+" rule with source and destination ports exchanged",
				"no %s rule allows the replies of %s rule %d, which are judged on their own", back, direction, i+1)
		}
	}
}

// repliesTo says whether a rule can allow replies to what another one allows, as
// far as protocols, types of ICMP, networks and ports go.
func repliesTo(rule, reply *yamlpos.Node) bool {
	return reply.Str("action") == "Allow" && shareProtocol(rule, reply) && answersPing(rule, reply) &&
		shareNets(rule.Get("source"), reply.Get("destination")) && shareNets(rule.Get("destination"), reply.Get("source")) &&
		sharePorts(rule.Get("destination"), reply.Get("source")) && sharePorts(rule.Get("source"), reply.Get("destination"))
}

// shareProtocol says whether a protocol can match both rules.
func shareProtocol(a, b *yamlpos.Node) bool {
	number := func(n *yamlpos.Node, field string) int {
		if v := child(n, field); v != nil {
			return protocolNumber(v.Text)
		}
		return -1
	}
	x, y := number(a, "protocol"), number(b, "protocol")
	return (x < 0 || y < 0 || x == y) && (x < 0 || x != number(b, "notProtocol")) && (y < 0 || y != number(a, "notProtocol"))
}

// answers are the types of ICMP by which requests are answered, as text.
var answers = map[string]map[string]string{"ICMP": {"8": "0", "13": "14"}, "ICMPv6": {"128": "129"}}

// answersPing says that a rule for requests of ICMP, if it is one, has the answers
// to them in another.
func answersPing(rule, reply *yamlpos.Node) bool {
	want := answers[rule.Str("protocol")][scalar(child(rule, "icmp"), "type")]
	have := scalar(child(reply, "icmp"), "type")
	not := child(reply, "notICMP")
	return want == "" || (have == "" || have == want) && (scalar(not, "type") != want || scalar(not, "code") != "")
}

// unanswered says that a rule is for messages of ICMP that nobody answers.
func unanswered(rule *yamlpos.Node) bool {
	t := scalar(child(rule, "icmp"), "type")
	return t != "" && answers[rule.Str("protocol")][t] == ""
}

// scalar returns the text of a field, "" if there is none.
func scalar(n *yamlpos.Node, field string) string {
	if v := child(n, field); v != nil {
		return v.Text
	}
	return ""
}

func shareNets(a, b *yamlpos.Node) bool {
	x, okX := prefixesOf(child(a, "nets"))
	y, okY := prefixesOf(child(b, "nets"))
	if !okX || !okY || len(x) == 0 || len(y) == 0 {
		return true
	}
	return slices.ContainsFunc(x, func(p netip.Prefix) bool { return slices.ContainsFunc(y, p.Overlaps) })
}

func sharePorts(a, b *yamlpos.Node) bool {
	x, y := portRanges(a, "ports"), portRanges(b, "ports")
	if len(x) == 0 || len(y) == 0 {
		return true
	}
	return slices.ContainsFunc(x, func(p portRange) bool { return slices.ContainsFunc(y, p.meets) })
}
