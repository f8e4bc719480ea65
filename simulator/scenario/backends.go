package scenario

import (
	"fmt"
	"slices"
	"strings"

	"tortie/simulator/chance"
	"tortie/simulator/trace"
)

// maxWays bounds the ways of choosing in which one step is played.
const maxWays = 256

// step plays a step. A connection that rules lead on at random is opened in every
// way that they can choose, each time in a world in which the steps before
// happened as they did; the world to go on with is the first in which it is
// refused, else the first of all.
func (r *run) step(p *Player, i int) (*Player, StepResult, error) {
	s := &r.script.Steps[i]
	got, err := p.play(i)
	if err != nil || s.Action != ActionOpen {
		return p, got, err
	}
	first, firstWorld := got, p
	wanted := chance.Wanted{Name: s.Open.Backend, Fleet: p.Fleet}
	if len(p.Chance.Made) == 0 && wanted.Name == "" {
		return p, got, nil
	}
	var found []trace.Backend
	shown, showing := (*StepResult)(nil), p
	ways := chance.Ways{Max: maxWays}
	for script, one := range chance.Every(&ways, func(s *chance.Script) played {
		if len(s.Picks) == 0 {
			s.Made, s.Taken = firstWorld.Chance.Made, firstWorld.Chance.Taken
			return played{firstWorld, first}
		}
		return r.again(i, s)
	}) {
		one.picks = script.Taken
		found = addBackend(found, &one.StepResult)
		if !wanted.Is(one.backend) {
			continue
		}
		if shown == nil || shown.Verdict == trace.Allow && one.Verdict != trace.Allow {
			shown, showing = &one.StepResult, one.player
		}
	}
	if shown == nil {
		return p, got, &EndError{"backend", wanted.Missing(addresses(found), r.script.nearest)}
	}
	if len(found) > 1 && wanted.Name == "" {
		shown.Backends = found
	}
	if left := ways.Left(); left > 0 {
		shown.Notes = append(shown.Notes, fmt.Sprintf("rules choose at random in more ways than are tried: %d were, at least %d more were not", ways.Tried, left))
	}
	return showing, *shown, nil
}

// played is a step in a world.
type played struct {
	player *Player
	StepResult
}

// again plays everything up to step i once more, with other choices in step i.
func (r *run) again(i int, s *chance.Script) played {
	p := r.player()
	p.mute = true
	for j := range i {
		if !r.failed[j] {
			p.replay(j, r.picks[j])
		}
	}
	p.mute = false
	got := p.replay(i, s.Picks)
	s.Made, s.Taken = p.Chance.Made, p.Chance.Taken
	return played{p, got}
}

// replay plays a step with given choices; it could be played before.
func (p *Player) replay(i int, picks []int) StepResult {
	p.given = picks
	got, _ := p.play(i)
	p.given = nil
	return got
}

func addBackend(list []trace.Backend, r *StepResult) []trace.Backend {
	if r.backend == "" || slices.ContainsFunc(list, func(b trace.Backend) bool { return b.Address == r.backend }) {
		return list
	}
	list = append(list, trace.Backend{Address: r.backend, Verdict: r.Verdict, Reason: *r.Reason})
	slices.SortFunc(list, func(a, b trace.Backend) int { return strings.Compare(a.Address, b.Address) })
	return list
}

func addresses(list []trace.Backend) []string {
	var out []string
	for _, b := range list {
		out = append(out, b.Address)
	}
	return out
}
