package policies

import (
	"fmt"
	"slices"
	"strings"

	"tortie/compiler/resolve"
	"tortie/dataplane/host"
	"tortie/simulator/trace"
)

// Explain fills in what the policies of modelled nodes had to say; captured is true of
// those that are not. The connection has been through Attribute.
func (w *World) Explain(c *trace.Connection, captured map[host.Name]bool) {
	x := &trace.Explanation{Sides: []trace.Side{}, Considered: []trace.Considered{}}
	for i := range c.Packets {
		p := &c.Packets[i]
		if p.Refusal {
			continue
		}
		seen := visits(p.Steps)
		for _, v := range seen {
			if !captured[v.node] {
				w.explainVisit(x, p, &v)
			}
		}
		if i == 0 {
			w.explainOwnPod(x, p, seen, captured)
		}
	}
	c.Explanation = x
}

// explainVisit adds a visit that decided something.
func (w *World) explainVisit(x *trace.Explanation, p *trace.Packet, v *visit) {
	n := w.node(v.node)
	if n == nil {
		return
	}
	ep, ok := n.endpoint(v)
	if !ok {
		return
	}
	q := inquiry{world: w, node: n, visit: v, ep: ep, did: v.decisions(n.marks), end: v.denied()}
	w.conclude(x, &q, p.Direction)
}

// conclude runs an inquiry and adds it, if something was decided.
func (w *World) conclude(x *trace.Explanation, q *inquiry, packet trace.Direction) {
	q.run()
	if q.side.Outcome == "" {
		return
	}
	q.side.Packet = packet
	x.Sides = append(x.Sides, q.side)
	if q.side.Outcome == outcomeDenied {
		x.Considered = q.list
		x.Nearest, x.Suggestion = q.nearest()
	}
}

// The outcomes of policies.
const (
	outcomeAllowed = "allowed"
	outcomeDenied  = "denied"
	outcomePassed  = "passed"
	outcomeNothing = "no rule matched"
	// outcomeReturned is of a host endpoint's chains of the stage forward.
	outcomeReturned = "returned"
)

var outcomes = map[resolve.Action]string{resolve.Allow: outcomeAllowed, resolve.Deny: outcomeDenied, resolve.Pass: outcomePassed}

// inquiry goes through the policies of one endpoint in the order in which they
// were asked.
type inquiry struct {
	world *World
	node  *nodeView
	visit *visit
	ep    governed
	did   map[policyKey]decision
	end   *trace.Step // the rule that ended the packet

	side  trace.Side
	list  []trace.Considered
	asked []policyKey // policies and profiles, in order
}

func (q *inquiry) run() {
	q.side = trace.Side{Node: string(q.visit.node), Endpoint: q.ep.name, Kind: q.ep.kind, Interface: q.visit.iface,
		Direction: q.visit.direction, Stage: q.visit.stage}
	if q.visit.stage == sideForward && q.visit.returned(q.node.marks) {
		defer q.returned()
	}
	if len(q.did) == 0 && q.end == nil {
		return // nothing was decided: an established connection, a failsafe port
	}
	governs := false
	for i := range q.ep.tiers {
		ids := inForce(&q.ep.tiers[i], q.visit.direction)
		governs = governs || len(ids) > 0
		if len(ids) > 0 && q.tier(&q.ep.tiers[i], ids) {
			return
		}
	}
	if q.visit.stage == sideNormal {
		q.profiles(governs)
	}
}

// inForce are a tier's policies of the direction, without staged ones.
func inForce(t *resolve.Tier, direction string) []policyKey {
	list := t.Ingress
	if direction == "egress" {
		list = t.Egress
	}
	var out []policyKey
	for _, id := range list {
		if !strings.HasPrefix(id.Kind, "Staged") {
			out = append(out, id)
		}
	}
	return out
}

// tier asks the policies of a tier; true says that it decided.
func (q *inquiry) tier(t *resolve.Tier, ids []policyKey) bool {
	for _, id := range ids {
		switch q.ask(t.Name, id, "") {
		case outcomeAllowed, outcomeDenied:
			return true
		case outcomePassed:
			return false
		}
	}
	end := trace.Considered{Tier: t.Name, Policy: &trace.Policy{Kind: "Tier", Name: t.Name, Tier: t.Name, Direction: q.visit.direction}}
	switch {
	case q.end != nil && q.end.Policy.Kind == "Tier" && q.end.Policy.Name == t.Name:
		end.Outcome, end.Deciding = outcomeDenied, true
		end.Text = "denied: no policy of the tier allowed it and its default action is Deny"
		q.list = append(q.list, end)
		q.decide(outcomeDenied, fmt.Sprintf("denied by the end of tier %s: policies select %s and none of them allows it", t.Name, q.ep.name), end.Policy, nil)
		return true
	case t.DefaultAction == resolve.Pass:
		end.Outcome, end.Text = outcomePassed, "passed on by the tier's default action"
		q.list = append(q.list, end)
	}
	return false
}

// profiles asks the profiles, which come when no tier decided.
func (q *inquiry) profiles(governs bool) {
	why := q.noneSelects("no policy")
	if governs {
		why = "the policies passed it on"
	}
	for _, name := range q.ep.profiles {
		switch q.ask("", policyKey{Kind: "Profile", Name: name}, " ("+why+")") {
		case outcomeAllowed, outcomeDenied:
			return
		}
	}
	if q.end != nil && q.end.Policy.Kind == "Profiles" {
		p := &trace.Policy{Kind: "Profiles", Direction: q.visit.direction}
		q.list = append(q.list, trace.Considered{Policy: p, Outcome: outcomeDenied, Deciding: true, Text: "denied: no profile allowed it"})
		q.decide(outcomeDenied, fmt.Sprintf("denied because no profile of %s allows it (%s)", q.ep.name, why), p, nil)
	}
}

// returned says that the endpoint's policies left a forwarded packet to the rules behind
// them, as its chain does if those that apply on forward are for the other direction.
func (q *inquiry) returned() {
	text := "returned to FORWARD: the policies passed it on"
	if !q.anyIn(q.ep.tiers) {
		text = "returned to FORWARD: " + q.noneSelects("no policy with applyOnForward")
	}
	q.side.Outcome, q.side.Text = outcomeReturned, text
}

// noneSelects says that no policy of this stage (named by none) selects the endpoint, and
// which of other stages do.
func (q *inquiry) noneSelects(none string) string {
	var others []string
	ignored := ""
	if h := q.ep.host; h != nil {
		if q.anyIn(h.UntrackedTiers) {
			others = append(others, "doNotTrack")
			if h.Name == "*" {
				ignored = "; doNotTrack does not count where interfaceName is *"
			}
		}
		if q.anyIn(h.PreDNATTiers) {
			others = append(others, "preDNAT")
		}
	}
	if others != nil {
		none += " but " + strings.Join(others, " and ") + " ones"
	}
	return none + " selects " + q.what() + ignored
}

func (q *inquiry) anyIn(tiers []resolve.Tier) bool {
	return slices.ContainsFunc(tiers, func(t resolve.Tier) bool { return len(inForce(&t, q.visit.direction)) > 0 })
}

func (q *inquiry) what() string {
	if q.visit.workload {
		return "the pod for " + q.visit.direction
	}
	return "the host endpoint for " + q.visit.direction
}

// ask records what a policy or profile did.
func (q *inquiry) ask(tier string, id policyKey, why string) string {
	q.asked = append(q.asked, id)
	c := trace.Considered{Tier: tier, Outcome: outcomeNothing, Text: outcomeNothing,
		Policy: &trace.Policy{Kind: id.Kind, Namespace: id.Namespace, Name: id.Name, Tier: tier, Direction: q.visit.direction}}
	if o := q.node.origin(id); o.File != "" {
		c.Source = &trace.Source{File: o.File, Line: o.Line}
	}
	d, ok := q.did[id]
	if ok {
		c.Policy, c.Source = d.step.Policy, d.step.Source
		c.Outcome = outcomes[d.action]
		c.Text = fmt.Sprintf("%s by rule %d", c.Outcome, c.Policy.Rule)
		if id.Kind == "Profile" {
			c.Text = c.Outcome
		}
		c.Deciding = c.Outcome != outcomePassed
	} else if len(q.node.rules(id, q.visit.direction)) == 0 {
		c.Text = "no rule matched (it has no rules)"
	}
	q.list = append(q.list, c)
	if c.Deciding {
		q.decide(c.Outcome, c.Outcome+" by "+ruleName(c.Policy)+why, c.Policy, c.Source)
	}
	return c.Outcome
}

func (q *inquiry) decide(outcome, text string, p *trace.Policy, s *trace.Source) {
	q.side.Outcome, q.side.Text, q.side.Policy, q.side.Source = outcome, text, p, s
}

// ruleName names a rule of a policy: "NetworkPolicy shop/web ingress rule 2".
func ruleName(p *trace.Policy) string {
	if p.Kind == "Profile" {
		return "profile " + p.Name
	}
	s := policyName(p)
	if p.Rule > 0 {
		s += fmt.Sprintf(" %s rule %d", p.Direction, p.Rule)
	}
	return s
}

func policyName(p *trace.Policy) string {
	if p.Namespace != "" {
		return p.Kind + " " + p.Namespace + "/" + p.Name
	}
	return p.Kind + " " + p.Name
}
