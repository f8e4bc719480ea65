package difftest

import (
	"strconv"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/simulator/trace"
)

// AddHits adds the rules and policies of a host that steps of the walk hit.
func AddHits(hits map[Place]int, s *host.State, steps []trace.Step) {
	for _, step := range steps {
		switch {
		case step.Node != string(s.Name):
		case step.Kind == trace.KindRule && step.Matched == trace.MatchedYes && !step.Uncounted:
			hits[placeOf(s, step)]++
		case step.Kind == trace.KindPolicy:
			hits[Place{tableOf(step), step.Chain, "policy"}]++
		}
	}
}

// tableOf writes a table as the recordings do: "filter", "v6 filter", "ip calico".
func tableOf(s trace.Step) string {
	switch {
	case s.Backend == nf.NFTables.String():
		return s.Family + " " + s.Table
	case s.Family == nf.FamilyIP6.String():
		return "v6 " + s.Table
	}
	return s.Table
}

// placeOf is the rule of a step; nftables rules go by their handle, if they have
// one.
func placeOf(s *host.State, step trace.Step) Place {
	p := Place{tableOf(step), step.Chain, strconv.Itoa(step.Rule)}
	if step.Backend != nf.NFTables.String() {
		return p
	}
	if r := ruleOf(s, step); r != nil && r.Handle != 0 {
		p.Index = strconv.FormatUint(r.Handle, 10)
	}
	return p
}

func ruleOf(s *host.State, step trace.Step) *nf.Rule {
	for i := range s.Ruleset.Tables {
		t := &s.Ruleset.Tables[i]
		if t.Backend != nf.NFTables || t.Family.String() != step.Family || string(t.Name) != step.Table {
			continue
		}
		if c := t.FindChain(nf.ChainName(step.Chain)); c != nil && step.Rule >= 1 && step.Rule <= len(c.Rules) {
			return &c.Rules[step.Rule-1]
		}
	}
	return nil
}

// Counters are the packets that rules counted, without zeros. Rules go by their
// position, as in AddHits without handles.
func Counters(r *nf.Ruleset) map[Place]int {
	out := map[Place]int{}
	for i := range r.Tables {
		t := &r.Tables[i]
		name := tableName(t)
		for j := range t.Chains {
			c := &t.Chains[j]
			if t.Backend == nf.IptablesLegacy && c.Packets > 0 {
				out[Place{name, string(c.Name), "policy"}] = int(c.Packets)
			}
			for k := range c.Rules {
				if n := counted(&c.Rules[k]); n > 0 {
					out[Place{name, string(c.Name), strconv.Itoa(k + 1)}] = n
				}
			}
		}
	}
	return out
}

// tableName writes a table as hits do.
func tableName(t *nf.Table) string {
	switch {
	case t.Backend == nf.NFTables:
		return t.Family.String() + " " + string(t.Name)
	case t.Family == nf.FamilyIP6:
		return "v6 " + string(t.Name)
	}
	return string(t.Name)
}

func counted(r *nf.Rule) int {
	for _, s := range r.Body {
		if c, ok := s.(nf.Counter); ok {
			return int(c.Packets)
		}
	}
	return int(r.Packets)
}

// HasCounter reports whether the kernel keeps a counter for the place: of policies
// only the legacy backend does, of nftables rules those with the statement.
func HasCounter(r *nf.Ruleset, p Place) bool {
	for i := range r.Tables {
		t := &r.Tables[i]
		native := t.Backend == nf.NFTables
		if tableName(t) != p.Table {
			continue
		}
		if p.Index == "policy" {
			return t.Backend == nf.IptablesLegacy
		}
		chain := t.FindChain(nf.ChainName(p.Chain))
		k, err := strconv.Atoi(p.Index)
		return !native || chain == nil || err != nil || k > len(chain.Rules) || hasCounter(&chain.Rules[k-1])
	}
	return true
}
