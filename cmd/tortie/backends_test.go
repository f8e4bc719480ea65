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
	c, _ := everyBackend(drops(3, 3, last, &tried), chance.Wanted{})
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
	c, _ := everyBackend(drops(20, 8, late, &tried), chance.Wanted{})
	if tried != chance.MaxRuns || c.Verdict != trace.Deny {
		t.Errorf("%d ways tried, verdict %s", tried, c.Verdict)
	}
	if len(c.Notes) != 2 || !strings.Contains(c.Notes[1], "4096 were, at least") {
		t.Errorf("notes %q", c.Notes)
	}
}

// A backend goes by its pod, its address, or address and port; of one that rules do not
// lead to it is said which there are.
func TestTrace_Backend(t *testing.T) {
	const there = `; there is 10.244.1.53:5353 (shop/dns-1), 10.244.2.53:5353 (shop/dns-2)`
	for _, row := range []struct {
		to, backend string
		code        int
		want        string
	}{
		{"svc:shop/dns:53/udp", "shop/dns-2", exitFine, "to 10.244.2.53:5353"},
		{"svc:shop/dns:53/udp", "10.244.2.53", exitFine, "to 10.244.2.53:5353"},
		{"svc:shop/dns:53/udp", "10.244.1.53:5353", exitFine, "to 10.244.1.53:5353"},
		{"svc:shop/dns:53/udp", "shop/dns-3", exitUsage, `--backend: no rule leads to backend "shop/dns-3"` + there + "\ndid you mean \"shop/dns-1\"?"},
		{"svc:shop/dns:53/udp", "shop/client", exitUsage, `no rule leads to backend "shop/client"` + there + "\n"},
		{"svc:shop/dns:53/udp", "10.244.1.53:53", exitUsage, `no rule leads to backend "10.244.1.53:53"` + there + "\n"},
		{"shop/dns-1:5353/udp", "shop/dns-1", exitUsage, `"shop/dns-1": the connection is led to no backend`},
	} {
		out, errs, code := tortie(t, "trace", "-f", "examples/terminating-pods/cluster.yaml", "-f", "examples/terminating-pods/dns.yaml",
			"shop/client", row.to, "--backend", row.backend)
		t.Chdir("cmd/tortie")
		if code != row.code || !strings.Contains(out+errs, row.want) || strings.Contains(out, "2 backends") {
			t.Errorf("%s by %s: exit %d, want %d and %q in\n%s%s", row.to, row.backend, code, row.code, row.want, out, errs)
		}
	}
}
