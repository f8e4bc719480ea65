package policies

import (
	"fmt"
	"strings"

	"tortie/compiler/resolve"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
)

// candidate is an allow rule that was asked and did not match.
type candidate struct {
	key    policyKey
	rule   *resolve.Rule
	held   int
	failed []condition
}

// better prefers fewer failed conditions, then more that held.
func (c *candidate) better(o *candidate) bool {
	if o == nil || len(c.failed) != len(o.failed) {
		return o == nil || len(c.failed) < len(o.failed)
	}
	return c.held > o.held
}

// nearest finds the rule that almost allowed the packet, and what to change.
func (q *inquiry) nearest() (*trace.Nearest, string) {
	if q.end == nil || q.end.Packet == nil {
		return nil, ""
	}
	p := q.end.Packet
	var best *candidate
	for _, key := range q.asked {
		if c := q.bestRule(key, p); c != nil && c.better(best) {
			best = c
		}
	}
	if best == nil {
		return nil, q.newRule(p)
	}
	near := &trace.Nearest{Held: best.held, Failed: []trace.Failed{}, Policy: &trace.Policy{Kind: best.key.Kind, Namespace: best.key.Namespace,
		Name: best.key.Name, Tier: q.tierOf(best.key), Direction: q.visit.direction, Rule: best.rule.Index + 1}}
	if best.rule.Origin.File != "" {
		near.Source = &trace.Source{File: best.rule.Origin.File, Line: best.rule.Origin.Line}
	}
	for _, f := range best.failed {
		near.Failed = append(near.Failed, trace.Failed{Field: f.field, Have: f.have, Want: f.want, Text: f.text})
	}
	if len(best.failed) > 1 {
		return near, q.newRule(p)
	}
	name := fmt.Sprintf("%s rule %d of %s", q.visit.direction, near.Policy.Rule, policyName(near.Policy))
	if near.Source != nil {
		name += fmt.Sprintf(" (%s:%d)", near.Source.File, near.Source.Line)
	}
	return near, strings.ReplaceAll(best.failed[0].change, "{rule}", name) + q.caveat()
}

// bestRule judges the allow rules of one policy up to the one that matched.
func (q *inquiry) bestRule(key policyKey, p *packet.Packet) *candidate {
	rules := q.node.rules(key, q.visit.direction)
	d, matched := q.did[key]
	var best *candidate
	for i := range rules {
		if matched && rules[i].Index+1 >= d.step.Policy.Rule {
			break
		}
		if rules[i].Action != resolve.Allow {
			continue
		}
		c := &candidate{key: key, rule: &rules[i]}
		conds, known := q.world.conditionsOf(q.node, &rules[i], q.world.written(key, q.visit.direction, rules, i), key.Kind, p)
		for _, cond := range conds {
			if cond.holds {
				c.held++
			} else {
				c.failed = append(c.failed, cond)
			}
		}
		// A rule without a failed condition did not match for a reason that is
		// not known here; nothing is said of it.
		if known && len(c.failed) > 0 && c.better(best) {
			best = c
		}
	}
	return best
}

func (q *inquiry) tierOf(key policyKey) string {
	if p := q.node.policies[key]; p != nil {
		return p.Tier
	}
	return ""
}

// newRule says which rule would have to be added, and where.
func (q *inquiry) newRule(p *packet.Packet) string {
	lead := "no policy rule comes close"
	if len(q.list) == 1 && q.end.Policy.Kind == "Profiles" {
		lead = "no policy is in force"
	}
	ns := ""
	if ep, _, ok := strings.Cut(q.ep.name, "/"); ok && q.visit.workload {
		ns = ep
	}
	peer := "from " + q.world.describe(p.Src, ns)
	if q.visit.direction == "egress" {
		peer = "to " + q.world.describe(p.Dst, ns)
	}
	return fmt.Sprintf("%s: an %s %s on %s in %s", lead, allowWord(q.end.Policy), peer, service(p), q.place()) + q.caveat()
}

func service(p *packet.Packet) string {
	switch {
	case p.Proto.HasPorts():
		return fmt.Sprintf("%s/%d", p.Proto, p.DstPort)
	case p.Proto.IsICMP():
		return fmt.Sprintf("%s type %d", p.Proto, p.ICMPType)
	}
	return "protocol " + p.Proto.String()
}

// place says where a new rule would be asked before the packet is denied.
func (q *inquiry) place() string {
	by := q.end.Policy
	switch {
	case by.Kind == "Tier":
		return fmt.Sprintf("a policy of tier %s that selects %s", by.Name, q.ep.name)
	case by.Kind == "Profiles":
		return fmt.Sprintf("a policy that selects %s", q.ep.name)
	case by.Rule > 1:
		return fmt.Sprintf("%s before its %s rule %d, or in a policy of tier %s before it", policyName(by), by.Direction, by.Rule, by.Tier)
	}
	if by.Tier == "" { // a profile, behind all tiers
		return "a policy that selects " + q.ep.name
	}
	return fmt.Sprintf("a policy of tier %s before %s", by.Tier, by.Name)
}

// caveat says what would be asked next.
func (q *inquiry) caveat() string {
	switch {
	case q.visit.stage == sideUntracked:
		return "; replies of untracked connections need a rule of their own"
	case q.visit.direction == "egress" && q.visit.workload:
		return "; the destination's ingress is asked after that"
	}
	return ""
}
