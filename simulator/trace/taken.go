package trace

import "fmt"

// TakenNotes says of each rule of a packet's way that depends on chance or on the
// rate of packets how it was taken, and what chance decided without a rule. Rules of a
// chain that follow each other and were taken alike are one note.
func TakenNotes(steps []Step) []string {
	var out []string
	for i := 0; i < len(steps); {
		first, last := &steps[i], &steps[i]
		for i++; i < len(steps) && first.Taken != "" && steps[i].takenLike(first) && steps[i].Rule == last.Rule+1; i++ {
			last = &steps[i]
		}
		if first.Kind == KindChoice {
			out = append(out, first.Text)
		}
		if first.Taken == "" {
			continue
		}
		rules, taken := fmt.Sprintf("rule %d", first.Rule), first.Taken
		if last != first {
			rules, taken = fmt.Sprintf("rules %d to %d", first.Rule, last.Rule), "chances, taken as not chosen"
		}
		out = append(out, fmt.Sprintf("%s %s/%s %s: %s", first.Node, first.Table, first.Chain, rules, taken))
	}
	return out
}

// takenLike reports whether two rules of a chain were taken alike. The chances of
// rules that share one choice differ: 1/3, 1/2.
func (s *Step) takenLike(o *Step) bool {
	return s.Node == o.Node && s.Backend == o.Backend && s.Family == o.Family && s.Hook == o.Hook && s.Table == o.Table && s.Chain == o.Chain &&
		s.Minor && o.Minor && s.Matched == MatchedNo && o.Matched == MatchedNo && s.Taken != ""
}
