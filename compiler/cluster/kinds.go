package cluster

import (
	"slices"
	"strings"

	"tortie/compiler/calico"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

type kindKey struct{ group, kind string }

// handler reads objects of one kind in one API group. finish sorts them and
// settles which of several with one name counts.
type handler struct {
	versions []string
	read     func(*reader, Source)
	finish   func(*reader)
}

func (h handler) version(apiVersion string) bool { return slices.Contains(h.versions, apiVersion) }

// scope says whether objects of a kind live in a namespace.
type scope bool

const (
	global     scope = false
	namespaced scope = true
)

type kindTable map[kindKey]handler

// kinds is every kind that is read.
var kinds kindTable

func init() {
	kinds = kindTable{}
	addCalicoKinds(kinds)
	addKubernetesKinds(kinds)
}

// addKind adds a kind in one version of an API group.
func addKind(m kindTable, apiVersion, kind string, h handler) {
	h.versions = []string{apiVersion}
	m[kindKey{group(apiVersion), kind}] = h
}

// addCalico adds a kind in both of Calico's API groups.
func addCalico(m kindTable, kind string, h handler) {
	addKind(m, "projectcalico.org/v3", kind, h)
	if kind != "Node" && kind != "WorkloadEndpoint" && kind != "Profile" {
		addKind(m, "crd.projectcalico.org/v1", kind, h)
	}
}

// isCalico says that an apiVersion is one of Calico's two groups.
func isCalico(apiVersion string) bool {
	return strings.HasSuffix(group(apiVersion), "projectcalico.org")
}

func addCalicoKinds(m kindTable) {
	addCalico(m, "GlobalNetworkPolicy", kindOf(global, func(s *Snapshot) *[]Object[v3.GlobalNetworkPolicy] { return &s.GlobalNetworkPolicies }))
	addCalico(m, "NetworkPolicy", kindOf(namespaced, func(s *Snapshot) *[]Object[v3.NetworkPolicy] { return &s.NetworkPolicies }))
	addCalico(m, "StagedGlobalNetworkPolicy", kindOf(global, func(s *Snapshot) *[]Object[v3.StagedGlobalNetworkPolicy] { return &s.StagedGlobalNetworkPolicies }))
	addCalico(m, "StagedNetworkPolicy", kindOf(namespaced, func(s *Snapshot) *[]Object[v3.StagedNetworkPolicy] { return &s.StagedNetworkPolicies }))
	addCalico(m, "StagedKubernetesNetworkPolicy", kindOf(namespaced, func(s *Snapshot) *[]Object[v3.StagedKubernetesNetworkPolicy] {
		return &s.StagedKubernetesNetworkPolicies
	}))
	addCalico(m, "Tier", kindOf(global, func(s *Snapshot) *[]Object[v3.Tier] { return &s.Tiers }))
	addCalico(m, "GlobalNetworkSet", kindOf(global, func(s *Snapshot) *[]Object[v3.GlobalNetworkSet] { return &s.GlobalNetworkSets }))
	addCalico(m, "NetworkSet", kindOf(namespaced, func(s *Snapshot) *[]Object[v3.NetworkSet] { return &s.NetworkSets }))
	addCalico(m, "HostEndpoint", kindOf(global, func(s *Snapshot) *[]Object[v3.HostEndpoint] { return &s.HostEndpoints }))
	addCalico(m, "WorkloadEndpoint", kindOf(namespaced, func(s *Snapshot) *[]Object[calico.WorkloadEndpoint] { return &s.WorkloadEndpoints }))
	addCalico(m, "Profile", kindOf(global, func(s *Snapshot) *[]Object[v3.Profile] { return &s.Profiles }))
	addCalico(m, "IPPool", kindOf(global, func(s *Snapshot) *[]Object[v3.IPPool] { return &s.IPPools }))
	addCalico(m, "IPAMBlock", kindOf(global, func(s *Snapshot) *[]Object[calico.IPAMBlock] { return &s.IPAMBlocks }))
	addCalico(m, "BlockAffinity", kindOf(global, func(s *Snapshot) *[]Object[calico.BlockAffinity] { return &s.BlockAffinities }))
	addCalico(m, "FelixConfiguration", kindOf(global, func(s *Snapshot) *[]Object[v3.FelixConfiguration] { return &s.FelixConfigurations }))
	addCalico(m, "Node", kindOf(global, func(s *Snapshot) *[]Object[calico.Node] { return &s.CalicoNodes }))
	addCalico(m, "ClusterInformation", kindOf(global, func(s *Snapshot) *[]Object[v3.ClusterInformation] { return &s.ClusterInformations }))
	addCalico(m, "KubeControllersConfiguration", kindOf(global, func(s *Snapshot) *[]Object[v3.KubeControllersConfiguration] { return &s.KubeControllersConfigurations }))
	addCalico(m, "BGPConfiguration", kindOf(global, func(s *Snapshot) *[]Object[v3.BGPConfiguration] { return &s.BGPConfigurations }))
}

func addKubernetesKinds(m kindTable) {
	addKind(m, "v1", "Namespace", kindOf(global, func(s *Snapshot) *[]Object[corev1.Namespace] { return &s.Namespaces }))
	addKind(m, "v1", "Pod", kindOf(namespaced, func(s *Snapshot) *[]Object[corev1.Pod] { return &s.Pods }))
	addKind(m, "v1", "Node", kindOf(global, func(s *Snapshot) *[]Object[corev1.Node] { return &s.Nodes }))
	addKind(m, "v1", "Service", kindOf(namespaced, func(s *Snapshot) *[]Object[corev1.Service] { return &s.Services }))
	addKind(m, "v1", "Endpoints", kindOf(namespaced, func(s *Snapshot) *[]Object[corev1.Endpoints] { return &s.Endpoints }))
	addKind(m, "v1", "ServiceAccount", kindOf(namespaced, func(s *Snapshot) *[]Object[corev1.ServiceAccount] { return &s.ServiceAccounts }))
	addKind(m, "discovery.k8s.io/v1", "EndpointSlice", kindOf(namespaced, func(s *Snapshot) *[]Object[discoveryv1.EndpointSlice] { return &s.EndpointSlices }))
	addKind(m, "apps/v1", "Deployment", kindOf(namespaced, func(s *Snapshot) *[]Object[appsv1.Deployment] { return &s.Deployments }))
	addKind(m, "apps/v1", "StatefulSet", kindOf(namespaced, func(s *Snapshot) *[]Object[appsv1.StatefulSet] { return &s.StatefulSets }))
	addKind(m, "apps/v1", "DaemonSet", kindOf(namespaced, func(s *Snapshot) *[]Object[appsv1.DaemonSet] { return &s.DaemonSets }))
	addKind(m, "apps/v1", "ReplicaSet", kindOf(namespaced, func(s *Snapshot) *[]Object[appsv1.ReplicaSet] { return &s.ReplicaSets }))
	addKind(m, "batch/v1", "Job", kindOf(namespaced, func(s *Snapshot) *[]Object[batchv1.Job] { return &s.Jobs }))
	addKind(m, "batch/v1", "CronJob", kindOf(namespaced, func(s *Snapshot) *[]Object[batchv1.CronJob] { return &s.CronJobs }))
	addKind(m, "networking.k8s.io/v1", "NetworkPolicy", kindOf(namespaced, func(s *Snapshot) *[]Object[networkingv1.NetworkPolicy] { return &s.KubernetesNetworkPolicies }))
	addKind(m, "networking.k8s.io/v1", "ServiceCIDR", kindOf(global, func(s *Snapshot) *[]Object[networkingv1.ServiceCIDR] { return &s.ServiceCIDRs }))
	addKind(m, "policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", kindOf(global, func(s *Snapshot) *[]Object[calico.ClusterNetworkPolicy] { return &s.ClusterNetworkPolicies }))
	addKind(m, "policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", kindOf(global, func(s *Snapshot) *[]Object[calico.AdminNetworkPolicy] { return &s.AdminNetworkPolicies }))
	addKind(m, "policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy", kindOf(global, func(s *Snapshot) *[]Object[calico.BaselineAdminNetworkPolicy] { return &s.BaselineAdminNetworkPolicies }))
}
