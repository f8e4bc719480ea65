package check

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/selector"
)

// selected is what policies' selectors are judged against: the distinct labels of
// the workloads of the input, and its host endpoints.
type selected struct {
	model     *cluster.Model
	workloads []selector.Map
	hosts     []host
	whole     bool // the input has pods and nodes, as a cluster's objects do
}

// host is a host endpoint with all its labels, and the addresses that are known to
// be its node's.
type host struct {
	cluster.Sourced[calico.HostEndpoint]
	labels selector.Map
	addrs  []netip.Addr
}

// selectedDoubts warns of what selects nothing among the endpoints of the input,
// and of host endpoints that no policy lets through.
func (r *run) selectedDoubts() {
	s := r.snap
	model, _ := s.Model()
	r.scopeDoubts(model)
	if len(s.HostEndpoints) == 0 && (len(s.Pods) == 0 && len(s.WorkloadEndpoints) == 0 || s.MadeUpPods) {
		return
	}
	in := selectedOf(s, model)
	chosen := make([]bool, len(in.hosts))
	enforced := false
	for i := range model.Policies {
		p := &model.Policies[i]
		sel, err := selector.Parse(p.Value.Selector)
		if err != nil || p.Value.Staged {
			continue
		}
		enforced = true
		r.policySelects(in, p, sel, chosen)
	}
	r.hostDoubts(in, chosen, enforced || in.whole)
	r.profileDoubts(in)
	if in.whole {
		r.namespaceDoubts()
		r.reachDoubts(in)
		r.serviceDoubts()
	}
}

func selectedOf(s *cluster.Snapshot, model *cluster.Model) *selected {
	profiles := map[string]map[string]string{}
	for _, p := range model.Profiles {
		profiles[p.Value.Name] = p.Value.Labels
	}
	in := &selected{model: model, whole: len(model.Endpoints) > 0 && len(model.Nodes) > 0 && !s.MadeUpPods}
	seen := map[string]bool{}
	for _, e := range model.Endpoints {
		labels := withProfiles(e.Value.Labels, e.Value.Profiles, profiles)
		if key := labelKey(labels); !seen[key] {
			seen[key] = true
			in.workloads = append(in.workloads, labels)
		}
	}
	for _, h := range model.HostEndpoints {
		in.hosts = append(in.hosts, host{h, withProfiles(h.Value.Labels, h.Value.Profiles, profiles), h.Value.ExpectedIPs})
	}
	return in
}

// withProfiles joins an endpoint's labels with those of its profiles.
func withProfiles(own map[string]string, names []string, profiles map[string]map[string]string) selector.Map {
	out := selector.Map{}
	for _, name := range slices.Backward(names) {
		for k, v := range profiles[name] {
			out[k] = v
		}
	}
	for k, v := range own {
		out[k] = v
	}
	return out
}

func labelKey(m selector.Map) string {
	var b strings.Builder
	for _, k := range sortedKeys(m) {
		b.WriteString(k + "\x00" + m[k] + "\x00")
	}
	return b.String()
}

// policySelects notes the host endpoints that a policy selects, and warns of one
// that selects nothing or lacks applyOnForward.
func (r *run) policySelects(in *selected, p *cluster.Sourced[calico.Policy], sel *selector.Selector, chosen []bool) {
	works := slices.ContainsFunc(in.workloads, func(m selector.Map) bool { return sel.Matches(m) })
	var hosts []host
	for i, h := range in.hosts {
		if sel.Matches(h.labels) {
			hosts = append(hosts, h)
			chosen[i] = true
		}
	}
	o := r.on(object{src: p.Source})
	switch {
	case p.Source.Node == nil:
	case !works && len(hosts) == 0 && in.whole && possible(sel.Root):
		o.reportAt("policy/selects-nothing", selectorPlace(p.Source), "compare the selector with the labels of the pods, namespaces and host endpoints", "no pod and no host endpoint of the input is selected")
	case works && len(hosts) == 0 && in.whole && (p.Value.DoNotTrack || p.Value.PreDNAT):
		o.reportAt("policy/host-only", selectorPlace(p.Source), "select host endpoints by their labels", "the policy acts on host endpoints, and selects only pods of the input: it has no effect")
	case works && len(hosts) > 0 && p.Value.ID.Kind == calico.KindGlobalNetworkPolicy && !asksLabels(sel.Root):
		o.reportAt("policy/hosts-too", selectorPlace(p.Source), "select by labels that only pods have, as has(projectcalico.org/namespace)", "the policy selects host endpoints beside the pods, as %s", hosts[0].Value.Name)
	case !works && len(hosts) > 0 && !p.Value.ApplyOnForward:
		o.forwardMeant("ingress", "destination", hosts)
		o.forwardMeant("egress", "source", hosts)
	}
}

func selectorPlace(src cluster.Source) diag.Span {
	for _, field := range []string{"selector", "podSelector", "subject", "namespaceSelector"} {
		if src.Node.Lookup("spec", field) != nil {
			return src.At("spec", field)
		}
	}
	return src.At("spec")
}

// forwardMeant warns of a rule of a policy on hosts alone that names networks as
// the end which is always the host itself, unless applyOnForward is set.
func (o on) forwardMeant(direction, end string, hosts []host) {
	for i := range items(o.node(path{"spec", direction})) {
		at := path{"spec", direction, i, end, "nets"}
		nets := items(o.node(at))
		if len(nets) == 0 || slices.ContainsFunc(hosts, func(h host) bool { return len(h.addrs) == 0 }) {
			continue
		}
		local := false
		for _, n := range nets {
			prefix, _, err := parseNet(n.Text)
			local = local || err != nil || slices.ContainsFunc(hosts, func(h host) bool { return slices.ContainsFunc(h.addrs, prefix.Contains) })
		}
		if !local {
			o.reportAt("policy/not-on-forward", o.src.At(at...), "add applyOnForward: true if forwarded traffic is meant",
				"%s is never these networks without applyOnForward: it is the host itself", dotted(at[:len(at)-1]))
		}
	}
}

// namespaceDoubts warns of namespace selectors that select none of the namespaces
// of the input.
func (r *run) namespaceDoubts() {
	var spaces []selector.Map
	for _, n := range r.snap.Namespaces {
		if n.Source.Node == nil {
			continue
		}
		labels := selector.Map{"kubernetes.io/metadata.name": n.Object.Name, "projectcalico.org/name": n.Object.Name}
		for k, v := range n.Object.Labels {
			labels[k] = v
		}
		spaces = append(spaces, labels)
	}
	if len(spaces) == 0 {
		return
	}
	for _, sub := range subjects(r.snap) {
		o := r.on(sub)
		if sub.replaced || o.src.Node == nil || !isCalicoVersion(o.src.APIVersion) {
			continue
		}
		for _, direction := range []string{"ingress", "egress"} {
			for i := range items(o.node(path{"spec", direction})) {
				o.selectsNamespace(path{"spec", direction, i, "source", "namespaceSelector"}, spaces)
				o.selectsNamespace(path{"spec", direction, i, "destination", "namespaceSelector"}, spaces)
			}
		}
	}
}

func (o on) selectsNamespace(at path, spaces []selector.Map) {
	root := o.selectorRoot(at)
	if root == nil || root.Op == selector.Global || !possible(root) {
		return
	}
	if !slices.ContainsFunc(spaces, func(m selector.Map) bool { return root.Matches(m) }) {
		o.report("selector/no-namespace", at, "compare it with the labels of the namespaces", "%s selects no namespace of the input", dotted(at))
	}
}
