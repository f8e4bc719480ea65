package dump

import (
	"slices"

	"tortie/compiler/diag"
	"tortie/dataplane/nf"
)

// assemble reads all sections into the state.
func (r *reader) assemble() {
	for _, s := range r.sections {
		switch s.what {
		case whatAddr:
			r.addrs(s)
		case whatRoute:
			r.routes(s)
		case whatRule:
			r.rules(s)
		case whatNeigh:
			r.neighbourLines(s)
		case whatSysctl:
			r.sysctls(s)
		case whatUname:
			r.state.Kernel = reUname.FindStringSubmatch(s.lines[0].text)[1]
		case whatIPSet:
			r.ipsets(s)
		case whatIPVS:
			r.ipvs(s)
		}
	}
	r.missing()
	r.missingIPVS()
	r.neigh.peers(r.state.Links)
	r.tables()
	r.twice()
	slices.SortStableFunc(r.state.Rules, byPriority)
}

// tables puts the tables of all rule set captures in the assumed order of their
// registration: legacy tables, then those of nf_tables.
func (r *reader) tables() {
	var legacy, viaNFT, native []nf.Table
	for _, s := range r.sections {
		switch {
		case s.what == whatIptables && s.backend == nf.IptablesLegacy:
			legacy = append(legacy, r.iptables(s)...)
		case s.what == whatIptables:
			viaNFT = append(viaNFT, r.iptables(s)...)
		case s.what == whatNFT:
			native = append(native, r.nft(s)...)
		case s.what == whatNFTJSON:
			native = append(native, r.nftJSON(s)...)
		}
	}
	native = slices.DeleteFunc(native, func(t nf.Table) bool { return r.leaveOut(&t, viaNFT) })
	if len(legacy) > 0 && len(viaNFT)+len(native) > 0 {
		r.findings.Add(diag.Finding{
			Code: "dump/registration-order", Severity: diag.Note,
			Message: "there are rules of iptables-legacy and of nf_tables; captures do not say which were registered first, and legacy is assumed",
			Hint:    "it matters only where both have chains of one priority in one hook: the newer one runs first",
		})
	}
	r.state.Ruleset.Tables = slices.Concat(legacy, viaNFT, native)
}

// leaveOut reports whether a table that nft shows is one of iptables-nft's: what
// iptables-save says of it is taken. Rules that only nft shows are an error,
// because it does not show all of what they say.
func (r *reader) leaveOut(t *nf.Table, viaNFT []nf.Table) bool {
	seen := slices.ContainsFunc(viaNFT, func(o nf.Table) bool { return o.Family == t.Family && o.Name == t.Name })
	if seen || t.Backend != nf.IptablesNFT {
		return seen
	}
	if t.Family == nf.FamilyARP || t.Family == nf.FamilyBridge {
		return true // arptables and ebtables, which see no routed packet
	}
	for _, c := range t.Chains {
		if len(c.Rules) > 0 || c.Base != nil && c.Base.Policy == nf.PolicyDrop {
			tool := "iptables-nft-save"
			if t.Family == nf.FamilyIP6 {
				tool = "ip6tables-nft-save"
			}
			r.findings.Add(diag.Finding{
				Code: "dump/iptables-nft-missing", Severity: diag.Error,
				Message: "the rules of iptables-nft's table " + t.Family.String() + " " + string(t.Name) + " are known from nft only, which does not show all of what they say; they were left out",
				Hint:    "add the output of " + tool,
			})
			return true
		}
	}
	return true
}

func (r *reader) has(w what) bool {
	return slices.ContainsFunc(r.sections, func(s section) bool { return s.what == w })
}
