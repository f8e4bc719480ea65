package lift

import (
	"reflect"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/intent"
)

// ruleList is one direction of a policy: rules that are carried through, then
// denies, then allows, as a document is compiled.
type ruleList struct {
	raw        []rawRule
	statements []statement
}

// rawRule is a rule of the object's own list, from 0.
type rawRule struct {
	index int
	why   string
}

// statement is a rule that the language can say.
type statement struct {
	deny, log bool
	peer      intent.Party // without a name; nothing in it is everything
	on        []string
	because   string
	owner     string
	until     string
}

// readRules splits the rules of both directions. Statements are denies first, so
// only the end of a list that is in that order can be said; what is before it is
// raw. A policy of Kubernetes has no raw rules.
func (l *lifter) readRules(p *policy) {
	for dir, rules := range [2][]calico.Rule{p.value.Ingress, p.value.Egress} {
		if slices.ContainsFunc(rules, func(r calico.Rule) bool { return r.Action == "" }) {
			p.kept = "a rule of it has no action, which no cluster accepts"
			return
		}
		list, why := l.split(p, dir, rules)
		if len(list.raw) > 0 && strings.Contains(p.value.ID.Kind, "Kubernetes") {
			p.kept = "a rule of it cannot be said: " + why
			return
		}
		p.rules[dir] = list
	}
}

func (l *lifter) split(p *policy, dir int, rules []calico.Rule) (ruleList, string) {
	var out ruleList
	var why string
	i := len(rules)
	for i > 0 {
		s, reason := l.statement(p, dir, &rules[i-1])
		if reason == "" && !s.deny && slices.ContainsFunc(out.statements, func(o statement) bool { return o.deny }) {
			reason = "it allows before a rule that denies"
		}
		if reason != "" {
			why = reason
			break
		}
		i--
		if i > 0 && logs(&rules[i-1], &rules[i]) {
			s.log = true
			i--
		}
		out.statements = append([]statement{s}, out.statements...)
	}
	for k := range i {
		reason := why
		if _, own := l.statement(p, dir, &rules[k]); own != "" {
			reason = own
		} else if k < i-1 {
			reason = "it comes before one that cannot be said"
		}
		out.raw = append(out.raw, rawRule{rules[k].Index, reason})
	}
	return out, why
}

// logs reports whether a rule only logs what the next one decides.
func logs(a, b *calico.Rule) bool {
	if a.Action != "log" {
		return false
	}
	x, y := *a, *b
	x.Action, y.Action, x.Index, y.Index, x.Annotations, y.Annotations = "", "", 0, 0, nil, nil
	return reflect.DeepEqual(x, y)
}

// statement says a rule in the language, or why it cannot.
func (l *lifter) statement(p *policy, dir int, r *calico.Rule) (statement, string) {
	s := statement{deny: r.Action == "deny", because: r.Annotations["tortie.dev/because"],
		owner: r.Annotations["tortie.dev/owner"], until: r.Annotations["tortie.dev/until"]}
	peer, own := &r.Src, &r.Dst
	if dir == 1 {
		peer, own = &r.Dst, &r.Src
	}
	switch {
	case r.Action != "allow" && r.Action != "deny":
		return s, "its action is " + actionName(r.Action)
	case r.HTTP != nil:
		return s, "it asks for HTTP"
	case r.NotProtocol != nil || r.NotICMP != nil:
		return s, "it excludes a protocol"
	case len(r.Src.Ports) > 0:
		return s, "it asks for source ports"
	case len(r.Src.NotPorts)+len(r.Dst.NotPorts) > 0:
		return s, "it excludes ports"
	case !onlyPorts(own):
		return s, "it asks for more than ports of the policy's own end"
	}
	var why string
	if s.on, why = onOf(r); why != "" {
		return s, why
	}
	s.peer, why = l.peer(p, peer)
	if s.peer.Service != "" && (dir == 0 || len(s.on) > 0) {
		why = "it asks for a service and more"
	}
	return s, why
}

func actionName(a string) string {
	if a == "next-tier" {
		return "Pass"
	}
	return strings.ToUpper(a[:1]) + a[1:]
}

func onlyPorts(e *calico.RuleEnd) bool {
	return len(e.Nets)+len(e.NotNets) == 0 && e.Selector == "" && e.NotSelector == "" && e.Service == "" &&
		e.OriginalSelector == "" && e.OriginalNamespaceSelector == "" && len(e.OriginalServiceAccountNames) == 0 && e.OriginalServiceAccountSelector == ""
}
