package perform

import (
	"fmt"
	"maps"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/nf"
	"tortie/simulator/scenario"
	"tortie/simulator/trace"
)

// memory follows what rules remember for a time that no kernel can be made to believe has
// passed: how full a limit is, and some lists of recent.
type memory struct {
	used map[string]bool // so far
	old  map[string]bool // used before time passed
}

// watch follows a step, and says why it cannot be compared; "" if it can.
func (m *memory) watch(s *scenario.Step, f *host.Fleet, paths []trace.Packet) (why string) {
	if s.Action == scenario.ActionIdle {
		m.old = maps.Clone(m.used)
	}
	for i := range paths {
		for j := range paths[i].Steps {
			s := &paths[i].Steps[j]
			if s.Kind != trace.KindRule || s.Taken == "" {
				continue
			}
			for _, name := range remembers(f, s) {
				if why == "" && m.old[name] {
					why = fmt.Sprintf("idle does not age %s there", name)
				}
				if m.used == nil {
					m.used = map[string]bool{}
				}
				m.used[name] = true
			}
		}
	}
	return why
}

// remembers names what the rule of a step remembers that idle does not change in the
// kernel.
func remembers(f *host.Fleet, s *trace.Step) (names []string) {
	h := f.FindHost(host.Name(s.Node))
	r := ruleOf(h, s)
	if r == nil {
		return nil
	}
	for _, stmt := range r.Body {
		switch m := stmt.(type) {
		case nf.MatchLimit:
			names = append(names, "the limit of "+rule{h.Name, s.Backend, s.Family, s.Table, s.Chain, s.Rule}.String())
		case nf.MatchHashLimit:
			names = append(names, fmt.Sprintf("hashlimit %s of %s", m.Name, h.Name))
		case nf.MatchRecent:
			if !kernel.AgesRecent(&h.Ruleset, m.Name) {
				names = append(names, fmt.Sprintf("list %s of recent on %s", m.Name, h.Name))
			}
		}
	}
	return names
}

// ruleOf is the rule that a step is about.
func ruleOf(h *host.State, s *trace.Step) *nf.Rule {
	if h == nil {
		return nil
	}
	for i := range h.Ruleset.Tables {
		t := &h.Ruleset.Tables[i]
		if t.Backend.String() != s.Backend || t.Family.String() != s.Family || string(t.Name) != s.Table {
			continue
		}
		if c := t.FindChain(nf.ChainName(s.Chain)); c != nil && s.Rule > 0 && s.Rule <= len(c.Rules) {
			return &c.Rules[s.Rule-1]
		}
	}
	return nil
}
