package difftest

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"tortie/dataplane/packet"
)

// Summary counts what random cases compared. The zero value is empty.
type Summary struct {
	Packets, Rulesets, Rules, Different int
	// Once are the rule sets that differed, but not when they were run again.
	Once int
	// Kinds are the packets by family and protocol, LeftOut those that could not be
	// compared, by the reason why.
	Kinds, LeftOut map[string]int
	// States are the states of TCP and SCTP connections at the end of cases.
	States map[string]int
	start  time.Time
}

// Add counts a case.
func (s *Summary) Add(c *Case) {
	if s.Kinds == nil {
		s.Kinds, s.LeftOut, s.States, s.start = map[string]int{}, map[string]int{}, map[string]int{}, time.Now()
	}
	for _, why := range c.LeftOut {
		s.LeftOut[why]++
	}
	if len(c.Shots) == 0 {
		return
	}
	s.Packets += len(c.Shots)
	s.Rulesets++
	s.Rules += c.rules()
	for i := range c.Shots {
		s.Kinds[kindOf(&c.Shots[i].Packet)]++
	}
	for _, conn := range c.Walk().Conns {
		if conn.State != "" {
			s.States[conn.Proto.String()+" "+conn.State]++
		}
	}
}

// kindOf is a packet's family and protocol, and whether it is an ICMP error.
func kindOf(p *packet.Packet) string {
	kind := p.Family().String() + " " + p.Proto.String()
	if p.Inner != nil {
		kind += " error"
	}
	if p.IsFragment() {
		kind += " fragment"
	}
	return kind
}

// String says everything in a few lines.
func (s *Summary) String() string {
	return fmt.Sprintf("%d packets through %d rule sets with %d rules compared in %s, %d rule sets differ, %d differed once and not again\npackets: %s\nconnections in the end: %s\npackets left out: %d%s",
		s.Packets, s.Rulesets, s.Rules, time.Since(s.start).Round(time.Second), s.Different, s.Once, list(s.Kinds), list(s.States), total(s.LeftOut), list(s.LeftOut))
}

func total(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

// list writes counts, the highest first.
func list(counts map[string]int) string {
	var keys []string
	for k := range counts {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		if a, b := counts[keys[i]], counts[keys[j]]; a != b {
			return a > b
		}
		return keys[i] < keys[j]
	})
	var b strings.Builder
	for _, k := range keys {
		fmt.Fprintf(&b, "\n  %6d %s", counts[k], k)
	}
	return b.String()
}
