// Package cluster holds the snapshot: every object that was read, by kind, each
// with the place it came from.
//
// In go the bytes of files (YAML documents, JSON, Lists); out come a Snapshot and
// findings about what could not be read. Objects are sorted by namespace and
// name, so the order of the input never matters. The package makes no decision
// about policy: it decodes, fills in what the API server would have filled in,
// and derives from the objects what libcalico-go hands to Felix (Snapshot.Model,
// after libcalico-go/lib/backend/k8s and syncersv1/updateprocessors of v3.32).
package cluster

import (
	"tortie/compiler/calico"
	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// File is one input file: a name for messages and its bytes.
type File struct {
	Name string
	Data []byte
}

// Options say how to read. Lenient makes unknown fields warnings. Stored reads
// policies as objects already in a cluster: without types Felix takes both
// directions. Else a policy without types gets them from its rules, as when it
// is applied; objects that carry a uid or resourceVersion, and raw
// crd.projectcalico.org objects, which nothing defaults, are always taken as
// stored.
//
// Instead names a file whose objects take the place of all others of their names
// without a word.
type Options struct {
	Lenient bool
	Stored  bool
	Instead string
}

// Source is where an object came from. Its methods give places within it.
type Source struct {
	File       string
	APIVersion string
	Kind       string
	Stored     bool
	Node       *yamlpos.Node
}

// Object is one object with its source. Object is never nil in a Snapshot.
type Object[T any] struct {
	Source Source
	Object *T
}

// Undecoded is an object of any kind of which some values could not be read.
type Undecoded struct {
	Source
	Object any
	// Unread are the places of those values, of which findings tell.
	Unread []diag.Span
}

// Replaced is an object of any kind that does not count.
type Replaced struct {
	Source Source
	Object any
}

// Snapshot is everything that was read, each kind sorted by namespace and name.
// Of two objects with the same kind, namespace and name the later one read wins
// and a finding says so. CalicoNodes are projectcalico.org nodes, Nodes the
// Kubernetes ones.
type Snapshot struct {
	GlobalNetworkPolicies           []Object[v3.GlobalNetworkPolicy]
	NetworkPolicies                 []Object[v3.NetworkPolicy]
	StagedGlobalNetworkPolicies     []Object[v3.StagedGlobalNetworkPolicy]
	StagedNetworkPolicies           []Object[v3.StagedNetworkPolicy]
	StagedKubernetesNetworkPolicies []Object[v3.StagedKubernetesNetworkPolicy]
	Tiers                           []Object[v3.Tier]
	GlobalNetworkSets               []Object[v3.GlobalNetworkSet]
	NetworkSets                     []Object[v3.NetworkSet]
	HostEndpoints                   []Object[v3.HostEndpoint]
	WorkloadEndpoints               []Object[calico.WorkloadEndpoint]
	Profiles                        []Object[v3.Profile]
	IPPools                         []Object[v3.IPPool]
	IPAMBlocks                      []Object[calico.IPAMBlock]
	BlockAffinities                 []Object[calico.BlockAffinity]
	FelixConfigurations             []Object[v3.FelixConfiguration]
	CalicoNodes                     []Object[calico.Node]
	ClusterInformations             []Object[v3.ClusterInformation]
	KubeControllersConfigurations   []Object[v3.KubeControllersConfiguration]
	BGPConfigurations               []Object[v3.BGPConfiguration]

	Namespaces      []Object[corev1.Namespace]
	Pods            []Object[corev1.Pod]
	Nodes           []Object[corev1.Node]
	Services        []Object[corev1.Service]
	ServiceCIDRs    []Object[networkingv1.ServiceCIDR]
	Endpoints       []Object[corev1.Endpoints]
	EndpointSlices  []Object[discoveryv1.EndpointSlice]
	ServiceAccounts []Object[corev1.ServiceAccount]
	Deployments     []Object[appsv1.Deployment]
	StatefulSets    []Object[appsv1.StatefulSet]
	DaemonSets      []Object[appsv1.DaemonSet]
	ReplicaSets     []Object[appsv1.ReplicaSet]
	Jobs            []Object[batchv1.Job]
	CronJobs        []Object[batchv1.CronJob]

	// InterfacePrefix is what names of pods' interfaces begin with: the first of
	// Felix's environment variable FELIX_INTERFACEPREFIX, "" is "cali".
	InterfacePrefix string

	// MadeUpPods says that Pods are made of workloads' templates (their Source is
	// the workload, which also owns them), with addresses that are made up.
	MadeUpPods bool

	KubernetesNetworkPolicies    []Object[networkingv1.NetworkPolicy]
	ClusterNetworkPolicies       []Object[calico.ClusterNetworkPolicy]
	AdminNetworkPolicies         []Object[calico.AdminNetworkPolicy]
	BaselineAdminNetworkPolicies []Object[calico.BaselineAdminNetworkPolicy]

	// Undecoded are objects that are left out, because something of them could not be
	// read; the rest of them can be checked all the same.
	Undecoded []Undecoded
	// Replaced are objects that another one of the same kind, namespace and name
	// took the place of; they count for nothing and are here to be checked.
	Replaced []Replaced

	// Others are documents of kinds that are not modelled here, in input order
	// after sorting by file and line; their nodes are there for who knows them.
	Others []Source
}

// Span returns the place of the object.
func (s Source) Span() diag.Span { return s.At() }

// Line returns the line on which the object starts, 0 if unknown.
func (s Source) Line() int { return s.At().Start.Line }

// At returns the place of a field within the object, given as field names and
// list indices: At("spec", "ingress", 2, "source"). A path that leads nowhere
// gives the nearest parent that exists.
func (s Source) At(path ...any) diag.Span {
	span := s.Node.At(path...)
	if span.File == "" {
		span.File = s.File
	}
	return span
}

// Text returns the place of the bytes [from,to) within the string at the path:
// exact if the string stands in the file as it is, else the whole string.
func (s Source) Text(from, to int, path ...any) diag.Span {
	if n := s.Node.Lookup(path...); n != nil {
		return n.TextSpan(from, to)
	}
	return s.At(path...)
}

// Rule returns the place of rule i (from 0) of spec.ingress or spec.egress;
// direction is "ingress" or "egress".
func (s Source) Rule(direction string, i int) diag.Span {
	return s.At("spec", direction, i)
}
