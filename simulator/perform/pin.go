package perform

import (
	"slices"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/simulator/chance"
	"tortie/simulator/eval"
	"tortie/simulator/walk"
)

// pin is the fleet with the rules that chose at random in a step made to choose
// the same: the kernel's chance cannot be asked for an answer. It is nil when
// there was nothing to choose. Rules keep their places and counters.
func pin(f *host.Fleet, w *walk.Walker, s *chance.Script) *host.Fleet {
	picks := map[*nf.Rule]int{}
	for i, c := range s.Made {
		if e := w.Engine(host.Name(c.Host)); e != nil && c.Kind != eval.ChoiceServer {
			_, _, r := e.Place(c.Rule)
			picks[r] = s.Taken[i]
		}
	}
	if len(picks) == 0 {
		return nil
	}
	return pinned(f, func(r *nf.Rule) (int, bool) { pick, ok := picks[r]; return pick, ok })
}

// PinAll is the fleet with every rule that would choose at random made to take one of
// its alternatives, the one that pick says of so many.
func PinAll(f *host.Fleet, pick func(n int) int) *host.Fleet {
	return pinned(f, func(r *nf.Rule) (int, bool) {
		n := alternatives(r.Body)
		if n < 2 {
			return 0, false
		}
		return pick(n), true
	})
}

// alternatives is how many a rule's random statement has; 0 without one.
func alternatives(body []nf.Stmt) int {
	ofKeys := func(keys []nf.Key) int {
		for _, k := range keys {
			if k.Field == nf.KeyNumgenRandom {
				return int(k.Mod)
			}
		}
		return 0
	}
	for _, s := range body {
		n := 0
		switch s := s.(type) {
		case nf.MatchStatistic:
			if !s.Nth {
				n = 2
			}
		case nf.VMap:
			n = ofKeys(s.Key)
		case nf.NAT:
			if s.Map != nil {
				n = ofKeys(s.Map.Key)
			}
		case nf.MatchCompare:
			n = ofKeys(s.Key)
		}
		if n > 0 {
			return n
		}
	}
	return 0
}

// pinned is the fleet with the rules changed that pick knows.
func pinned(f *host.Fleet, pick func(*nf.Rule) (int, bool)) *host.Fleet {
	out := *f
	out.Hosts = slices.Clone(f.Hosts)
	for i := range out.Hosts {
		r := &out.Hosts[i].Ruleset
		r.Tables = slices.Clone(r.Tables)
		for j := range r.Tables {
			r.Tables[j].Chains = pinChains(r.Tables[j].Chains, pick)
		}
	}
	return &out
}

func pinChains(chains []nf.Chain, choose func(*nf.Rule) (int, bool)) []nf.Chain {
	out := slices.Clone(chains)
	for i := range out {
		var rules []nf.Rule
		for j := range chains[i].Rules {
			pick, ok := choose(&chains[i].Rules[j])
			if !ok {
				continue
			}
			if rules == nil {
				rules = slices.Clone(chains[i].Rules)
			}
			rules[j].Body = pinBody(rules[j].Body, pick)
		}
		if rules != nil {
			out[i].Rules = rules
		}
	}
	return out
}

// pinBody makes a rule's random statements choose an alternative.
func pinBody(body []nf.Stmt, pick int) []nf.Stmt {
	out := slices.Clone(body)
	for i, s := range out {
		switch s := s.(type) {
		case nf.MatchStatistic:
			if s.Nth {
				continue
			}
			out[i] = nf.MatchStatistic{Invert: pick == 1} // a probability of nothing
		case nf.VMap:
			s.Key = pinKeys(s.Key, pick)
			out[i] = s
		case nf.NAT:
			if s.Map != nil {
				m := *s.Map
				m.Key = pinKeys(m.Key, pick)
				s.Map = &m
				out[i] = s
			}
		case nf.MatchCompare:
			s.Key = pinKeys(s.Key, pick)
			out[i] = s
		}
	}
	return out
}

// pinKeys replaces a random number by a counter that never moves.
func pinKeys(keys []nf.Key, pick int) []nf.Key {
	out := slices.Clone(keys)
	for i := range out {
		if out[i].Field == nf.KeyNumgenRandom {
			out[i].Field, out[i].Mod, out[i].Offset = nf.KeyNumgenInc, 1, out[i].Offset+uint32(pick)
		}
	}
	return out
}
