package cluster

import (
	"cmp"
	"slices"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EnforceStaged makes of the snapshot what it would be with every staged policy
// enforced: one that is staged to be set takes the place of the enforced policy
// of its name, one staged for deletion removes it. It returns how many there were.
func (s *Snapshot) EnforceStaged() int {
	n := len(s.StagedGlobalNetworkPolicies) + len(s.StagedNetworkPolicies) + len(s.StagedKubernetesNetworkPolicies)
	for _, o := range s.StagedGlobalNetworkPolicies {
		action, p := v3.ConvertStagedGlobalPolicyToEnforced(o.Object)
		enforce(&s.GlobalNetworkPolicies, action, o.Source, p)
	}
	for _, o := range s.StagedNetworkPolicies {
		action, p := v3.ConvertStagedPolicyToEnforced(o.Object)
		enforce(&s.NetworkPolicies, action, o.Source, p)
	}
	for _, o := range s.StagedKubernetesNetworkPolicies {
		action, p := v3.ConvertStagedKubernetesPolicyToK8SEnforced(o.Object)
		enforce(&s.KubernetesNetworkPolicies, action, o.Source, p)
	}
	s.StagedGlobalNetworkPolicies, s.StagedNetworkPolicies, s.StagedKubernetesNetworkPolicies = nil, nil, nil
	return n
}

// enforce puts a policy in its place among those of its kind, or removes the one
// that has its name.
func enforce[T any, P interface {
	*T
	metav1.Object
}](list *[]Object[T], action v3.StagedAction, src Source, p P) {
	i, found := slices.BinarySearchFunc(*list, p, func(o Object[T], p P) int {
		have := P(o.Object)
		return cmp.Or(cmp.Compare(have.GetNamespace(), p.GetNamespace()), cmp.Compare(have.GetName(), p.GetName()))
	})
	one := Object[T]{Source: src, Object: p}
	switch {
	case action == v3.StagedActionDelete && found:
		*list = slices.Delete(*list, i, i+1)
	case action == v3.StagedActionDelete:
	case found:
		(*list)[i] = one
	default:
		*list = slices.Insert(*list, i, one)
	}
}
