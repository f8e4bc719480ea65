package policies

import (
	"cmp"
	"maps"
	"slices"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/simulator/trace"
)

// All are the policies, profiles, tiers and services of a cluster as the rules made
// from them name them (see Attribute), whether an endpoint has such rules or not.
func All(m *cluster.Model, s *cluster.Snapshot) []trace.Policy {
	out := []trace.Policy{{Kind: "Profiles"}}
	tiers := map[string]bool{}
	for i := range m.Policies {
		p := &m.Policies[i].Value
		tier := cmp.Or(p.Tier, calico.DefaultTier)
		tiers[tier] = true
		out = append(out, trace.Policy{Kind: p.ID.Kind, Namespace: p.ID.Namespace, Name: p.ID.Name, Tier: tier})
	}
	for _, t := range m.Tiers {
		tiers[t.Value.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(tiers)) {
		out = append(out, trace.Policy{Kind: "Tier", Name: name, Tier: name})
	}
	for i := range m.Profiles {
		out = append(out, trace.Policy{Kind: "Profile", Name: m.Profiles[i].Value.Name})
	}
	for i := range s.Services {
		out = append(out, trace.Policy{Kind: "Service", Namespace: s.Services[i].Object.Namespace, Name: s.Services[i].Object.Name})
	}
	return out
}
