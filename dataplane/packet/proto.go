package packet

import "strconv"

// Proto is an IP protocol number (IANA).
type Proto uint8

// The protocols that rules and connection tracking know by name. ProtoAny (0)
// stands for "every protocol" in rules; on the wire 0 is the IPv6 hop-by-hop
// option.
const (
	ProtoAny     Proto = 0
	ProtoICMP    Proto = 1
	ProtoIGMP    Proto = 2
	ProtoIPIP    Proto = 4
	ProtoTCP     Proto = 6
	ProtoUDP     Proto = 17
	ProtoDCCP    Proto = 33
	ProtoIPv6    Proto = 41
	ProtoGRE     Proto = 47
	ProtoESP     Proto = 50
	ProtoAH      Proto = 51
	ProtoComp    Proto = 108
	ProtoICMPv6  Proto = 58
	ProtoSCTP    Proto = 132
	ProtoUDPLite Proto = 136
)

// protoNames are the names that the rule-set tools print and read; the first
// name of a number is the one printed.
var protoNames = []struct {
	name  string
	proto Proto
}{
	{"icmp", ProtoICMP}, {"igmp", ProtoIGMP}, {"ipencap", ProtoIPIP}, {"tcp", ProtoTCP},
	{"udp", ProtoUDP}, {"dccp", ProtoDCCP}, {"ipv6", ProtoIPv6}, {"gre", ProtoGRE}, {"esp", ProtoESP},
	{"ah", ProtoAH}, {"ipv6-icmp", ProtoICMPv6}, {"icmpv6", ProtoICMPv6}, {"icmp6", ProtoICMPv6},
	{"sctp", ProtoSCTP}, {"udplite", ProtoUDPLite}, {"ipip", ProtoIPIP},
}

// String returns the protocol's usual name ("tcp", "ipv6-icmp"), or its number.
func (p Proto) String() string {
	for _, n := range protoNames {
		if n.proto == p {
			return n.name
		}
	}
	return strconv.Itoa(int(p))
}

// ParseProto reads a protocol name in lower case or a number from 0 to 255.
func ParseProto(s string) (Proto, bool) {
	for _, n := range protoNames {
		if n.name == s {
			return n.proto, true
		}
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return Proto(n), err == nil
}

// HasPorts reports whether the protocol's header begins with two port numbers
// that connection tracking and the port matches know.
func (p Proto) HasPorts() bool {
	switch p {
	case ProtoTCP, ProtoUDP, ProtoDCCP, ProtoSCTP, ProtoUDPLite:
		return true
	}
	return false
}

// IsICMP reports whether p is ICMP or ICMPv6.
func (p Proto) IsICMP() bool { return p == ProtoICMP || p == ProtoICMPv6 }
