package main

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"tortie/compiler/selector"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// oracleTier is a tier with its policies in order.
type oracleTier struct {
	name     string
	order    float64
	pass     bool
	policies []*oraclePolicy
}

// oraclePolicy is an enforced policy of any kind.
type oraclePolicy struct {
	kind, ns, name, tier          string
	order                         float64
	selects                       func(t *oracleThing) bool
	ingress, egress               bool
	in, out                       []oracleRule
	untracked, preDNAT, onForward bool
}

// oracleRule is one rule: an action and the packets it is for.
type oracleRule struct {
	action  string
	matches func(p *oraclePacket) bool
}

// oracleVerdict is what policies say of a packet.
type oracleVerdict string

const (
	oracleAllow oracleVerdict = "allow"
	oracleDeny  oracleVerdict = "deny"
	oraclePass  oracleVerdict = "pass"
	oracleNone  oracleVerdict = "none" // nothing governs or nothing matched
)

func oracleOrder(o *float64) float64 {
	if o == nil {
		return math.Inf(1)
	}
	return *o
}

func (w *oracleWorld) addTiers() {
	kubeAdmin, kubeBaseline, base := 1000.0, 10_000_000.0, 1_000_000.0
	w.tiers = []*oracleTier{
		{name: "default", order: base},
		{name: "kube-admin", order: kubeAdmin, pass: true},
		{name: "kube-baseline", order: kubeBaseline, pass: true},
	}
	for _, o := range w.snap.Tiers {
		if slices.ContainsFunc(w.tiers, func(t *oracleTier) bool { return t.name == o.Object.Name }) {
			continue
		}
		a := o.Object.Spec.DefaultAction
		w.tiers = append(w.tiers, &oracleTier{name: o.Object.Name, order: oracleOrder(o.Object.Spec.Order), pass: a != nil && *a == v3.Pass})
	}
	w.addGlobalPolicies()
	w.addNamespacedPolicies()
	w.addKubernetesPolicies()
	slices.SortFunc(w.tiers, func(a, b *oracleTier) int {
		return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.name, b.name))
	})
	for _, t := range w.tiers {
		slices.SortFunc(t.policies, func(a, b *oraclePolicy) int {
			return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.key(), b.key()))
		})
	}
}

// key orders policies with the same order.
func (p *oraclePolicy) key() string { return p.name + "/" + p.ns + "/" + p.kind }

func (w *oracleWorld) add(p *oraclePolicy) {
	if p.tier == "" {
		p.tier = "default"
	}
	for _, t := range w.tiers {
		if t.name == p.tier {
			t.policies = append(t.policies, p)
			return
		}
	}
	// A tier that nobody defined still counts in Felix: last, and it denies.
	w.tiers = append(w.tiers, &oracleTier{name: p.tier, order: math.Inf(1), policies: []*oraclePolicy{p}})
}

// oracleTypes are the directions a policy governs: as it says, or by its rules,
// or both for one that a cluster stored without types.
func oracleTypes(types []v3.PolicyType, stored bool, ingress, egress int) (in, out bool) {
	if len(types) == 0 && stored {
		return true, true
	}
	if len(types) == 0 {
		return ingress > 0 || egress == 0, egress > 0
	}
	return slices.Contains(types, v3.PolicyTypeIngress), slices.Contains(types, v3.PolicyTypeEgress)
}

func (w *oracleWorld) addGlobalPolicies() {
	for _, o := range w.snap.GlobalNetworkPolicies {
		s := o.Object.Spec
		p := &oraclePolicy{kind: "GlobalNetworkPolicy", name: o.Object.Name, tier: s.Tier, order: oracleOrder(s.Order),
			untracked: s.DoNotTrack, preDNAT: s.PreDNAT, onForward: s.ApplyOnForward}
		p.ingress, p.egress = oracleTypes(s.Types, o.Object.UID != "", len(s.Ingress), len(s.Egress))
		p.selects = func(t *oracleThing) bool {
			return oracleSelects(s.Selector, t.labels) && t.inNamespaces(s.NamespaceSelector) && t.isAccount(s.ServiceAccountSelector, nil)
		}
		p.in, p.out = w.rules(s.Ingress, ""), w.rules(s.Egress, "")
		w.add(p)
	}
}

func (w *oracleWorld) addNamespacedPolicies() {
	for _, o := range w.snap.NetworkPolicies {
		s, ns := o.Object.Spec, o.Object.Namespace
		p := &oraclePolicy{kind: "NetworkPolicy", ns: ns, name: o.Object.Name, tier: s.Tier, order: oracleOrder(s.Order)}
		p.ingress, p.egress = oracleTypes(s.Types, o.Object.UID != "", len(s.Ingress), len(s.Egress))
		p.selects = func(t *oracleThing) bool {
			return t.ns == ns && oracleSelects(s.Selector, t.labels) && t.isAccount(s.ServiceAccountSelector, nil)
		}
		p.in, p.out = w.rules(s.Ingress, ns), w.rules(s.Egress, ns)
		w.add(p)
	}
}

// oracleSelects reports whether labels match a selector; an empty one matches
// everything.
func oracleSelects(text string, labels map[string]string) bool {
	if text == "" {
		return true
	}
	s, err := selector.Parse(text)
	return err == nil && s.Matches(selector.Map(labels))
}

// inNamespaces reports whether the thing's namespace matches a selector: all() is
// any namespace, global() is none.
func (t *oracleThing) inNamespaces(text string) bool {
	switch text {
	case "":
		return true
	case "all()":
		return t.ns != ""
	case "global()":
		return t.ns == ""
	}
	return oracleSelects(text, t.nsLabels)
}

// isAccount reports whether the thing's service account matches.
func (t *oracleThing) isAccount(text string, names []string) bool {
	if len(names) > 0 && !slices.Contains(names, t.account) {
		return false
	}
	if text == "all()" {
		return t.account != ""
	}
	return oracleSelects(text, t.saLabels)
}

// stage says which of a policy's four places is meant.
type oracleStage uint8

const (
	oracleNormal oracleStage = iota
	oracleForward
	oracleUntracked
	oraclePreDNAT
)

func (p *oraclePolicy) at(s oracleStage) bool {
	switch s {
	case oracleUntracked:
		return p.untracked
	case oraclePreDNAT:
		return p.preDNAT && !p.untracked
	case oracleForward:
		return p.onForward && !p.untracked && !p.preDNAT
	}
	return !p.untracked && !p.preDNAT
}

// judge asks the tiers about a packet: allow, deny, pass (the last tier that has
// something to say passed it on) or none.
func (w *oracleWorld) judge(t *oracleThing, s oracleStage, ingress bool, p *oraclePacket) oracleVerdict {
	result := oracleNone
	for _, tier := range w.tiers {
		v := tier.judge(t, s, ingress, p)
		switch {
		case v == oracleAllow || v == oracleDeny:
			return v
		case v == oraclePass:
			result = oraclePass
		}
	}
	return result
}

func (tier *oracleTier) judge(t *oracleThing, s oracleStage, ingress bool, p *oraclePacket) oracleVerdict {
	governed := false
	for _, pol := range tier.policies {
		if !pol.at(s) || ingress && !pol.ingress || !ingress && !pol.egress || !pol.selects(t) {
			continue
		}
		governed = true
		rules := pol.in
		if !ingress {
			rules = pol.out
		}
		if v := oracleFirst(rules, p); v != oracleNone {
			return v
		}
	}
	switch {
	case !governed:
		return oracleNone
	case tier.pass || s == oracleUntracked || s == oraclePreDNAT: // no default deny there
		return oraclePass
	}
	return oracleDeny
}

// oracleFirst is what the first rule for the packet says; Log goes on.
func oracleFirst(rules []oracleRule, p *oraclePacket) oracleVerdict {
	for _, r := range rules {
		if r.action != "Log" && r.matches(p) {
			return oracleVerdict(strings.ToLower(r.action))
		}
	}
	return oracleNone
}

// profiles asks an endpoint's profiles about a packet; none of them is a deny.
func (w *oracleWorld) profiles(names []string, ingress bool, p *oraclePacket) bool {
	for _, name := range names {
		if name == "projectcalico-default-allow" {
			return true
		}
		prof := w.profile(name)
		if prof == nil {
			continue
		}
		rules := prof.Spec.Ingress
		if !ingress {
			rules = prof.Spec.Egress
		}
		if v := oracleFirst(w.rules(rules, ""), p); v == oracleAllow || v == oracleDeny {
			return v == oracleAllow
		}
	}
	return false
}
