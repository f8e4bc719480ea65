package main

import (
	"fmt"
	"slices"
	"strings"

	"tortie/compiler/yamlpos"
	"tortie/simulator/chance"
	"tortie/simulator/trace"
)

// outcomesOf gathers what became of a connection at each backend.
type outcomesOf struct {
	wanted   chance.Wanted // the backend that counts
	first    *trace.Connection
	backends []trace.Backend
}

// add takes the outcome at a backend; "" is none.
func (o *outcomesOf) add(to string, c trace.Connection) {
	if to != "" && !slices.ContainsFunc(o.backends, func(b trace.Backend) bool { return b.Address == to }) {
		o.backends = append(o.backends, trace.Backend{Address: to, Verdict: c.Verdict, Reason: c.Reason})
	}
	if !o.wanted.Is(to) {
		return
	}
	if o.first == nil || o.first.Verdict == trace.Allow && c.Verdict != trace.Allow {
		o.first = &c
	}
}

// shown is the connection to show, the first that is refused, else the first, with the
// outcomes of several backends; an error when none of them counts.
func (o *outcomesOf) shown() (*trace.Connection, error) {
	slices.SortFunc(o.backends, func(a, b trace.Backend) int { return strings.Compare(a.Address, b.Address) })
	if o.first == nil {
		var there []string
		for _, b := range o.backends {
			there = append(there, b.Address)
		}
		return nil, usageError("--backend: %v", o.wanted.Missing(there, yamlpos.Nearest))
	}
	if len(o.backends) > 1 && o.wanted.Name == "" {
		o.first.Backends = o.backends
	}
	return o.first, nil
}

// everyBackend runs a connection once for every way in which the rules choose at
// random, and returns the one to show: the first that is refused, else the first.
// Only runs that lead to the wanted backend count; an error says that none does. A
// note says when ways are left untried.
func everyBackend(run func(*chance.Script) trace.Connection, wanted chance.Wanted) (trace.Connection, error) {
	all := outcomesOf{wanted: wanted}
	var ways chance.Ways
	refused := 0
	for _, c := range chance.Every(&ways, run) {
		if c.Verdict != trace.Allow {
			refused++
		}
		all.add(chance.Backend(&c), c)
	}
	shown, err := all.shown()
	if err != nil {
		return trace.Connection{}, err
	}
	if refused > 0 && refused < ways.Tried && len(all.backends) < 2 {
		shown.Notes = append(shown.Notes, fmt.Sprintf("rules choose at random: the connection is refused in %d of the %d ways tried", refused, ways.Tried))
	}
	if left := ways.Left(); left > 0 {
		shown.Notes = append(shown.Notes, fmt.Sprintf("rules choose at random in more ways than are tried: %d were, at least %d more were not, and one of those may be refused", ways.Tried, left))
	}
	return *shown, nil
}
