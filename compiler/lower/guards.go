package lower

import (
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
)

const clusterSet = "tortie-cluster"

// guardAtoms are the hosts that documents of the unit guard.
func (u *unit) guardAtoms(s intent.Section) []*intent.Atom {
	var out []*intent.Atom
	for _, g := range u.guarded(s) {
		for _, a := range g.Hosts {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

func (u *unit) guarded(s intent.Section) []*intent.Guarded {
	var out []*intent.Guarded
	for i := range u.program.Guards {
		if g := &u.program.Guards[i]; g.Guard.Section == s && u.has(g.Doc) {
			out = append(out, g)
		}
	}
	return out
}

func (u *unit) guardDoc(a *intent.Atom) *intent.Document {
	for _, g := range u.guarded(intent.Forward) {
		if slices.Contains(g.Hosts, a) {
			return g.Doc
		}
	}
	return a.Doc
}

// guards makes the policies that judge what comes in by a host endpoint, before
// its destination is translated or on its way through. Statements apply at their
// own hosts (node ports) or at those of their document's guard (forward).
func (u *unit) guards(s intent.Section) {
	made, from := 0, len(u.out.Policies)
	for _, d := range u.program.Docs {
		if !u.has(d) {
			continue
		}
		made += u.guardRules(d, s)
	}
	if s == intent.NodePorts {
		made += u.passThrough()
	}
	for _, a := range u.guardAtoms(s) {
		u.guardEnd(a, s, made == 1 && len(u.guardAtoms(s)) == 1)
	}
	if s == intent.NodePorts {
		u.neighbours(from, true)
	}
}

// guardRules makes one document's policies of a section and counts them.
func (u *unit) guardRules(d *intent.Document, s intent.Section) int {
	deny, allow := map[*intent.Atom][]Rule{}, map[*intent.Atom][]Rule{}
	var atoms []*intent.Atom
	for i := range u.program.Statements {
		st := &u.program.Statements[i]
		if st.Doc != d || st.Rule.Section != s {
			continue
		}
		at := st.To
		if s == intent.Forward {
			at = u.hostsOf(d, s)
		}
		for _, a := range at {
			if !slices.Contains(atoms, a) {
				atoms = append(atoms, a)
			}
			rules := u.guardStatement(st, a, s)
			if st.Rule.Deny {
				deny[a] = appendNew(deny[a], rules...)
			} else {
				allow[a] = appendNew(allow[a], rules...)
			}
		}
	}
	made := 0
	for _, a := range atoms {
		if len(atoms) > 1 && len(deny[a]) > 0 {
			u.guardPolicy(d, a, s, u.spots[d].order(orderDeny), "-deny", deny[a])
			deny[a] = nil
			made++
		}
		if rules := appendNew(deny[a], allow[a]...); len(rules) > 0 {
			u.guardPolicy(d, a, s, u.spots[d].order(orderAllow), "", rules)
			made++
		}
	}
	return made
}

func (u *unit) hostsOf(d *intent.Document, s intent.Section) []*intent.Atom {
	var out []*intent.Atom
	for _, g := range u.guarded(s) {
		if g.Doc == d {
			out = append(out, g.Hosts...)
		}
	}
	return out
}

// guardStatement are the rules of a statement at one host party. Node ports are
// asked about the port alone, for the destination is not translated yet.
func (u *unit) guardStatement(st *intent.Statement, at *intent.Atom, s intent.Section) []Rule {
	if s == intent.NodePorts {
		return u.rules(st, at, st.From, intent.In)
	}
	var out []Rule
	for _, to := range st.To {
		for _, r := range u.rules(st, at, st.From, intent.In) {
			ports := r.Destination.Ports
			for _, e := range u.entities(to, "", ruleFamily(r)) {
				if e.Nets != nil && r.Source.Nets != nil && strings.Contains(e.Nets[0], ":") != strings.Contains(r.Source.Nets[0], ":") {
					continue
				}
				one := r
				one.Destination = e
				one.Destination.Ports = ports
				one.Why += " to " + to.Party.Name
				out = appendNew(out, one)
			}
		}
	}
	return out
}

func (u *unit) guardPolicy(d *intent.Document, a *intent.Atom, s intent.Section, order float64, suffix string, rules []Rule) {
	y := u.guardOf(d, a, s, suffix)
	y.Order, y.In, y.Ingress = u.base(s)+order, true, rules
	y.ApplyOnForward, y.PreDNAT = true, s == intent.NodePorts
	u.out.Policies = append(u.out.Policies, y)
}

// guardOf is a policy of a section: those of forwarding go where the end's other
// policies go, those before the translation stay in the tier.
func (u *unit) guardOf(d *intent.Document, a *intent.Atom, s intent.Section, suffix string) Policy {
	tier := u.tier.Name
	if s == intent.Forward {
		tier = u.tierOf(a)
	}
	return u.policyIn(tier, d, a, guardSuffix(s)+suffix)
}

func (u *unit) base(s intent.Section) float64 {
	if s == intent.Forward {
		return orderForward
	}
	return 0
}

func guardSuffix(s intent.Section) string {
	if s == intent.NodePorts {
		return "-node-ports"
	}
	return "-forward"
}

// guardEnd lets the cluster's own addresses through and denies the rest. Alone in
// its section, the policy of the statements takes it at its end.
func (u *unit) guardEnd(a *intent.Atom, s intent.Section, alone bool) {
	rules := u.trusted(a, s)
	if s == intent.NodePorts {
		rules = appendNew(rules, u.opened(a)...)
		rules = appendNew(rules, u.forwarded(a)...)
	}
	var g *intent.Guarded
	for _, x := range u.guarded(s) {
		if g == nil && slices.Contains(x.Hosts, a) {
			g = x
		}
	}
	rules = append(rules, Rule{Action: "Deny", Span: g.Guard.Span, Why: "what nothing allowed"})
	if alone {
		name := u.guardOf(g.Doc, a, s, "").Name
		for i := range u.out.Policies {
			if p := &u.out.Policies[i]; p.Name == name {
				p.Ingress = appendNew(p.Ingress, rules...)
				return
			}
		}
	}
	last := len(rules) - 1
	if u.guardsOverlap(a, s) { // what one guard trusts another must not deny first
		u.guardPolicy(g.Doc, a, s, orderEnd, "-trust", rules[:last])
		u.guardPolicy(g.Doc, a, s, orderEnd+orderDoc, "-protect", rules[last:])
		return
	}
	u.guardPolicy(g.Doc, a, s, orderEnd, "-protect", rules)
}

// guardsOverlap reports whether another guard of the section may have the same
// hosts.
func (u *unit) guardsOverlap(a *intent.Atom, s intent.Section) bool {
	return slices.ContainsFunc(u.guardAtoms(s), func(b *intent.Atom) bool { return a != b && !intent.Disjoint(a, b) })
}

// trusted are the rules that let the cluster's own addresses and the parties named
// in trust through.
func (u *unit) trusted(a *intent.Atom, s intent.Section) []Rule {
	var out []Rule
	var at diag.Span
	named := false
	action := "Allow"
	if s == intent.NodePorts {
		action = "Pass" // an Allow would pass the host's own policy by
	}
	for _, g := range u.guarded(s) {
		if !slices.Contains(g.Hosts, a) {
			continue
		}
		at = g.Guard.Span
		for _, t := range g.Trust {
			named = true
			for _, e := range u.entities(t, "", 0) {
				out = appendNew(out, Rule{Action: action, Source: e, Span: g.Guard.Span, Why: "trusted: " + t.Party.Name})
			}
		}
	}
	if len(u.facts.nets) > 0 {
		set := NetworkSet{Name: clusterSet, Span: at}
		for _, n := range u.facts.nets {
			set.Nets = append(set.Nets, n.String())
		}
		u.addSet(set)
		return append([]Rule{{Action: action, Source: setEntity(clusterSet), Span: at, Why: "the cluster's own pods and nodes"}}, out...)
	}
	if !named {
		u.diags.Add(diag.Finding{Code: "intent/no-cluster", Severity: diag.Error, Span: at,
			Hint:    "give the cluster's objects with -f, or name the pods' and nodes' networks under trust",
			Message: "without the cluster's networks this would cut pods and nodes off from each other"})
	}
	return out
}

// opened are the rules that let through what statements allow hosts themselves to
// receive; their own policy judges it.
func (u *unit) opened(a *intent.Atom) []Rule {
	var out []Rule
	for i := range u.program.Statements {
		s := &u.program.Statements[i]
		if !s.OpensHosts() {
			continue
		}
		for _, to := range s.To {
			if to.Kind != intent.Hosts || intent.Disjoint(a, to) {
				continue
			}
			u.effective[s] = true
			for _, r := range u.rules(s, to, s.From, intent.In) {
				if r.Action != "Allow" { // a log of its own would come twice
					continue
				}
				ports := r.Destination.Ports
				r.Destination = u.own(to)
				r.Action, r.Destination.Ports, r.Why = "Pass", ports, "for the host itself, which judges it: "+r.Why
				out = appendNew(out, r)
			}
		}
	}
	return out
}

// fastPath makes untracked policies, both directions written out at both ends.
func (u *unit) fastPath(d *intent.Document) {
	in, out := map[*intent.Atom][]Rule{}, map[*intent.Atom][]Rule{}
	var atoms []*intent.Atom
	add := func(a *intent.Atom, to map[*intent.Atom][]Rule, rules ...Rule) {
		if !slices.Contains(atoms, a) {
			atoms = append(atoms, a)
		}
		to[a] = appendNew(to[a], rules...)
	}
	for i := range u.program.Statements {
		s := &u.program.Statements[i]
		if s.Doc != d || s.Rule.Section != intent.FastPath {
			continue
		}
		for _, server := range s.To {
			u.server(s, server, func(r Rule, ingress bool) {
				if ingress {
					add(server, in, r)
				} else {
					add(server, out, r)
				}
			})
		}
		for _, client := range s.From {
			if client.Kind != intent.Hosts {
				continue
			}
			u.client(s, client, func(r Rule, ingress bool) {
				if ingress {
					add(client, in, r)
				} else {
					add(client, out, r)
				}
			})
		}
	}
	for _, a := range atoms {
		y := u.policyIn(u.tier.Name, d, a, "-fast-path")
		y.Order, y.In, y.Out = u.spots[d].order(orderAllow), true, true
		y.Ingress, y.Egress, y.DoNotTrack, y.ApplyOnForward = in[a], out[a], true, true
		u.out.Policies = append(u.out.Policies, y)
	}
}

// server yields the rules at the host that is connected to.
func (u *unit) server(s *intent.Statement, at *intent.Atom, yield func(r Rule, ingress bool)) {
	own := u.own(at)
	for _, r := range u.rules(s, at, s.From, intent.In) {
		ports := r.Destination.Ports
		r.Destination = own
		r.Destination.Ports = ports
		yield(r, true)
		yield(mirror(r), false)
	}
}

// client yields the rules at a host that connects.
func (u *unit) client(s *intent.Statement, at *intent.Atom, yield func(r Rule, ingress bool)) {
	own := u.own(at)
	for _, r := range u.rules(s, at, s.To, intent.Out) {
		r.Source = own
		yield(r, false)
		yield(mirror(r), true)
	}
}

// own keeps a rule to packets of the host itself: an untracked packet for a pod
// would be lost there. Hosts without expected addresses cannot be told so.
func (u *unit) own(a *intent.Atom) Entity {
	for _, h := range u.facts.heps {
		if a.Party.Hosts.Sel.Matches(h.labels) && len(h.expected) == 0 {
			return Entity{}
		}
	}
	return Entity{Selector: a.Party.Hosts.Text, NamespaceSelector: "global()"}
}

// mirror is the rule for the replies.
func mirror(r Rule) Rule {
	r.Source, r.Destination = r.Destination, r.Source
	r.Why = "replies: " + r.Why
	return r
}
