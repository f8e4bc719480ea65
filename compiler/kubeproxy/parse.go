package kubeproxy

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/dataplane/packet"
)

// ParseAddr reads an address as Kubernetes does: with leading zeros, and an IPv4
// address in IPv6 form is an IPv4 address.
func ParseAddr(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		a, err = netip.ParseAddr(withoutZeros(s))
	}
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, false
	}
	return a.Unmap(), true
}

// ParsePrefix reads a prefix in the same way; bits behind the mask become 0.
func ParsePrefix(s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		addr, length, _ := strings.Cut(s, "/")
		p, err = netip.ParsePrefix(withoutZeros(addr) + "/" + length)
	}
	if err != nil {
		return netip.Prefix{}, false
	}
	return p.Masked(), true
}

// withoutZeros takes leading zeros from the parts of a dotted address.
func withoutZeros(s string) string {
	parts := strings.Split(s, ".")
	for i, p := range parts {
		if t := strings.TrimLeft(p, "0"); t != "" || p == "" {
			parts[i] = t
		} else {
			parts[i] = "0"
		}
	}
	return strings.Join(parts, ".")
}

func familyOf(a netip.Addr) packet.Family {
	if a.Is4() {
		return packet.IPv4
	}
	return packet.IPv6
}

// firstOf returns the first address of a family, or the zero Addr.
func firstOf(list []netip.Addr, f packet.Family) netip.Addr {
	for _, a := range list {
		if a.IsValid() && familyOf(a) == f {
			return a
		}
	}
	return netip.Addr{}
}

// ofFamily reads those of the texts that are addresses of the family.
func ofFamily(texts []string, f packet.Family) []netip.Addr {
	var out []netip.Addr
	for _, t := range texts {
		if a, ok := ParseAddr(t); ok && familyOf(a) == f {
			out = append(out, a)
		}
	}
	return out
}

func sortAddrs(list []netip.Addr) { slices.SortFunc(list, netip.Addr.Compare) }

// protoOf reads a protocol of a Service or EndpointSlice; the empty one is TCP.
func protoOf(s string) (packet.Proto, bool) {
	switch s {
	case "", "TCP":
		return packet.ProtoTCP, true
	case "UDP":
		return packet.ProtoUDP, true
	case "SCTP":
		return packet.ProtoSCTP, true
	}
	return 0, false
}

// protoName is the protocol as chains and hashes spell it.
func protoName(p packet.Proto) string {
	switch p {
	case packet.ProtoUDP:
		return "udp"
	case packet.ProtoSCTP:
		return "sctp"
	}
	return "tcp"
}
