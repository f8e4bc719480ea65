package nftables

import (
	"strconv"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// valueType says how the values of a key are written.
type valueType uint8

const (
	vAddr valueType = iota + 1
	vProto
	vPort
	vMark
	vIfname
	vIfindex
	vCtState
	vCtStatus
	vCtDir
	vICMP
	vICMPCode
	vICMPv6
	vICMPv6Code
	vDSCP
	vInt
	vTCPFlags
	vFibType
	vPktType
	vNFProto
	vARPOp
	vEther
	vVerdict
)

var namesOf = map[valueType]nameTable{
	vProto: protoNames, vCtState: ctStateNames, vCtStatus: ctStatusNames, vCtDir: ctDirNames,
	vICMP: icmpTypes, vICMPCode: icmpCodes, vICMPv6: icmpv6Types, vICMPv6Code: icmpv6Codes, vDSCP: dscpNames,
	vTCPFlags: tcpFlagNames, vFibType: fibTypes, vPktType: pktTypes, vNFProto: nfProtos, vARPOp: arpOps,
}

// maxOf is the highest number of a type.
var maxOf = map[valueType]uint64{
	vProto: 0xff, vPort: 0xffff, vMark: 0xffffffff, vIfindex: 0xffffffff, vCtState: 0x1f, vCtStatus: 0xffffffff,
	vCtDir: 1, vICMP: 0xff, vICMPCode: 0xff, vICMPv6: 0xff, vICMPv6Code: 0xff, vDSCP: 0x3f, vInt: 0xffffffff,
	vTCPFlags: 0xff, vFibType: 0xffffffff, vPktType: 0xff, vNFProto: 0xff, vARPOp: 0xffff,
}

// isBits reports whether values are sets of bits.
func (v valueType) isBits() bool { return v == vCtState || v == vCtStatus || v == vTCPFlags }

// keySpec is how nft spells a key. Fam is the header of keys that exist in both.
type keySpec struct {
	words string
	field nf.KeyField
	typ   valueType
	fam   packet.Family
	data  nf.DataType // the set type that typeof means; 0 where there is none
}

// keySpecs are all keys but fib and numgen; the first spelling of a field (and
// family) is the one printed.
var keySpecs = []keySpec{
	{"ip saddr", nf.KeySAddr, vAddr, packet.IPv4, nf.TypeIPv4Addr},
	{"ip6 saddr", nf.KeySAddr, vAddr, packet.IPv6, nf.TypeIPv6Addr},
	{"ip daddr", nf.KeyDAddr, vAddr, packet.IPv4, nf.TypeIPv4Addr},
	{"ip6 daddr", nf.KeyDAddr, vAddr, packet.IPv6, nf.TypeIPv6Addr},
	{"ip protocol", nf.KeyIPProtocol, vProto, packet.IPv4, nf.TypeInetProto},
	{"ip6 nexthdr", nf.KeyIPProtocol, vProto, packet.IPv6, nf.TypeInetProto},
	{"ip dscp", nf.KeyDSCP, vDSCP, packet.IPv4, nf.TypeDSCP},
	{"ip6 dscp", nf.KeyDSCP, vDSCP, packet.IPv6, nf.TypeDSCP},
	{"ip ttl", nf.KeyTTL, vInt, packet.IPv4, 0},
	{"ip6 hoplimit", nf.KeyTTL, vInt, packet.IPv6, 0},
	{"ip length", nf.KeyIPLength, vInt, packet.IPv4, 0},
	{"ip frag-off", nf.KeyFragOff, vInt, packet.IPv4, 0},
	{"th sport", nf.KeyTHSPort, vPort, 0, nf.TypeInetService},
	{"th dport", nf.KeyTHDPort, vPort, 0, nf.TypeInetService},
	{"tcp sport", nf.KeyTCPSPort, vPort, 0, nf.TypeInetService},
	{"tcp dport", nf.KeyTCPDPort, vPort, 0, nf.TypeInetService},
	{"tcp flags", nf.KeyTCPFlags, vTCPFlags, 0, 0},
	{"udp sport", nf.KeyUDPSPort, vPort, 0, nf.TypeInetService},
	{"udp dport", nf.KeyUDPDPort, vPort, 0, nf.TypeInetService},
	{"udplite sport", nf.KeyUDPLiteSPort, vPort, 0, nf.TypeInetService},
	{"udplite dport", nf.KeyUDPLiteDPort, vPort, 0, nf.TypeInetService},
	{"sctp sport", nf.KeySCTPSPort, vPort, 0, nf.TypeInetService},
	{"sctp dport", nf.KeySCTPDPort, vPort, 0, nf.TypeInetService},
	{"dccp sport", nf.KeyDCCPSPort, vPort, 0, nf.TypeInetService},
	{"dccp dport", nf.KeyDCCPDPort, vPort, 0, nf.TypeInetService},
	{"icmp checksum", nf.KeyICMPChecksum, vInt, 0, 0},
	{"icmpv6 checksum", nf.KeyICMPv6Checksum, vInt, 0, 0},
	{"igmp checksum", nf.KeyIGMPChecksum, vInt, 0, 0},
	{"ah reserved", nf.KeyAHReserved, vInt, 0, 0},
	{"comp cpi", nf.KeyCompCPI, vInt, 0, 0},
	{"icmp type", nf.KeyICMPType, vICMP, 0, nf.TypeICMPType},
	{"icmp code", nf.KeyICMPCode, vICMPCode, 0, 0},
	{"icmpv6 type", nf.KeyICMPv6Type, vICMPv6, 0, nf.TypeICMPv6Type},
	{"icmpv6 code", nf.KeyICMPv6Code, vICMPv6Code, 0, 0},
	{"meta mark", nf.KeyMark, vMark, 0, nf.TypeMark},
	{"mark", nf.KeyMark, vMark, 0, nf.TypeMark},
	{"meta l4proto", nf.KeyL4Proto, vProto, 0, nf.TypeInetProto},
	{"meta nfproto", nf.KeyNFProto, vNFProto, 0, 0},
	{"iif", nf.KeyIIF, vIfindex, 0, nf.TypeIfindex},
	{"meta iif", nf.KeyIIF, vIfindex, 0, nf.TypeIfindex},
	{"oif", nf.KeyOIF, vIfindex, 0, nf.TypeIfindex},
	{"meta oif", nf.KeyOIF, vIfindex, 0, nf.TypeIfindex},
	{"iifname", nf.KeyIIFName, vIfname, 0, nf.TypeIfname},
	{"meta iifname", nf.KeyIIFName, vIfname, 0, nf.TypeIfname},
	{"oifname", nf.KeyOIFName, vIfname, 0, nf.TypeIfname},
	{"meta oifname", nf.KeyOIFName, vIfname, 0, nf.TypeIfname},
	{"meta pkttype", nf.KeyPktType, vPktType, 0, 0},
	{"pkttype", nf.KeyPktType, vPktType, 0, 0},
	{"meta length", nf.KeyLength, vInt, 0, 0},
	{"meta skuid", nf.KeySKUID, vInt, 0, 0},
	{"skuid", nf.KeySKUID, vInt, 0, 0},
	{"meta skgid", nf.KeySKGID, vInt, 0, 0},
	{"skgid", nf.KeySKGID, vInt, 0, 0},
	{"ct state", nf.KeyCtState, vCtState, 0, nf.TypeCtState},
	{"ct status", nf.KeyCtStatus, vCtStatus, 0, 0},
	{"ct mark", nf.KeyCtMark, vMark, 0, nf.TypeMark},
	{"ct direction", nf.KeyCtDirection, vCtDir, 0, 0},
	{"ct protocol", nf.KeyCtProtocol, vProto, 0, nf.TypeInetProto},
	{"ct original protocol", nf.KeyCtProtocol, vProto, 0, nf.TypeInetProto},
	{"ct original ip saddr", nf.KeyCtOrigSAddr, vAddr, packet.IPv4, nf.TypeIPv4Addr},
	{"ct original ip6 saddr", nf.KeyCtOrigSAddr, vAddr, packet.IPv6, nf.TypeIPv6Addr},
	{"ct original ip daddr", nf.KeyCtOrigDAddr, vAddr, packet.IPv4, nf.TypeIPv4Addr},
	{"ct original ip6 daddr", nf.KeyCtOrigDAddr, vAddr, packet.IPv6, nf.TypeIPv6Addr},
	{"ct original proto-src", nf.KeyCtOrigSPort, vPort, 0, nf.TypeInetService},
	{"ct original proto-dst", nf.KeyCtOrigDPort, vPort, 0, nf.TypeInetService},
	{"ct reply ip saddr", nf.KeyCtReplSAddr, vAddr, packet.IPv4, nf.TypeIPv4Addr},
	{"ct reply ip6 saddr", nf.KeyCtReplSAddr, vAddr, packet.IPv6, nf.TypeIPv6Addr},
	{"ct reply ip daddr", nf.KeyCtReplDAddr, vAddr, packet.IPv4, nf.TypeIPv4Addr},
	{"ct reply ip6 daddr", nf.KeyCtReplDAddr, vAddr, packet.IPv6, nf.TypeIPv6Addr},
	{"ct reply proto-src", nf.KeyCtReplSPort, vPort, 0, nf.TypeInetService},
	{"ct reply proto-dst", nf.KeyCtReplDPort, vPort, 0, nf.TypeInetService},
	{"arp operation", nf.KeyARPOperation, vARPOp, 0, 0},
	{"arp saddr ip", nf.KeyARPSAddrIP, vAddr, 0, nf.TypeIPv4Addr},
}

// keyByWords finds a spec by its words; keyWordsMax is the longest spelling.
var keyByWords = func() map[string]*keySpec {
	m := make(map[string]*keySpec, len(keySpecs))
	for i := range keySpecs {
		m[keySpecs[i].words] = &keySpecs[i]
	}
	return m
}()

const keyWordsMax = 4

// typedKey is a key with the type of its values and the address family of them.
type typedKey struct {
	nf.Key
	typ  valueType
	fam  packet.Family
	data nf.DataType
}

// parseKey reads one key. It fails as unmodelled when no key begins here.
func parseKey(c *cursor, fam nf.Family) (typedKey, error) {
	switch {
	case c.peek().is("fib"):
		return parseFib(c)
	case c.peek().is("numgen"):
		return parseNumgen(c)
	}
	for n := keyWordsMax; n > 0; n-- {
		words := make([]string, 0, keyWordsMax)
		for i := 0; i < n && c.at(i).kind == tokWord; i++ {
			words = append(words, c.at(i).text)
		}
		spec := keyByWords[strings.Join(withFamily(words, fam), " ")]
		if len(words) < n || spec == nil {
			continue
		}
		if pf := familyOf(fam); pf != 0 && spec.fam != 0 && spec.fam != pf {
			return typedKey{}, c.unmodelled()
		}
		c.i += n
		return spec.typed(fam), nil
	}
	return typedKey{}, c.unmodelled()
}

// withFamily adds the family that nft leaves out of the addresses of a connection
// where rules of iptables-nft ask for them, "ct original daddr".
func withFamily(words []string, fam nf.Family) []string {
	if len(words) != 3 || words[0] != "ct" || words[2] != "saddr" && words[2] != "daddr" || fam != nf.FamilyIP && fam != nf.FamilyIP6 {
		return words
	}
	return []string{words[0], words[1], fam.String(), words[2]}
}

// typed makes a key of the spec; the family is part of the key only where the
// table has both.
func (s *keySpec) typed(fam nf.Family) typedKey {
	k := typedKey{Key: nf.Key{Field: s.field}, typ: s.typ, fam: s.fam, data: s.data}
	if fam != nf.FamilyIP && fam != nf.FamilyIP6 {
		k.Family = s.fam
	}
	if s.field == nf.KeyARPSAddrIP {
		k.fam = packet.IPv4
	}
	return k
}

// parseFib reads "fib saddr . mark . iif oif".
func parseFib(c *cursor) (typedKey, error) {
	start := c.i
	c.next()
	var f nf.Fib
	for {
		switch {
		case c.accept("saddr"):
			f.Saddr = true
		case c.accept("daddr"):
		case c.accept("mark"):
			f.Mark = true
		case c.accept("iif"):
			f.IIF = true
		case c.accept("oif"):
			f.OIF = true
		default:
			return typedKey{}, c.wanted("saddr, daddr, mark, iif or oif")
		}
		if !c.accept(".") {
			break
		}
	}
	k := typedKey{Key: nf.Key{Field: nf.KeyFib, Fib: &f}}
	switch {
	case c.accept("type"):
		f.Result, k.typ = nf.FibType, vFibType
	case c.accept("oifname"):
		f.Result, k.typ, k.data = nf.FibOIFName, vIfname, nf.TypeIfname
	case c.accept("oif"):
		f.Result, k.typ, k.data = nf.FibOIF, vIfindex, nf.TypeIfindex
	default:
		c.i = start
		return typedKey{}, c.unmodelled()
	}
	return k, nil
}

// parseNumgen reads "numgen random mod 2 offset 1".
func parseNumgen(c *cursor) (typedKey, error) {
	c.next()
	k := typedKey{typ: vInt}
	switch {
	case c.accept("random"):
		k.Field = nf.KeyNumgenRandom
	case c.accept("inc"):
		k.Field = nf.KeyNumgenInc
	default:
		return k, c.wanted(`"random" or "inc"`)
	}
	if err := c.expect("mod"); err != nil {
		return k, err
	}
	mod, err := parseUint32(c, "a modulus")
	if err != nil {
		return k, err
	}
	k.Mod = mod
	if c.accept("offset") {
		if k.Offset, err = parseUint32(c, "an offset"); err != nil {
			return k, err
		}
	}
	return k, nil
}

// parseKeys reads a key or a concatenation of keys.
func parseKeys(c *cursor, fam nf.Family) ([]typedKey, error) {
	var keys []typedKey
	for {
		k, err := parseKey(c, fam)
		if err != nil {
			return nil, err
		}
		if keys = append(keys, k); !c.accept(".") {
			return keys, nil
		}
	}
}

func plainKeys(keys []typedKey) []nf.Key {
	out := make([]nf.Key, len(keys))
	for i, k := range keys {
		out[i] = k.Key
	}
	return out
}

// parseNumber reads a decimal or 0x number.
func parseNumber(s string, maximum uint64) (uint64, bool) {
	base := 10
	if h, ok := strings.CutPrefix(s, "0x"); ok {
		s, base = h, 16
	}
	n, err := strconv.ParseUint(s, base, 64)
	return n, err == nil && n <= maximum
}

func parseUint32(c *cursor, what string) (uint32, error) {
	n, ok := parseNumber(c.peek().text, 1<<32-1)
	if !ok || c.peek().kind != tokWord {
		return 0, c.wanted(what)
	}
	c.next()
	return uint32(n), nil
}
