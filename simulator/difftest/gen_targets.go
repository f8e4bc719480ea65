package difftest

import (
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// iptablesTarget makes a target that the table allows there; nil is none.
func (m maker) iptablesTarget(table nf.TableName, h nf.Hook, proto packet.Proto, jumps []nf.ChainName) nf.Stmt {
	if table == "nat" {
		return m.natTarget(h, proto)
	}
	if table == "raw" && m.chance(4) {
		return nf.NoTrack{CT: m.chance(2)}
	}
	switch m.IntN(12) {
	case 0, 1:
		return nf.Accept{}
	case 2:
		if table == "filter" {
			return m.reject(proto)
		}
	case 3:
		if m.chance(2) {
			return nf.Drop{}
		}
		if table == "mangle" {
			return nf.SetDSCP{DSCP: uint8(m.IntN(3)) * 8}
		}
	case 4, 5:
		return m.setMark()
	case 6:
		return m.setCtMark()
	case 7:
		if m.chance(2) {
			return m.grow()
		}
		return nf.Return{}
	case 8, 9:
		if len(jumps) > 0 {
			return nf.Jump{Chain: pick(m, jumps...)}
		}
	case 10:
		if len(jumps) > 0 {
			return nf.Goto{Chain: pick(m, jumps...)}
		}
	}
	return nil
}

func (m maker) setMark() nf.Stmt {
	return nf.SetMark{Value: uint32(m.IntN(4)), Mask: pick(m, uint32(1), 2, 3, 0)}
}

func (m maker) setCtMark() nf.Stmt {
	switch m.IntN(3) {
	case 0:
		return nf.SetCtMark{Op: "save", NfMask: 3, CtMask: 3}
	case 1:
		return nf.SetCtMark{Op: "restore", NfMask: 3, CtMask: 3}
	}
	return nf.SetCtMark{Op: "set", Value: uint32(m.IntN(4)), Mask: 3}
}

func (m maker) reject(proto packet.Proto) nf.Stmt {
	if proto == packet.ProtoTCP && m.chance(2) {
		return nf.Reject{With: nf.RejectTCPReset}
	}
	return nf.Reject{With: pick(m, nf.RejectPortUnreach, nf.RejectHostUnreach, nf.RejectAdminProhib)}
}

// natTarget makes a translation that the hook allows. What the kernel would
// choose by hash or at random is left out: one address, one port.
func (m maker) natTarget(h nf.Hook, proto packet.Proto) nf.Stmt {
	ports := proto.HasPorts()
	nat := nf.NAT{}
	if ports && m.chance(2) {
		nat.Port = m.port()
		nat.PortTo = nat.Port
	}
	switch h {
	case nf.PreRouting, nf.LocalOut:
		nat.Kind = nf.DNAT
		if m.chance(4) {
			nat.Kind = nf.Redirect
			return nat
		}
		nat.Addr = m.addr("10.2.0.2", "10.2.0.3", "10.1.0.2", "10.1.0.1")
	case nf.PostRouting, nf.LocalIn:
		nat.Kind = nf.SNAT
		if h == nf.PostRouting && m.chance(2) {
			nat.Kind = nf.Masquerade
			nat.Port, nat.PortTo = 0, 0
			return nat
		}
		nat.Addr = m.addr("10.2.0.1", "10.1.0.1", "10.2.0.9", "192.0.2.7")
	default:
		return nil
	}
	nat.AddrTo = nat.Addr
	return nat
}

// nft makes a table of nftables with random base chains.
func (m maker) nft(name nf.TableName) nf.Table {
	t := nf.Table{Family: pick(m, m.family(), m.family(), nf.FamilyInet), Name: name, Backend: nf.NFTables, Sets: m.nftSets()}
	m.inet = t.Family == nf.FamilyInet
	for i := range userChains {
		c := nf.Chain{Name: userChains[i]}
		for range 1 + m.IntN(3) {
			c.Rules = append(c.Rules, m.nftRule(0, userChains[i+1:]))
		}
		t.Chains = append(t.Chains, c)
	}
	hooks := []nf.Hook{nf.PreRouting, nf.LocalIn, nf.Forward, nf.LocalOut, nf.PostRouting}
	for i := range 2 + m.IntN(4) {
		h := pick(m, hooks...)
		base := nf.Base{Type: nf.TypeFilter, Hook: h, Priority: pick(m, nf.PriRaw, nf.PriMangle, nf.PriFilter, nf.PriSecurity, nf.PriFilter+10), Policy: nf.PolicyAccept}
		if m.chance(10) {
			base.Policy = nf.PolicyDrop
		}
		if h == nf.LocalOut && m.chance(2) {
			base.Type = nf.TypeRoute
		}
		c := nf.Chain{Name: nf.ChainName("base" + string(rune('a'+i))), Base: &base}
		if h != nf.Forward && m.chance(3) {
			base.Type, base.Policy = nf.TypeNAT, nf.PolicyAccept
			base.Priority = pick(m, nf.PriNATDst, nf.PriNATSrc, nf.PriNATDst+5)
			for range 1 + m.IntN(2) {
				c.Rules = append(c.Rules, m.nftNATRule(h))
			}
		} else {
			for range 1 + m.IntN(4) {
				c.Rules = append(c.Rules, m.nftRule(h, userChains))
			}
		}
		t.Chains = append(t.Chains, c)
	}
	return t
}

// nftRule makes matches, a counter and a verdict or statement.
func (m maker) nftRule(h nf.Hook, jumps []nf.ChainName) nf.Rule {
	var r nf.Rule
	if m.chance(2) {
		r.Body = append(r.Body, m.nftProtoMatch())
	}
	for range m.IntN(3) {
		r.Body = append(r.Body, m.nftMatch())
	}
	if h != 0 && m.chance(6) {
		r.Body = append(r.Body, m.fib(h))
	}
	readable(r.Body)
	r.Body = append(r.Body, nf.Counter{})
	switch m.IntN(12) {
	case 11: // a miss ends the rule behind its counter: compared without one
		r.Body = append(r.Body[:len(r.Body)-1], m.vmap(jumps))
	case 0, 1:
		r.Body = append(r.Body, nf.Accept{})
	case 2:
		if m.chance(2) {
			r.Body = append(r.Body, nf.Drop{})
		}
	case 3, 4:
		r.Body = append(r.Body, m.setMark())
	case 5:
		r.Body = append(r.Body, nf.SetCtMark{Op: "set", Value: uint32(m.IntN(4)), Mask: ^uint32(0)})
	case 6:
		if m.chance(2) {
			add := nf.SetElement{Op: pick(m, "add", "update"), Set: "growing", Key: []nf.Key{m.ipKey(nf.KeySAddr)}, Timeout: time.Hour}
			r.Body = append(r.Body[:len(r.Body)-1], add, nf.Counter{})
			break
		}
		r.Body = append(r.Body, nf.Return{})
	case 7:
		if h == nf.Forward || h == nf.LocalIn || h == nf.LocalOut {
			r.Body = append(r.Body, nf.Reject{With: pick(m, nf.RejectPortUnreach, nf.RejectHostUnreach, nf.RejectAdminProhib)})
		}
	case 8, 9:
		if len(jumps) > 0 {
			r.Body = append(r.Body, nf.Jump{Chain: pick(m, jumps...)})
		}
	case 10:
		if h == nf.PreRouting || h == nf.LocalOut {
			r.Body = append(r.Body, nf.NoTrack{})
		}
	}
	return r
}

// readable replaces look-ups of ports in rules about ICMP, which nft 1.0.6 lists as
// look-ups of its checksum.
func readable(body []nf.Stmt) {
	for i, s := range body {
		if l, ok := s.(nf.MatchLookup); ok && l.Set == "services" && aboutICMP(body) {
			body[i] = nf.MatchLookup{Key: l.Key[:1], Set: "nets", Invert: l.Invert}
		}
	}
}

func aboutICMP(body []nf.Stmt) bool {
	for _, s := range body {
		c, ok := s.(nf.MatchCompare)
		if !ok {
			continue
		}
		switch c.Key[0].Field {
		case nf.KeyICMPType, nf.KeyICMPv6Type, nf.KeyL4Proto:
			return true
		}
	}
	return false
}

// nftSets are the named sets of a table: nets, and address, protocol and port.
func (m maker) nftSets() []nf.Set {
	net := func(s string) nf.Element {
		return nf.Element{Key: []nf.Datum{nf.PrefixDatum(prefixAt(m.fam, s))}}
	}
	service := func(addr string, proto packet.Proto, port uint16) nf.Element {
		return nf.Element{Key: []nf.Datum{nf.AddrDatum(at(m.fam, addr)), nf.NumDatum(uint64(proto)), nf.NumDatum(uint64(port))}}
	}
	addrType := nf.TypeIPv4Addr
	if m.fam == packet.IPv6 {
		addrType = nf.TypeIPv6Addr
	}
	return []nf.Set{
		{Name: "nets", Key: []nf.DataType{addrType}, Interval: true, Elements: []nf.Element{net(pick(m, "10.1.0.0/24", "10.1.0.2/32")), net("10.2.0.0/31")}},
		{Name: "services", Key: []nf.DataType{addrType, nf.TypeInetProto, nf.TypeInetService}, Elements: []nf.Element{
			service(pick(m, "10.2.0.2", "10.9.9.9"), packet.ProtoTCP, m.port()), service("10.1.0.1", packet.ProtoUDP, m.port())}},
		{Name: "growing", Key: []nf.DataType{addrType}, Dynamic: true, HasTimeout: true, Size: 100},
	}
}

// vmap makes a verdict map over the in-interface or the protocol.
func (m maker) vmap(jumps []nf.ChainName) nf.Stmt {
	verdict := func() *nf.Verdict {
		if len(jumps) > 0 && !m.chance(3) {
			return &nf.Verdict{Kind: pick(m, nf.VerdictJump, nf.VerdictGoto), Chain: pick(m, jumps...)}
		}
		return &nf.Verdict{Kind: pick(m, nf.VerdictAccept, nf.VerdictReturn, nf.VerdictContinue, nf.VerdictDrop)}
	}
	if m.chance(2) {
		return nf.VMap{Key: []nf.Key{{Field: nf.KeyIIFName}}, Elements: []nf.Element{
			{Key: []nf.Datum{nf.NameDatum("lr")}, Verdict: verdict()}, {Key: []nf.Datum{nf.NameDatum("rr")}, Verdict: verdict()}}}
	}
	return nf.VMap{Key: []nf.Key{{Field: nf.KeyL4Proto}}, Elements: []nf.Element{
		{Key: []nf.Datum{nf.NumDatum(uint64(packet.ProtoTCP))}, Verdict: verdict()},
		{Key: []nf.Datum{nf.NumDatum(uint64(m.icmp()))}, Verdict: verdict()}}}
}

func (m maker) nftNATRule(h nf.Hook) nf.Rule {
	proto := pick(m, packet.ProtoAny, packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP)
	var r nf.Rule
	if m.chance(2) {
		r.Body = append(r.Body, m.nftMatch())
	}
	if proto != packet.ProtoAny {
		r.Body = append(r.Body, compare(nf.KeyL4Proto, nf.OpEqual, nf.NumDatum(uint64(proto))))
	}
	r.Body = append(r.Body, nf.Counter{})
	if t := m.natTarget(h, proto); t != nil && !m.chance(4) {
		r.Body = append(r.Body, t)
	}
	return r
}

// compare compares one key with one value.
func compare(k nf.KeyField, op nf.Op, d nf.Datum) nf.MatchCompare {
	return nf.MatchCompare{Key: []nf.Key{{Field: k}}, Op: op, Values: [][]nf.Datum{{d}}}
}

// ipKey is a key of the IP header; in a table of both families it names its own.
func (m maker) ipKey(k nf.KeyField) nf.Key {
	if m.inet {
		return nf.Key{Field: k, Family: m.fam}
	}
	return nf.Key{Field: k}
}

func (m maker) compareIP(k nf.KeyField, op nf.Op, d nf.Datum) nf.MatchCompare {
	c := compare(k, op, d)
	c.Key[0] = m.ipKey(k)
	return c
}

// nftProtoMatch makes a comparison that is about one protocol; nft refuses rules
// with contradicting ones.
func (m maker) nftProtoMatch() nf.Stmt {
	op := pick(m, nf.OpEqual, nf.OpEqual, nf.OpNotEqual)
	switch m.IntN(4) {
	case 0:
		return compare(pick(m, nf.KeyTCPDPort, nf.KeyTCPSPort, nf.KeyUDPDPort, nf.KeyUDPSPort, nf.KeySCTPDPort), op, nf.NumDatum(uint64(m.port())))
	case 1:
		return compare(nf.KeyL4Proto, op, nf.NumDatum(uint64(pick(m, packet.ProtoTCP, packet.ProtoUDP, packet.ProtoSCTP, m.icmp()))))
	case 2:
		key := nf.KeyICMPType
		if m.fam == packet.IPv6 {
			key = nf.KeyICMPv6Type
		}
		return compare(key, op, nf.NumDatum(uint64(m.icmpType())))
	}
	lo := m.port()
	return compare(nf.KeyTCPDPort, op, nf.RangeDatum(uint64(lo), uint64(lo)+500))
}

// nftMatch makes one comparison of something else.
func (m maker) nftMatch() nf.Stmt {
	op := pick(m, nf.OpEqual, nf.OpEqual, nf.OpEqual, nf.OpNotEqual)
	if m.fam == packet.IPv4 && m.chance(12) {
		c := m.compareIP(nf.KeyFragOff, op, nf.NumDatum(0))
		c.Mask = 0x1fff
		return c
	}
	switch m.IntN(16) {
	case 12:
		return compare(nf.KeyCtMark, op, nf.NumDatum(uint64(m.IntN(4))))
	case 13:
		status := pick(m, nf.CtStatusSeenReply, nf.CtStatusAssured, nf.CtStatusSNAT, nf.CtStatusDNAT, nf.CtStatusConfirmed)
		return compare(nf.KeyCtStatus, nf.OpHasAny, nf.NumDatum(uint64(status)))
	case 14:
		return compare(nf.KeyPktType, op, nf.NumDatum(uint64(m.IntN(3))))
	case 15:
		return m.compareIP(nf.KeyDSCP, op, nf.NumDatum(uint64(m.IntN(3))*8))
	case 8:
		return nf.MatchLookup{Key: []nf.Key{m.ipKey(pick(m, nf.KeySAddr, nf.KeyDAddr))}, Set: pick(m, nf.SetName("nets"), "growing"), Invert: m.chance(3)}
	case 9:
		return nf.MatchLookup{Key: []nf.Key{m.ipKey(nf.KeyDAddr), {Field: nf.KeyL4Proto}, {Field: nf.KeyTHDPort}}, Set: "services", Invert: m.chance(3)}
	case 10:
		if m.chance(2) {
			return nf.MatchConnLimit{Limit: uint32(m.IntN(4)), Upto: m.chance(3), NoGroup: true}
		}
		return nf.MatchLimit{Rate: 1, Unit: nf.PerHour, Burst: uint32(2 + m.IntN(3)), Over: m.chance(3)}
	case 11:
		c := m.compareIP(pick(m, nf.KeySAddr, nf.KeyDAddr), op, nf.PrefixDatum(prefixAt(m.fam, "10.1.0.2/32")))
		c.Values = append(c.Values, []nf.Datum{nf.PrefixDatum(prefixAt(m.fam, "10.2.0.2/32"))})
		c.Anonymous = true
		return c
	case 0, 1:
		return m.compareIP(pick(m, nf.KeySAddr, nf.KeyDAddr), op, nf.PrefixDatum(m.prefix()))
	case 2:
		return compare(pick(m, nf.KeyIIFName, nf.KeyOIFName), op, nf.NameDatum(pick(m, "lr", "rr", "lo")))
	case 3:
		c := compare(nf.KeyMark, op, nf.NumDatum(uint64(m.IntN(4))))
		c.Mask = 3
		return c
	case 4, 5:
		return m.nftCtState()
	case 6:
		return compare(nf.KeyCtDirection, op, nf.NumDatum(uint64(m.IntN(2))))
	}
	return m.compareIP(nf.KeyTTL, op, nf.NumDatum(uint64(pick(m, 63, 64))))
}

func (m maker) nftCtState() nf.Stmt {
	var states nf.CtState
	for _, s := range []nf.CtState{nf.CtInvalid, nf.CtEstablished, nf.CtRelated, nf.CtNew, nf.CtUntracked} {
		if m.chance(3) {
			states |= s
		}
	}
	if states == 0 {
		states = nf.CtNew
	}
	return compare(nf.KeyCtState, nf.OpHasAny, nf.NumDatum(uint64(states)))
}
