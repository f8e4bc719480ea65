package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tortie/dataplane/host"
)

// settle is how long the kernel may take until its last packets have gone.
const settle = 1500 * time.Millisecond

// compareEntries compares every node's connection table. Of many connections,
// which ones found room is chance: then only their number counts.
func (p *performance) compareEntries(s *rehearsed) error {
	var got map[host.Name][]string
	for end := time.Now().Add(settle); ; time.Sleep(50 * time.Millisecond) {
		var err error
		if got, err = p.entries(s); err != nil {
			return err
		}
		if p.sameEntries(s, got) || time.Now().After(end) {
			break
		}
	}
	for i := range s.fleet.Hosts {
		name := s.fleet.Hosts[i].Name
		want := p.settled(s.entries[name])
		p.out.Entries += len(want)
		if len(s.tries) > 1 && len(want) == len(got[name]) {
			continue
		}
		if d := missing(want, got[name]); d != "" {
			p.differ("%s: only in the simulator's table of %s: %s", s.where, name, d)
		}
		if d := missing(got[name], want); d != "" {
			p.differ("%s: only in the kernel's table of %s: %s", s.where, name, d)
		}
	}
	return nil
}

func (p *performance) sameEntries(s *rehearsed, got map[host.Name][]string) bool {
	for i := range s.fleet.Hosts {
		name := s.fleet.Hosts[i].Name
		if !slices.Equal(p.settled(s.entries[name]), got[name]) {
			return false
		}
	}
	return true
}

// entries reads every node's connection table. Ports that the kernel drew are
// replaced by those that the simulator supposed.
func (p *performance) entries(s *rehearsed) (map[host.Name][]string, error) {
	got := map[host.Name][]string{}
	for i := range s.fleet.Hosts {
		name := s.fleet.Hosts[i].Name
		list, err := p.lab.Connections(name)
		if err != nil {
			return nil, err
		}
		for i := range list {
			got[name] = append(got[name], kernelEntry(&list[i]))
		}
	}
	for range s.fleet.Hosts { // the next node sees the port that this one drew
		renameDrawn(s.free, got)
	}
	for name, list := range got {
		slices.Sort(list)
		got[name] = p.settled(list)
	}
	return got, nil
}

// renameDrawn finds the kernel's entries of connections with a drawn port by
// their original tuples, and renames the port everywhere.
func renameDrawn(free, got map[host.Name][]string) {
	for name, list := range free {
		for _, want := range list {
			orig, reply := tuplesOf(want)
			for _, have := range got[name] {
				o, drawn := tuplesOf(have)
				if o != orig || drawn == reply {
					continue
				}
				_, from, _ := strings.Cut(drawn, ">")
				_, to, _ := strings.Cut(reply, ">")
				rename(got, from, to)
			}
		}
	}
}

// rename replaces one end in all entries.
func rename(got map[host.Name][]string, from, to string) {
	for _, list := range got {
		for i, e := range list {
			words := strings.Split(e, " ")
			for j, w := range words {
				a, b, ok := strings.Cut(w, ">")
				if !ok {
					continue
				}
				if a == from {
					a = to
				}
				if b == from {
					b = to
				}
				words[j] = a + ">" + b
			}
			list[i] = strings.Join(words, " ")
		}
	}
}

// tuplesOf are the two tuples of an entry, as text.
func tuplesOf(entry string) (orig, reply string) {
	for _, w := range strings.Fields(entry) {
		switch {
		case !strings.Contains(w, ">"):
		case orig == "":
			orig = w
		default:
			return orig, w
		}
	}
	return orig, ""
}

// settled leaves out connections whose last message was lost: TCP sends it again
// whenever it likes.
func (p *performance) settled(entries []string) []string {
	out := slices.Clone(entries)
	for _, c := range p.sessions {
		if t := c.Try(); c.Waits() {
			tuple := fmt.Sprintf(" %s:%d>%s:%d ", t.Src, t.SrcPort, t.Dst, t.DstPort)
			out = slices.DeleteFunc(out, func(e string) bool { return strings.Contains(e, tuple) })
		}
	}
	return out
}

// missing lists what of a is not in b, at most five.
func missing(a, b []string) string {
	var out []string
	for _, e := range a {
		if !slices.Contains(b, e) {
			out = append(out, e)
		}
	}
	if n := len(out); n > 5 {
		out = append(out[:5], fmt.Sprintf("and %d more", n-5))
	}
	return strings.Join(out, "; ")
}
