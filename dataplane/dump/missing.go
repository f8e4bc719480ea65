package dump

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

var families = []packet.Family{packet.IPv4, packet.IPv6}

// missing lists the parts of the node that no capture tells of.
func (r *reader) missing() {
	for _, fam := range families {
		r.missingRules(fam)
		r.missingRouting(fam)
	}
	if !r.has(whatIPSet) {
		r.lacks(host.PartSets, 0, "ipset save")
	}
	if !r.knowsSysctls() {
		r.lacks(host.PartSysctls, 0, "sysctl -a")
	}
	if !r.has(whatNeigh) {
		r.lacks(host.PartNeighbours, 0, "ip neigh and of bridge fdb")
	}
}

func (r *reader) lacks(p host.Part, fam packet.Family, capture string) {
	r.state.Missing = append(r.state.Missing, host.Missing{Part: p, Family: fam, Capture: capture})
}

// missingRules notes that no rule set of a family was captured, or that iptables
// itself says that there is another one.
func (r *reader) missingRules(fam packet.Family) {
	tool := map[packet.Family]string{packet.IPv4: "iptables", packet.IPv6: "ip6tables"}[fam]
	legacy, viaNFT := r.hasIptables(fam, nf.IptablesLegacy), r.hasIptables(fam, nf.IptablesNFT)
	native := r.has(whatNFT) || r.has(whatNFTJSON)
	switch {
	case !legacy && r.legacyPresent(tool):
		r.lacks(host.PartRules, fam, tool+"-legacy-save")
	case !legacy && !viaNFT && !native:
		r.lacks(host.PartRules, fam, tool+"-save, or of nft list ruleset")
	case !native:
		r.lacks(host.PartNFTables, fam, "nft list ruleset")
	case !legacy && !viaNFT: // iptables-nft-save warns of legacy tables
		r.lacks(host.PartLegacyRules, fam, tool+"-legacy-save")
	}
}

func (r *reader) hasIptables(fam packet.Family, b nf.Backend) bool {
	return slices.ContainsFunc(r.sections, func(s section) bool { return s.what == whatIptables && s.family == fam && s.backend == b })
}

// legacyPresent reports whether a capture says that there are tables of
// iptables-legacy.
func (r *reader) legacyPresent(tool string) bool {
	return slices.ContainsFunc(r.sections, func(s section) bool {
		return slices.ContainsFunc(s.lines, func(l line) bool {
			return strings.HasPrefix(l.text, "# Warning: "+tool+"-legacy tables present")
		})
	})
}

// missingRouting notes what is not known of a family's routing.
func (r *reader) missingRouting(fam packet.Family) {
	ip := map[packet.Family]string{packet.IPv4: "ip", packet.IPv6: "ip -6"}[fam]
	if !r.hasAddrs(fam) && r.state.Sysctls["net."+fam.String()+".conf.all.disable_ipv6"] != "1" {
		r.lacks(host.PartAddrs, fam, "ip -d addr")
	}
	of := func(w what) bool {
		return slices.ContainsFunc(r.sections, func(s section) bool { return s.what == w && s.family == fam })
	}
	switch {
	case !of(whatRoute):
		r.lacks(host.PartRoutes, fam, ip+" route show table all")
	case !r.hasTable(fam, host.TableLocal):
		r.lacks(host.PartTables, fam, ip+" route show table all")
	}
	if !of(whatRule) {
		r.lacks(host.PartPolicyRules, fam, ip+" rule")
	}
}

// hasAddrs reports whether there is any address of a family: the loopback link
// always has one.
func (r *reader) hasAddrs(fam packet.Family) bool {
	return slices.ContainsFunc(r.state.Links, func(l host.Link) bool {
		return slices.ContainsFunc(l.Addrs, func(a host.Addr) bool { return packet.FamilyOf(a.Prefix.Addr()) == fam })
	})
}

func (r *reader) hasTable(fam packet.Family, table uint32) bool {
	return slices.ContainsFunc(r.state.Routes, func(o host.Route) bool { return o.Table == table && packet.FamilyOf(o.Dst.Addr()) == fam })
}

// knowsSysctls reports whether the captured sysctls say all that routing reads.
func (r *reader) knowsSysctls() bool {
	has := func(key string) bool { _, ok := r.state.Sysctls[key]; return ok }
	if !has("net.ipv4.ip_forward") || !has("net.ipv4.conf.all.rp_filter") || !has("net.ipv4.conf.all.route_localnet") {
		return false
	}
	if r.hasIPv6() && !has("net.ipv6.conf.all.forwarding") {
		return false
	}
	for _, l := range r.state.Links {
		dev := "net.ipv4.conf." + strings.ReplaceAll(string(l.Name), ".", "/")
		if !has(dev+".rp_filter") || !has(dev+".route_localnet") {
			return false
		}
	}
	return true
}

// hasIPv6 reports whether a link other than loopback has an IPv6 address that is
// not of the link alone.
func (r *reader) hasIPv6() bool {
	return slices.ContainsFunc(r.state.Links, func(l host.Link) bool {
		return slices.ContainsFunc(l.Addrs, func(a host.Addr) bool { return global6(a.Prefix.Addr()) })
	})
}

func global6(a netip.Addr) bool { return a.Is6() && a.IsGlobalUnicast() }
