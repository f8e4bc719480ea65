package resolve

import (
	"net/netip"
	"sort"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/dataplane/packet"
)

// matched is one tier's policies that select an endpoint, in order.
type matched struct {
	tier     *orderedTier
	policies []*sourcedPolicy
}

// match returns the tiers and policies that select an endpoint and remembers
// the policies as active.
func (n *nodeResolver) match(l *labelled) []matched {
	var out []matched
	for i := range n.index.tiers {
		m := matched{tier: &n.index.tiers[i]}
		for _, p := range m.tier.policies {
			if n.index.selectors.get(p.Value.Selector).eval(l) {
				m.policies = append(m.policies, p)
				n.activate(p.Value.ID)
			}
		}
		if len(m.policies) > 0 {
			out = append(out, m)
		}
	}
	return out
}

func (n *nodeResolver) activate(id calico.PolicyID) {
	if n.active == nil {
		n.active = map[calico.PolicyID]bool{}
	}
	n.active[id] = true
}

// stage picks out the policies of one of the four kinds of tier list.
type stage struct {
	wants func(*calico.Policy) bool
	// ingressOnly leaves egress out (pre-DNAT).
	ingressOnly bool
	// alwaysPass makes the end of every tier a pass (untracked, pre-DNAT).
	alwaysPass bool
}

var (
	untracked = stage{wants: func(p *calico.Policy) bool { return p.DoNotTrack }, alwaysPass: true}
	preDNAT   = stage{wants: func(p *calico.Policy) bool { return p.PreDNAT && !p.DoNotTrack }, ingressOnly: true, alwaysPass: true}
	normal    = stage{wants: func(p *calico.Policy) bool { return !p.PreDNAT && !p.DoNotTrack }}
	forward   = stage{wants: func(p *calico.Policy) bool { return !p.PreDNAT && !p.DoNotTrack && p.ApplyOnForward }}
)

// tiers makes one tier list (felix/calc/event_sequencer.go splits them so).
func (s stage) tiers(all []matched) []Tier {
	var out []Tier
	for _, m := range all {
		t := Tier{Name: m.tier.name, DefaultAction: m.tier.defaultAction}
		if s.alwaysPass {
			t.DefaultAction = Pass
		}
		for _, p := range m.policies {
			if !s.wants(&p.Value) {
				continue
			}
			ingress, egress := governs(p.Value.Types)
			if ingress {
				t.Ingress = append(t.Ingress, PolicyID(p.Value.ID))
			}
			if egress && !s.ingressOnly {
				t.Egress = append(t.Egress, PolicyID(p.Value.ID))
			}
		}
		if len(t.Ingress)+len(t.Egress) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// governs says which directions a policy with these types governs; none means
// both.
func governs(types []string) (ingress, egress bool) {
	for _, t := range types {
		switch t {
		case "ingress", "Ingress":
			ingress = true
		case "egress", "Egress":
			egress = true
		}
	}
	return ingress || len(types) == 0, egress || len(types) == 0
}

func (n *nodeResolver) workloads() {
	for i := range n.index.model.Endpoints {
		e := &n.index.model.Endpoints[i]
		if e.Value.Node != n.name && !(n.setup != nil && special(&e.Value)) {
			continue
		}
		if len(e.Value.AllowSpoofed) > 0 && !n.view.Settings.SpoofingAllowed {
			n.findings.Add(diag.Finding{
				Code: "felix/spoofing-not-enabled", Severity: diag.Warning, Span: e.Source.Span(),
				Message: e.Value.Workload + " asks for spoofed source prefixes, which Felix is not set to allow; Felix treats the endpoint as missing",
				Hint:    "set workloadSourceSpoofing to Any in the FelixConfiguration",
			})
			continue
		}
		n.view.Workloads = append(n.view.Workloads, n.workload(e))
	}
	if n.setup != nil {
		n.view.Workloads = append(n.view.Workloads, n.governedByAll())
	}
	sort.Slice(n.view.Workloads, func(i, j int) bool {
		return workloadKey(&n.view.Workloads[i]) < workloadKey(&n.view.Workloads[j])
	})
}

func workloadKey(w *Workload) string {
	return w.Orchestrator + "\x00" + w.Workload + "\x00" + w.Endpoint
}

func (n *nodeResolver) workload(src *cluster.Sourced[calico.Endpoint]) Workload {
	e := &src.Value
	w := Workload{
		Orchestrator: e.Orchestrator, Workload: e.Workload, Endpoint: e.Endpoint,
		Active: true, Iface: e.InterfaceName, MAC: e.MAC, Profiles: e.Profiles,
		SpoofPrefixes: e.AllowSpoofed,
		Origin:        originOf(src.Source),
	}
	for _, net := range e.Nets {
		if packet.FamilyOf(net.Addr()) == packet.IPv4 {
			w.IPv4 = append(w.IPv4, net)
		} else {
			w.IPv6 = append(w.IPv6, net)
		}
	}
	for _, nat := range e.NATs {
		w.NAT = append(w.NAT, FloatingIP{External: nat.External, Internal: nat.Internal})
	}
	if q := e.QoS; q != nil {
		w.QoS = QoS{
			q.IngressPacketRate, q.EgressPacketRate, q.IngressPacketBurst, q.EgressPacketBurst,
			q.IngressMaxConnections, q.EgressMaxConnections,
		}
		if q.DSCP != nil {
			w.DSCP, w.HasDSCP = q.DSCP.ToUint8(), true
		}
	}
	n.want(e.Profiles)
	labels := n.index.labels.of(e.Labels, e.Profiles)
	w.Tiers = normal.tiers(n.match(labels))
	w.IstioAmbient = n.view.Settings.IstioAmbient && n.index.selectors.get(istioSelector).eval(labels)
	return w
}

// istioSelector selects the pods of Istio's ambient mesh
// (felix/calc/istio_calculator.go).
const istioSelector = "projectcalico.org/orchestrator == 'k8s' && (pcns.istio.io/dataplane-mode == 'ambient'" +
	" && istio.io/dataplane-mode != 'none' || istio.io/dataplane-mode == 'ambient')"

func (n *nodeResolver) hosts() {
	for i := range n.index.model.HostEndpoints {
		src := &n.index.model.HostEndpoints[i]
		h := &src.Value
		if h.Node != n.name && !(n.setup != nil && h.DSCP != nil) {
			continue
		}
		all := n.match(n.index.labels.of(h.Labels, h.Profiles))
		out := HostEndpoint{
			ID: h.Name, Name: h.InterfaceName, Profiles: h.Profiles,
			Tiers: normal.tiers(all), UntrackedTiers: untracked.tiers(all),
			PreDNATTiers: preDNAT.tiers(all), ForwardTiers: forward.tiers(all),
			Origin: originOf(src.Source),
		}
		out.ExpectedIPv4, out.ExpectedIPv6 = splitFamilies(h.ExpectedIPs)
		if h.DSCP != nil {
			out.DSCP, out.HasDSCP = h.DSCP.ToUint8(), true
		}
		n.want(h.Profiles)
		n.view.Hosts = append(n.view.Hosts, out)
	}
	sort.Slice(n.view.Hosts, func(i, j int) bool { return n.view.Hosts[i].ID < n.view.Hosts[j].ID })
}

// HostEndpoints are those that Felix takes, in order of their names.
func (x *Index) HostEndpoints() (out []*calico.HostEndpoint) {
	for i := range x.model.HostEndpoints {
		out = append(out, &x.model.HostEndpoints[i].Value)
	}
	return out
}

// Untracked are the doNotTrack policies that select a host endpoint, in order of
// evaluation, without staged ones.
func (x *Index) Untracked(h *calico.HostEndpoint) (out []*sourcedPolicy) {
	var labels *labelled
	for i := range x.tiers {
		for _, p := range x.tiers[i].policies {
			if !p.Value.DoNotTrack || p.Value.Staged {
				continue
			}
			if labels == nil {
				labels = x.labels.of(h.Labels, h.Profiles)
			}
			if x.selectors.get(p.Value.Selector).eval(labels) {
				out = append(out, p)
			}
		}
	}
	return out
}

func splitFamilies(addrs []netip.Addr) (v4, v6 []netip.Addr) {
	for _, a := range addrs {
		if packet.FamilyOf(a) == packet.IPv4 {
			v4 = append(v4, a)
		} else {
			v6 = append(v6, a)
		}
	}
	return v4, v6
}

func originOf(s cluster.Source) Origin { return originAt(s.Span()) }

func originAt(s diag.Span) Origin { return Origin{File: s.File, Line: s.Start.Line, Col: s.Start.Col} }

func (n *nodeResolver) want(profiles []string) {
	if n.wanted == nil {
		n.wanted = map[string]bool{}
	}
	for _, p := range profiles {
		n.wanted[p] = true
	}
}

// policies lists the active policies, staged ones included, and those with the
// performance hint.
func (n *nodeResolver) policies() {
	for _, src := range n.index.policies {
		p := &src.Value
		used := n.active[p.ID]
		if !used && !p.NeededEverywhere {
			continue
		}
		c := n.index.selectors.get(p.Selector)
		n.view.Policies = append(n.view.Policies, Policy{
			ID: PolicyID(p.ID), Tier: tierOf(*p), Selector: c.text,
			Inbound:   n.scanner.scan(src.Source, "ingress", p.Ingress),
			Outbound:  n.scanner.scan(src.Source, "egress", p.Egress),
			Untracked: p.DoNotTrack, PreDNAT: p.PreDNAT,
			Forced: p.NeededEverywhere,
			Origin: originOf(src.Source),
		})
	}
	sort.Slice(n.view.Policies, func(i, j int) bool {
		a, b := n.view.Policies[i].ID, n.view.Policies[j].ID
		return a.Kind+"\x00"+a.Namespace+"\x00"+a.Name < b.Kind+"\x00"+b.Namespace+"\x00"+b.Name
	})
}

// profiles lists the profiles that local endpoints name. One that does not exist
// denies everything, as Felix has it.
func (n *nodeResolver) profiles() {
	names := make([]string, 0, len(n.wanted))
	for name := range n.wanted {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		src := n.index.profiles[name]
		if src == nil {
			deny := []Rule{{Action: Deny}}
			n.view.Profiles = append(n.view.Profiles, Profile{Name: name, Missing: true, Inbound: deny, Outbound: deny})
			continue
		}
		n.view.Profiles = append(n.view.Profiles, Profile{
			Name:     name,
			Inbound:  n.scanner.scan(src.Source, "ingress", src.Value.Ingress),
			Outbound: n.scanner.scan(src.Source, "egress", src.Value.Egress),
			Origin:   originOf(src.Source),
		})
	}
}
