package conntrack

import (
	"net/netip"
	"time"

	"tortie/dataplane/packet"
)

// Manip is which end of a connection a NAT binding changes.
type Manip uint8

// SrcManip happens at POSTROUTING and INPUT, DstManip at PREROUTING and OUTPUT.
const (
	SrcManip Manip = iota
	DstManip
)

// Range is what a NAT rule allows (struct nf_nat_range2). The zero value of
// AddrLo leaves the address alone, PortLo = PortHi = 0 the port. For ICMP the
// ports stand for the identifier.
type Range struct {
	AddrLo, AddrHi netip.Addr
	PortLo, PortHi uint16
	// HasPorts says that the port range counts (NF_NAT_RANGE_PROTO_SPECIFIED).
	HasPorts bool
	// Random, FullyRandom and Persistent are the flags of SNAT and DNAT.
	Random, FullyRandom, Persistent bool
	// HasBase and Base are the offset of a shifted port map (PROTO_OFFSET).
	HasBase bool
	Base    uint16
	// NetMap maps the address's network bits onto AddrLo..AddrHi (NETMAP).
	NetMap bool
}

// NeedsNAT reports whether the nat chains of a hook are run for a packet: it
// begins a connection (NEW, or RELATED but not an ICMP error) whose manip of
// that kind is not set up yet.
func NeedsNAT(p *packet.Packet, r Ref, m Manip) bool { return false }

// SetupNAT binds a connection to a NAT range, as SNAT, DNAT, REDIRECT and
// NETMAP do (nf_nat_setup_info). The caller knows the range: REDIRECT's is the
// in-interface's address.
func (t *Table) SetupNAT(r Ref, m Manip, rg Range, now time.Duration) Verdict { return Verdict{} }

// Masquerade binds the source of a connection to the address src of the
// out-interface (nf_nat_masquerade_ipv4, _ipv6). An invalid src, an interface
// without address, drops the packet. A connection from 0.0.0.0 stays.
func (t *Table) Masquerade(r Ref, src netip.Addr, oif int, rg Range, now time.Duration) Verdict {
	return Verdict{}
}

// NullBinding sets up the manip that no rule asked for; it keeps the tuple
// unless that clashes with another connection (nf_nat_alloc_null_binding).
func (t *Table) NullBinding(r Ref, m Manip, now time.Duration) Verdict { return Verdict{} }

// Translate rewrites a packet as its connection's bindings say for one manip:
// addresses, ports, ICMP identifiers, and in an ICMP error the quoted packet
// too (nf_nat_packet, nf_nat_icmp_reply_translation). It is called at every nat
// hook, also for packets that NeedsNAT says nothing about. oif is the interface
// index of the way out at POSTROUTING and 0 at the other hooks; a masqueraded
// connection that changes its interface is killed and the packet dropped.
func (t *Table) Translate(p *packet.Packet, r Ref, m Manip, oif int, now time.Duration) Verdict {
	return Verdict{}
}
