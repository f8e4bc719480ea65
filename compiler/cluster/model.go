package cluster

import (
	"cmp"
	"slices"

	"tortie/compiler/calico"
	"tortie/compiler/diag"
)

// Sourced is a value derived from an object, with that object's source.
type Sourced[T any] struct {
	Source Source
	Value  T
}

// Model is what libcalico-go would hand to Felix for a snapshot: Calico's own
// objects and those made from Kubernetes objects, all selectors whole. Each list
// is sorted by its names. Staged policies are included (Policy.Staged); policies
// with stagedAction Delete are not.
type Model struct {
	Policies      []Sourced[calico.Policy]
	Tiers         []Sourced[calico.Tier]
	Profiles      []Sourced[calico.Profile]
	NetworkSets   []Sourced[calico.NetworkSet]
	Endpoints     []Sourced[calico.Endpoint]
	HostEndpoints []Sourced[calico.HostEndpoint]
	Nodes         []Sourced[calico.Node]
}

// RuleSource returns the place of the rule in the object that a policy came
// from; direction is "ingress" or "egress".
func RuleSource(s Source, direction string, r calico.Rule) diag.Span {
	return s.Rule(direction, r.Index)
}

// Model derives what Felix would be told. Findings are about objects that cannot
// be converted, which are then left out or cut down as libcalico-go does.
func (s *Snapshot) Model() (*Model, diag.List) {
	b := &modelBuilder{snap: s, model: &Model{}}
	b.policies()
	b.tiers()
	b.networkSets()
	b.nodes()
	b.endpoints()
	b.hostEndpoints()
	b.profiles()
	b.sort()
	b.diags.Sort()
	return b.model, b.diags
}

type modelBuilder struct {
	snap  *Snapshot
	model *Model
	diags diag.List
}

func (b *modelBuilder) policies() {
	s := b.snap
	for _, o := range s.GlobalNetworkPolicies {
		b.policy(o.Source, calico.FromGlobalNetworkPolicy(o.Object), true, nil)
	}
	for _, o := range s.NetworkPolicies {
		b.policy(o.Source, calico.FromNetworkPolicy(o.Object), true, nil)
	}
	for _, o := range s.KubernetesNetworkPolicies {
		p, diags := calico.FromKubernetesNetworkPolicy(o.Object, o.Source.At)
		b.policy(o.Source, p, true, diags)
	}
	for _, o := range s.ClusterNetworkPolicies {
		p, ok, diags := calico.FromClusterNetworkPolicy(o.Object, o.Source.At)
		b.policy(o.Source, p, ok, diags)
	}
	for _, o := range s.StagedGlobalNetworkPolicies {
		p, ok := calico.FromStagedGlobalNetworkPolicy(o.Object)
		b.policy(o.Source, p, ok, nil)
	}
	for _, o := range s.StagedNetworkPolicies {
		p, ok := calico.FromStagedNetworkPolicy(o.Object)
		b.policy(o.Source, p, ok, nil)
	}
	for _, o := range s.StagedKubernetesNetworkPolicies {
		p, ok, diags := calico.FromStagedKubernetesNetworkPolicy(o.Object, o.Source.At)
		b.policy(o.Source, p, ok, diags)
	}
	for _, o := range s.AdminNetworkPolicies {
		b.notEnforced(o.Source)
	}
	for _, o := range s.BaselineAdminNetworkPolicies {
		b.notEnforced(o.Source)
	}
}

func (b *modelBuilder) notEnforced(src Source) {
	b.diags.Add(diag.Finding{
		Code: "kind/not-enforced", Severity: diag.Warning, Span: src.At("kind"),
		Message: "Calico v3.32 does not enforce " + src.Kind + " of v1alpha1; it has no effect",
		Hint:    "write a ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2)",
	})
}

// found adds what the conversion of an object finds. One that a server has stored
// is there all the same, and Calico goes on without what it cannot convert.
func (b *modelBuilder) found(src Source, diags diag.List) {
	for _, f := range diags {
		if src.FromServer() && f.Severity == diag.Error {
			f.Severity = diag.Warning
		}
		b.diags.Add(f)
	}
}

func (b *modelBuilder) policy(src Source, p calico.Policy, ok bool, diags diag.List) {
	b.found(src, diags)
	if ok {
		b.model.Policies = append(b.model.Policies, Sourced[calico.Policy]{src, p})
	}
}

// tiers adds the tiers, and those that Calico makes itself where they are not in
// the input.
func (b *modelBuilder) tiers() {
	have := map[string]bool{}
	for _, o := range b.snap.Tiers {
		have[o.Object.Name] = true
		b.model.Tiers = append(b.model.Tiers, Sourced[calico.Tier]{o.Source, calico.FromTier(o.Object)})
	}
	for _, t := range calico.BuiltInTiers() {
		if !have[t.Name] {
			b.model.Tiers = append(b.model.Tiers, Sourced[calico.Tier]{Value: t})
		}
	}
}

func (b *modelBuilder) networkSets() {
	for _, o := range b.snap.GlobalNetworkSets {
		b.model.NetworkSets = append(b.model.NetworkSets, Sourced[calico.NetworkSet]{o.Source, calico.FromGlobalNetworkSet(o.Object)})
	}
	for _, o := range b.snap.NetworkSets {
		b.model.NetworkSets = append(b.model.NetworkSets, Sourced[calico.NetworkSet]{o.Source, calico.FromNetworkSet(o.Object)})
	}
}

// nodes adds Calico's nodes, and for Kubernetes nodes without one the node that
// Calico makes of them.
func (b *modelBuilder) nodes() {
	have := map[string]bool{}
	for _, o := range b.snap.CalicoNodes {
		have[o.Object.Name] = true
		b.model.Nodes = append(b.model.Nodes, Sourced[calico.Node]{o.Source, *o.Object})
	}
	podCIDR := b.snap.UsesPodCIDR()
	for _, o := range b.snap.Nodes {
		if !have[o.Object.Name] {
			b.model.Nodes = append(b.model.Nodes, Sourced[calico.Node]{o.Source, calico.FromKubernetesNode(o.Object, podCIDR)})
		}
	}
}

// endpoints adds the endpoints of pods, and workload endpoints that stand for
// something else. The pod of an endpoint that is given in both forms counts.
func (b *modelBuilder) endpoints() {
	pods := map[string]bool{}
	for _, o := range b.snap.Pods {
		e, ok, diags := calico.FromPod(o.Object, o.Source.At)
		b.found(o.Source, diags)
		pods[o.Object.Namespace+"/"+o.Object.Name] = true
		if ok {
			e.InterfaceName = calico.InterfaceName(b.snap.InterfacePrefix, e.Namespace, e.Pod)
			b.model.Endpoints = append(b.model.Endpoints, Sourced[calico.Endpoint]{o.Source, e})
		}
	}
	for _, o := range b.snap.WorkloadEndpoints {
		e, ok, diags := calico.FromWorkloadEndpoint(o.Object, o.Source.At)
		b.found(o.Source, diags)
		if ok && !(e.Orchestrator == "k8s" && pods[e.Workload]) {
			b.model.Endpoints = append(b.model.Endpoints, Sourced[calico.Endpoint]{o.Source, e})
		}
	}
}

func (b *modelBuilder) hostEndpoints() {
	have := map[string]bool{}
	for _, o := range b.snap.HostEndpoints {
		have[o.Object.Name] = true
		b.model.HostEndpoints = append(b.model.HostEndpoints, Sourced[calico.HostEndpoint]{o.Source, calico.FromHostEndpoint(o.Object)})
	}
	for _, n := range b.model.Nodes {
		for _, h := range b.autoHostEndpoints(&n.Value) {
			if !have[h.Name] {
				have[h.Name] = true
				b.model.HostEndpoints = append(b.model.HostEndpoints, Sourced[calico.HostEndpoint]{n.Source, h})
			}
		}
	}
}

func (b *modelBuilder) sort() {
	m := b.model
	slices.SortStableFunc(m.Policies, func(a, b Sourced[calico.Policy]) int {
		x, y := a.Value.ID, b.Value.ID
		return cmp.Or(cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	slices.SortStableFunc(m.Tiers, func(a, b Sourced[calico.Tier]) int { return cmp.Compare(a.Value.Name, b.Value.Name) })
	slices.SortStableFunc(m.Profiles, func(a, b Sourced[calico.Profile]) int { return cmp.Compare(a.Value.Name, b.Value.Name) })
	slices.SortStableFunc(m.NetworkSets, func(a, b Sourced[calico.NetworkSet]) int { return cmp.Compare(a.Value.Name, b.Value.Name) })
	slices.SortStableFunc(m.Nodes, func(a, b Sourced[calico.Node]) int { return cmp.Compare(a.Value.Name, b.Value.Name) })
	slices.SortStableFunc(m.HostEndpoints, func(a, b Sourced[calico.HostEndpoint]) int { return cmp.Compare(a.Value.Name, b.Value.Name) })
	slices.SortStableFunc(m.Endpoints, func(a, b Sourced[calico.Endpoint]) int {
		x, y := a.Value, b.Value
		return cmp.Or(cmp.Compare(x.Orchestrator, y.Orchestrator), cmp.Compare(x.Workload, y.Workload),
			cmp.Compare(x.Endpoint, y.Endpoint), cmp.Compare(x.Node, y.Node))
	})
}
