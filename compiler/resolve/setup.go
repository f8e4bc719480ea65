package resolve

import (
	"net/netip"
	"reflect"
	"slices"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/diag"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// Setup is one way in which the FelixConfigurations set Felix up, and a node that
// has it; no node where the input has none.
type Setup struct {
	Node     string
	configs  []cluster.Object[v3.FelixConfiguration]
	settings Settings
}

// Setups are the different ways in which Felix is set up: on the nodes, and where a
// FelixConfiguration that holds for none of them would. Findings are about values
// that Felix refuses.
func (x *Index) Setups(opt NodeOptions) ([]*Setup, diag.List) {
	var out []*Setup
	var findings diag.List
	used := map[string]bool{}
	add := func(s *Setup, n *nodeResolver) {
		for _, o := range s.configs {
			used[o.Object.Name] = true
		}
		n.configured(opt)
		findings = append(findings, n.findings...)
		s.settings = n.view.Settings
		if !slices.ContainsFunc(out, func(have *Setup) bool { return reflect.DeepEqual(have.settings, s.settings) }) {
			out = append(out, s)
		}
	}
	for i := range x.model.Nodes {
		n := &nodeResolver{index: x, name: x.model.Nodes[i].Value.Name, view: &View{}}
		add(&Setup{Node: n.name, configs: n.felixConfigurations()}, n)
	}
	var common []cluster.Object[v3.FelixConfiguration]
	for _, o := range x.snapshot.FelixConfigurations {
		if o.Object.Name == "default" {
			common = append(common, o)
		}
	}
	alone := func(configs []cluster.Object[v3.FelixConfiguration]) {
		s := &Setup{configs: configs}
		add(s, &nodeResolver{index: x, view: &View{}, setup: s})
	}
	if len(x.model.Nodes) == 0 {
		alone(common)
	}
	for _, o := range x.snapshot.FelixConfigurations {
		if !used[o.Object.Name] {
			alone(append(slices.Clone(common), o))
		}
	}
	return out, findings
}

// Everything is the view of a node with the setup and, besides its own endpoints, one
// that every policy and every profile governs, and those of other nodes with more
// than addresses and policies: all that Felix may be told there. It is for who asks
// what is wrong with any of them.
func (x *Index) Everything(s *Setup, opt NodeOptions) (*View, diag.List) {
	return x.resolve(&nodeResolver{index: x, name: s.Node, setup: s}, opt)
}

// PlaceIn is where the FelixConfigurations of a setup say a parameter; zero when none
// does.
func (x *Index) PlaceIn(s *Setup, parameter string) diag.Span {
	n := &nodeResolver{index: x, setup: s}
	return n.placeOf(parameter)
}

// special says that an endpoint asks for more than addresses and policies.
func special(e *calico.Endpoint) bool { return e.QoS != nil || len(e.AllowSpoofed) > 0 }

// governedByAll is a workload that all policies select, in whichever stage they are,
// and that names all profiles.
func (n *nodeResolver) governedByAll() Workload {
	var all []matched
	for i := range n.index.tiers {
		m := matched{tier: &n.index.tiers[i], policies: n.index.tiers[i].policies}
		for _, p := range m.policies {
			n.activate(p.Value.ID)
		}
		all = append(all, m)
	}
	w := Workload{
		Orchestrator: "k8s", Endpoint: "eth0", Active: true, Iface: "cali",
		IPv4: []netip.Prefix{fullPrefix(netip.IPv4Unspecified())}, IPv6: []netip.Prefix{fullPrefix(netip.IPv6Unspecified())},
		Tiers: stage{wants: func(*calico.Policy) bool { return true }}.tiers(all),
	}
	for i := range n.index.model.Profiles {
		if name := n.index.model.Profiles[i].Value.Name; n.index.profiles[name] != nil {
			w.Profiles = append(w.Profiles, name)
		}
	}
	n.want(w.Profiles)
	return w
}
