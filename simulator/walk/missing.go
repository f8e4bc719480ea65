package walk

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/eval"
)

// missing says why a part of the host is not known; "" if it is.
func (n *node) missing(p host.Part, fam packet.Family) string {
	if m := n.state.FindMissing(p, fam); m != nil {
		return m.Why()
	}
	return ""
}

// whyUnknown says what a rule asked for that nobody captured: an IP set, or what
// routing knows. "" is nothing of that kind.
func (n *node) whyUnknown(ref eval.RuleRef, fam packet.Family) string {
	_, _, rule := n.eng.Place(ref)
	if rule == nil {
		return ""
	}
	for _, s := range rule.Body {
		why := ""
		switch m := s.(type) {
		case nf.MatchSet:
			why = n.whyNoSet(m.Set)
		case nf.MatchAddrType, nf.MatchRPFilter:
			why = n.whyNoRoutes(fam)
		case nf.MatchCompare:
			if slices.ContainsFunc(m.Key, func(k nf.Key) bool { return k.Fib != nil }) {
				why = n.whyNoRoutes(fam)
			}
		}
		if why != "" {
			return why
		}
	}
	return ""
}

func (n *node) whyNoSet(name nf.SetName) string {
	if n.hasSet(name) {
		return ""
	}
	if why := n.missing(host.PartSets, 0); why != "" {
		return "the rule asks for the IP set " + string(name) + ": " + why
	}
	return "the rule asks for the IP set " + string(name) + ", which is not in the output of ipset save"
}

// whyNoRoutes says what of the answers about addresses and routes is not known.
func (n *node) whyNoRoutes(fam packet.Family) string {
	for _, p := range []host.Part{host.PartAddrs, host.PartRoutes, host.PartTables} {
		if why := n.missing(p, fam); why != "" {
			return "the rule asks for addresses or routes: " + why
		}
	}
	return ""
}

func (n *node) hasSet(name nf.SetName) bool {
	for i := range n.state.Ruleset.IPSets {
		if n.state.Ruleset.IPSets[i].Name == name {
			return true
		}
	}
	return false
}

// supposed are the parts that are taken to be empty, or as the kernel makes them,
// where nobody captured them.
var supposed = []host.Part{host.PartLegacyRules, host.PartNFTables, host.PartRoutes, host.PartPolicyRules, host.PartSysctls}

// noteSupposed says what a host's route was found with.
func (n *node) noteSupposed(fam packet.Family) {
	if len(n.state.Missing) == 0 {
		return
	}
	var parts []string
	for _, p := range supposed {
		if m := n.state.FindMissing(p, fam); m != nil {
			parts = append(parts, p.String()+" ("+m.Capture+")")
		}
	}
	if len(parts) > 0 {
		n.w.assume("not captured of " + string(n.state.Name) + ", so taken to be as a fresh kernel has them: " + strings.Join(parts, ", "))
	}
}

// entry is where an address outside comes in, as far as it is not known: at a host
// whose routes are not all known.
func (w *Walker) entry(a netip.Addr) (End, bool) {
	for _, n := range w.nodes {
		for _, p := range []host.Part{host.PartAddrs, host.PartRoutes} {
			if why := n.missing(p, packet.FamilyOf(a)); why != "" {
				return End{Addr: a, Host: n.state.Name, Unknown: "where " + a.String() + " comes in is not known: " + why +
					", or name the link: " + a.String() + "@" + string(n.state.Name) + "/LINK"}, true
			}
		}
	}
	return End{}, false
}
