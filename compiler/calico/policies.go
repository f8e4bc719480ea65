package calico

import (
	"cmp"
	"slices"
	"strings"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// DefaultTier is the tier of a policy that names none.
const DefaultTier = "default"

// FromGlobalNetworkPolicy gives the policy Felix gets of a GlobalNetworkPolicy.
func FromGlobalNetworkPolicy(o *v3.GlobalNetworkPolicy) Policy {
	s := &o.Spec
	return Policy{
		ID:               PolicyID{Kind: KindGlobalNetworkPolicy, Name: o.Name},
		Tier:             cmp.Or(s.Tier, DefaultTier),
		Order:            s.Order,
		Selector:         globalSelector(s.Selector, s.NamespaceSelector, s.ServiceAccountSelector),
		Ingress:          toModel(index(s.Ingress), ""),
		Egress:           toModel(index(s.Egress), ""),
		Types:            typesToModel(s.Types),
		DoNotTrack:       s.DoNotTrack,
		PreDNAT:          s.PreDNAT,
		ApplyOnForward:   s.ApplyOnForward,
		NeededEverywhere: neededEverywhere(s.PerformanceHints),
	}
}

// FromNetworkPolicy gives the policy Felix gets of a NetworkPolicy.
func FromNetworkPolicy(o *v3.NetworkPolicy) Policy {
	s := &o.Spec
	return Policy{
		ID:               PolicyID{Kind: KindNetworkPolicy, Namespace: o.Namespace, Name: o.Name},
		Tier:             cmp.Or(s.Tier, DefaultTier),
		Order:            s.Order,
		Selector:         namespacedSelector(s.Selector, s.ServiceAccountSelector, o.Namespace),
		Ingress:          toModel(index(s.Ingress), o.Namespace),
		Egress:           toModel(index(s.Egress), o.Namespace),
		Types:            typesToModel(s.Types),
		NeededEverywhere: neededEverywhere(s.PerformanceHints),
	}
}

// FromStagedGlobalNetworkPolicy gives the staged policy Felix gets; ok is false
// for one that is staged for deletion, which Felix never sees.
func FromStagedGlobalNetworkPolicy(o *v3.StagedGlobalNetworkPolicy) (p Policy, ok bool) {
	s := &o.Spec
	p = FromGlobalNetworkPolicy(&v3.GlobalNetworkPolicy{
		ObjectMeta: o.ObjectMeta,
		Spec: v3.GlobalNetworkPolicySpec{
			Tier: s.Tier, Order: s.Order, Ingress: s.Ingress, Egress: s.Egress, Selector: s.Selector, Types: s.Types,
			DoNotTrack: s.DoNotTrack, PreDNAT: s.PreDNAT, ApplyOnForward: s.ApplyOnForward,
			ServiceAccountSelector: s.ServiceAccountSelector, NamespaceSelector: s.NamespaceSelector,
			PerformanceHints: s.PerformanceHints,
		},
	})
	p.ID.Kind = KindStagedGlobalNetworkPolicy
	return staged(p, s.StagedAction)
}

// FromStagedNetworkPolicy gives the staged policy Felix gets; ok is false for one
// that is staged for deletion.
func FromStagedNetworkPolicy(o *v3.StagedNetworkPolicy) (p Policy, ok bool) {
	s := &o.Spec
	p = FromNetworkPolicy(&v3.NetworkPolicy{
		ObjectMeta: o.ObjectMeta,
		Spec: v3.NetworkPolicySpec{
			Tier: s.Tier, Order: s.Order, Ingress: s.Ingress, Egress: s.Egress, Selector: s.Selector, Types: s.Types,
			ServiceAccountSelector: s.ServiceAccountSelector, PerformanceHints: s.PerformanceHints,
		},
	})
	p.ID.Kind = KindStagedNetworkPolicy
	return staged(p, s.StagedAction)
}

func staged(p Policy, action v3.StagedAction) (Policy, bool) {
	p.Staged, p.StagedAction = true, cmp.Or(action, v3.StagedActionSet)
	return p, p.StagedAction != v3.StagedActionDelete
}

func typesToModel(types []v3.PolicyType) []string {
	var out []string
	for _, t := range types {
		out = append(out, strings.ToLower(string(t)))
	}
	return out
}

func neededEverywhere(hints []v3.PolicyPerformanceHint) bool {
	return slices.Contains(hints, v3.PerfHintAssumeNeededOnEveryNode)
}

// FromTier gives the tier Felix gets: any default action but Pass is Deny.
func FromTier(o *v3.Tier) Tier {
	return Tier{Name: o.Name, Order: o.Spec.Order, Pass: o.Spec.DefaultAction != nil && *o.Spec.DefaultAction == v3.Pass}
}

// BuiltInTiers are the tiers that Calico makes when it starts.
func BuiltInTiers() []Tier {
	order := func(f float64) *float64 { return &f }
	return []Tier{
		{Name: DefaultTier, Order: order(1_000_000)},
		{Name: AdminTier, Order: order(1_000), Pass: true},
		{Name: BaselineTier, Order: order(10_000_000), Pass: true},
	}
}
