// Package policies says in terms of Calico's policies why a connection ended as it did.
//
// In go a connection that was walked through a fleet (simulator/trace) and the cluster
// that the fleet was made of (compiler/link); out comes which policy each rule stands
// for, who was asked in which order, the rule that almost allowed a denied packet and
// the smallest change that would. For nodes in eBPF mode, which have no chains, it
// evaluates the policies of pods as Calico documents them. It walks no packets.
package policies

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/felix"
	"tortie/compiler/link"
	"tortie/compiler/resolve"
	"tortie/dataplane/host"
)

// World finds what stands behind rules: the views of nodes, the policies
// as they were read, and the endpoints that own addresses.
type World struct {
	linker *link.Linker
	nodes  map[host.Name]*nodeView
	model  *cluster.Model
	byID   map[policyKey]*calico.Policy
	owners map[netip.Addr]*calico.Endpoint
}

// New prepares a cluster.
func New(l *link.Linker) *World {
	w := &World{linker: l, nodes: map[host.Name]*nodeView{}, model: l.Model(),
		byID: map[policyKey]*calico.Policy{}, owners: map[netip.Addr]*calico.Endpoint{}}
	for i := range w.model.Policies {
		p := &w.model.Policies[i].Value
		w.byID[policyKey(p.ID)] = p
	}
	for i := range w.model.Endpoints {
		e := &w.model.Endpoints[i].Value
		for _, n := range e.Nets {
			if n.IsSingleIP() {
				w.owners[n.Addr()] = e
			}
		}
	}
	return w
}

// nodeView is a node's view with indexes.
type nodeView struct {
	view     *resolve.View
	marks    felix.VerdictMarks
	sets     map[string]*resolve.IPSet
	policies map[policyKey]*resolve.Policy
	profiles map[string]*resolve.Profile
}

// node returns a node's view, nil for a node that is not modelled.
func (w *World) node(name host.Name) *nodeView {
	if n, ok := w.nodes[name]; ok {
		return n
	}
	view, ok := w.linker.View(name)
	if !ok {
		w.nodes[name] = nil
		return nil
	}
	n := &nodeView{view: view, marks: felix.MarksOf(&view.Settings), sets: map[string]*resolve.IPSet{},
		policies: map[policyKey]*resolve.Policy{}, profiles: map[string]*resolve.Profile{}}
	for i := range view.IPSets {
		n.sets[view.IPSets[i].ID] = &view.IPSets[i]
	}
	for i := range view.Policies {
		n.policies[view.Policies[i].ID] = &view.Policies[i]
	}
	for i := range view.Profiles {
		n.profiles[view.Profiles[i].Name] = &view.Profiles[i]
	}
	w.nodes[name] = n
	return n
}

// governed is an endpoint as a visit sees it.
type governed struct {
	name, kind string
	tiers      []resolve.Tier
	profiles   []string
	// host is the host endpoint, nil for a workload.
	host *resolve.HostEndpoint
}

// endpoint finds the endpoint of a visit.
func (n *nodeView) endpoint(v *visit) (governed, bool) {
	if v.workload {
		for i := range n.view.Workloads {
			if w := &n.view.Workloads[i]; w.Iface == v.iface {
				return governed{name: w.Workload, kind: "WorkloadEndpoint", tiers: w.Tiers, profiles: w.Profiles}, true
			}
		}
		return governed{}, false
	}
	h := n.hostEndpoint(v.iface)
	if h == nil {
		return governed{}, false
	}
	g := governed{name: h.ID, kind: "HostEndpoint", host: h}
	switch v.stage {
	case sideUntracked:
		g.tiers = h.UntrackedTiers
	case sidePreDNAT:
		g.tiers = h.PreDNATTiers
	case sideForward:
		g.tiers = h.ForwardTiers
	default:
		g.tiers, g.profiles = h.Tiers, h.Profiles
	}
	return g, true
}

// hostEndpoint finds the host endpoint whose chains carry an interface's name:
// the one that names it, then the first that expects one of its addresses; the
// chains of "*" have a name of their own.
func (n *nodeView) hostEndpoint(iface string) *resolve.HostEndpoint {
	var addrs []netip.Addr
	for _, i := range n.view.Interfaces {
		if i.Name == iface {
			for _, p := range i.Addrs {
				addrs = append(addrs, p.Addr())
			}
		}
	}
	eps := make([]*resolve.HostEndpoint, len(n.view.Hosts))
	for i := range n.view.Hosts {
		eps[i] = &n.view.Hosts[i]
	}
	slices.SortFunc(eps, func(a, b *resolve.HostEndpoint) int { return strings.Compare(a.ID, b.ID) })
	for _, ep := range eps {
		expects := slices.ContainsFunc(slices.Concat(ep.ExpectedIPv4, ep.ExpectedIPv6), func(a netip.Addr) bool { return slices.Contains(addrs, a) })
		if ep.Name == iface || ep.Name == "" && expects {
			return ep
		}
	}
	for _, ep := range eps {
		if ep.Name == "*" {
			return ep
		}
	}
	return nil
}

// rules returns the rules of a policy or profile in a direction.
func (n *nodeView) rules(key policyKey, direction string) []resolve.Rule {
	var in, out []resolve.Rule
	if key.Kind == "Profile" {
		if p := n.profiles[key.Name]; p != nil {
			in, out = p.Inbound, p.Outbound
		}
	} else if p := n.policies[key]; p != nil {
		in, out = p.Inbound, p.Outbound
	}
	if direction == "egress" {
		return out
	}
	return in
}

// origin is where a policy or profile is written.
func (n *nodeView) origin(key policyKey) resolve.Origin {
	if key.Kind == "Profile" {
		if p := n.profiles[key.Name]; p != nil {
			return p.Origin
		}
	} else if p := n.policies[key]; p != nil {
		return p.Origin
	}
	return resolve.Origin{}
}

// written returns, for rule i of a view's policy, the rule as libcalico-go has
// it, with the selectors' texts; nil when that cannot be told.
func (w *World) written(key policyKey, direction string, rules []resolve.Rule, i int) *calico.Rule {
	p := w.byID[key]
	if p == nil {
		return nil
	}
	model := p.Ingress
	if direction == "egress" {
		model = p.Egress
	}
	nth, have := 0, 0
	for j := range rules {
		if rules[j].Index == rules[i].Index {
			have++
			if j < i {
				nth++
			}
		}
	}
	var same []*calico.Rule
	for j := range model {
		if model[j].Index == rules[i].Index {
			same = append(same, &model[j])
		}
	}
	if len(same) != have { // one of them could not be converted
		return nil
	}
	return same[nth]
}
