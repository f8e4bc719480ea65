package main

import (
	"strings"

	"tortie/dataplane/host"
	"tortie/simulator/trace"
)

// explain fills in which policy each rule was made from, and its line.
func explain(c *trace.Connection, f *host.Fleet) {
	for i := range c.Packets {
		p := &c.Packets[i]
		for j := range p.Steps {
			s := &p.Steps[j]
			s.Policy, s.Source = originOf(f, s.Origin)
		}
		p.Reason.Policy, p.Reason.Source = originOf(f, p.Reason.Origin)
	}
	c.Reason.Policy, c.Reason.Source = originOf(f, c.Reason.Origin)
}

func originOf(f *host.Fleet, n int) (*trace.Policy, *trace.Source) {
	if n <= 0 || n >= len(f.Origins) {
		return nil, nil
	}
	o := f.Origins[n]
	p := &trace.Policy{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Tier: o.Tier, Direction: o.Direction, Rule: o.Rule}
	if o.File == "" {
		return p, nil
	}
	return p, &trace.Source{File: o.File, Line: o.Line}
}

// dumpedNodes are the nodes that captures stand for; their rules are nobody's
// policies.
func (in *inputFlags) dumpedNodes() map[host.Name]bool {
	out := map[host.Name]bool{}
	for _, d := range in.nodeDumps {
		name, _, _ := strings.Cut(d, "=")
		out[host.Name(name)] = true
	}
	return out
}
