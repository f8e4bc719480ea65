package scenario

import (
	"fmt"
	"slices"
	"strings"

	"tortie/dataplane/host"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// judge compares a step with what was expected of it.
func (p *Player) judge(e *Expect, r *StepResult) {
	if e == nil {
		return
	}
	check := func(ok bool, format string, args ...any) {
		r.Expected++
		if !ok {
			r.Failures = append(r.Failures, fmt.Sprintf(format, args...))
		}
	}
	if e.Verdict != "" {
		check(met(e.Verdict, r.Verdict), "expected %s, got %s%s", e.Verdict, r.Verdict, reasonText(r.Reason))
	}
	if e.Allowed != nil {
		check(*e.Allowed == r.Allowed, "expected %d of %d connections to be allowed, got %d", *e.Allowed, r.Opened, r.Allowed)
	}
	p.judgeReason(e, r, check)
	p.judgeConntrack(e, r, check)
	for _, want := range e.Packets {
		got := p.hits(&want)
		check(got == want.Packets, "expected %d packets at %s, got %d", want.Packets, ruleName(&want), got)
	}
}

func met(want, got trace.Verdict) bool {
	return want == got || want == trace.Deny && got == trace.Reject
}

func (p *Player) judgeReason(e *Expect, r *StepResult, check func(bool, string, ...any)) {
	reason := trace.Reason{}
	if r.Reason != nil {
		reason = *r.Reason
	}
	if e.By != nil {
		check(samePolicy(e.By, reason.Policy), "expected %s to decide, but %s%s", describe(e.By), r.Verdict, reasonText(r.Reason))
	}
	if e.NoPolicy {
		check(reason.Policy == nil, "expected no policy to decide, but %s%s", r.Verdict, reasonText(r.Reason))
	}
	if a := e.At; a != nil {
		table, chain := PlaceOf(&reason)
		ok := matches(a.Node, reason.Node) && matches(a.Hook, reason.Hook) && matches(a.Table, table) && matches(a.Chain, chain)
		check(ok, "expected the verdict at %s, got it at %s", placeText(*a), placeText(Place{reason.Node, reason.Hook, table, chain}))
	}
}

func matches(want, got string) bool { return want == "" || strings.EqualFold(want, got) }

// PlaceOf is a reason's table and chain as iptables names them: in nftables mode
// Felix keeps everything in one table, with the old table's name in front of
// each chain's.
func PlaceOf(r *trace.Reason) (table, chain string) {
	if r.Backend == "nftables" && r.Table == "calico" {
		if t, c, ok := strings.Cut(r.Chain, "-"); ok {
			return t, c
		}
	}
	return r.Table, r.Chain
}

func placeText(p Place) string {
	var words []string
	for _, w := range []string{p.Node, p.Hook, p.Table, p.Chain} {
		if w != "" {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return "no rule"
	}
	return strings.Join(words, " ")
}

// samePolicy reports whether what is set in want is so in got.
func samePolicy(want, got *trace.Policy) bool {
	return got != nil && matches(want.Kind, got.Kind) && (want.Namespace == "" || want.Namespace == got.Namespace) &&
		(want.Name == "" || want.Name == got.Name) && (want.Tier == "" || want.Tier == got.Tier) &&
		matches(want.Direction, got.Direction) && (want.Rule == 0 || want.Rule == got.Rule)
}

func describe(p *trace.Policy) string {
	words := []string{p.Kind}
	if n := policyName(p); n != "" {
		words = append(words, n)
	}
	if p.Kind == "" {
		words = words[1:]
	}
	if p.Direction != "" {
		words = append(words, p.Direction)
	}
	if p.Rule > 0 {
		words = append(words, fmt.Sprintf("rule %d", p.Rule))
	}
	return strings.Join(words, " ")
}

// judgeConntrack looks at how nodes remember the step's connection, and at how
// many connections they remember.
func (p *Player) judgeConntrack(e *Expect, r *StepResult, check func(bool, string, ...any)) {
	if c := p.concerned(r); c != nil {
		for _, want := range e.Entries {
			got := c.Entry(want.Node)
			switch {
			case p.Fleet.FindHost(want.Node) == nil:
				check(false, "expected an entry on node %q, which does not exist", want.Node)
			case want.Absent:
				check(!got.Tracked, "expected %s to have no entry, got %s %s", want.Node, got.State, got.Original)
			default:
				check(got.Tracked && matches(want.State, got.State), "expected an entry%s on %s, got %s",
					word(want.State), want.Node, entryText(got))
			}
		}
	} else if len(e.Entries) > 0 {
		check(false, "expected entries, but the step is about no connection")
	}
	for _, node := range sortedNames(e.Counts) {
		t := p.Walker.Conntrack(node)
		if t == nil {
			check(false, "expected a count on node %q, which does not exist", node)
			continue
		}
		got := len(t.List(p.Walker.Now()))
		check(got == e.Counts[node], "expected %d entries on %s, got %d", e.Counts[node], node, got)
	}
}

// concerned is the connection that the step is about.
func (p *Player) concerned(r *StepResult) *walk.Session {
	if n := len(p.Opened); n > 0 {
		return p.Opened[n-1]
	}
	return p.sessions[p.script.Steps[r.Step-1].Connection]
}

func sortedNames(m map[host.Name]int) []host.Name {
	names := make([]host.Name, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func word(s string) string {
	if s == "" {
		return ""
	}
	return " " + s
}

func entryText(c trace.Conntrack) string {
	if !c.Tracked {
		return "none"
	}
	return c.State + " " + c.Original
}

// hits counts the packets of the step that met a rule.
func (p *Player) hits(want *RuleCount) int {
	n := 0
	for i := range p.paths {
		nodes := map[string]bool{}
		for j := range p.paths[i].Steps {
			s := &p.paths[i].Steps[j]
			if s.Kind == trace.KindRule && s.Matched == trace.MatchedYes && samePolicy(&want.Policy, s.Policy) && matches(string(want.Node), s.Node) {
				nodes[s.Node] = true
			}
		}
		n += len(nodes)
	}
	return n
}

func ruleName(c *RuleCount) string {
	name := describe(&c.Policy)
	if c.Node != "" {
		name += " on " + string(c.Node)
	}
	return name
}
