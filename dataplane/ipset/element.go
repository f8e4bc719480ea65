package ipset

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// dim is what one dimension of a set's elements is.
type dim string

// types are the set types of the model and the dimensions of their elements.
var types = map[string][]dim{
	"hash:ip": {"ip"}, "hash:net": {"net"}, "hash:ip,port": {"ip", "port"}, "hash:net,port": {"net", "port"},
	"hash:net,net": {"net", "net"}, "hash:ip,port,ip": {"ip", "port", "ip"}, "hash:ip,port,net": {"ip", "port", "net"},
	"hash:net,port,net": {"net", "port", "net"}, "hash:net,iface": {"net", "iface"}, "hash:mac": {"mac"},
	"hash:ip,mac": {"ip", "mac"}, "hash:ip,mark": {"ip", "mark"}, "bitmap:port": {"number"}, "bitmap:ip": {"ip"},
	"bitmap:ip,mac": {"ip", "mac"}, "list:set": {"set"},
}

func dimensions(typ string) ([]dim, bool) {
	d, ok := types[typ]
	return d, ok
}

// parseKey reads an element. bad says what was expected instead.
func parseKey(s *nf.Set, text string) (key []nf.Datum, bad string) {
	dims := types[s.Type]
	fields := strings.Split(text, ",")
	if len(dims) == 1 {
		fields = []string{text}
	}
	if len(fields) != len(dims) && !(s.Type == "bitmap:ip,mac" && len(fields) == 1) {
		return nil, fmt.Sprintf("%d dimensions of a set of type %s", len(dims), s.Type)
	}
	for i, f := range fields {
		d, bad := parseDatum(dims[i], s, f)
		if bad != "" {
			return nil, bad
		}
		key = append(key, d)
	}
	return key, ""
}

func parseDatum(d dim, s *nf.Set, f string) (nf.Datum, string) {
	switch d {
	case "ip", "net":
		family := s.Family
		if family == 0 {
			family = packet.IPv4
		}
		return parseAddr(f, family)
	case "port":
		return parsePort(f)
	case "number":
		return parsePorts(f)
	case "mark":
		n, err := strconv.ParseUint(strings.TrimPrefix(f, "0x"), base(f), 32)
		if err != nil {
			return nf.Datum{}, "a mark"
		}
		return nf.NumDatum(n), ""
	case "mac":
		m, err := net.ParseMAC(f)
		if err != nil || len(m) != 6 {
			return nf.Datum{}, "a MAC address"
		}
		return nf.Datum{MAC: strings.ToUpper(m.String())}, ""
	}
	if f == "" || strings.ContainsAny(f, ",\"") {
		return nf.Datum{}, "a name"
	}
	return nf.NameDatum(f), ""
}

func base(s string) int {
	if strings.HasPrefix(s, "0x") {
		return 16
	}
	return 10
}

// parseAddr reads ADDRESS, ADDRESS/LENGTH or FROM-TO.
func parseAddr(f string, family packet.Family) (nf.Datum, string) {
	want := fmt.Sprintf("an %s address, prefix or interval", family)
	fits := func(a netip.Addr) bool { return a.Is4() == (family == packet.IPv4) && a.Zone() == "" }
	if p, err := netip.ParsePrefix(f); err == nil && fits(p.Addr()) {
		return nf.PrefixDatum(p), ""
	}
	from, to, isRange := strings.Cut(f, "-")
	if !isRange {
		to = from
	}
	a, err := netip.ParseAddr(from)
	b, err2 := netip.ParseAddr(to)
	if err != nil || err2 != nil || !fits(a) || !fits(b) || b.Less(a) {
		return nf.Datum{}, want
	}
	return nf.Datum{Addr: a, AddrTo: b}, ""
}

// parsePort reads [PROTO:]PORT[-PORT]; the protocol is TCP if not said. With
// ICMP it is a name or TYPE/CODE, with a protocol without ports 0.
func parsePort(f string) (nf.Datum, string) {
	proto, rest := packet.ProtoTCP, f
	if name, r, ok := strings.Cut(f, ":"); ok {
		p, known := packet.ParseProto(strings.ToLower(name))
		if !known || p == 0 {
			return nf.Datum{}, "a protocol's name or number before the port"
		}
		proto, rest = p, r
	}
	var d nf.Datum
	var bad string
	switch {
	case proto.IsICMP():
		d, bad = parseICMP(proto, rest)
	case proto.HasPorts() && proto != packet.ProtoDCCP:
		d, bad = parsePorts(rest)
	case rest != "0":
		bad = "port 0 with a protocol that has no ports"
	}
	d.Proto = proto
	return d, bad
}

func parsePorts(f string) (nf.Datum, string) {
	from, to, isRange := strings.Cut(f, "-")
	if !isRange {
		to = from
	}
	a, err := strconv.ParseUint(from, 10, 16)
	b, err2 := strconv.ParseUint(to, 10, 16)
	if err != nil || err2 != nil || a > b {
		return nf.Datum{}, "a port number or FROM-TO"
	}
	return nf.RangeDatum(a, b), ""
}

// icmpNames are ipset's names of types and codes, type<<8|code.
var icmpNames = map[packet.Proto]map[string]uint64{
	packet.ProtoICMP: {
		"echo-reply": 0, "pong": 0, "network-unreachable": 0x300, "host-unreachable": 0x301, "protocol-unreachable": 0x302,
		"port-unreachable": 0x303, "fragmentation-needed": 0x304, "source-route-failed": 0x305, "network-unknown": 0x306,
		"host-unknown": 0x307, "network-prohibited": 0x309, "host-prohibited": 0x30a, "TOS-network-unreachable": 0x30b,
		"TOS-host-unreachable": 0x30c, "communication-prohibited": 0x30d, "host-precedence-violation": 0x30e,
		"precedence-cutoff": 0x30f, "source-quench": 0x400, "network-redirect": 0x500, "host-redirect": 0x501,
		"TOS-network-redirect": 0x502, "TOS-host-redirect": 0x503, "echo-request": 0x800, "ping": 0x800,
		"router-advertisement": 0x900, "router-solicitation": 0xa00, "ttl-zero-during-transit": 0xb00,
		"ttl-zero-during-reassembly": 0xb01, "ip-header-bad": 0xc00, "required-option-missing": 0xc01,
		"timestamp-request": 0xd00, "timestamp-reply": 0xe00, "address-mask-request": 0x1100, "address-mask-reply": 0x1200,
	},
	packet.ProtoICMPv6: {
		"no-route": 0x100, "communication-prohibited": 0x101, "address-unreachable": 0x103, "port-unreachable": 0x104,
		"packet-too-big": 0x200, "ttl-zero-during-transit": 0x300, "ttl-zero-during-reassembly": 0x301,
		"bad-header": 0x400, "unknown-header-type": 0x401, "unknown-option": 0x402, "echo-request": 0x8000,
		"ping": 0x8000, "echo-reply": 0x8100, "pong": 0x8100, "router-solicitation": 0x8500,
		"router-advertisement": 0x8600, "neighbour-solicitation": 0x8700, "neighbor-solicitation": 0x8700,
		"neighbour-advertisement": 0x8800, "neighbor-advertisement": 0x8800, "redirect": 0x8900,
	},
}

func parseICMP(p packet.Proto, f string) (nf.Datum, string) {
	if n, ok := icmpNames[p][f]; ok {
		return nf.NumDatum(n), ""
	}
	ts, cs, ok := strings.Cut(f, "/")
	t, err := strconv.ParseUint(ts, 10, 8)
	c, err2 := strconv.ParseUint(cs, 10, 8)
	if !ok || err != nil || err2 != nil {
		return nf.Datum{}, "an ICMP type's name or TYPE/CODE"
	}
	return nf.NumDatum(t<<8 | c), ""
}
