package nftables

import (
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// rejectCode is the text behind "reject with" for one answer.
type rejectCode struct {
	text string
	with nf.RejectWith
}

// The codes by the protocol of the answer. Names differ between versions; the
// first of an answer is the one printed.
var (
	rejectICMP = []rejectCode{
		{"port-unreachable", nf.RejectPortUnreach}, {"host-unreachable", nf.RejectHostUnreach},
		{"net-unreachable", nf.RejectNetUnreach}, {"prot-unreachable", nf.RejectProtoUnreach},
		{"net-prohibited", nf.RejectNetProhib}, {"host-prohibited", nf.RejectHostProhib},
		{"admin-prohibited", nf.RejectAdminProhib},
	}
	rejectICMPv6 = []rejectCode{
		{"port-unreachable", nf.RejectPortUnreach}, {"addr-unreachable", nf.RejectHostUnreach},
		{"no-route", nf.RejectNoRoute}, {"admin-prohibited", nf.RejectAdminProhib},
		{"policy-fail", nf.RejectPolicyFail}, {"reject-route", nf.RejectRejectRoute},
	}
	rejectICMPX = []rejectCode{
		{"port-unreachable", nf.RejectPortUnreach}, {"host-unreachable", nf.RejectHostUnreach},
		{"no-route", nf.RejectNoRoute}, {"admin-prohibited", nf.RejectAdminProhib},
	}
	// rejectICMPInet and rejectICMPv6Inet are the codes of one family in a rule of a
	// table of both that asks for that family. They are read as the words of icmpx
	// that make the same answer; codes without such a word are not modelled.
	rejectICMPInet = []rejectCode{
		{"port-unreachable", nf.RejectPortUnreach}, {"host-unreachable", nf.RejectHostUnreach},
		{"net-unreachable", nf.RejectNoRoute}, {"admin-prohibited", nf.RejectAdminProhib},
	}
	rejectICMPv6Inet = []rejectCode{
		{"port-unreachable", nf.RejectPortUnreach}, {"addr-unreachable", nf.RejectHostUnreach},
		{"no-route", nf.RejectNoRoute}, {"admin-prohibited", nf.RejectAdminProhib},
	}
)

// parseReject reads what stands behind "reject". Port unreachable is what nft
// prints without words, so it is RejectDefault wherever both are the same.
func parseReject(c *cursor, fam nf.Family) (nf.Stmt, error) {
	if !c.accept("with") {
		return nf.Reject{With: nf.RejectDefault}, nil
	}
	if c.accept("tcp", "reset") {
		return nf.Reject{With: nf.RejectTCPReset}, nil
	}
	var codes []rejectCode
	some := false // nft knows further codes
	switch {
	case c.peek().is("icmp") && fam == nf.FamilyIP:
		codes = rejectICMP
	case c.peek().is("icmpv6") && fam == nf.FamilyIP6:
		codes = rejectICMPv6
	case c.peek().is("icmpx") && fam != nf.FamilyIP && fam != nf.FamilyIP6:
		codes = rejectICMPX
	case c.peek().is("icmp") && c.asked == packet.IPv4:
		codes, some = rejectICMPInet, true
	case c.peek().is("icmpv6") && c.asked == packet.IPv6:
		codes, some = rejectICMPv6Inet, true
	case c.peek().is("icmp") || c.peek().is("icmpv6") || c.peek().is("icmpx"):
		return nil, c.unmodelled()
	default:
		return nil, c.wanted(`"tcp reset", "icmp", "icmpv6" or "icmpx"`)
	}
	c.next()
	c.accept("type")
	for _, r := range codes {
		if c.accept(r.text) {
			if r.with == nf.RejectPortUnreach {
				return nf.Reject{With: nf.RejectDefault}, nil
			}
			return nf.Reject{With: r.with}, nil
		}
	}
	if some {
		return nil, c.unmodelled()
	}
	return nil, c.wanted("the name of an ICMP code")
}

// askedFamily is the IP family that a statement asks for in a table of both, or 0.
func askedFamily(s nf.Stmt) packet.Family {
	var keys []nf.Key
	switch s := s.(type) {
	case nf.MatchCompare:
		if s.Key[0].Field == nf.KeyNFProto && s.Op == nf.OpEqual && len(s.Values) == 1 && s.Mask == 0 {
			return map[uint64]packet.Family{uint64(nf.FamilyIP): packet.IPv4, uint64(nf.FamilyIP6): packet.IPv6}[s.Values[0][0].Num]
		}
		keys = s.Key
	case nf.MatchLookup:
		keys = s.Key
	case nf.VMap:
		keys = s.Key
	case nf.SetElement:
		keys = s.Key
	}
	for _, k := range keys {
		switch k.Field {
		case nf.KeySAddr, nf.KeyDAddr, nf.KeyIPProtocol, nf.KeyDSCP, nf.KeyTTL, nf.KeyIPLength, nf.KeyFragOff:
			return k.Family
		case nf.KeyICMPType, nf.KeyICMPCode:
			return packet.IPv4
		case nf.KeyICMPv6Type, nf.KeyICMPv6Code:
			return packet.IPv6
		}
	}
	return 0
}
