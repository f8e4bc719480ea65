// Package chance tries every way in which rules choose at random: which backend a
// service takes, above all.
//
// A Script makes the choices of one run and remembers how many alternatives there
// were; Every runs something once for each script that can be. Which backend a run
// led to is read from its trace, and a Wanted knows whether it is the one that was
// asked for. The package draws nothing itself.
package chance

import (
	"iter"

	"tortie/simulator/eval"
)

// MaxRuns bounds the runs of Every, if nothing else does.
const MaxRuns = 4096

// Script makes random choices: the picks in order, then always the first
// alternative.
type Script struct {
	Picks []int
	// Made are the choices so far, and Taken what was chosen.
	Made  []eval.Choice
	Taken []int
}

// Choose makes a choice (see walk.Options).
func (s *Script) Choose(c eval.Choice) int {
	pick := 0
	if i := len(s.Made); i < len(s.Picks) && s.Picks[i] < c.N {
		pick = s.Picks[i]
	}
	s.Made, s.Taken = append(s.Made, c), append(s.Taken, pick)
	return pick
}

// Ways are the ways in which something chooses at random. The zero value has been
// tried in none.
type Ways struct {
	// Max bounds how many are tried; 0 is MaxRuns.
	Max int
	// Tried is how many were.
	Tried int
	// fresh end with an alternative of a rule that no way had before.
	fresh, rest [][]int
	known       map[alternative]bool
	// dropped counts ways that are only counted, because there are too many.
	dropped int
}

type alternative struct {
	kind eval.ChoiceKind
	host string
	rule eval.RuleRef
	n    int
	alt  int
}

// Left is at least how many ways are left untried.
func (w *Ways) Left() int { return len(w.fresh) + len(w.rest) + w.dropped }

// Every runs something once for every way in which it chooses, the one of first
// alternatives first. Where there are more than may be tried, those come first in
// which a choice is made that was not made yet.
func Every[T any](w *Ways, run func(*Script) T) iter.Seq2[*Script, T] {
	w.known, w.fresh = map[alternative]bool{}, [][]int{nil}
	most := w.Max
	if most == 0 {
		most = MaxRuns
	}
	return func(yield func(*Script, T) bool) {
		for ; w.Tried < most && w.Left() > 0; w.Tried++ {
			s := &Script{Picks: w.next()}
			out := run(s)
			w.branch(s, most)
			if !yield(s, out) {
				return
			}
		}
	}
}

// branch adds the ways that take another alternative at a choice which a run made
// beyond its picks.
func (w *Ways) branch(s *Script, most int) {
	for i := len(s.Picks); i < len(s.Made); i++ {
		for alt := 1; alt < s.Made[i].N; alt++ {
			picks := make([]int, i+1)
			copy(picks, s.Taken[:i])
			picks[i] = alt
			w.add(s.Made[i], picks, most)
		}
	}
}

// add adds a way that departs from a run in its last pick.
func (w *Ways) add(c eval.Choice, picks []int, most int) {
	a := alternative{c.Kind, c.Host, c.Rule, c.N, picks[len(picks)-1]}
	switch {
	case !w.known[a]:
		w.known[a] = true
		w.fresh = append(w.fresh, picks)
	case len(w.rest) == most:
		w.dropped++
	default:
		w.rest = append(w.rest, picks)
	}
}

// next takes a way out; there must be one.
func (w *Ways) next() []int {
	from := &w.fresh
	if len(w.fresh) == 0 {
		from = &w.rest
	}
	picks := (*from)[0]
	*from = (*from)[1:]
	return picks
}
