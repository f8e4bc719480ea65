package main

import (
	"fmt"
	"slices"
	"strings"

	"tortie/simulator/chance"
	"tortie/simulator/trace"
)

// outcomesOf gathers what became of a connection at each backend.
type outcomesOf struct {
	only     string // the backend that counts; empty is all
	first    *trace.Connection
	backends []trace.Backend
}

// add takes the outcome at a backend; "" is none.
func (o *outcomesOf) add(to string, c trace.Connection) {
	if o.only != "" && !chance.Is(to, o.only) {
		return
	}
	if to != "" && !slices.ContainsFunc(o.backends, func(b trace.Backend) bool { return b.Address == to }) {
		o.backends = append(o.backends, trace.Backend{Address: to, Verdict: c.Verdict, Reason: c.Reason})
	}
	if o.first == nil || o.first.Verdict == trace.Allow && c.Verdict != trace.Allow {
		o.first = &c
	}
}

// shown is the connection to show, the first that is refused, else the first, with the
// outcomes of several backends; nil when no backend counts.
func (o *outcomesOf) shown() *trace.Connection {
	slices.SortFunc(o.backends, func(a, b trace.Backend) int { return strings.Compare(a.Address, b.Address) })
	if o.first != nil && len(o.backends) > 1 {
		o.first.Backends = o.backends
	}
	return o.first
}

// everyBackend runs a connection once for every way in which the rules choose at
// random, and returns the one to show: the first that is refused, else the first.
// With backend only runs that lead there count; false says that none does. A note
// says when ways are left untried.
func everyBackend(run func(*chance.Script) trace.Connection, backend string) (trace.Connection, bool) {
	all := outcomesOf{only: backend}
	var ways chance.Ways
	refused := 0
	for _, c := range chance.Every(&ways, run) {
		if c.Verdict != trace.Allow {
			refused++
		}
		all.add(chance.Backend(&c), c)
	}
	shown := all.shown()
	if shown == nil {
		return trace.Connection{}, false
	}
	if refused > 0 && refused < ways.Tried && len(all.backends) < 2 {
		shown.Notes = append(shown.Notes, fmt.Sprintf("rules choose at random: the connection is refused in %d of the %d ways tried", refused, ways.Tried))
	}
	if left := ways.Left(); left > 0 {
		shown.Notes = append(shown.Notes, fmt.Sprintf("rules choose at random in more ways than are tried: %d were, at least %d more were not, and one of those may be refused", ways.Tried, left))
	}
	return *shown, true
}
