package lift

import "tortie/compiler/cluster"

// policySources are the objects of all kinds of policies.
func policySources(s *cluster.Snapshot) []cluster.Source {
	var out []cluster.Source
	add(&out, s.GlobalNetworkPolicies)
	add(&out, s.NetworkPolicies)
	add(&out, s.KubernetesNetworkPolicies)
	add(&out, s.ClusterNetworkPolicies)
	add(&out, s.StagedGlobalNetworkPolicies)
	add(&out, s.StagedNetworkPolicies)
	add(&out, s.StagedKubernetesNetworkPolicies)
	add(&out, s.AdminNetworkPolicies)
	add(&out, s.BaselineAdminNetworkPolicies)
	return out
}

func add[T any](out *[]cluster.Source, list []cluster.Object[T]) {
	for _, o := range list {
		*out = append(*out, o.Source)
	}
}
