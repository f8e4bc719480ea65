package main

import (
	"slices"

	"tortie/simulator/eval"
	"tortie/simulator/trace"
)

// script makes the kernel's random choices: the picks in order, then always the
// first alternative; it remembers how many alternatives there were.
type script struct {
	picks []int
	seen  []int
}

func (s *script) choose(c eval.Choice) int {
	i := len(s.seen)
	s.seen = append(s.seen, c.N)
	if i < len(s.picks) {
		return s.picks[i]
	}
	return 0
}

// maxRuns bounds the runs over one service's backends.
const maxRuns = 256

// everyBackend runs a connection once for every way in which the rules choose at
// random, and returns the one to show: the first that is refused, else the first.
// With backend only runs that lead there count; false says that none does.
func everyBackend(run func(*script) trace.Connection, backend string) (trace.Connection, bool) {
	var shown *trace.Connection
	var backends []trace.Backend
	todo := [][]int{nil}
	for n := 0; len(todo) > 0 && n < maxRuns; n++ {
		s := &script{picks: todo[0]}
		todo = todo[1:]
		c := run(s)
		for i := len(s.picks); i < len(s.seen); i++ {
			for alt := 1; alt < s.seen[i]; alt++ {
				todo = append(todo, append(picked(s, i), alt))
			}
		}
		to := backendOf(&c)
		if backend != "" && to != backend && hostPart(to) != backend {
			continue
		}
		if to != "" && !slices.ContainsFunc(backends, func(b trace.Backend) bool { return b.Address == to }) {
			backends = append(backends, trace.Backend{Address: to, Verdict: c.Verdict, Reason: c.Reason})
		}
		if shown == nil || shown.Verdict == trace.Allow && c.Verdict != trace.Allow {
			shown = &c
		}
	}
	if shown == nil {
		return trace.Connection{}, false
	}
	slices.SortFunc(backends, func(a, b trace.Backend) int { return compareText(a.Address, b.Address) })
	if len(backends) > 1 {
		shown.Backends = backends
	}
	return *shown, true
}

// picked returns the first n choices that a run made.
func picked(s *script, n int) []int {
	out := make([]int, n, n+1)
	copy(out, s.picks)
	return out
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// backendOf returns where a destination NAT sent the first packet; empty without
// one.
func backendOf(c *trace.Connection) string {
	if len(c.Packets) == 0 {
		return ""
	}
	p := &c.Packets[0]
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Kind == trace.KindNAT && s.To != "" && s.To != p.To {
			return s.To
		}
	}
	return ""
}

// hostPart is an end without its port.
func hostPart(end string) string {
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] == ':' {
			return end[:i]
		}
	}
	return end
}
