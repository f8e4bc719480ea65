package felix

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// The IDs of the sets that Felix makes without policies.
const (
	setAllPools  = "network-ip-pools"
	setMasqPools = "masq-ipam-pools"
	setAllHosts  = "all-hosts-net"
	setAllVXLAN  = "all-vxlan-net"
	setThisHost  = "this-host"
	setDSCP      = "dscp-src-net"
	setIstio     = "all-istio-weps"
)

// sets makes all IP sets of the family, sorted by name.
func (r *renderer) sets() []nf.Set {
	var pools, masq []netip.Prefix
	for _, p := range r.familyPools() {
		if !p.LoadBalancerOnly {
			pools = append(pools, p.CIDR)
		}
		if p.Masquerade {
			masq = append(masq, p.CIDR)
		}
	}
	out := []nf.Set{
		r.addrSet(setAllPools, resolve.SetNet, pools),
		r.addrSet(setMasqPools, resolve.SetNet, masq),
		r.addrSet(setThisHost, resolve.SetIP, r.thisHost()),
		r.addrSet(setDSCP, resolve.SetNet, r.dscpSources()),
	}
	if r.v4() && r.set.IPIP || r.set.NATExcludeHosts {
		out = append(out, r.addrSet(setAllHosts, resolve.SetNet, r.allHosts()))
	}
	if r.vxlan() {
		out = append(out, r.addrSet(setAllVXLAN, resolve.SetNet, r.vxlanSources()))
	}
	for i := range r.view.IPSets {
		s := &r.view.IPSets[i]
		out = append(out, r.newSet(s.ID, s.Type, halveEverything(s.Members)))
	}
	slices.SortFunc(out, func(a, b nf.Set) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// halveEverything replaces a prefix of length 0 by the two of length 1, because
// hash:net takes none of length 0.
func halveEverything(members []resolve.Member) []resolve.Member {
	if !slices.ContainsFunc(members, func(m resolve.Member) bool { return m.Prefix.Bits() == 0 }) {
		return members
	}
	var out []resolve.Member
	for _, m := range members {
		if m.Prefix.Bits() != 0 {
			out = append(out, m)
			continue
		}
		low := m.Prefix.Addr()
		b := low.AsSlice()
		b[0] = 0x80
		high, _ := netip.AddrFromSlice(b)
		out = append(out, resolve.Member{Prefix: netip.PrefixFrom(low, 1)}, resolve.Member{Prefix: netip.PrefixFrom(high, 1)})
	}
	return out
}

// thisHost are the node's own addresses.
func (r *renderer) thisHost() []netip.Prefix {
	var out []netip.Prefix
	for _, iface := range r.hostIfaces() {
		for _, a := range localAddrs(iface) {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return out
}

func (r *renderer) dscpSources() []netip.Prefix {
	var out []netip.Prefix
	for _, d := range r.dscpRules() {
		for _, a := range d.addrs {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
		}
	}
	return out
}

// external are the addresses outside of the cluster that may send tunnel
// packets.
func (r *renderer) external() []netip.Prefix { return r.netsOfFamily(r.set.ExternalNodes) }

func (r *renderer) allHosts() []netip.Prefix {
	var out []netip.Prefix
	if r.v4() {
		out = r.external()
	}
	for _, n := range r.view.Nodes {
		out = appendAddr(out, r.pick(n.IPv4, n.IPv6))
	}
	return out
}

// vxlanSources are the other nodes' addresses.
func (r *renderer) vxlanSources() []netip.Prefix {
	out := r.external()
	for _, v := range r.view.VTEPs {
		if v.Node != r.view.Hostname {
			out = appendAddr(out, r.pick(v.ParentIPv4, v.ParentIPv6))
		}
	}
	return out
}

func (r *renderer) pick(v4, v6 netip.Addr) netip.Addr {
	if r.v4() {
		return v4
	}
	return v6
}

func appendAddr(list []netip.Prefix, a netip.Addr) []netip.Prefix {
	if !a.IsValid() {
		return list
	}
	return append(list, netip.PrefixFrom(a, a.BitLen()))
}

func (r *renderer) addrSet(id string, t resolve.SetType, nets []netip.Prefix) nf.Set {
	members := make([]resolve.Member, len(nets))
	for i, n := range nets {
		members[i].Prefix = n
	}
	return r.newSet(id, t, members)
}

// newSet makes one set with the members of the family, sorted and each once.
func (r *renderer) newSet(id string, t resolve.SetType, members []resolve.Member) nf.Set {
	s := nf.Set{Name: nf.SetName(r.setName(id))}
	if r.nft {
		r.nftSetType(&s, t)
	} else {
		s.Type, s.Family = ipsetTypes[t], r.family
		s.Options = []string{fmt.Sprintf("maxelem %d", r.set.MaxIPSetSize)}
	}
	own := slices.DeleteFunc(slices.Clone(members), func(m resolve.Member) bool {
		return packet.FamilyOf(m.Prefix.Addr()) != r.family
	})
	slices.SortFunc(own, compareMembers)
	own = slices.Compact(own)
	switch {
	case r.nft && t == resolve.SetNet:
		r.checkOverlap(s.Name, own)
	case !r.nft && r.set.MaxIPSetSize > 0 && len(own) > int(r.set.MaxIPSetSize):
		r.badSetting("maxipsetsize", fmt.Sprintf("set %s has %d members, maxIpsetSize is %d: Felix crashes", s.Name, len(own), r.set.MaxIPSetSize))
	}
	for _, m := range own {
		s.Elements = append(s.Elements, r.element(t, m))
	}
	return s
}

// checkOverlap finds prefixes within others, which nft does not take into a set.
// Members are sorted: the wider one comes first.
func (r *renderer) checkOverlap(set nf.SetName, members []resolve.Member) {
	var wide netip.Prefix
	for _, m := range members {
		if wide.IsValid() && wide.Contains(m.Prefix.Addr()) {
			r.overlap(m.Prefix, fmt.Sprintf("set %s has %s within %s: nft refuses it and Felix crashes", set, m.Prefix, wide))
			return
		}
		wide = m.Prefix
	}
}

// overlap notes a network within another one: a pool, or an external node.
func (r *renderer) overlap(inner netip.Prefix, text string) {
	for _, p := range r.view.Pools {
		if p.CIDR == inner {
			r.problemAt(p.Origin, text)
			return
		}
	}
	if slices.Contains(r.set.ExternalNodes, inner) {
		r.badSetting("externalnodescidrlist", text)
		return
	}
	r.problem(0, text)
}

func compareMembers(a, b resolve.Member) int {
	return cmp.Or(
		a.Prefix.Addr().Compare(b.Prefix.Addr()),
		cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()),
		cmp.Compare(a.Proto, b.Proto),
		cmp.Compare(a.Port, b.Port))
}

var ipsetTypes = map[resolve.SetType]string{
	resolve.SetNet: "hash:net", resolve.SetIP: "hash:ip", resolve.SetIPPort: "hash:ip,port",
}

func (r *renderer) nftSetType(s *nf.Set, t resolve.SetType) {
	addr := nf.TypeIPv4Addr
	if !r.v4() {
		addr = nf.TypeIPv6Addr
	}
	s.Key = []nf.DataType{addr}
	switch t {
	case resolve.SetNet:
		s.Interval = true
	case resolve.SetIPPort:
		s.Key = append(s.Key, nf.TypeInetProto, nf.TypeInetService)
	}
}

// element is a member in the mode's form: ipset has protocol and port in one
// dimension, nftables in two.
func (r *renderer) element(t resolve.SetType, m resolve.Member) nf.Element {
	if t == resolve.SetNet {
		return nf.Element{Key: []nf.Datum{nf.PrefixDatum(m.Prefix)}}
	}
	key := []nf.Datum{nf.AddrDatum(m.Prefix.Addr())}
	if t == resolve.SetIPPort {
		port := nf.NumDatum(uint64(m.Port))
		if r.nft {
			key = append(key, nf.NumDatum(uint64(m.Proto)), port)
		} else {
			port.Proto = m.Proto
			key = append(key, port)
		}
	}
	return nf.Element{Key: key}
}
