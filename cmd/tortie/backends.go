package main

import (
	"fmt"
	"slices"

	"tortie/simulator/eval"
	"tortie/simulator/trace"
)

// script makes the kernel's random choices: the picks in order, then always the
// first alternative; it remembers what was there to choose.
type script struct {
	picks []int
	seen  []eval.Choice
}

func (s *script) choose(c eval.Choice) int {
	i := len(s.seen)
	s.seen = append(s.seen, c)
	if i < len(s.picks) {
		return s.picks[i]
	}
	return 0
}

// maxRuns bounds the runs over the ways in which rules choose at random.
const maxRuns = 4096

// everyBackend runs a connection once for every way in which the rules choose at
// random, and returns the one to show: the first that is refused, else the first.
// With backend only runs that lead there count; false says that none does. Where
// there are more ways than maxRuns, those come first in which a choice is made that
// was not made yet, and a note says that others are left.
func everyBackend(run func(*script) trace.Connection, backend string) (trace.Connection, bool) {
	var shown *trace.Connection
	var backends []trace.Backend
	var ways frontier
	ways.add(&script{}, nil)
	n, refused := 0, 0
	for ; n < maxRuns && ways.left() > 0; n++ {
		s := &script{picks: ways.next()}
		c := run(s)
		for i := len(s.picks); i < len(s.seen); i++ {
			for alt := 1; alt < s.seen[i].N; alt++ {
				ways.add(s, append(picked(s, i), alt))
			}
		}
		if c.Verdict != trace.Allow {
			refused++
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
	if refused > 0 && refused < n && len(backends) < 2 {
		shown.Notes = append(shown.Notes, fmt.Sprintf("rules choose at random: the connection is refused in %d of the %d ways tried", refused, n))
	}
	if ways.left() > 0 {
		shown.Notes = append(shown.Notes, fmt.Sprintf("rules choose at random in more ways than are tried: %d were, at least %d more were not, and one of those may be refused", n, ways.left()))
	}
	return *shown, true
}

// frontier holds the ways that are still to be tried.
type frontier struct {
	// fresh end with an alternative of a rule that no way had before.
	fresh, rest [][]int
	known       map[alternative]bool
	// dropped counts ways that are only counted, because there are too many.
	dropped int
}

type alternative struct {
	kind eval.ChoiceKind
	rule eval.RuleRef
	n    int
	alt  int
}

// add adds a way that departs from a run in its last pick; nil is the first way.
func (f *frontier) add(s *script, picks []int) {
	if f.known == nil {
		f.known = map[alternative]bool{}
	}
	if len(picks) == 0 {
		f.fresh = append(f.fresh, picks)
		return
	}
	last := len(picks) - 1
	c := s.seen[last]
	a := alternative{c.Kind, c.Rule, c.N, picks[last]}
	switch {
	case !f.known[a]:
	case len(f.rest) == maxRuns:
		f.dropped++
		return
	default:
		f.rest = append(f.rest, picks)
		return
	}
	f.known[a] = true
	f.fresh = append(f.fresh, picks)
}

func (f *frontier) left() int { return len(f.fresh) + len(f.rest) + f.dropped }

// next takes a way out; there must be one.
func (f *frontier) next() []int {
	from := &f.fresh
	if len(f.fresh) == 0 {
		from = &f.rest
	}
	picks := (*from)[0]
	*from = (*from)[1:]
	return picks
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
