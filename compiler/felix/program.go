package felix

import (
	"errors"
	"slices"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// ErrEBPF says that a node has no chains.
var ErrEBPF = errors.New("eBPF mode: Felix enforces policy without chains")

// Program makes the rules of the node that the view describes. An error says
// that Felix does not program chains there at all: eBPF mode, or a SettingError. What is in Result.Problems is rendered as far as
// it can be.
func Program(v *resolve.View) (Result, error) {
	if v.Settings.BPF {
		return Result{}, ErrEBPF
	}
	m, err := allocateMarks(&v.Settings)
	if err != nil {
		return Result{}, err
	}
	o := newOrigins()
	var res Result
	families := []packet.Family{packet.IPv4}
	if v.Settings.IPv6 {
		families = append(families, packet.IPv6)
	}
	for _, f := range families {
		r := newRenderer(v, m, f, o, &res.Problems)
		if r.nft {
			res.Ruleset.Tables = append(res.Ruleset.Tables, r.nftTable())
		} else {
			r.iptablesTables(&res)
		}
	}
	if v.Settings.NFTables {
		res.Ruleset.Tables = append(res.Ruleset.Tables, arpTable(v))
	}
	res.Origins = o.list
	return res, nil
}

// referred returns the layer's chains that are reached from base chains or
// forced, each once (the last definition counts), in order of definition.
func (l *layer) referred() []chain {
	byName := map[string]*chain{}
	for i := range l.chains {
		byName[l.chains[i].name] = &l.chains[i]
	}
	reached := map[string]bool{}
	open := l.roots()
	for len(open) > 0 {
		name := open[len(open)-1]
		open = open[:len(open)-1]
		if c := byName[name]; c != nil && !reached[name] {
			reached[name] = true
			open = append(open, targetsOf(c.rules)...)
		}
	}
	var out []chain
	for _, c := range l.chains {
		if last := byName[c.name]; reached[c.name] && last != nil {
			out = append(out, *last)
			delete(byName, c.name)
		}
	}
	return out
}

// roots are the chains that base chains and verdict maps name, and forced ones.
func (l *layer) roots() []string {
	out := slices.Clone(l.targets)
	for _, h := range l.hooks {
		out = append(out, targetsOf(h.front)...)
		out = append(out, targetsOf(h.back)...)
	}
	for _, c := range l.chains {
		if c.forced {
			out = append(out, c.name)
		}
	}
	return out
}

// targetsOf are the chains that the rules jump or go to.
func targetsOf(rules []rule) []string {
	var out []string
	for i := range rules {
		switch t := rules[i].act.(type) {
		case nf.Jump:
			out = append(out, string(t.Chain))
		case nf.Goto:
			out = append(out, string(t.Chain))
		}
	}
	return out
}
