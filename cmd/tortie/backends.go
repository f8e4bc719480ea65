package main

import (
	"fmt"
	"slices"
	"strings"

	"tortie/simulator/chance"
	"tortie/simulator/trace"
)

// everyBackend runs a connection once for every way in which the rules choose at
// random, and returns the one to show: the first that is refused, else the first.
// With backend only runs that lead there count; false says that none does. A note
// says when ways are left untried.
func everyBackend(run func(*chance.Script) trace.Connection, backend string) (trace.Connection, bool) {
	var shown *trace.Connection
	var backends []trace.Backend
	var ways chance.Ways
	refused := 0
	for _, c := range chance.Every(&ways, run) {
		if c.Verdict != trace.Allow {
			refused++
		}
		to := chance.Backend(&c)
		if backend != "" && !chance.Is(to, backend) {
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
	slices.SortFunc(backends, func(a, b trace.Backend) int { return strings.Compare(a.Address, b.Address) })
	if len(backends) > 1 {
		shown.Backends = backends
	}
	if refused > 0 && refused < ways.Tried && len(backends) < 2 {
		shown.Notes = append(shown.Notes, fmt.Sprintf("rules choose at random: the connection is refused in %d of the %d ways tried", refused, ways.Tried))
	}
	if left := ways.Left(); left > 0 {
		shown.Notes = append(shown.Notes, fmt.Sprintf("rules choose at random in more ways than are tried: %d were, at least %d more were not, and one of those may be refused", ways.Tried, left))
	}
	return *shown, true
}
