package link

import (
	"tortie/compiler/cluster"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// zonesOf are the zones of the nodes that say theirs.
func zonesOf(s *cluster.Snapshot) map[string]string {
	out := map[string]string{}
	for _, n := range s.Nodes {
		if zone := n.Object.Labels[corev1.LabelTopologyZone]; zone != "" {
			out[n.Object.Name] = zone
		}
	}
	return out
}

// addHints says for which zone or node each ready endpoint is meant, where the service
// asks that traffic stay close (trafficDistribution).
func addHints(svc *corev1.Service, slice *discoveryv1.EndpointSlice, zones map[string]string) {
	want := ""
	if svc.Spec.TrafficDistribution != nil {
		want = *svc.Spec.TrafficDistribution
	}
	switch want {
	case corev1.ServiceTrafficDistributionPreferClose, corev1.ServiceTrafficDistributionPreferSameZone, corev1.ServiceTrafficDistributionPreferSameNode:
	default:
		return
	}
	for i := range slice.Endpoints {
		e := &slice.Endpoints[i]
		if !*e.Conditions.Ready {
			continue
		}
		e.Hints = &discoveryv1.EndpointHints{}
		if zone := zones[*e.NodeName]; zone != "" {
			e.Hints.ForZones = []discoveryv1.ForZone{{Name: zone}}
		}
		if want == corev1.ServiceTrafficDistributionPreferSameNode && *e.NodeName != "" {
			e.Hints.ForNodes = []discoveryv1.ForNode{{Name: *e.NodeName}}
		}
	}
}
