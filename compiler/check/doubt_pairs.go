package check

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/selector"
)

// pairDoubts warns of what several objects make together: orders that tie,
// staged deletions of nothing, allow-only policies before DNAT.
func (r *run) pairDoubts() {
	var policies, tiers []on
	for _, sub := range subjects(r.snap) {
		o := r.on(sub)
		switch {
		case o.replaced || o.src.Node == nil || !isCalicoVersion(o.src.APIVersion):
		case o.src.Kind == "GlobalNetworkPolicy" || o.src.Kind == "NetworkPolicy":
			policies = append(policies, o)
		case o.src.Kind == "Tier":
			tiers = append(tiers, o)
		}
	}
	tierTies(tiers)
	policyTies(policies)
	preDNATAlone(policies)
	r.stagedDeletes(policies)
}

// tierOrder is a tier's order as it is applied: without one it is that of tier
// default.
func tierOrder(o on) float64 {
	v, err := strconv.ParseFloat(o.text(path{"spec", "order"}), 64)
	if err != nil {
		return 1_000_000
	}
	return v
}

func tierTies(tiers []on) {
	seen := map[float64]string{}
	for name, t := range builtInTiers {
		seen[t.order] = name
	}
	for _, t := range tiers {
		name := t.meta.GetName()
		if _, ok := builtInTiers[name]; ok {
			continue
		}
		order := tierOrder(t)
		if other, ok := seen[order]; ok {
			t.reportAt("tier/order-tie", t.src.At("spec", "order"), "give the tiers different orders", "tiers %s and %s have order %s: the name decides which comes first", name, other, strconv.FormatFloat(order, 'f', -1, 64))
			continue
		}
		seen[order] = name
	}
}

// policyTies warns of two policies of one tier and order that can select the same
// endpoint, of which one allows what the other may deny.
func policyTies(policies []on) {
	type place struct{ tier, order, stage string }
	groups := map[place][]on{}
	for _, p := range policies {
		if order := p.text(path{"spec", "order"}); order != "" {
			stage := p.text(path{"spec", "doNotTrack"}) + "/" + p.text(path{"spec", "preDNAT"})
			key := place{cmp.Or(p.text(path{"spec", "tier"}), "default"), order, strings.ReplaceAll(stage, "false", "")}
			groups[key] = append(groups[key], p)
		}
	}
	for key, group := range groups {
		for i, a := range group {
			for _, b := range group[:i] {
				if a.conflicts(b) && a.mayMeet(b) {
					a.report("policy/order-tie", path{"spec", "order"}, "give them different orders", "%s has order %s too, and one denies where the other allows: the name decides which comes first", b.name(), key.order)
					break
				}
			}
		}
	}
}

// conflicts says whether one of two policies allows in a direction in which the
// other denies.
func (o on) conflicts(other on) bool {
	for _, direction := range []string{"ingress", "egress"} {
		a, b := o.actions(direction), other.actions(direction)
		if slices.Contains(a, "Allow") && slices.Contains(b, "Deny") || slices.Contains(a, "Deny") && slices.Contains(b, "Allow") {
			return true
		}
	}
	return false
}

func (o on) actions(direction string) []string {
	var out []string
	for _, n := range items(o.node(path{"spec", direction})) {
		out = append(out, n.Str("action"))
	}
	return out
}

// mayMeet says whether two policies can select the same endpoint.
func (o on) mayMeet(other on) bool {
	a, b := o.meta.GetNamespace(), other.meta.GetNamespace()
	if a != "" && b != "" && a != b {
		return false
	}
	for _, field := range []string{"selector", "namespaceSelector", "serviceAccountSelector"} {
		x, y := o.selectorRoot(path{"spec", field}), other.selectorRoot(path{"spec", field})
		if x != nil && y != nil && !possible(&selector.Expr{Op: selector.And, Args: []*selector.Expr{x, y}}) {
			return false
		}
	}
	return true
}

// preDNATAlone warns of pre-DNAT policies that allow where none denies: what they
// do not allow goes on all the same.
func preDNATAlone(policies []on) {
	var before []on
	for _, p := range policies {
		if p.text(path{"spec", "preDNAT"}) != "true" {
			continue
		}
		if slices.Contains(p.actions("ingress"), "Deny") {
			return
		}
		before = append(before, p)
	}
	for _, p := range before {
		if slices.Contains(p.actions("ingress"), "Allow") {
			p.reportAt("policy/prednat-allows-only", p.src.At("spec", "preDNAT"), "add a preDNAT policy behind it that denies the rest",
				"a preDNAT policy that only allows, and none that denies: everything else goes on to the other policies all the same")
		}
	}
}

// stagedDeletes warns of staged deletions of policies that the input, though it
// has policies, does not have.
func (r *run) stagedDeletes(policies []on) {
	have := map[string]bool{}
	for _, p := range policies {
		have[p.name()] = true
	}
	for _, sub := range subjects(r.snap) {
		o := r.on(sub)
		kind := map[string]string{"StagedGlobalNetworkPolicy": "GlobalNetworkPolicy", "StagedNetworkPolicy": "NetworkPolicy"}[o.src.Kind]
		if kind == "" || o.replaced || o.text(path{"spec", "stagedAction"}) != "Delete" {
			continue
		}
		enforced := o
		enforced.src.Kind = kind
		if !have[enforced.name()] {
			o.report("staged/delete-nothing", path{"spec", "stagedAction"}, "check the name; the staged policy has the name of the one to delete", "no %s in the input", enforced.name())
		}
	}
}
