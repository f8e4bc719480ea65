package lower

import (
	"encoding/json"
	"maps"
	"slices"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
)

// Staged documents are previewed as if they were enforced together with the
// others. What comes of all documents may differ in more than their own policies
// from what comes of the enforced ones: a party that gets its first deny needs two
// policies in place of one, another no longer passes on what it does not decide.
// So both are compiled whole, and the staged policies are the difference.

// stage adds the staged policies that make of what is enforced what the whole
// program is.
func (c *compiler) stage(p *intent.Program) {
	all := newCompiler(p, c.facts, c.options)
	all.facts.foreign = maps.Clone(c.facts.foreign)
	for tier, has := range c.facts.staged {
		all.facts.foreign[tier] = all.facts.foreign[tier] || has
	}
	all.spots, all.behind = c.spots, maps.Clone(c.behind)
	all.compile()
	c.out.stage(all.out)
	for _, f := range all.diags {
		if !slices.ContainsFunc(c.diags, func(have diag.Finding) bool { return have.Code == f.Code && have.Span == f.Span }) {
			c.diags.Add(f)
		}
	}
}

// stage adds what is different in another output, policies in their staged form.
func (o *Output) stage(then *Output) {
	addNew(&o.Tiers, then.Tiers, func(t Tier) string { return t.Name })
	addNew(&o.Sets, then.Sets, func(s NetworkSet) string { return s.Name })
	addNew(&o.HostEndpoints, then.HostEndpoints, func(h HostEndpoint) string { return h.Name })
	now := o.Policies
	find := func(list []Policy, y *Policy) *Policy {
		if i := slices.IndexFunc(list, func(x Policy) bool { return x.same(y) }); i >= 0 {
			return &list[i]
		}
		return nil
	}
	for i := range then.Policies {
		y := &then.Policies[i]
		if have := find(now, y); have == nil || have.does() != y.does() {
			next := *y
			next.Stage = true
			o.Policies = append(o.Policies, next)
		}
	}
	for i := range now {
		if y := now[i]; find(then.Policies, &y) == nil {
			y.Stage, y.Delete = true, true
			o.Policies = append(o.Policies, y)
		}
	}
}

func addNew[T any](list *[]T, more []T, name func(T) string) {
	for _, m := range more {
		if !slices.ContainsFunc(*list, func(have T) bool { return name(have) == name(m) }) {
			*list = append(*list, m)
		}
	}
}

// does writes out what a policy does, whoever asked for it.
func (p *Policy) does() string {
	q := *p
	bare := func(rules []Rule) []Rule {
		out := slices.Clone(rules)
		for i := range out {
			out[i] = Rule{Action: out[i].Action, Protocol: out[i].Protocol, IPVersion: out[i].IPVersion, ICMPType: out[i].ICMPType,
				ICMPCode: out[i].ICMPCode, Source: out[i].Source, Destination: out[i].Destination, Raw: out[i].Raw}
		}
		return out
	}
	q.Ingress, q.Egress, q.Doc = bare(p.Ingress), bare(p.Egress), &intent.Document{Name: p.Doc.Name}
	data, err := json.Marshal(q.tree())
	if err != nil {
		return err.Error()
	}
	return string(data)
}
