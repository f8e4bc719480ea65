package felix

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// owner says whose rule is being made.
type owner struct {
	kind, namespace, name, tier string
	profile, untracked          bool
}

func policyOwner(p *resolve.Policy) owner {
	return owner{kind: p.ID.Kind, namespace: p.ID.Namespace, name: p.ID.Name, tier: p.Tier, untracked: p.Untracked}
}

func profileOwner(p *resolve.Profile) owner {
	return owner{kind: "Profile", name: p.Name, profile: true}
}

// policyChains are the two chains of a policy; a staged one has none.
func (r *renderer) policyChains(p *resolve.Policy) []chain {
	if isStaged(p.ID) {
		return nil
	}
	o := policyOwner(p)
	return []chain{
		{name: r.policyChain(ingress, p.ID), rules: r.ruleList(o, ingress, p.Inbound)},
		{name: r.policyChain(egress, p.ID), rules: r.ruleList(o, egress, p.Outbound)},
	}
}

func (r *renderer) profileChains(p *resolve.Profile) (in, out chain) {
	o := profileOwner(p)
	in = chain{name: r.profileChain(ingress, p.Name), rules: r.ruleList(o, ingress, p.Inbound)}
	out = chain{name: r.profileChain(egress, p.Name), rules: r.ruleList(o, egress, p.Outbound)}
	return in, out
}

// ruleList makes the rules of one direction. Returns at the end are left out,
// and a chain is never empty: one rule without effect stands for the comment
// that Felix puts there.
func (r *renderer) ruleList(o owner, d direction, in []resolve.Rule) []rule {
	var out []rule
	for i := range in {
		out = append(out, r.policyRule(o, d, i, &in[i])...)
	}
	for len(out) > 0 {
		if _, ok := out[len(out)-1].act.(nf.Return); !ok {
			break
		}
		out = out[:len(out)-1]
	}
	if len(out) == 0 {
		out = []rule{{}}
	}
	return out
}

// ofFamily keeps the nets of the renderer's family. It reports false when the
// rule cannot match in this family: it is for the other one, one of its lists
// has only nets of the other one, or it excludes everything.
func (r *renderer) ofFamily(in *resolve.Rule) (resolve.Rule, bool) {
	out := *in
	if in.IPVersion != 0 && in.IPVersion != r.family {
		return out, false
	}
	for _, list := range []struct {
		nets *[]netip.Prefix
		not  bool
	}{{&out.Src.Nets, false}, {&out.NotSrc.Nets, true}, {&out.Dst.Nets, false}, {&out.NotDst.Nets, true}} {
		if len(*list.nets) == 0 {
			continue
		}
		*list.nets = r.netsOfFamily(*list.nets)
		if len(*list.nets) == 0 || list.not && slices.ContainsFunc(*list.nets, isEverything) {
			return out, false
		}
	}
	return out, true
}

func isEverything(p netip.Prefix) bool { return p.Bits() == 0 }

func (r *renderer) netsOfFamily(nets []netip.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, n := range nets {
		if packet.FamilyOf(n.Addr()) == r.family {
			out = append(out, n)
		}
	}
	return out
}

// policyRule makes the rules of one policy rule: blocks for what does not fit
// into one rule, then the rule with the rest of the match that sets a mark, then
// what acts on the mark.
func (r *renderer) policyRule(o owner, d direction, i int, in *resolve.Rule) []rule {
	c, ok := r.ofFamily(in)
	if !ok {
		return nil
	}
	b := blocks{r: r}
	b.splitRule(&c)
	match := r.ruleMatch(&c)
	if b.used {
		match = append(match, bitSet(r.marks.scratch0))
	}
	origin := r.originOfRule(o, d, i, in)
	if in.QuotedProtocol && r.set.NFTables && hasPorts(in) {
		r.problem(origin, fmt.Sprintf("ports of protocol %q, a number in quotes: Felix takes it for a name and crashes in nftables mode", strconv.Itoa(int(in.Protocol))))
	}
	out := append(b.rules, r.verdictRules(o, d, i, &c, match, origin)...)
	notes := annotationNotes(in.Annotations)
	for j := range out {
		out[j].origin = origin
		out[j].notes = notes
	}
	return out
}

// hasPorts reports whether a rule asks for ports by their numbers.
func hasPorts(in *resolve.Rule) bool {
	return len(in.Src.Ports)+len(in.Dst.Ports)+len(in.NotSrc.Ports)+len(in.NotDst.Ports) > 0
}

// verdictRules are the rule's own match with its mark, and the actions.
func (r *renderer) verdictRules(o owner, d direction, i int, in *resolve.Rule, match []cond, origin int) []rule {
	if in.Action == resolve.Log {
		return []rule{{match: r.logMatch(match), act: r.logAction(o), origin: origin}}
	}
	mark, act := r.marks.accept, nf.Target(nf.Return{})
	letter := byte('A')
	switch in.Action {
	case resolve.Pass:
		mark, letter = r.marks.pass, 'P'
	case resolve.Deny:
		mark, act, letter = r.marks.drop, r.deny(), 'D'
	}
	out := []rule{{match: match, act: setBits(mark)}}
	if r.set.FlowLogs() && !o.untracked {
		out = append(out, on(r.nflog(d, flowPrefix(letter, o, d, i)), bitSet(mark)))
	}
	return append(out, on(act, bitSet(mark)))
}

// logMatch puts the rate limit of logging in front.
func (r *renderer) logMatch(match []cond) []cond {
	if r.logLimit == nil {
		return match
	}
	return append([]cond{*r.logLimit}, match...)
}

// logAction is LOG with the configured prefix, its % words filled in.
func (r *renderer) logAction(o owner) nf.Target {
	prefix := r.set.LogPrefix
	if prefix == "" {
		prefix = "calico-packet"
	}
	kind, full := shortKind(o.kind), o.name
	if o.profile {
		kind = "pro"
	}
	if o.namespace != "" {
		full = o.namespace + "/" + o.name
	}
	prefix = strings.NewReplacer("%k", kind, "%p", full, "%n", o.name, "%t", o.tier).Replace(prefix) + ": "
	if r.nft {
		if len(prefix) > maxNftLogPrefix {
			r.badSetting("logprefix", fmt.Sprintf("log prefix %.60s… has %d characters: the kernel takes %d and Felix crashes in nftables mode", prefix, len(prefix), maxNftLogPrefix))
		}
		return nf.Log{Prefix: cut(prefix, maxNftLogPrefix), Level: logInfo}
	}
	return nf.Log{Prefix: cut(prefix, maxIptablesLogPrefix), Level: logNotice}
}

// The kernel's limits of log prefixes, and syslog's levels.
const (
	maxIptablesLogPrefix = 29
	maxNftLogPrefix      = 127
	logNotice            = 5
	logInfo              = 6
)

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
