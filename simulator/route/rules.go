package route

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// lookup asks the policy routing rules in order of priority (fib_rules_lookup).
func (t *Tables) lookup(f *Flow) Result {
	fam := t.family(f.Dst)
	for i := 0; i < len(fam.rules); i++ {
		r := &fam.rules[i]
		switch t.holds(r, f) {
		case no:
			continue
		case unknown:
			return Result{Unknown: "the policy routing rule " + strconv.Itoa(int(r.Priority)) + " asks for what is not modelled: " + r.Opaque}
		}
		switch r.Action {
		case host.ActionNop:
			continue
		case host.ActionGoto:
			i = gotoTarget(fam.rules, i, r.Goto)
			continue
		}
		if res := t.act(fam, r, f); res.Err != again || res.Unknown != "" {
			return res
		}
	}
	return Result{Err: NetUnreach}
}

func (t *Tables) act(fam *family, r *host.Rule, f *Flow) Result {
	switch r.Action {
	case host.ActionUnreachable:
		return Result{Err: NetUnreach, Type: host.RouteUnreachable}
	case host.ActionProhibit:
		return Result{Err: Prohibited, Type: host.RouteProhibit}
	case host.ActionBlackhole:
		return Result{Err: Invalid, Type: host.RouteBlackhole}
	}
	res := fam.tables[r.Table].lookup(f, r.SuppressPrefixLength)
	if res.Err == again && res.Route == nil {
		res.Unknown = fam.gaps.unlisted(r.Table)
	}
	return res
}

// gotoTarget yields the index before the first rule whose priority is at least
// the target's, never going back.
func gotoTarget(rules []host.Rule, i int, prio uint32) int {
	for j := i + 1; j < len(rules); j++ {
		if rules[j].Priority == prio {
			return j - 1
		}
	}
	return i // an unresolved goto does nothing
}

// truth is whether a rule holds.
type truth uint8

const (
	no truth = iota
	yes
	unknown
)

// holds is fib_rule_match with fib4_rule_match or fib6_rule_match. A selector that
// is not modelled matters where the others hold.
func (t *Tables) holds(r *host.Rule, f *Flow) truth {
	switch all := selects(r, f) && (!r.L3MDev || t.vrfs); {
	case all && r.Opaque != "":
		return unknown
	case all == r.Invert:
		return no
	}
	return yes
}

func selects(r *host.Rule, f *Flow) bool {
	switch {
	case r.IIF != "" && r.IIF != iifOf(f):
		return false
	case r.OIF != "" && r.OIF != f.OIF:
		return false
	case r.Mask != 0 && (f.Mark^r.Mark)&r.Mask != 0:
		return false
	case r.Mask == 0 && r.Mark != 0 && f.Mark != r.Mark:
		return false
	case r.From.IsValid() && !(f.Src.IsValid() && r.From.Contains(f.Src)) && r.From.Bits() > 0:
		return false
	case r.To.IsValid() && !r.To.Contains(f.Dst):
		return false
	case r.TOS != 0 && r.TOS&tosMask != f.TOS&tosMask:
		return false
	}
	return selectsPorts(r, f)
}

func selectsPorts(r *host.Rule, f *Flow) bool {
	switch {
	case r.Proto != 0 && r.Proto != f.Proto:
		return false
	case r.SPortHi != 0 && (f.SrcPort < r.SPortLo || f.SrcPort > r.SPortHi):
		return false
	case r.DPortHi != 0 && (f.DstPort < r.DPortLo || f.DstPort > r.DPortHi):
		return false
	}
	return true
}

// iifOf is the input link that rules see: packets of the host come from lo.
func iifOf(f *Flow) host.LinkName {
	if f.IIF == "" {
		return "lo"
	}
	return f.IIF
}

// rulesOf returns the rules of a family in order of priority, or the default
// ones when the state has none, and whether they are the kernel's own.
func rulesOf(s *host.State, fam packet.Family) (rules []host.Rule, custom bool) {
	for _, r := range s.Rules {
		if r.Family == fam {
			rules = append(rules, r)
		}
	}
	def := []host.Rule{
		{Priority: 0, Family: fam, Action: host.ActionLookup, Table: host.TableLocal},
		{Priority: 32766, Family: fam, Action: host.ActionLookup, Table: host.TableMain},
	}
	if fam == packet.IPv4 {
		def = append(def, host.Rule{Priority: 32767, Family: fam, Action: host.ActionLookup, Table: host.TableDefault})
	}
	if len(rules) == 0 {
		rules = missingRules(s, fam, def)
	}
	if len(rules) == 0 {
		return def, false
	}
	slices.SortStableFunc(rules, func(a, b host.Rule) int { return cmp.Compare(a.Priority, b.Priority) })
	for i := range rules {
		if rules[i].Action == 0 {
			rules[i].Action = host.ActionLookup
		}
		if rules[i].L3MDev && rules[i].Opaque == "" {
			rules[i].Opaque = "the table of a VRF"
		}
	}
	return rules, !slices.EqualFunc(rules, def, sameRule)
}

// sameRule compares a read rule with a default one; "from all" may have been
// read as the zero prefix or as a prefix of length 0.
func sameRule(a, b host.Rule) bool {
	if a.From.Bits() <= 0 {
		a.From = netip.Prefix{}
	}
	if a.To.Bits() <= 0 {
		a.To = netip.Prefix{}
	}
	return a == b
}
