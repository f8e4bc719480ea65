package nf

import (
	"net/netip"
	"time"

	"tortie/dataplane/packet"
)

// Set is an ipset set (Type says which), or an nftables set or map (Key says
// what its elements are made of).
type Set struct {
	Name SetName
	// Type is ipset's type name, "hash:ip,port"; empty for nftables.
	Type string `json:",omitempty"`
	// Family of an ipset set; 0 where the type has none (bitmap:port, list:set).
	Family packet.Family `json:",omitempty"`

	// Key are the types of the concatenated parts of an nftables set's key.
	Key []DataType `json:",omitempty"`
	// Map is the type of a map's data; 0 for a set. A map of verdicts has
	// TypeVerdict. MapKey are the further parts of concatenated data.
	Map []DataType `json:",omitempty"`

	// Flags of an nftables set.
	Interval, Constant, Dynamic, HasTimeout, AutoMerge bool `json:",omitempty"`

	Timeout  time.Duration `json:",omitempty"` // default timeout of elements, 0 is none
	GCPeriod time.Duration `json:",omitempty"`
	Size     uint32        `json:",omitempty"` // nftables size
	Comment  string        `json:",omitempty"`

	// Options are what ipset's create line says besides type, family and timeout
	// (hashsize, maxelem, bucketsize, initval, range, netmask, counters, comment,
	// skbinfo, forceadd, size), in order, as "key" or "key value".
	Options []string `json:",omitempty"`

	Elements []Element
}

// Element is one entry of a set or map.
type Element struct {
	// Key has one datum per dimension (ipset) or concatenated part (nftables).
	Key []Datum
	// Nomatch marks an exception of a hash:net* set.
	Nomatch bool `json:",omitempty"`
	// Verdict is the data of a verdict map.
	Verdict *Verdict `json:",omitempty"`
	// Data is the data of any other map.
	Data []Datum `json:",omitempty"`

	Timeout time.Duration `json:",omitempty"` // 0 is none
	Expires time.Duration `json:",omitempty"` // time left at the capture
	Comment string        `json:",omitempty"`
	Packets uint64        `json:",omitempty"`
	Bytes   uint64        `json:",omitempty"`
	// HasCounter says that the element counts, even if both are zero.
	HasCounter bool `json:",omitempty"`
	// Options are ipset's further element options (skbmark …), verbatim.
	Options []string `json:",omitempty"`
	// Origin is what the element was made from, counted as Rule.Origin is.
	Origin int `json:",omitempty"`
}

// Datum is one part of a key or of data: a closed interval of addresses or of
// numbers, or a name. Which of them follows from the set's type.
type Datum struct {
	// Addr to AddrTo is an interval of addresses; equal for one address. An
	// interval that is a prefix prints as a prefix.
	Addr   netip.Addr `json:",omitzero"`
	AddrTo netip.Addr `json:",omitzero"`
	// Num to NumTo is an interval of numbers: a port, protocol, mark, ICMP type,
	// interface index, ctstate bits (host byte order).
	Num   uint64 `json:",omitempty"`
	NumTo uint64 `json:",omitempty"`
	// Proto is the protocol of ipset's port dimension, 0 elsewhere. With ICMP,
	// Num is type<<8|code.
	Proto packet.Proto `json:",omitempty"`
	// Name is an interface name, or the member of a list:set.
	Name string `json:",omitempty"`
	// Wildcard says that Name is a prefix of interface names ("cali*").
	Wildcard bool `json:",omitempty"`
	// MAC is a hardware address in text form.
	MAC string `json:",omitempty"`
}

// AddrDatum is the datum of one address.
func AddrDatum(a netip.Addr) Datum { return Datum{Addr: a, AddrTo: a} }

// PrefixDatum is the datum of all addresses of a prefix.
func PrefixDatum(p netip.Prefix) Datum {
	p = p.Masked()
	return Datum{Addr: p.Addr(), AddrTo: lastAddr(p)}
}

// NumDatum is the datum of one number.
func NumDatum(n uint64) Datum { return Datum{Num: n, NumTo: n} }

// RangeDatum is the datum of the closed interval of numbers from lo to hi.
func RangeDatum(lo, hi uint64) Datum { return Datum{Num: lo, NumTo: hi} }

// NameDatum is the datum of one name.
func NameDatum(s string) Datum { return Datum{Name: s} }

// lastAddr returns the highest address of a prefix.
func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Prefix returns the prefix that the datum's addresses make up exactly, and
// false when they are no prefix.
func (d Datum) Prefix() (netip.Prefix, bool) {
	if !d.Addr.IsValid() || !d.AddrTo.IsValid() || d.Addr.BitLen() != d.AddrTo.BitLen() {
		return netip.Prefix{}, false
	}
	a, b := d.Addr.AsSlice(), d.AddrTo.AsSlice()
	bits := 0
	for bits < len(a)*8 && (a[bits/8]^b[bits/8])>>(7-bits%8)&1 == 0 {
		bits++
	}
	p := netip.PrefixFrom(d.Addr, bits)
	return p, p.Masked().Addr() == d.Addr && lastAddr(p) == d.AddrTo
}

// DataType is the type of one part of an nftables key.
type DataType uint8

// The nftables data types (src/datatype.c of nftables names them so).
const (
	TypeIPv4Addr    DataType = iota + 1 // ipv4_addr
	TypeIPv6Addr                        // ipv6_addr
	TypeInetProto                       // inet_proto
	TypeInetService                     // inet_service
	TypeMark                            // mark
	TypeIfname                          // ifname
	TypeIfindex                         // iface_index
	TypeVerdict                         // verdict
	TypeEtherAddr                       // ether_addr
	TypeCtState                         // ct_state
	TypeICMPType                        // icmp_type
	TypeICMPv6Type                      // icmpv6_type
	TypeDSCP                            // dscp
	TypeInteger                         // integer
)

var dataTypeNames = [...]string{
	TypeIPv4Addr: "ipv4_addr", TypeIPv6Addr: "ipv6_addr", TypeInetProto: "inet_proto",
	TypeInetService: "inet_service", TypeMark: "mark", TypeIfname: "ifname", TypeIfindex: "iface_index",
	TypeVerdict: "verdict", TypeEtherAddr: "ether_addr", TypeCtState: "ct_state", TypeICMPType: "icmp_type",
	TypeICMPv6Type: "icmpv6_type", TypeDSCP: "dscp", TypeInteger: "integer",
}

// String returns nft's name of the type.
func (t DataType) String() string {
	if int(t) < len(dataTypeNames) && dataTypeNames[t] != "" {
		return dataTypeNames[t]
	}
	return "type?"
}

// ParseDataType reads nft's name of a data type.
func ParseDataType(s string) (DataType, bool) {
	for i, n := range dataTypeNames {
		if n != "" && n == s {
			return DataType(i), true
		}
	}
	return 0, false
}
