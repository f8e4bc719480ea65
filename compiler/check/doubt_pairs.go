package check

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/selector"
)

// pairDoubts warns of what several objects make together: orders that tie,
// staged deletions of nothing, allow-only policies before DNAT.
func (r *run) pairDoubts() {
	var policies, cluster, tiers, pools []on
	for _, sub := range subjects(r.snap) {
		o := r.on(sub)
		switch {
		case o.replaced || o.src.Node == nil:
		case o.src.Kind == "ClusterNetworkPolicy":
			cluster = append(cluster, o)
		case !isCalicoVersion(o.src.APIVersion):
		case o.src.Kind == "GlobalNetworkPolicy" || o.src.Kind == "NetworkPolicy":
			policies = append(policies, o)
		case o.src.Kind == "Tier":
			tiers = append(tiers, o)
		case o.src.Kind == "IPPool":
			pools = append(pools, o)
		}
	}
	tierTies(tiers)
	poolOverlaps(pools)
	policyTies(append(slices.Clone(policies), cluster...))
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

// mostPairs bounds the pairs of policies of one order that are compared.
const mostPairs = 50_000

// tied is a policy with what decides whether it contradicts another one.
type tied struct {
	on
	allows, denies [2]bool // ingress, egress
	selectors      [3]*selector.Expr
}

func newTied(o on) tied {
	t := tied{on: o}
	for i, direction := range []string{"ingress", "egress"} {
		actions := o.actions(direction)
		t.allows[i], t.denies[i] = slices.Contains(actions, "Allow") || slices.Contains(actions, "Accept"), slices.Contains(actions, "Deny")
	}
	if p, ok := o.meta.(*calico.ClusterNetworkPolicy); ok {
		converted, _, _ := calico.FromClusterNetworkPolicy(p, o.src.At)
		if e, err := selector.Parse(converted.Selector); err == nil {
			t.selectors[0] = e.Root
		}
		return t
	}
	for i, field := range []string{"selector", "namespaceSelector", "serviceAccountSelector"} {
		t.selectors[i] = o.selectorRoot(path{"spec", field})
	}
	return t
}

// clusterTiers are the tiers that Calico puts ClusterNetworkPolicies into.
var clusterTiers = map[string]string{"Admin": calico.AdminTier, "Baseline": calico.BaselineTier}

// policyTies warns of two policies of one tier, order and table that can select
// the same endpoint, of which one allows what the other may deny.
func policyTies(policies []on) {
	type place struct{ tier, order, stage string }
	groups, pairs := map[place][]tied{}, 0
	for _, p := range policies {
		field, tier := "order", cmp.Or(p.text(path{"spec", "tier"}), "default")
		if p.src.Kind == "ClusterNetworkPolicy" {
			field, tier = "priority", clusterTiers[tier]
		}
		order := p.text(path{"spec", field})
		if order == "" {
			continue
		}
		stage := p.text(path{"spec", "doNotTrack"}) + "/" + p.text(path{"spec", "preDNAT"})
		key := place{tier, order, strings.ReplaceAll(stage, "false", "")}
		a := newTied(p)
		for _, b := range groups[key] {
			if pairs++; pairs > mostPairs {
				return
			}
			if a.conflicts(b) && a.mayMeet(b) {
				a.report("policy/order-tie", path{"spec", field}, "give them different orders", "%s has %s %s too, and one denies where the other allows: the name decides which comes first", b.name(), field, order)
				break
			}
		}
		groups[key] = append(groups[key], a)
	}
}

// conflicts says whether one of two policies allows in a direction in which the
// other denies.
func (t tied) conflicts(other tied) bool {
	for i := range t.allows {
		if t.allows[i] && other.denies[i] || t.denies[i] && other.allows[i] {
			return true
		}
	}
	return false
}

// mayMeet says whether two policies can select the same endpoint.
func (t tied) mayMeet(other tied) bool {
	a, b := t.meta.GetNamespace(), other.meta.GetNamespace()
	if a != "" && b != "" && a != b {
		return false
	}
	for i, x := range t.selectors {
		y := other.selectors[i]
		if x != nil && y != nil && !possible(&selector.Expr{Op: selector.And, Args: []*selector.Expr{x, y}}) {
			return false
		}
	}
	return true
}

func (o on) actions(direction string) []string {
	var out []string
	for _, n := range items(o.node(path{"spec", direction})) {
		out = append(out, n.Str("action"))
	}
	return out
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
	for _, p := range r.snap.KubernetesNetworkPolicies {
		have["Kubernetes "+r.on(object{src: p.Source, meta: p.Object}).name()] = true
	}
	for _, sub := range subjects(r.snap) {
		o := r.on(sub)
		kind := stagedKinds[o.src.Kind]
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

// stagedKinds are the kinds of the policies that staged ones stand for.
var stagedKinds = map[string]string{
	"StagedGlobalNetworkPolicy": "GlobalNetworkPolicy", "StagedNetworkPolicy": "NetworkPolicy", "StagedKubernetesNetworkPolicy": "Kubernetes NetworkPolicy",
}

// poolOverlaps warns of pools that share addresses.
func poolOverlaps(pools []on) {
	at := path{"spec", "cidr"}
	for i, p := range pools {
		net, _, err := parseNet(p.text(at))
		if err != nil {
			continue
		}
		for _, q := range pools[:i] {
			if other, _, err := parseNet(q.text(at)); err == nil && net.Overlaps(other) {
				p.report("pool/overlap", at, "give the pools networks of their own", "%s overlaps %s of IPPool %s", net, other, q.meta.GetName())
				break
			}
		}
	}
}
