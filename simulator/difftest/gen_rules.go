package difftest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// maker makes random rule sets and packets from a seed.
type maker struct {
	*rand.Rand
	// fam is the family of most packets, and of the tables that know only one.
	fam packet.Family
	// inet says that rules are for a table of both families.
	inet bool
}

func newMaker(seed uint64) maker {
	m := maker{Rand: rand.New(rand.NewPCG(seed, 0x7042))}
	m.fam = pick(m, families...)
	return m
}

// chance holds in one of n cases.
func (m maker) chance(n int) bool { return m.IntN(n) == 0 }

func pick[T any](m maker, list ...T) T { return list[m.IntN(len(list))] }

// ports are few, so that rules and packets meet.
var portPool = []uint16{80, 443, 1000, 2000, 53}

var prefixPool = []string{"10.1.0.0/24", "10.2.0.0/24", "10.1.0.2/32", "10.2.0.2/32", "10.1.0.3/32", "10.1.0.1/32", "10.0.0.0/8", "10.9.9.9/32", "192.0.2.0/24"}

func (m maker) prefix() netip.Prefix { return prefixAt(m.fam, pick(m, prefixPool...)) }

// addr is one of some addresses of the lab, named by their IPv4 forms.
func (m maker) addr(v4 ...string) netip.Addr { return at(m.fam, pick(m, v4...)) }

// icmp is the family's ICMP.
func (m maker) icmp() packet.Proto {
	if m.fam == packet.IPv6 {
		return packet.ProtoICMPv6
	}
	return packet.ProtoICMP
}

// icmpType is a type that packets of the family have.
func (m maker) icmpType() uint8 {
	if m.fam == packet.IPv6 {
		return pick(m, uint8(128), 129, 1, 3, 135)
	}
	return pick(m, uint8(8), 0, 3, 11)
}

// family is the family of a table that knows only one.
func (m maker) family() nf.Family {
	if m.fam == packet.IPv6 {
		return nf.FamilyIP6
	}
	return nf.FamilyIP
}

func (m maker) port() uint16 { return pick(m, portPool...) }

func (m maker) portRange() nf.PortRange {
	if m.chance(3) {
		return nf.PortRange{From: 50, To: uint16(100 + m.IntN(2000))}
	}
	p := m.port()
	return nf.PortRange{From: p, To: p}
}

// Ruleset makes a random rule set: iptables' tables of one backend, tables of
// nftables, or both.
func (m maker) Ruleset() nf.Ruleset {
	var r nf.Ruleset
	kind := m.IntN(5)
	if kind != 1 && kind != 2 {
		r.IPSets = m.ipsets()
		r.Tables = m.iptables(pick(m, nf.IptablesLegacy, nf.IptablesLegacy, nf.IptablesNFT))
	}
	if kind < 3 && len(r.Tables) == 0 || kind == 0 {
		for i := range 1 + m.IntN(2) {
			r.Tables = append(r.Tables, m.nft(nf.TableName(fmt.Sprintf("t%d", i))))
		}
	}
	return r
}

// iptables makes some of iptables' tables.
func (m maker) iptables(b nf.Backend) []nf.Table {
	var out []nf.Table
	for _, name := range []nf.TableName{"raw", "mangle", "nat", "filter"} {
		if name == "filter" || !m.chance(3) {
			out = append(out, m.iptablesTable(b, name))
		}
	}
	m.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// userChains are the chains that built-in ones jump to; sub0 may jump to sub1.
var userChains = []nf.ChainName{"sub0", "sub1"}

func (m maker) iptablesTable(b nf.Backend, name nf.TableName) nf.Table {
	t := nf.Table{Family: m.family(), Name: name, Backend: b}
	for _, c := range nf.IptablesBuiltins(name) {
		base, _ := nf.IptablesBase(name, c)
		if name == "filter" && m.chance(8) {
			base.Policy = nf.PolicyDrop
		}
		chain := nf.Chain{Name: c, Base: &base}
		for range m.IntN(4) {
			chain.Rules = append(chain.Rules, m.iptablesRule(name, base.Hook, userChains))
		}
		t.Chains = append(t.Chains, chain)
	}
	if name != "nat" {
		for i, c := range userChains {
			chain := nf.Chain{Name: c}
			for range 1 + m.IntN(3) {
				chain.Rules = append(chain.Rules, m.iptablesRule(name, 0, userChains[i+1:]))
			}
			t.Chains = append(t.Chains, chain)
		}
	}
	return t
}

// iptablesRule makes a rule of a built-in chain at a hook, or of a user chain
// (hook 0), that may jump to the given chains.
func (m maker) iptablesRule(table nf.TableName, h nf.Hook, jumps []nf.ChainName) nf.Rule {
	proto := pick(m, packet.ProtoAny, packet.ProtoAny, packet.ProtoTCP, packet.ProtoTCP, packet.ProtoUDP, m.icmp(), packet.ProtoSCTP)
	r := nf.Rule{}
	if m.chance(3) {
		r.Body = append(r.Body, nf.MatchAddr{Dir: nf.Src, Prefix: m.prefix(), Invert: m.chance(4)})
	}
	if m.chance(3) {
		r.Body = append(r.Body, nf.MatchAddr{Dir: nf.Dst, Prefix: m.prefix(), Invert: m.chance(4)})
	}
	if m.fam == packet.IPv4 && m.chance(8) {
		r.Body = append(r.Body, nf.MatchFragment{Invert: m.chance(3)})
	}
	r.Body = append(r.Body, m.ifaces(h)...)
	if proto != packet.ProtoAny {
		r.Body = append(r.Body, nf.MatchProto{Proto: proto})
	}
	if h == nf.PreRouting && (table == "raw" || table == "mangle") && m.chance(5) {
		r.Body = append(r.Body, m.rpfilter())
	}
	for range m.IntN(3) {
		if match := m.iptablesMatch(proto, h); match != nil {
			r.Body = append(r.Body, match)
		}
	}
	if target := m.iptablesTarget(table, h, proto, jumps); target != nil {
		r.Body = append(r.Body, target)
	}
	return r
}

// ifaces makes interface matches that the hook allows.
func (m maker) ifaces(h nf.Hook) []nf.Stmt {
	var out []nf.Stmt
	name := func() (string, bool) {
		if m.chance(4) {
			return pick(m, "l", "r", ""), true
		}
		return pick(m, "lr", "rr", "lo"), false
	}
	if h != nf.LocalOut && h != nf.PostRouting && m.chance(5) {
		n, wild := name()
		out = append(out, nf.MatchIface{Dir: nf.Src, Name: n, Wildcard: wild, Invert: n != "" && m.chance(4)})
	}
	if h != nf.PreRouting && h != nf.LocalIn && m.chance(5) {
		n, wild := name()
		out = append(out, nf.MatchIface{Dir: nf.Dst, Name: n, Wildcard: wild, Invert: n != "" && m.chance(4)})
	}
	return out
}

// iptablesMatch makes one -m match.
func (m maker) iptablesMatch(proto packet.Proto, h nf.Hook) nf.Stmt {
	inv := m.chance(4)
	switch m.IntN(16) {
	case 14:
		return nf.MatchPktType{Type: pick(m, "unicast", "broadcast", "multicast"), Invert: inv}
	case 15:
		return nf.MatchDSCP{DSCP: uint8(m.IntN(3)) * 8, Invert: inv}
	case 11:
		if m.chance(2) {
			return m.hashLimit(inv)
		}
		return nf.MatchLimit{Rate: 1, Unit: nf.PerHour, Burst: uint32(2 + m.IntN(3))}
	case 12:
		from, to := m.addr("10.1.0.2"), m.addr("10.1.0.9", "10.2.0.2")
		return nf.MatchIPRange{Src: &nf.AddrRange{From: from, To: to}, SrcInvert: inv}
	case 13:
		return nf.MatchLength{Lo: 0, Hi: uint16(30 + m.IntN(40)), Invert: inv}
	case 0, 1:
		return m.protoMatch(proto)
	case 2:
		return nf.MatchMark{Value: uint32(m.IntN(4)), Mask: 3, Invert: inv}
	case 3:
		return nf.MatchConnmark{Value: uint32(m.IntN(2)), Mask: 1, Invert: inv}
	case 4, 5:
		return m.conntrack()
	case 6:
		return m.matchSet()
	case 7:
		return nf.MatchAddrType{DstType: pick(m, nf.AddrLocal, nf.AddrUnicast, m.broadcast()), DstInvert: inv}
	case 8:
		if proto.HasPorts() {
			return nf.MatchMultiport{Dir: pick(m, nf.Src, nf.Dst, nf.Either), Ports: []nf.PortRange{m.portRange(), m.portRange()}, Invert: inv}
		}
	case 9:
		if m.chance(2) {
			return nf.MatchConnLimit{Limit: uint32(m.IntN(4)), Upto: inv, Mask: pick(m, uint8(0), 24), ByDst: m.chance(2)}
		}
		return nf.MatchStatistic{Nth: true, Every: uint32(2 + m.IntN(2)), Packet: 0}
	case 10:
		return nf.MatchTTL{Op: pick(m, "eq", "lt", "gt"), Value: pick(m, uint8(63), 64, 2), HL: m.fam == packet.IPv6}
	}
	return nil
}

// hashLimit makes a limit that does not refill while a case runs. Its groups
// outlive the rules, so no two have one name.
func (m maker) hashLimit(upto bool) nf.Stmt {
	bits := uint8(unspecified(m.fam).BitLen())
	h := nf.MatchHashLimit{Name: fmt.Sprintf("h%d", m.Uint32()), Upto: upto, Rate: 1, Unit: nf.PerHour, Burst: uint64(1 + m.IntN(3)),
		SrcIP: m.chance(2), SrcPort: m.chance(4), DstIP: m.chance(3), DstPort: m.chance(3), SrcMask: bits, DstMask: pick(m, bits, 16)}
	if m.chance(4) {
		h.RateMatch, h.RateInterval = true, 3600
	}
	return h
}

// broadcast is a set of address types with broadcast, which only IPv4 has.
func (m maker) broadcast() nf.AddrType {
	if m.fam == packet.IPv6 {
		return nf.AddrMulticast
	}
	return nf.AddrLocal | nf.AddrBroadcast
}

// protoMatch makes the match of the protocol itself.
func (m maker) protoMatch(proto packet.Proto) nf.Stmt {
	switch proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP:
		l4 := nf.MatchL4{Proto: proto}
		if m.chance(2) {
			r := m.portRange()
			l4.Dst, l4.DstInvert = &r, m.chance(5)
		} else {
			r := m.portRange()
			l4.Src, l4.SrcInvert = &r, m.chance(5)
		}
		if proto == packet.ProtoTCP && m.chance(4) {
			l4.Flags = &nf.TCPFlagsTest{Mask: packet.FIN | packet.SYN | packet.RST | packet.ACK, Comp: packet.SYN, Invert: m.chance(3)}
		}
		return l4
	case packet.ProtoICMP, packet.ProtoICMPv6:
		return nf.MatchICMP{Family: m.fam, Type: m.icmpType(), CodeLo: 0, CodeHi: 255, Invert: m.chance(4)}
	}
	return nil
}

func (m maker) conntrack() nf.Stmt {
	c := nf.MatchConntrack{}
	if !m.chance(4) {
		for _, s := range []nf.CtState{nf.CtInvalid, nf.CtEstablished, nf.CtRelated, nf.CtNew, nf.CtUntracked, nf.CtSNAT, nf.CtDNAT} {
			if m.chance(3) {
				c.States |= s
			}
		}
		c.StatesInvert = c.States != 0 && m.chance(4)
	}
	if m.chance(4) {
		c.Status = pick(m, nf.CtStatusSeenReply, nf.CtStatusAssured, nf.CtStatusConfirmed)
	}
	if m.chance(4) {
		c.Direction = pick(m, nf.Src, nf.Dst)
	}
	if m.chance(4) {
		c.OrigDst = &nf.CtAddr{Prefix: m.prefix(), Invert: m.chance(3)}
	}
	if c == (nf.MatchConntrack{}) {
		c.States = nf.CtNew
	}
	return c
}
