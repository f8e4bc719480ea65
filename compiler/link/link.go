// Package link joins what the other compiler packages make of a cluster into one
// host.Fleet: for every node that is asked for, its links and routes, Felix's
// tables and the table of origins, and for the fleet its endpoints and the
// network between the nodes.
//
//	snapshot ─▶ model ─┬─▶ resolve ─▶ felix ─▶ rules ─┐
//	                   └─▶ routing ─▶ links, routes ──┴─▶ host.State ─▶ host.Fleet
//
// The order of objects in the input never changes the result.
package link

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/felix"
	"tortie/compiler/resolve"
	"tortie/compiler/routing"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
)

// Options refine a fleet.
type Options struct {
	// Env are Felix's environment variables.
	Env resolve.Config
	// NFTables and Iptables force a dataplane, whatever the configuration says.
	NFTables, Iptables bool
	// IPVS says that kube-proxy runs in IPVS mode, as does KubeProxyIPVS.
	IPVS bool
	// KubeProxy is one of the KubeProxy… modes.
	KubeProxy string
	// Chainless makes nodes in eBPF mode all the same, without any rules: their
	// links and routes are there, and their policies in View.
	Chainless bool
	// NodeRules are rules of other programs by node, those of several files together, as
	// they followed each other there since before Felix: the last are in force.
	NodeRules map[host.Name][][]Foreign
}

// Linker makes nodes of one cluster.
type Linker struct {
	snapshot *cluster.Snapshot
	model    *cluster.Model
	index    *resolve.Index
	routing  *routing.Cluster
	options  Options
	// proxyConfig is kube-proxy's configuration; nil when the input has none.
	proxyConfig *proxyConfig
	// base are settings below every FelixConfiguration; notes say what was
	// assumed.
	base  resolve.Config
	notes []string
	// wireGuardAssumed says that routing has what nodes would publish of WireGuard.
	wireGuardAssumed bool
}

// New prepares a cluster. Findings are about objects that cannot be converted.
func New(s *cluster.Snapshot, opt Options) (*Linker, diag.List) {
	config, configFindings := readProxyConfig(s)
	if config != nil && opt.KubeProxy == "" && !opt.IPVS {
		opt.KubeProxy = config.mode()
	}
	opt.IPVS = opt.IPVS || opt.KubeProxy == KubeProxyIPVS
	made := makeSlices(s)
	unknown := unknownSettings(s, opt.Env)
	env := installEnv(s)
	maps.Copy(env, opt.Env)
	s.InterfacePrefix, _, _ = strings.Cut(env["interfaceprefix"], ",")
	model, findings := s.Model()
	switch {
	case opt.NFTables:
		env["nftablesmode"] = "Enabled"
	case opt.Iptables:
		env["nftablesmode"] = "Disabled"
	}
	opt.Env = env
	nodes, more := routing.New(s, model)
	findings = append(findings, more...)
	findings = slices.Concat(findings, configFindings, unknown)
	l := &Linker{snapshot: s, model: model, index: resolve.New(s, model), routing: nodes, options: opt, proxyConfig: config}
	nodes.RouteFloating(l.floats)
	findings = append(findings, l.floatingOff()...)
	findings = append(findings, l.untrackedIgnored()...)
	l.assumeInstall()
	if made != "" {
		l.notes = append(l.notes, made)
	}
	return l, findings
}

// NodeNames returns the names of the cluster's nodes in order.
func (l *Linker) NodeNames() []host.Name { return l.routing.Nodes() }

// Node makes one node. Origins of its rules count in the returned list.
func (l *Linker) Node(name host.Name) (host.State, []host.Origin, diag.List, error) {
	state, proxy, err := l.before(name)
	if err != nil {
		return state, nil, nil, err
	}
	view, findings := l.index.Node(string(name), l.nodeOptions(&state))
	findings = append(findings, unheld(view, &state)...)
	if view.Settings.BPF && l.options.Chainless {
		return state, []host.Origin{{}}, findings, nil
	}
	result, err := felix.Program(view)
	place := func(parameter string) diag.Span { return l.index.PlaceOf(string(name), parameter) }
	if f, ok := settingFinding(err, place); ok {
		return state, []host.Origin{{}}, append(findings, f), nil
	}
	if err != nil {
		return state, nil, findings, fmt.Errorf("node %s: %w", name, err)
	}
	findings = append(findings, problemFindings(&result, place)...)
	state.Ruleset, state.HostPorts = result.Ruleset, l.hostPorts(name)
	origins, more, err := l.addServices(&state, backendOf(&result.Ruleset), &result, proxy)
	return state, origins, append(findings, more...), err
}

// NodeOf returns the node that has the address as its own.
func (l *Linker) NodeOf(a netip.Addr) (host.Name, bool) { return l.routing.NodeOf(a) }

// Fleet makes the named nodes (nil is all), and what joins them.
func (l *Linker) Fleet(nodes []host.Name) (*host.Fleet, diag.List, error) {
	names := slices.Sorted(slices.Values(nodes))
	if nodes == nil {
		names = l.NodeNames()
	}
	f := &host.Fleet{Origins: []host.Origin{{}}}
	var all diag.List
	underlay := host.Segment{Name: "underlay"}
	for _, name := range names {
		state, origins, findings, err := l.Node(name)
		all = append(all, findings...)
		if err != nil {
			return nil, all, err
		}
		shiftOrigins(&state.Ruleset, len(f.Origins)-1)
		shiftServers(state.IPVS, len(f.Origins)-1)
		f.Origins = append(f.Origins, origins[1:]...)
		f.Hosts = append(f.Hosts, state)
		underlay.Members = append(underlay.Members, host.Port{Host: name, Link: l.routing.UnderlayOf(&state)})
	}
	f.Notes = slices.Concat(l.notes, l.routing.Notes)
	f.Segments = []host.Segment{underlay}
	f.Endpoints = l.Endpoints(names)
	f.Virtual = l.virtual()
	all.Sort()
	return f, once(all), nil
}

// once leaves out what was found on several nodes; the list is sorted.
func once(l diag.List) diag.List {
	return slices.CompactFunc(l, func(a, b diag.Finding) bool {
		return a.Span == b.Span && a.Code == b.Code && a.Message == b.Message
	})
}

func interfacesOf(s *host.State) []resolve.Interface {
	out := make([]resolve.Interface, len(s.Links))
	for i, l := range s.Links {
		out[i] = resolve.Interface{Name: string(l.Name), Up: l.Up}
		for _, a := range l.Addrs {
			out[i].Addrs = append(out[i].Addrs, a.Prefix)
			// Felix reads local routes, and 127.0.0.0/8 is one.
			if whole := a.Prefix.Masked(); a.Scope == host.ScopeHost && whole != a.Prefix {
				out[i].Addrs = append(out[i].Addrs, whole)
			}
		}
	}
	return out
}

// unheld are the host endpoints of interfaces that the node does not have: Felix
// makes no chains for them.
func unheld(v *resolve.View, s *host.State) (out diag.List) {
	var names []string
	for _, l := range s.Links {
		if !strings.HasPrefix(string(l.Name), "cali") {
			names = append(names, string(l.Name))
		}
	}
	for _, h := range v.Hosts {
		if h.Name == "" || h.Name == "*" || s.FindLink(host.LinkName(h.Name)) != nil {
			continue
		}
		out.Add(diag.Finding{Code: "link/no-such-interface", Severity: diag.Warning,
			Message: fmt.Sprintf("host endpoint %s: node %s has no interface %q, so its policies are not in force there; it has %s", h.ID, s.Name, h.Name, strings.Join(names, ", ")),
			Hint:    "give the node's address in expectedIPs, which names its interface, or a HostNetwork with the node's interfaces",
			Span:    diag.Span{File: h.Origin.File, Start: diag.Pos{Line: h.Origin.Line, Col: h.Origin.Col}}})
	}
	return out
}

// originsOf adds to the ends of tiers where the tiers are written.
func (l *Linker) originsOf(in []felix.Origin) []host.Origin {
	tiers := map[string]diag.Span{}
	for _, o := range l.snapshot.Tiers {
		tiers[o.Object.Name] = o.Source.Span()
	}
	out := make([]host.Origin, len(in))
	for i, o := range in {
		if at, ok := tiers[o.Name]; ok && o.Kind == "Tier" && o.File == "" {
			o.File, o.Line = at.File, at.Start.Line
		}
		out[i] = host.Origin{
			Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Tier: o.Tier,
			Direction: o.Direction, Rule: o.Rule, File: o.File, Line: o.Line,
		}
	}
	return out
}

// shiftOrigins moves a rule set's origins behind those already in the fleet.
func shiftOrigins(rs *nf.Ruleset, by int) {
	shift := func(origin *int) {
		if *origin != 0 {
			*origin += by
		}
	}
	sets := func(list []nf.Set) {
		for s := range list {
			for e := range list[s].Elements {
				shift(&list[s].Elements[e].Origin)
			}
		}
	}
	sets(rs.IPSets)
	for t := range rs.Tables {
		sets(rs.Tables[t].Sets)
		for c := range rs.Tables[t].Chains {
			rules := rs.Tables[t].Chains[c].Rules
			for r := range rules {
				shift(&rules[r].Origin)
			}
		}
	}
}
