package main

import (
	"strings"
	"testing"

	"tortie/simulator/chance"
	"tortie/simulator/eval"
	"tortie/simulator/trace"
)

// drops is a connection that meets a number of rules that each drop one in n
// packets; it is refused where refuse says so of the choices.
func drops(rules, n int, refuse func(picks []int) bool, tried *int) func(*chance.Script) trace.Connection {
	return func(s *chance.Script) trace.Connection {
		*tried++
		picks := make([]int, rules)
		for i := range picks {
			picks[i] = s.Choose(eval.Choice{Kind: eval.ChoiceNumgen, Rule: eval.RuleRef{Chain: 1, Rule: int32(i + 1)}, N: n})
		}
		c := trace.Connection{Verdict: trace.Allow}
		if refuse(picks) {
			c.Verdict = trace.Deny
		}
		return c
	}
}

func TestEveryBackend_TriesEveryWay(t *testing.T) {
	tried := 0
	last := func(p []int) bool { return p[0] == 2 && p[1] == 2 && p[2] == 2 }
	c, _ := everyBackend(drops(3, 3, last, &tried), "")
	if tried != 27 || c.Verdict != trace.Deny {
		t.Errorf("%d ways tried, verdict %s", tried, c.Verdict)
	}
	if len(c.Notes) != 1 || !strings.Contains(c.Notes[0], "refused in 1 of the 27 ways") {
		t.Errorf("notes %q", c.Notes)
	}
}

// Of too many ways every alternative of every rule is among those tried, and that
// others are left is said.
func TestEveryBackend_SaysWhatIsLeft(t *testing.T) {
	tried := 0
	late := func(p []int) bool { return p[19] == 7 }
	c, _ := everyBackend(drops(20, 8, late, &tried), "")
	if tried != chance.MaxRuns || c.Verdict != trace.Deny {
		t.Errorf("%d ways tried, verdict %s", tried, c.Verdict)
	}
	if len(c.Notes) != 2 || !strings.Contains(c.Notes[1], "4096 were, at least") {
		t.Errorf("notes %q", c.Notes)
	}
}
