package check

import (
	"slices"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/selector"
)

// scope judges selectors together with what Calico adds to them: the namespace of
// the policy, of namespace selectors and service accounts.
type scope struct {
	known map[string]bool // whether labels can match a selector
	sets  []selector.Map  // labels of network sets
}

// scopeDoubts warns of selectors of Calico's policies that can match something, but
// nothing where they look.
func (r *run) scopeDoubts(m *cluster.Model) {
	s := &scope{known: map[string]bool{}}
	for _, n := range m.NetworkSets {
		s.sets = append(s.sets, n.Value.Labels)
	}
	for i := range m.Policies {
		p := &m.Policies[i]
		if p.Source.Node == nil || !isCalicoVersion(p.Source.APIVersion) || p.Source.Kind == "StagedKubernetesNetworkPolicy" {
			continue
		}
		o := r.on(object{src: p.Source})
		if !s.possible(p.Value.Selector) && o.partsPossible(path{"spec"}, "selector", "namespaceSelector", "serviceAccountSelector") {
			o.reportAt("selector/never", selectorPlace(p.Source), "remove what contradicts",
				"no labels can match the policy's selectors together%s", inNamespace(p.Value.ID.Namespace))
			continue
		}
		for direction, rules := range map[string][]calico.Rule{"ingress": p.Value.Ingress, "egress": p.Value.Egress} {
			for j := range rules {
				for end, e := range map[string]*calico.RuleEnd{"source": &rules[j].Src, "destination": &rules[j].Dst} {
					at := path{"spec", direction, rules[j].Index, end}
					o.ruleScope(s, at, p.Value.ID.Namespace, e)
					if isLocalEnd(direction, end) {
						o.ownEnd(s, at, &p.Value, e)
					}
				}
			}
		}
	}
}

func inNamespace(ns string) string {
	if ns == "" {
		return ""
	}
	return ", in namespace " + ns
}

// isLocalEnd says that an end of a rule is the endpoint that the policy is for.
func isLocalEnd(direction, end string) bool {
	return direction == "ingress" && end == "destination" || direction == "egress" && end == "source"
}

func (s *scope) possible(text string) bool {
	yes, ok := s.known[text]
	if !ok {
		sel, err := selector.Parse(text)
		yes = text == "" || err != nil || possible(sel.Root)
		s.known[text] = yes
	}
	return yes
}

// partsPossible says whether each of some selectors can match something by itself:
// one that cannot is reported as such.
func (o on) partsPossible(at path, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(field string) bool {
		root := o.selectorRoot(at.add(field))
		return root != nil && !possible(root)
	})
}

func (o on) ruleScope(s *scope, at path, ns string, e *calico.RuleEnd) {
	if s.possible(e.Selector) || !o.partsPossible(at, "selector", "namespaceSelector") {
		return
	}
	if root := o.selectorRoot(at.add("serviceAccounts", "selector")); root != nil && !possible(root) || !isZero(o.node(at.add("serviceAccounts"))) && o.text(at.add("namespaceSelector")) == "global()" {
		return
	}
	if ns != "" && o.text(at.add("namespaceSelector")) == "" {
		o.reportAt("selector/never", o.src.At(at.add("selector")...), "name other namespaces by a namespaceSelector: without one the selector looks in the policy's own",
			"%s: nothing in namespace %s can match", dotted(at.add("selector")), ns)
		return
	}
	o.reportAt("selector/never", o.src.At(at...), "remove what contradicts", "%s: no labels can match its selectors together", dotted(at))
}

// ownEnd warns of a rule whose own end is asked to be something that the policy
// does not select. Only workloads are judged: what a policy on hosts sees may go
// on to others. A network set may hold the endpoints' addresses.
func (o on) ownEnd(s *scope, at path, p *calico.Policy, e *calico.RuleEnd) {
	if p.ID.Namespace == "" || e.Selector == "" || !s.possible(e.Selector) {
		return
	}
	if s.possible("(" + p.Selector + ") && (" + e.Selector + ")") {
		return
	}
	sel, err := selector.Parse(e.Selector)
	if err != nil || slices.ContainsFunc(s.sets, func(m selector.Map) bool { return sel.Matches(m) }) {
		return
	}
	o.reportAt("rule/never", o.src.At(at...), "exchange source and destination, or the direction",
		"%s is the pod that the policy selects, and the rule asks for others: it matches no packet", dotted(at))
}
