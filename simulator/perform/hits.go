package perform

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
)

// rule is a rule of a node. Its number counts from 1.
type rule struct {
	node                   host.Name
	backend, family, table string
	chain                  string
	number                 int
}

func (r rule) String() string {
	return fmt.Sprintf("%s %s %s/%s rule %d", r.node, r.family, r.table, r.chain, r.number)
}

// walkedHits are how many packets met each rule in the simulator.
func walkedHits(paths []trace.Packet) map[rule]int {
	out := map[rule]int{}
	for i := range paths {
		for j := range paths[i].Steps {
			s := &paths[i].Steps[j]
			if s.Kind == trace.KindRule && s.Matched == trace.MatchedYes && !s.Uncounted && s.Rule > 0 {
				out[rule{host.Name(s.Node), s.Backend, s.Family, s.Table, s.Chain, s.Rule}]++
			}
		}
	}
	return out
}

// counted calls f for every rule of a rule set that has a counter: those of
// iptables do, of nftables those with a counter statement.
func counted(node host.Name, r *nf.Ruleset, f func(rule, uint64)) {
	for i := range r.Tables {
		t := &r.Tables[i]
		for j := range t.Chains {
			c := &t.Chains[j]
			for k := range c.Rules {
				if n, ok := counterOf(t, &c.Rules[k]); ok {
					f(rule{node, t.Backend.String(), t.Family.String(), string(t.Name), string(c.Name), k + 1}, n)
				}
			}
		}
	}
}

func counterOf(t *nf.Table, r *nf.Rule) (uint64, bool) {
	if t.Backend.Iptables() {
		return r.Packets, true
	}
	for _, s := range r.Body {
		if c, ok := s.(nf.Counter); ok {
			return c.Packets, true
		}
	}
	return 0, false
}

// counts are the counters of every node now.
func (p *performance) counts(fleet *host.Fleet) (map[rule]uint64, error) {
	out := map[rule]uint64{}
	for i := range fleet.Hosts {
		back, err := p.lab.Rules(fleet.Hosts[i].Name)
		if err != nil {
			return nil, err
		}
		counted(fleet.Hosts[i].Name, back, func(r rule, n uint64) { out[r] = n })
	}
	return out, nil
}

// compareHits compares which rules the packets of a step met. How often depends on
// TCP, which acknowledges when it likes; of other protocols it counts.
func (p *performance) compareHits(s *rehearsed) (differences []string, err error) {
	now, err := p.counts(s.fleet)
	if err != nil {
		return nil, err
	}
	var all []rule
	for r := range now {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b rule) int {
		return cmp.Or(strings.Compare(a.String(), b.String()), strings.Compare(a.backend, b.backend))
	})
	exact := s.exact()
	p.rules = 0
	for _, r := range all {
		kern, sim := int(now[r]-p.before[r]), s.hits[r]
		if sim > 0 || kern > 0 {
			p.rules++
		}
		switch {
		case sim == kern, sim > 0 && kern > 0 && !exact:
		case sim == 0 && s.isNoise(r):
		case exact && sim > 0 && kern > 0:
			differences = append(differences, fmt.Sprintf("%s: %d packets in the simulator, %d in the kernel%s", r, sim, kern, p.text(s, r)))
		case kern == 0:
			differences = append(differences, fmt.Sprintf("%s is hit in the simulator only%s", r, p.text(s, r)))
		default:
			differences = append(differences, fmt.Sprintf("%s is hit in the kernel only%s", r, p.text(s, r)))
		}
	}
	p.now = now
	return differences, nil
}

// text is a rule's text with a colon before it.
func (p *performance) text(s *rehearsed, r rule) string {
	h := s.fleet.FindHost(r.node)
	if h == nil || p.write == nil {
		return ""
	}
	for i := range h.Ruleset.Tables {
		t := &h.Ruleset.Tables[i]
		if t.Backend.String() != r.backend || t.Family.String() != r.family || string(t.Name) != r.table {
			continue
		}
		for j := range t.Chains {
			if c := &t.Chains[j]; string(c.Name) == r.chain && r.number <= len(c.Rules) {
				return ": " + p.write(t, c, &c.Rules[r.number-1])
			}
		}
	}
	return ""
}

// exact reports whether every packet of the step is one that the simulator sends,
// too.
func (s *rehearsed) exact() bool {
	return len(s.tries) > 0 && s.tries[0].Proto != packet.ProtoTCP
}

// isNoise reports whether a rule was hit by ARP or neighbour discovery: by IPv6 in
// a step that sends IPv4.
func (s *rehearsed) isNoise(r rule) bool {
	for h := range s.hits {
		if h.family == "ip6" {
			return r.family == "arp"
		}
	}
	return r.family == "ip6" || r.family == "arp"
}
