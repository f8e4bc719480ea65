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
func (p *Player) judge(s *Step, r *StepResult) {
	e := s.Expect
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
		ok, why := verdictMet(e.Verdict, r)
		check(ok, "expected %s, got %s", e.Verdict, why)
	}
	if e.Allowed != nil {
		check(*e.Allowed == r.Allowed, "expected %d of %d connections to be allowed, got %d", *e.Allowed, r.Opened, r.Allowed)
	}
	p.judgeReason(e, r, check)
	p.judgeConntrack(e, s, check)
	if a := e.Arrives; a != nil {
		check(arrives(a.From, r.From) && arrives(a.To, r.To), "expected the packet to arrive%s, %s", endsText(*a), arrivedText(r))
	}
	for _, want := range e.Packets {
		got := p.hits(&want)
		check(got == want.Packets, "expected %d packets at %s, got %d", want.Packets, ruleName(&want), got)
	}
}

// verdictMet reports whether a step has the wanted verdict, for every backend that
// its service can choose; what it got is said if not.
func verdictMet(want trace.Verdict, r *StepResult) (ok bool, got string) {
	for i := range r.Backends {
		if b := &r.Backends[i]; !met(want, b.Verdict) {
			return false, fmt.Sprintf("%s by backend %s%s", b.Verdict, b.Address, reasonText(&b.Reason))
		}
	}
	return met(want, r.Verdict), string(r.Verdict) + reasonText(r.Reason)
}

// arrives reports whether an end is the wanted one, which may lack its port.
func arrives(want, got string) bool {
	if want == "" || want == got {
		return true
	}
	a, port, err1 := splitEnd(want)
	b, _, err2 := splitEnd(got)
	return err1 == nil && err2 == nil && port == 0 && a == b
}

func endsText(a Arrives) string {
	text := ""
	if a.From != "" {
		text += " from " + a.From
	}
	if a.To != "" {
		text += " at " + a.To
	}
	return text
}

func arrivedText(r *StepResult) string {
	if r.To == "" {
		return "but it does not"
	}
	return "it came" + endsText(Arrives{r.From, r.To})
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

// describe says what a policy is expected to be, in all that is asked of it.
func describe(p *trace.Policy) string {
	var words []string
	add := func(asked bool, word string) {
		if asked {
			words = append(words, word)
		}
	}
	add(p.Kind != "", p.Kind)
	add(p.Kind == "" && p.Name == "", "a policy")
	add(p.Name != "", policyName(p))
	add(p.Name == "" && p.Namespace != "", "of namespace "+p.Namespace)
	add(p.Tier != "", "in tier "+p.Tier)
	add(p.Direction != "", p.Direction)
	add(p.Rule > 0, fmt.Sprintf("rule %d", p.Rule))
	return strings.Join(words, " ")
}

// judgeConntrack looks at how nodes remember the step's connection, and at how
// many connections they remember.
func (p *Player) judgeConntrack(e *Expect, s *Step, check func(bool, string, ...any)) {
	for _, want := range e.Entries {
		c := p.concerned(s)
		if c == nil || p.Fleet.FindHost(want.Node) == nil {
			continue
		}
		got := c.Entry(want.Node)
		if want.Absent {
			check(!got.Tracked, "expected %s to have no entry, got %s %s", want.Node, got.State, got.Original)
			continue
		}
		check(got.Tracked && matches(want.State, got.State), "expected an entry%s on %s, got %s", word(want.State), want.Node, entryText(got))
	}
	for _, node := range sortedNames(e.Counts) {
		if p.Fleet.FindHost(node) == nil {
			continue
		}
		got := len(p.Walker.Conntrack(node).List(p.Walker.Now()))
		check(got == e.Counts[node], "expected %d entries on %s, got %d", e.Counts[node], node, got)
	}
}

// concerned is the connection that the step is about.
func (p *Player) concerned(s *Step) *walk.Session {
	if n := len(p.Opened); n > 0 {
		return p.Opened[n-1]
	}
	return p.sessions[s.Connection]
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
	for i := range p.Paths {
		nodes := map[string]bool{}
		for j := range p.Paths[i].Steps {
			s := &p.Paths[i].Steps[j]
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
