package dump

import (
	"cmp"

	"tortie/dataplane/host"
	"tortie/dataplane/ipset"
	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
)

func (r *reader) iptables(s section) []nf.Table {
	tables, findings := iptables.Parse(s.file, []byte(s.text()), iptables.Options{Family: s.family, Backend: s.backend})
	r.findings = append(r.findings, findings...)
	return tables
}

func (r *reader) nft(s section) []nf.Table {
	tables, findings := nftables.Parse(s.file, []byte(s.text()))
	r.findings = append(r.findings, findings...)
	return tables
}

func (r *reader) nftJSON(s section) []nf.Table {
	tables, findings := nftables.ParseJSON(s.file, []byte(s.text()))
	r.findings = append(r.findings, findings...)
	return tables
}

func (r *reader) ipsets(s section) {
	sets, findings := ipset.Parse(s.file, []byte(s.text()))
	r.findings = append(r.findings, findings...)
	r.state.Ruleset.IPSets = append(r.state.Ruleset.IPSets, sets...)
}

func byPriority(a, b host.Rule) int {
	return cmp.Or(cmp.Compare(a.Family, b.Family), cmp.Compare(a.Priority, b.Priority))
}
