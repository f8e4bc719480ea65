package kernel

import (
	"fmt"
	"os"
	"strings"
	"time"

	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
)

// Recents makes lists of recent older. The kernel lets nobody change when an address was
// last seen, so what is not yet too old stays as it is, and is remembered here.
type Recents struct{ idle map[recentEntry]time.Duration }

// recentEntry is an address in a list and when it was last seen, as the kernel writes it.
type recentEntry struct{ list, addr, seen string }

// Age makes the lists that the rules ask as old as if the time had passed: addresses that
// are older than the rules allow are removed.
func (r *Recents) Age(ns *netns.NS, rules *nf.Ruleset, d time.Duration) error {
	was := r.idle
	r.idle = map[recentEntry]time.Duration{}
	for list, a := range recentAges(rules) {
		if a.uneven || a.age == 0 {
			continue
		}
		err := ns.Do(func() error {
			entries, err := readRecent(list)
			if err != nil {
				return err
			}
			for _, e := range entries {
				if r.idle[e] = was[e] + d; r.idle[e] <= a.age {
					continue
				}
				if err := os.WriteFile(recentFile(list), []byte("-"+e.addr+"\n"), 0o600); err != nil {
					return fmt.Errorf("list %s: remove %s: %w", list, e.addr, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// AgesRecent reports whether Age makes a list older: not one that rules ask for several
// ages, or for how often an address was seen.
func AgesRecent(rules *nf.Ruleset, list string) bool { return !recentAges(rules)[list].uneven }

// recentAge is how old an address may be for the rules that ask a list; 0 is as old as it
// likes.
type recentAge struct {
	age           time.Duration
	asked, uneven bool
}

func recentAges(rules *nf.Ruleset) map[string]recentAge {
	out := map[string]recentAge{}
	for m := range recentMatches(rules) {
		a := out[m.Name]
		if m.Op == "rcheck" || m.Op == "update" {
			age := time.Duration(m.Seconds) * time.Second
			a.uneven = a.uneven || a.asked && a.age != age || m.HitCount > 1
			a.age, a.asked = age, true
		}
		out[m.Name] = a
	}
	return out
}

// recentMatches yields the matches of recent in all rules.
func recentMatches(rules *nf.Ruleset) func(yield func(nf.MatchRecent) bool) {
	return func(yield func(nf.MatchRecent) bool) {
		for i := range rules.Tables {
			for _, c := range rules.Tables[i].Chains {
				for _, r := range c.Rules {
					for _, s := range r.Body {
						if m, ok := s.(nf.MatchRecent); ok && !yield(m) {
							return
						}
					}
				}
			}
		}
	}
}

func recentFile(list string) string { return "/proc/thread-self/net/xt_recent/" + list }

// readRecent reads a list of the thread's namespace: a line for each address, as
//
//	src=10.0.0.1 ttl: 64 last_seen: 4295043000 oldest_pkt: 1 4295043000
func readRecent(list string) ([]recentEntry, error) {
	data, err := os.ReadFile(recentFile(list))
	if err != nil {
		return nil, err
	}
	var out []recentEntry
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		addr, ok := strings.CutPrefix(words[0], "src=")
		if !ok || len(words) < 5 || words[3] != "last_seen:" {
			return nil, fmt.Errorf("list %s: %q is not what recent writes", list, line)
		}
		out = append(out, recentEntry{list, addr, words[4]})
	}
	return out, nil
}
