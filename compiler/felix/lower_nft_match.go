package felix

import (
	"cmp"
	"slices"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// impliedLater reports whether c is a protocol that a later condition of the
// rule checks as well: a port (also one that is looked up in a set) or an ICMP
// type.
func impliedLater(c cond, later []cond, f packet.Family) bool {
	p, ok := c.(protoIs)
	if !ok || p.not {
		return false
	}
	for _, l := range later {
		switch l := l.(type) {
		case portIn:
			if l.proto == p.proto {
				return true
			}
		case inSet:
			if _, ok := lookupKeys(p.proto); ok && l.withPort {
				return true
			}
		case icmpIs:
			if p.proto == icmpOf(f) {
				return true
			}
		}
	}
	return false
}

// icmpOf is the ICMP of a family.
func icmpOf(f packet.Family) packet.Proto {
	if f == packet.IPv6 {
		return packet.ProtoICMPv6
	}
	return packet.ProtoICMP
}

// protoOf is the protocol that the rule asks for, 0 for none.
func protoOf(match []cond) packet.Proto {
	for _, c := range match {
		if p, ok := c.(protoIs); ok && !p.not {
			return p.proto
		}
	}
	return 0
}

// checkNft finds what nft 1.0.6 refuses.
func (r *renderer) checkNft(in *rule, layer nf.TableName) {
	var proto packet.Proto
	for _, c := range in.match {
		switch c := c.(type) {
		case protoIs:
			if !c.not {
				proto = c.proto
			}
		case icmpIs:
			if c.icmp.HasCode {
				r.problem(in.origin, "ICMP type and code in one rule: nft refuses it and Felix crashes")
			}
			if proto != 0 && proto != icmpOf(r.family) {
				r.problem(in.origin, "ICMP type without the protocol of "+r.family.String()+": nft refuses it and Felix crashes")
			}
		case portIn:
			if _, ok := portKeys[c.proto]; !ok {
				r.problem(in.origin, "ports of protocol "+c.proto.String()+": Felix crashes in nftables mode")
			}
		case inSet:
			if c.withPort && proto != 0 && !slices.Contains(listedProtocols, proto) {
				r.problem(in.origin, "a service in a rule of protocol "+proto.String()+": nft 1.0.6 aborts when it lists the rule, and Felix cannot read its rules back")
			}
		}
	}
}

// nftMatch writes one condition of a rule about the protocol.
func (r *renderer) nftMatch(c cond, proto packet.Proto) []nf.Stmt {
	switch c := c.(type) {
	case markIs:
		m := compare(nf.KeyMark, equal(c.not), nf.NumDatum(uint64(c.value)))
		m.Mask = uint64(c.mask)
		return []nf.Stmt{m}
	case ifaceIs:
		d := nf.NameDatum(c.name)
		d.Wildcard = c.prefix
		key := nf.KeyIIFName
		if c.dir == nf.Dst {
			key = nf.KeyOIFName
		}
		return []nf.Stmt{compare(key, nf.OpEqual, d)}
	case protoIs:
		return []nf.Stmt{compare(nf.KeyL4Proto, equal(c.not), nf.NumDatum(uint64(c.proto)))}
	case netIs:
		return []nf.Stmt{compare(addrKey(c.dir), equal(c.not), nf.PrefixDatum(c.net))}
	case inSet:
		return []nf.Stmt{nftLookup(c, proto)}
	case portIn:
		return []nf.Stmt{nftPorts(c)}
	case icmpIs:
		return r.nftICMP(c)
	case addrLocal:
		return []nf.Stmt{nftAddrLocal(c)}
	}
	return nftState(c)
}

// nftState writes the conditions on connection, route and rate.
func nftState(c cond) []nf.Stmt {
	switch c := c.(type) {
	case ctIs:
		return []nf.Stmt{compare(nf.KeyCtState, nf.OpHasAny, nf.NumDatum(uint64(c.states)))}
	case dnated:
		op := nf.OpHasAny
		if c.not {
			// A plain inequality of all status bits.
			op = nf.OpNotEqual
		}
		return []nf.Stmt{compare(nf.KeyCtStatus, op, nf.NumDatum(uint64(nf.CtStatusDNAT)))}
	case rpFailed:
		m := compare(nf.KeyFib, nf.OpEqual, nf.NumDatum(0))
		m.Key[0].Fib = &nf.Fib{Saddr: true, Mark: true, IIF: true, Result: nf.FibOIF}
		return []nf.Stmt{m}
	case rateLimit:
		burst := c.burst
		if burst == 0 {
			burst = defaultBurst
		}
		return []nf.Stmt{nf.MatchLimit{Rate: c.rate, Unit: c.unit, Burst: burst, Over: c.over}}
	case connLimit:
		return []nf.Stmt{nf.MatchConnLimit{Limit: c.most, NoGroup: true}}
	}
	return nil
}

func addrKey(d nf.Dir) nf.KeyField {
	if d == nf.Src {
		return nf.KeySAddr
	}
	return nf.KeyDAddr
}

// nftLookup writes the look-up in a set. nft lists the port that stands for any
// protocol's (th dport) as the one of the rule's protocol.
func nftLookup(c inSet, proto packet.Proto) nf.Stmt {
	m := nf.MatchLookup{Key: []nf.Key{{Field: addrKey(c.dir)}}, Set: nf.SetName(c.set), Invert: c.not}
	if c.withPort {
		keys, ok := lookupKeys(proto)
		if !ok {
			keys = anyPort
		}
		m.Key = append(m.Key, nf.Key{Field: nf.KeyL4Proto}, nf.Key{Field: pickPort(keys, c.dir)})
	}
	return m
}

// listedProtocols are those whose rules nft 1.0.6 lists when a port of any protocol
// is in them: it knows their headers.
var listedProtocols = []packet.Proto{
	packet.ProtoICMP, packet.ProtoIGMP, packet.ProtoTCP, packet.ProtoUDP, packet.ProtoDCCP, packet.ProtoESP,
	packet.ProtoAH, packet.ProtoICMPv6, packet.ProtoComp, packet.ProtoSCTP, packet.ProtoUDPLite,
}

var anyPort = [2]nf.KeyField{nf.KeyTHSPort, nf.KeyTHDPort}

// lookupKeys are the keys as which nft lists the ports of any protocol (th dport)
// in a rule of this one.
func lookupKeys(proto packet.Proto) ([2]nf.KeyField, bool) {
	switch proto {
	case packet.ProtoUDPLite:
		return [2]nf.KeyField{nf.KeyUDPLiteSPort, nf.KeyUDPLiteDPort}, true
	case packet.ProtoDCCP:
		return [2]nf.KeyField{nf.KeyDCCPSPort, nf.KeyDCCPDPort}, true
	}
	if keys, ok := portKeys[proto]; ok {
		return keys, true
	}
	key, ok := inPlaceOfPort[proto]
	return [2]nf.KeyField{nf.KeyTHSPort, key}, ok
}

// inPlaceOfPort is what nft calls the place of the destination port in protocols
// without ports.
var inPlaceOfPort = map[packet.Proto]nf.KeyField{
	packet.ProtoICMP: nf.KeyICMPChecksum, packet.ProtoICMPv6: nf.KeyICMPv6Checksum, packet.ProtoIGMP: nf.KeyIGMPChecksum,
	packet.ProtoAH: nf.KeyAHReserved, packet.ProtoComp: nf.KeyCompCPI,
}

func portKey(proto packet.Proto, dir nf.Dir) nf.KeyField {
	keys, ok := portKeys[proto]
	if !ok {
		keys = anyPort
	}
	return pickPort(keys, dir)
}

func pickPort(keys [2]nf.KeyField, dir nf.Dir) nf.KeyField {
	if dir == nf.Dst {
		return keys[1]
	}
	return keys[0]
}

// portKeys are the source and destination keys of the protocols whose ports
// Felix writes for nftables.
var portKeys = map[packet.Proto][2]nf.KeyField{
	packet.ProtoTCP:  {nf.KeyTCPSPort, nf.KeyTCPDPort},
	packet.ProtoUDP:  {nf.KeyUDPSPort, nf.KeyUDPDPort},
	packet.ProtoSCTP: {nf.KeySCTPSPort, nf.KeySCTPDPort},
}

// nftPorts writes a set of ports; nft lists one member without braces, several
// sorted.
func nftPorts(c portIn) nf.Stmt {
	m := nf.MatchCompare{Key: []nf.Key{{Field: portKey(c.proto, c.dir)}}, Op: equal(c.not)}
	for _, p := range mergePorts(c.ports) {
		m.Values = append(m.Values, []nf.Datum{nf.RangeDatum(uint64(p.From), uint64(p.To))})
	}
	m.Anonymous = len(c.ports) > 1
	return m
}

// mergePorts sorts ports as nft does with the members of an anonymous set. A set
// with any range is one of intervals, and nft joins those that touch.
func mergePorts(in []resolve.PortRange) []resolve.PortRange {
	sorted := slices.Clone(in)
	slices.SortFunc(sorted, func(a, b resolve.PortRange) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	sorted = slices.Compact(sorted)
	if !slices.ContainsFunc(sorted, func(p resolve.PortRange) bool { return p.From != p.To }) {
		return sorted
	}
	out := sorted[:1]
	for _, p := range sorted[1:] {
		last := &out[len(out)-1]
		if int(p.From) <= int(last.To)+1 {
			last.To = max(last.To, p.To)
			continue
		}
		out = append(out, p)
	}
	return out
}

func (r *renderer) nftICMP(c icmpIs) []nf.Stmt {
	typ, code := nf.KeyICMPType, nf.KeyICMPCode
	if !r.v4() {
		typ, code = nf.KeyICMPv6Type, nf.KeyICMPv6Code
	}
	out := []nf.Stmt{compare(typ, equal(c.not), nf.NumDatum(uint64(c.icmp.Type)))}
	if c.icmp.HasCode {
		out = append(out, compare(code, equal(c.not), nf.NumDatum(uint64(c.icmp.Code))))
	}
	return out
}

// rtnLocal is the number of a local route's type.
const rtnLocal = 2

func nftAddrLocal(c addrLocal) nf.Stmt {
	m := compare(nf.KeyFib, equal(c.not), nf.NumDatum(rtnLocal))
	m.Key[0].Fib = &nf.Fib{Saddr: c.dir == nf.Src, OIF: c.limitOut, Result: nf.FibType}
	return m
}
