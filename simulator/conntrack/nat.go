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

// other returns the other manip.
func (m Manip) other() Manip { return m ^ 1 }

// bits returns the status bits for "changed" and for "set up".
func (m Manip) bits() (changed, done Status) {
	if m == SrcManip {
		return SrcNAT, SrcNATDone
	}
	return DstNAT, DstNATDone
}

// Range is what a NAT rule allows (struct nf_nat_range2). The zero value of
// AddrLo leaves the address alone. For ICMP the ports stand for the identifier.
type Range struct {
	AddrLo, AddrHi netip.Addr // a zero AddrHi means AddrLo
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

// random reports whether ports are drawn even without a clash.
func (rg Range) random() bool { return rg.Random || rg.FullyRandom }

// NeedsNAT reports whether the nat chains of a hook are run for a packet: it
// begins a connection (NEW, or RELATED but not an ICMP error) whose manip of
// that kind is not set up yet.
func NeedsNAT(p *packet.Packet, r Ref, m Manip) bool {
	if r.Conn == nil || relatedICMP(p, r) {
		return false
	}
	switch r.Info {
	case New, Related, RelatedReply:
		_, done := m.bits()
		return r.Conn.Status&done == 0
	}
	return false
}

// relatedICMP reports whether the packet is an ICMP error of a connection.
func relatedICMP(p *packet.Packet, r Ref) bool {
	return p.Proto.IsICMP() && (r.Info == Related || r.Info == RelatedReply)
}

// SetupNAT binds a connection to a NAT range, as SNAT, DNAT, REDIRECT and
// NETMAP do (nf_nat_setup_info). The caller knows the range: REDIRECT's is the
// in-interface's address.
func (t *Table) SetupNAT(r Ref, m Manip, rg Range, now time.Duration) Verdict {
	c := r.Conn
	if c == nil || c.Status&Confirmed != 0 {
		return Verdict{}
	}
	changed, done := m.bits()
	if c.Status&done != 0 {
		return Verdict{Drop: true, Why: WhyNATTwice}
	}
	current, ok := c.Tuples[Reply].Inverse()
	if !ok {
		return Verdict{Drop: true, Why: WhyNoInverse}
	}
	if !rg.AddrHi.IsValid() {
		rg.AddrHi = rg.AddrLo
	}
	if rg.NetMap {
		rg = netMapped(current, m, rg)
	}
	f := finder{t: t, conn: c, manip: m, rg: rg, now: now}
	if chosen := f.unique(current); chosen != current {
		c.Tuples[Reply], _ = chosen.Inverse()
		c.Status |= changed
	}
	c.Status |= done
	return Verdict{}
}

// Masquerade binds the source of a connection to the address src of the
// out-interface (nf_nat_masquerade_ipv4, _ipv6). An invalid src, an interface
// without address, drops the packet. A connection from 0.0.0.0 stays.
func (t *Table) Masquerade(r Ref, src netip.Addr, oif int, rg Range, now time.Duration) Verdict {
	if r.Conn == nil {
		return Verdict{}
	}
	if from := r.Conn.Tuples[Original].Src; from.Is4() && from.IsUnspecified() {
		return Verdict{}
	}
	if !src.IsValid() {
		return Verdict{Drop: true, Why: WhyNoAddress}
	}
	r.Conn.MasqIfindex = oif
	rg.AddrLo, rg.AddrHi, rg.NetMap = src, src, false
	return t.SetupNAT(r, SrcManip, rg, now)
}

// NullBinding sets up the manip that no rule asked for; it keeps the tuple
// unless that clashes with another connection (nf_nat_alloc_null_binding).
func (t *Table) NullBinding(r Ref, m Manip, now time.Duration) Verdict {
	if r.Conn == nil {
		return Verdict{}
	}
	addr := r.Conn.Tuples[Reply].Dst
	if m == DstManip {
		addr = r.Conn.Tuples[Reply].Src
	}
	return t.SetupNAT(r, m, Range{AddrLo: addr, AddrHi: addr}, now)
}

// AlterReply makes an unconfirmed connection expect its replies from another
// address, as IPVS does without a NAT binding (ip_vs_update_conntrack).
func (r Ref) AlterReply(src netip.Addr, port uint16) {
	c := r.Conn
	if c == nil || c.Status&Confirmed != 0 || r.Dir() != Original {
		return
	}
	c.Tuples[Reply].Src = src
	if !c.Tuples[Reply].Proto.IsICMP() {
		c.Tuples[Reply].SrcPort = port
	}
}

// netMapped turns a NETMAP range into the one address that it means.
func netMapped(current Tuple, m Manip, rg Range) Range {
	addr := current.Src
	if m == DstManip {
		addr = current.Dst
	}
	if !rg.AddrLo.IsValid() || addr.BitLen() != rg.AddrLo.BitLen() || addr.BitLen() != rg.AddrHi.BitLen() {
		return rg
	}
	a, lo, hi := addr.AsSlice(), rg.AddrLo.AsSlice(), rg.AddrHi.AsSlice()
	for i := range a {
		host := lo[i] ^ hi[i]
		a[i] = a[i]&host | lo[i]&^host
	}
	mapped, _ := netip.AddrFromSlice(a)
	rg.AddrLo, rg.AddrHi = mapped, mapped
	return rg
}
