package policies

import (
	"tortie/compiler/resolve"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
)

// plain evaluates the policies of one endpoint as Calico documents them, without
// chains: tiers in order, in each the first rule that matches; profiles behind
// the tiers that passed.
type plain struct {
	world *World
	node  *nodeView
	visit *visit
	ep    governed
	p     *packet.Packet

	did     map[policyKey]decision
	end     *trace.Step // what denied the packet
	unknown string
}

func (d *plain) decide() {
	for i := range d.ep.tiers {
		t := &d.ep.tiers[i]
		ids := inForce(t, d.visit.direction)
		if len(ids) == 0 {
			continue
		}
		switch d.list(ids, t.Name) {
		case outcomePassed:
		case outcomeNothing:
			if t.DefaultAction == resolve.Pass {
				continue
			}
			d.end = d.step(&trace.Policy{Kind: "Tier", Name: t.Name, Tier: t.Name, Direction: d.visit.direction})
			return
		default:
			return
		}
	}
	var profiles []policyKey
	for _, name := range d.ep.profiles {
		profiles = append(profiles, policyKey{Kind: "Profile", Name: name})
	}
	if d.list(profiles, "") == outcomeNothing {
		d.end = d.step(&trace.Policy{Kind: "Profiles", Direction: d.visit.direction})
	}
}

// list asks policies in order, and says what the first of them that has a matching
// rule did; empty when that is not known.
func (d *plain) list(ids []policyKey, tier string) string {
	for _, id := range ids {
		r := d.first(id)
		if d.unknown != "" {
			return ""
		}
		if r == nil {
			continue
		}
		s := d.step(&trace.Policy{Kind: id.Kind, Namespace: id.Namespace, Name: id.Name, Tier: tier, Direction: d.visit.direction, Rule: r.Index + 1})
		if r.Origin.File != "" {
			s.Source = &trace.Source{File: r.Origin.File, Line: r.Origin.Line}
		}
		d.did[id] = decision{r.Action, s}
		if r.Action == resolve.Deny {
			d.end = s
		}
		return outcomes[r.Action]
	}
	return outcomeNothing
}

// first is the first rule of a policy that matches and does more than log.
func (d *plain) first(id policyKey) *resolve.Rule {
	rules := d.node.rules(id, d.visit.direction)
	for i := range rules {
		r := &rules[i]
		if r.Action == resolve.Log {
			continue
		}
		conds, known := d.world.conditionsOf(d.node, r, d.world.written(id, d.visit.direction, rules, i), id.Kind, d.p)
		held := true
		for _, c := range conds {
			held = held && c.holds
		}
		switch {
		case !known || held && r.HTTP:
			d.unknown = "a condition of " + ruleName(&trace.Policy{Kind: id.Kind, Namespace: id.Namespace, Name: id.Name, Direction: d.visit.direction, Rule: r.Index + 1}) + " is not known"
			return nil
		case held:
			return r
		}
	}
	return nil
}

func (d *plain) step(p *trace.Policy) *trace.Step {
	packet := *d.p
	return &trace.Step{Kind: trace.KindRule, Node: string(d.visit.node), Policy: p, Packet: &packet, Deciding: true}
}
