package resolve

import (
	"net/netip"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/dataplane/packet"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// Index is a cluster prepared for resolving nodes: labels classified, tiers and
// policies in order, selectors parsed once. It is read-only after New, but for a
// cache of parsed selectors, so nodes are resolved one at a time.
type Index struct {
	snapshot  *cluster.Snapshot
	model     *cluster.Model
	labels    *labelIndex
	items     []item
	tiers     []orderedTier
	policies  []*sourcedPolicy
	selectors *selectors
	slices    map[string][]*discoveryv1.EndpointSlice
	profiles  map[string]*cluster.Sourced[calico.Profile]
	// findings are about policies, profiles and endpoints that Felix takes as
	// missing.
	findings diag.List
}

// New prepares a cluster.
func New(s *cluster.Snapshot, m *cluster.Model) *Index {
	x := &Index{
		snapshot:  s,
		labels:    newLabelIndex(m.Profiles),
		selectors: &selectors{byText: map[string]*compiled{}},
		slices:    map[string][]*discoveryv1.EndpointSlice{},
		profiles:  map[string]*cluster.Sourced[calico.Profile]{},
	}
	x.model = x.withoutInvalid(m)
	x.items = itemsOf(x.model, x.labels)
	for _, o := range s.EndpointSlices {
		if svc := o.Object.Labels["kubernetes.io/service-name"]; svc != "" {
			name := o.Object.Namespace + "/" + svc
			x.slices[name] = append(x.slices[name], o.Object)
		}
	}
	for i := range m.Profiles {
		p := &m.Profiles[i]
		if why := x.selectors.rulesFlaw(p.Value.Ingress, p.Value.Egress); why != "" {
			x.invalid(p.Source, "Profile "+p.Value.Name+": "+why, "Felix denies what the profile would decide")
			continue
		}
		x.profiles[p.Value.Name] = p
	}
	for i := range m.Policies {
		p := &m.Policies[i]
		if why := x.selectors.flaw(&p.Value); why != "" {
			x.invalid(p.Source, p.Value.ID.Kind+" "+p.Value.ID.Name+": "+why, "Felix ignores the whole policy")
			continue
		}
		x.policies = append(x.policies, p)
	}
	x.tiers = orderTiers(m.Tiers, x.policies)
	return x
}

func (x *Index) invalid(src cluster.Source, message, hint string) {
	x.findings.Add(diag.Finding{Code: "calico/invalid-object", Severity: diag.Warning, Span: src.Span(), Message: message, Hint: hint})
}

// NodeOptions say what the cluster's objects do not: settings that hold where no
// FelixConfiguration says otherwise, Felix's environment, the node's interfaces,
// and whether kube-proxy there runs in IPVS or in nftables mode (which decides
// Felix's dataplane where nftablesMode is Auto).
type NodeOptions struct {
	Base, Env  Config
	Interfaces []Interface
	IPVS       bool

	ProxyNFTables bool
}

// Node resolves one node. Findings are about objects that Felix would ignore or
// refuse.
func (x *Index) Node(name string, opt NodeOptions) (*View, diag.List) {
	return x.resolve(&nodeResolver{index: x, name: name}, opt)
}

func (x *Index) resolve(n *nodeResolver, opt NodeOptions) (*View, diag.List) {
	n.scanner = &scanner{selectors: x.selectors, sets: map[string]*setSpec{}}
	n.view = &View{Hostname: n.name, Interfaces: opt.Interfaces}
	n.findings = append(n.findings, x.findings...)
	n.settings(opt)
	n.workloads()
	n.hosts()
	n.policies()
	n.profiles()
	if n.view.Settings.IstioAmbient {
		n.scanner.sets[istioSet] = &setSpec{id: istioSet, selector: x.selectors.get(istioSelector), addrs: true}
	}
	for _, s := range sortedSpecs(n.scanner.sets) {
		n.view.IPSets = append(n.view.IPSets, x.members(s, &n.view.Settings))
	}
	n.findings.Sort()
	return n.view, n.findings
}

// Settings returns Felix's settings on one node; its interfaces decide none of
// them.
func (x *Index) Settings(name string, opt NodeOptions) Settings {
	n := &nodeResolver{index: x, name: name, scanner: &scanner{}, view: &View{Hostname: name}}
	n.settings(opt)
	return n.view.Settings
}

// nodeResolver gathers one node's view.
type nodeResolver struct {
	index    *Index
	name     string
	scanner  *scanner
	view     *View
	findings diag.List
	// active are the policies that select a local endpoint; wanted are the
	// profiles that local endpoints name, in order of first use.
	active map[calico.PolicyID]bool
	wanted map[string]bool
	// setup is in place of the node's own FelixConfigurations, and everything is
	// resolved, if it is not nil.
	setup *Setup
}

// findNode returns the model's node, or nil.
func (x *Index) findNode(name string) *calico.Node {
	for i := range x.model.Nodes {
		if x.model.Nodes[i].Value.Name == name {
			return &x.model.Nodes[i].Value
		}
	}
	return nil
}

// nodeAddrs returns a node's own addresses as tunnels know them: those of its BGP
// settings (felix/calc/vxlan_resolver.go). A Kubernetes node that was not read
// from a cluster has what calico/node would find there: its first internal, else
// its first external address of the family.
func nodeAddrs(src *cluster.Sourced[calico.Node]) (v4, v6 netip.Addr) {
	spec := &src.Value.Spec
	if b := spec.BGP; b != nil {
		v4, v6 = addrOf(b.IPv4Address), addrOf(b.IPv6Address)
	}
	if src.Source.Stored || src.Source.APIVersion != "v1" {
		return v4, v6
	}
	for _, kind := range []string{"InternalIP", "ExternalIP"} {
		for _, a := range spec.Addresses {
			if a.Type != kind {
				continue
			}
			addr := addrOf(a.Address)
			switch {
			case packet.FamilyOf(addr) == packet.IPv4 && !v4.IsValid():
				v4 = addr
			case packet.FamilyOf(addr) == packet.IPv6 && !v6.IsValid():
				v6 = addr
			}
		}
	}
	return v4, v6
}

// hostAddr is an address as the set of all hosts takes it from BGP settings:
// only with its prefix length (felix/calc/dataplane_passthru.go).
func hostAddr(a netip.Addr, text string) netip.Addr {
	if text != "" && !strings.Contains(text, "/") {
		return netip.Addr{}
	}
	return a
}

// addrOf reads an address, or the address part of a CIDR; invalid if neither.
func addrOf(s string) netip.Addr {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Addr()
	}
	a, _ := netip.ParseAddr(s)
	return a
}
