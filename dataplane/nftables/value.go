package nftables

import (
	"net/netip"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// elemType is the type of one part of a value: what it is, and of which family
// an address is (0 is any).
type elemType struct {
	typ valueType
	fam packet.Family
}

// dataTypes says how set types are written.
var dataTypes = map[nf.DataType]elemType{
	nf.TypeIPv4Addr: {vAddr, packet.IPv4}, nf.TypeIPv6Addr: {vAddr, packet.IPv6}, nf.TypeInetProto: {typ: vProto},
	nf.TypeInetService: {typ: vPort}, nf.TypeMark: {typ: vMark}, nf.TypeIfname: {typ: vIfname},
	nf.TypeIfindex: {typ: vIfindex}, nf.TypeVerdict: {typ: vVerdict}, nf.TypeEtherAddr: {typ: vEther},
	nf.TypeCtState: {typ: vCtState}, nf.TypeICMPType: {typ: vICMP}, nf.TypeICMPv6Type: {typ: vICMPv6},
	nf.TypeDSCP: {typ: vDSCP}, nf.TypeInteger: {typ: vInt},
}

func elemTypes(keys []typedKey) []elemType {
	out := make([]elemType, len(keys))
	for i, k := range keys {
		out[i] = elemType{k.typ, k.fam}
	}
	return out
}

func setTypes(types []nf.DataType) []elemType {
	out := make([]elemType, len(types))
	for i, t := range types {
		out[i] = dataTypes[t]
	}
	return out
}

// parseTuple reads one datum for each part, with dots between them.
func parseTuple(c *cursor, types []elemType) ([]nf.Datum, error) {
	out := make([]nf.Datum, len(types))
	for i, t := range types {
		if i > 0 {
			if err := c.expect("."); err != nil {
				return nil, err
			}
		}
		d, err := parseDatum(c, t)
		if err != nil {
			return nil, err
		}
		out[i] = d
	}
	return out, nil
}

// parseDatum reads one value, prefix or interval.
func parseDatum(c *cursor, t elemType) (nf.Datum, error) {
	tok := c.peek()
	if tok.kind != tokWord && tok.kind != tokString {
		return nf.Datum{}, c.wanted("a value")
	}
	var d nf.Datum
	ok := false
	switch t.typ {
	case vAddr:
		d, ok = addrDatum(tok.text, t.fam)
	case vIfname:
		d, ok = ifnameDatum(tok)
	case vIfindex:
		d, ok = ifindexDatum(tok)
	case vEther:
		d, ok = nf.Datum{MAC: tok.text}, isMAC(tok.text)
	default:
		if t.typ.isBits() && c.at(1).is("|") {
			return bitsDatum(c, t.typ)
		}
		d, ok = numDatum(tok.text, t.typ)
	}
	if !ok {
		return nf.Datum{}, c.wanted("a value of the key's type")
	}
	c.next()
	return d, nil
}

// bitsDatum reads "syn | ack" inside of braces.
func bitsDatum(c *cursor, typ valueType) (nf.Datum, error) {
	var sum uint64
	for {
		n, ok := number(c.peek().text, typ)
		if !ok {
			return nf.Datum{}, c.wanted("a name of the key's type")
		}
		c.next()
		if sum |= n; !c.accept("|") {
			return nf.NumDatum(sum), nil
		}
	}
}

func addrDatum(s string, fam packet.Family) (nf.Datum, bool) {
	if from, to, ok := strings.Cut(s, "-"); ok {
		a, errA := netip.ParseAddr(from)
		b, errB := netip.ParseAddr(to)
		good := errA == nil && errB == nil && goodAddr(a, fam) && goodAddr(b, packet.FamilyOf(a)) && !b.Less(a)
		return nf.Datum{Addr: a, AddrTo: b}, good
	}
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil || !goodAddr(p.Addr(), fam) {
			return nf.Datum{}, false
		}
		return nf.PrefixDatum(p), true
	}
	if s == "*" {
		return anyAddr(fam), fam != 0
	}
	a, err := netip.ParseAddr(s)
	return nf.AddrDatum(a), err == nil && goodAddr(a, fam)
}

// anyAddr is "*", all addresses of a family.
func anyAddr(fam packet.Family) nf.Datum {
	if fam == packet.IPv6 {
		return nf.PrefixDatum(netip.PrefixFrom(netip.IPv6Unspecified(), 0))
	}
	return nf.PrefixDatum(netip.PrefixFrom(netip.IPv4Unspecified(), 0))
}

// goodAddr reports whether an address is of the family and has no zone. An
// IPv4-mapped address is an IPv6 address here, as it is to nft.
func goodAddr(a netip.Addr, fam packet.Family) bool {
	if a.Zone() != "" {
		return false
	}
	return fam == 0 || a.Is4() == (fam == packet.IPv4)
}

func ifnameDatum(t token) (nf.Datum, bool) {
	name, wild := strings.CutSuffix(t.text, "*")
	if esc, ok := strings.CutSuffix(name, `\`); ok && wild {
		return nf.Datum{Name: esc + "*"}, true
	}
	return nf.Datum{Name: name, Wildcard: wild}, name != "" || wild
}

func ifindexDatum(t token) (nf.Datum, bool) {
	if t.kind == tokWord {
		if n, ok := parseNumber(t.text, 1<<32-1); ok {
			return nf.NumDatum(n), true
		}
	}
	return nf.Datum{Name: t.text}, t.text != ""
}

func isMAC(s string) bool {
	if len(s) != 17 {
		return false
	}
	for i := range len(s) {
		hex := s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'f'
		if i%3 == 2 && s[i] != ':' || i%3 != 2 && !hex {
			return false
		}
	}
	return true
}

// numDatum reads a number, a name of one, or an interval.
func numDatum(s string, typ valueType) (nf.Datum, bool) {
	if n, ok := number(s, typ); ok {
		return nf.NumDatum(n), true
	}
	for i := 1; i < len(s); i++ {
		if s[i] != '-' {
			continue
		}
		lo, okLo := number(s[:i], typ)
		hi, okHi := number(s[i+1:], typ)
		if okLo && okHi && lo <= hi {
			return nf.RangeDatum(lo, hi), true
		}
	}
	return nf.Datum{}, false
}

// number reads one number or name of a type.
func number(s string, typ valueType) (uint64, bool) {
	if n, ok := namesOf[typ].number(s); ok {
		return n, true
	}
	if typ == vCtState {
		return 0, s == "0x0" || s == "0"
	}
	return parseNumber(s, maxOf[typ])
}
