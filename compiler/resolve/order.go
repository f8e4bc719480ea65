package resolve

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
)

// sourcedPolicy is a policy with the object it came from.
type sourcedPolicy = cluster.Sourced[calico.Policy]

// orderedTier is one tier with its policies in order of evaluation.
type orderedTier struct {
	name          string
	defaultAction Action
	order         float64
	known         bool
	policies      []*sourcedPolicy
}

// appliedTierOrder is the order that calicoctl and Calico's API server give a
// tier that has none; one stored without goes last.
const appliedTierOrder = 1_000_000

// orderTiers sorts tiers and the policies in them as felix/calc/policy_sorter.go
// (v3.32) does: known tiers first, by order, a missing order last, then by name;
// policies by order, a missing order last, then by "name/namespace/kind". A tier
// that policies name and nobody defined comes last and denies.
func orderTiers(tiers []cluster.Sourced[calico.Tier], policies []*sourcedPolicy) []orderedTier {
	byName := map[string]*orderedTier{}
	for _, t := range tiers {
		action := Deny
		if t.Value.Pass {
			action = Pass
		}
		order := orderOf(t.Value.Order)
		if t.Value.Order == nil && !t.Source.Stored {
			order = appliedTierOrder
		}
		byName[t.Value.Name] = &orderedTier{name: t.Value.Name, defaultAction: action, order: order, known: true}
	}
	for _, p := range policies {
		name := tierOf(p.Value)
		t := byName[name]
		if t == nil {
			t = &orderedTier{name: name, defaultAction: Deny, order: math.Inf(1)}
			byName[name] = t
		}
		t.policies = append(t.policies, p)
	}
	out := make([]orderedTier, 0, len(byName))
	for _, t := range byName {
		sort.Slice(t.policies, func(i, j int) bool { return policyLess(&t.policies[i].Value, &t.policies[j].Value) })
		out = append(out, *t)
	}
	slices.SortFunc(out, compareTiers)
	return out
}

func compareTiers(a, b orderedTier) int {
	if a.known != b.known {
		if a.known {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.name, b.name))
}

func policyLess(a, b *calico.Policy) bool {
	if x, y := orderOf(a.Order), orderOf(b.Order); x != y {
		return x < y
	}
	return tieKey(a.ID) < tieKey(b.ID)
}

// tieKey orders policies of equal order; up to Calico v3.31 it was the name
// alone.
func tieKey(id calico.PolicyID) string { return id.Name + "/" + id.Namespace + "/" + id.Kind }

func orderOf(order *float64) float64 {
	if order == nil {
		return math.Inf(1)
	}
	return *order
}

func tierOf(p calico.Policy) string {
	if p.Tier == "" {
		return "default"
	}
	return p.Tier
}
