package check

import (
	"fmt"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// warnings are about objects that everybody accepts and that surely do not do
// what was meant.
func (r *run) warnings() {
	for _, sub := range subjects(r.snap) {
		r.on(sub).doubts()
	}
	r.namespaceNotes()
	r.pairDoubts()
	r.selectedDoubts()
	r.sliceDoubts()
	r.unknownTiers()
	r.policyWarnings()
}

// policyWarnings are about untracked policies and dead rules.
func (r *run) policyWarnings() {
	for _, p := range r.snap.GlobalNetworkPolicies {
		r.oneWayUntracked(p.Source, &p.Object.Spec)
		r.dead(p.Source, p.Object.Spec.Ingress, p.Object.Spec.Egress)
	}
	for _, p := range r.snap.NetworkPolicies {
		r.dead(p.Source, p.Object.Spec.Ingress, p.Object.Spec.Egress)
	}
	for _, p := range r.snap.StagedGlobalNetworkPolicies {
		r.dead(p.Source, p.Object.Spec.Ingress, p.Object.Spec.Egress)
	}
	for _, p := range r.snap.StagedNetworkPolicies {
		r.dead(p.Source, p.Object.Spec.Ingress, p.Object.Spec.Egress)
	}
}

// unknownTiers warns of tiers that policies name and the input does not have.
func (r *run) unknownTiers() {
	tiers := map[string]bool{"default": true, "kube-admin": true, "kube-baseline": true}
	for _, t := range r.snap.Tiers {
		tiers[t.Object.Name] = true
	}
	for _, p := range r.snap.GlobalNetworkPolicies {
		r.unknownTier(p.Source, p.Object.Spec.Tier, tiers)
	}
	for _, p := range r.snap.NetworkPolicies {
		r.unknownTier(p.Source, p.Object.Spec.Tier, tiers)
	}
	for _, p := range r.snap.StagedGlobalNetworkPolicies {
		r.unknownTier(p.Source, p.Object.Spec.Tier, tiers)
	}
	for _, p := range r.snap.StagedNetworkPolicies {
		r.unknownTier(p.Source, p.Object.Spec.Tier, tiers)
	}
}

func (r *run) warn(code string, span diag.Span, hint, format string, args ...any) {
	r.out.Add(diag.Finding{Code: code, Severity: diag.Warning, Span: span, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// unknownTier warns of a tier that is not in the input, once.
func (r *run) unknownTier(src cluster.Source, tier string, known map[string]bool) {
	if tier != "" && !known[tier] {
		known[tier] = true
		r.warn("policy/unknown-tier", src.At("spec", "tier"), "add the Tier; Felix puts the policy into a tier of that name behind all others, which denies at its end",
			"no tier %q in the input", tier)
	}
}

// oneWayUntracked finds a doNotTrack policy with rules for one direction only:
// the other half of each connection is tracked, and without a connection.
func (r *run) oneWayUntracked(src cluster.Source, spec *v3.GlobalNetworkPolicySpec) {
	if spec.DoNotTrack && allows(spec.Ingress) != allows(spec.Egress) {
		have, missing := "ingress", "egress"
		if allows(spec.Egress) {
			have, missing = missing, have
		}
		r.warn("policy/untracked-one-way", src.At("spec", "doNotTrack"), "allow the replies too: "+missing+" rules with source and destination ports exchanged",
			"a doNotTrack policy that allows %s only: the replies are tracked and have no connection: those of TCP are dropped as INVALID, others are judged as new connections", have)
	}
}

func allows(rules []v3.Rule) bool {
	for _, rule := range rules {
		if rule.Action == v3.Allow {
			return true
		}
	}
	return false
}

// dead finds rules behind one that decides every packet.
func (r *run) dead(src cluster.Source, ingress, egress []v3.Rule) {
	for direction, rules := range map[string][]v3.Rule{"ingress": ingress, "egress": egress} {
		for i := range rules {
			if i+1 < len(rules) && decidesAll(&rules[i]) {
				r.warn("policy/dead-rule", src.Rule(direction, i+1), "move it before the rule, or remove it",
					"%s rule %d and what follows never decides: rule %d takes every packet", direction, i+2, i+1)
				break
			}
		}
	}
}

// decidesAll says whether a rule without any condition allows, denies or passes.
func decidesAll(rule *v3.Rule) bool {
	bare := *rule
	bare.Action, bare.Metadata = "", nil
	empty := v3.Rule{}
	return !strings.EqualFold(string(rule.Action), "Log") && equalRules(&bare, &empty)
}
