package iptables

import (
	"net/netip"
	"strconv"
	"strings"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// number reads an unsigned number of at most bits bits as strtoul with base 0
// does: decimal, 0x hexadecimal or 0 octal.
func number(s string, bits int) (uint64, bool) {
	base, digits := 10, s
	switch {
	case strings.HasPrefix(s, "0x"), strings.HasPrefix(s, "0X"):
		base, digits = 16, s[2:]
	case len(s) > 1 && s[0] == '0':
		base, digits = 8, s[1:]
	}
	n, err := strconv.ParseUint(digits, base, bits)
	return n, err == nil
}

func u32(t token) (uint32, error) {
	n, ok := number(t.text, 32)
	if !ok {
		return 0, expected(t, "a number below 2^32")
	}
	return uint32(n), nil
}

func u16(t token) (uint16, error) {
	n, ok := number(t.text, 16)
	if !ok {
		return 0, expected(t, "a number from 0 to 65535")
	}
	return uint16(n), nil
}

func u8(t token) (uint8, error) {
	n, ok := number(t.text, 8)
	if !ok {
		return 0, expected(t, "a number from 0 to 255")
	}
	return uint8(n), nil
}

// valueMask reads VALUE[/MASK]; without a mask it is all ones.
func valueMask(t token) (v, m uint32, err error) {
	vs, ms, hasMask := strings.Cut(t.text, "/")
	n, ok := number(vs, 32)
	mask, mok := uint64(0xffffffff), true
	if hasMask {
		mask, mok = number(ms, 32)
	}
	if !ok || !mok {
		return 0, 0, expected(t, "VALUE or VALUE/MASK of 32 bits")
	}
	return uint32(n), uint32(mask), nil
}

// portRange reads PORT or FROM<sep>TO; with open, either end may be missing.
func portRange(t token, s, sep string, open bool) (nf.PortRange, error) {
	from, to, isRange := strings.Cut(s, sep)
	if !isRange {
		to = from
	} else if open {
		if from == "" {
			from = "0"
		}
		if to == "" {
			to = "65535"
		}
	}
	a, ok := number(from, 16)
	b, bok := number(to, 16)
	if !ok || !bok || a > b {
		return nf.PortRange{}, expected(t, "a port number or FROM%sTO", sep)
	}
	return nf.PortRange{From: uint16(a), To: uint16(b)}, nil
}

// fits reports whether an address belongs to the family.
func fits(a netip.Addr, f packet.Family) bool { return a.Is4() == (f == packet.IPv4) && a.Zone() == "" }

// addr reads an address of the family.
func addr(t token, s string, f packet.Family) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !fits(a, f) {
		return netip.Addr{}, expected(t, "an %s address", f)
	}
	return a, nil
}

// prefix reads ADDRESS, ADDRESS/LENGTH or ADDRESS/NETMASK. A netmask that is no
// prefix is errUnmodelled.
func prefix(t token, f packet.Family) (netip.Prefix, error) {
	as, ms, hasMask := strings.Cut(t.text, "/")
	a, err := addr(t, as, f)
	if err != nil {
		return netip.Prefix{}, err
	}
	bits := a.BitLen()
	if hasMask {
		if bits, err = maskBits(t, ms, f); err != nil {
			return netip.Prefix{}, err
		}
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}, expected(t, "a prefix length of %s", f)
	}
	return p, nil
}

func maskBits(t token, s string, f packet.Family) (int, error) {
	if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		return int(n), nil
	}
	m, err := addr(t, s, f)
	if err != nil {
		return 0, expected(t, "ADDRESS/LENGTH or ADDRESS/NETMASK")
	}
	b, bits := m.AsSlice(), 0
	for bits < len(b)*8 && b[bits/8]>>(7-bits%8)&1 == 1 {
		bits++
	}
	if p, err := m.Prefix(bits); err != nil || p.Addr() != m {
		return 0, errUnmodelled
	}
	return bits, nil
}

// moreProtos are protocol names beyond those of package packet: of /etc/protocols,
// by which iptables-save prints where that file is installed, and iptables' own.
var moreProtos = map[string]packet.Proto{
	"all": 0, "ip": 0, "hopopt": 0, "ipv4": packet.ProtoIPIP, "mh": 135, "ipv6-mh": 135,
	"ipv6-auth": packet.ProtoAH, "ipv6-crypt": packet.ProtoESP,
	"ggp": 3, "st": 5, "egp": 8, "igp": 9, "pup": 12, "hmp": 20, "xns-idp": 22, "rdp": 27, "iso-tp4": 29,
	"xtp": 36, "ddp": 37, "idpr-cmtp": 38, "ipv6-route": 43, "ipv6-frag": 44, "idrp": 45, "rsvp": 46,
	"skip": 57, "ipv6-nonxt": 59, "ipv6-opts": 60, "rspf": 73, "vmtp": 81, "eigrp": 88, "ospf": 89,
	"ospfigp": 89, "ax.25": 93, "ipip": 94, "etherip": 97, "encap": 98, "pim": 103, "ipcomp": 108,
	"vrrp": 112, "l2tp": 115, "isis": 124, "fc": 133, "mobility-header": 135, "mpls-in-ip": 137,
	"manet": 138, "hip": 139, "shim6": 140, "wesp": 141, "rohc": 142, "ethernet": 143,
}

// proto reads a protocol's name or number.
func proto(t token) (packet.Proto, error) {
	s := strings.ToLower(t.text)
	if p, ok := moreProtos[s]; ok {
		return p, nil
	}
	if p, ok := packet.ParseProto(s); ok && s != "" {
		return p, nil
	}
	return 0, expected(t, "a protocol's name or number")
}

// protoText prints a protocol: by name where iptables itself knows the name
// without /etc/protocols, else by number.
func protoText(p packet.Proto) string {
	switch p {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, packet.ProtoUDPLite, packet.ProtoICMP,
		packet.ProtoICMPv6, packet.ProtoESP, packet.ProtoAH:
		return p.String()
	}
	return strconv.Itoa(int(p))
}

// bang prints the negation of an option.
func bang(inv bool) string {
	if inv {
		return "! "
	}
	return ""
}

// rangeText prints an interval, or one number when both ends are equal.
func rangeText(r nf.PortRange, sep string) string {
	if r.From == r.To {
		return strconv.Itoa(int(r.From))
	}
	return strconv.Itoa(int(r.From)) + sep + strconv.Itoa(int(r.To))
}
