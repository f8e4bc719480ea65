package difftest

import (
	"slices"
	"testing"

	"tortie/dataplane/host"
	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// syn is a SYN from the left in a family.
func syn(fam packet.Family, src, dst string) Shot {
	return Shot{From: Left, Packet: packet.Packet{Src: at(fam, src), Dst: at(fam, dst), Proto: packet.ProtoTCP, TTL: 64, SrcPort: 5000, DstPort: 80,
		TCP: packet.TCP{Seq: 100, Flags: packet.SYN, Window: 500}}}
}

// both puts chains into a table of both families.
func both(chains ...nf.Chain) nf.Ruleset {
	r := ruleset(chains...)
	r.Tables[0].Family = nf.FamilyInet
	return r
}

// ping is an echo request from the left.
func ping(dst string) Shot {
	return Shot{From: Left, Packet: packet.Packet{Src: at(packet.IPv4, labAddrs[Left][0]), Dst: at(packet.IPv4, labAddrs[dst][0]), Proto: packet.ProtoICMP, TTL: 64, ICMPType: 8, ICMPID: 3, ICMPSeq: 1}}
}

// base is an nftables chain at a hook with rules.
func base(name nf.ChainName, typ nf.ChainType, h nf.Hook, priority int32, rules ...nf.Rule) nf.Chain {
	return nf.Chain{Name: name, Base: &nf.Base{Type: typ, Hook: h, Priority: priority, Policy: nf.PolicyAccept}, Rules: rules}
}

func ruleset(chains ...nf.Chain) nf.Ruleset {
	return nf.Ruleset{Tables: []nf.Table{{Family: nf.FamilyIP, Name: "t", Backend: nf.NFTables, Chains: chains}}}
}

// Cases that random search has found.
func TestDiff_Found(t *testing.T) {
	netns.Require(t, labTools...)
	synFin := Shot{From: Left, Packet: packet.Packet{Src: at(packet.IPv4, labAddrs[Left][0]), Dst: at(packet.IPv4, labAddrs[Local][0]), Proto: packet.ProtoTCP, TTL: 64, SrcPort: 5000, DstPort: 80, PayloadLen: 3,
		TCP: packet.TCP{Seq: 100, Flags: packet.SYN | packet.FIN, Window: 500}}}
	reject := nf.Rule{Body: []nf.Stmt{nf.Counter{}, nf.Reject{With: nf.RejectPortUnreach}}}
	mark := nf.Rule{Body: []nf.Stmt{nf.Counter{}, nf.SetCtMark{Op: "set", Value: 1, Mask: ^uint32(0)}}}
	dnat6 := nf.NAT{Kind: nf.DNAT, Addr: at(packet.IPv6, "10.2.0.2"), AddrTo: at(packet.IPv6, "10.2.0.2")}
	ttl := nf.Rule{Body: []nf.Stmt{nf.MatchCompare{Key: []nf.Key{{Field: nf.KeyTTL, Family: packet.IPv6}}, Op: nf.OpNotEqual, Values: [][]nf.Datum{{nf.NumDatum(63)}}}, nf.Counter{}}}
	cases := map[string]*Case{
		"a nat chain without a translation tracks nothing": {
			Ruleset: ruleset(base("nat", nf.TypeNAT, nf.PostRouting, nf.PriNATSrc)), Shots: []Shot{ping(Right), ping(Local)}},
		"no ICMP error about the kernel's own echo reply": {
			Ruleset: ruleset(base("early", nf.TypeFilter, nf.LocalOut, nf.PriMangle, mark), base("out", nf.TypeFilter, nf.LocalOut, nf.PriFilter, reject)),
			Shots:   []Shot{ping(Local)}},
		"a RST answers SYN and FIN": {Shots: []Shot{synFin}},
		"a translation of the other family does nothing and tracks nothing": {
			Ruleset: both(base("nat", nf.TypeNAT, nf.PreRouting, nf.PriNATDst, nf.Rule{Body: []nf.Stmt{nf.Counter{}, dnat6}})),
			Shots:   []Shot{syn(packet.IPv4, "10.1.0.2", "10.2.0.3"), syn(packet.IPv6, "10.1.0.2", "10.2.0.3")}},
		"a packet of the other family has no such key": {
			Ruleset: both(base("in", nf.TypeFilter, nf.PreRouting, nf.PriFilter, ttl)),
			Shots:   []Shot{syn(packet.IPv4, "10.1.0.2", "10.2.0.3"), syn(packet.IPv6, "10.1.0.2", "10.2.0.3")}},
		"ICMPv6 errors have an address of the link that the offender came in by": {
			Ruleset: both(base("forwarded", nf.TypeFilter, nf.Forward, nf.PriFilter, reject)),
			Shots:   []Shot{syn(packet.IPv6, "192.0.2.1", "10.2.0.3"), syn(packet.IPv6, "10.1.0.2", "10.2.0.3")}},
	}
	for name, fam := range map[string]packet.Family{"IPv4": packet.IPv4, "IPv6": packet.IPv6} {
		first := syn(fam, "10.1.0.2", "10.2.0.3")
		first.Packet.MoreFragments, first.Packet.FragID, first.Packet.PayloadLen = true, 77, 4
		byPort := host.Rule{Priority: 100, Family: fam, Action: host.ActionBlackhole, IIF: "lr", Proto: packet.ProtoTCP, DPortLo: 80, DPortHi: 443}
		cases["policy routing sees no port of a first fragment of "+name] = &Case{Family: fam,
			Network: Network{Rules: append(defaultRules(), byPort)}, Shots: []Shot{first, syn(fam, "10.1.0.2", "10.2.0.3")}}
	}
	state := compare(nf.KeyCtState, nf.OpHasAny, nf.NumDatum(uint64(nf.CtUntracked)))
	cases["nftables leaves the answer to an untracked packet untracked"] = &Case{
		Ruleset: ruleset(base("raw", nf.TypeFilter, nf.LocalOut, nf.PriRaw, nf.Rule{Body: []nf.Stmt{nf.NoTrack{}}}),
			base("out", nf.TypeFilter, nf.LocalOut, nf.PriFilter, nf.Rule{Body: []nf.Stmt{state, nf.Counter{}, nf.Reject{With: nf.RejectHostUnreach}}})),
		Shots: []Shot{{From: Local, Packet: syn(packet.IPv4, "10.1.0.1", "10.9.9.9").Packet}}}
	cases["iptables cannot keep the answer to an untracked packet from being tracked"] = &Case{
		Ruleset: nf.Ruleset{Tables: []nf.Table{
			iptablesTable(packet.IPv4, "raw", map[nf.ChainName][]nf.Rule{"OUTPUT": {{Body: []nf.Stmt{nf.NoTrack{}}}}}),
			iptablesTable(packet.IPv4, "filter", map[nf.ChainName][]nf.Rule{"OUTPUT": {
				{Body: []nf.Stmt{nf.MatchConntrack{States: nf.CtUntracked}, nf.Reject{With: nf.RejectHostUnreach}}}}})}},
		Shots: []Shot{{From: Local, Packet: syn(packet.IPv4, "10.1.0.1", "10.9.9.9").Packet}}}
	fib := nf.MatchCompare{Key: []nf.Key{{Field: nf.KeyFib, Fib: &nf.Fib{Saddr: true, Result: nf.FibType}}}, Op: nf.OpEqual,
		Values: [][]nf.Datum{{nf.NumDatum(uint64(host.RouteProhibit))}}}
	cases["fib says of which type an IPv6 route that refuses is"] = &Case{
		Ruleset: both(base("forwarded", nf.TypeFilter, nf.Forward, nf.PriFilter, nf.Rule{Body: []nf.Stmt{fib, nf.Counter{}}})),
		Network: Network{Routes: []host.Route{{Table: host.TableMain, Type: host.RouteProhibit, Dst: prefixAt(packet.IPv6, "10.1.0.3/32")}}},
		Shots:   []Shot{syn(packet.IPv6, "10.1.0.3", "10.2.0.2")}}
	oif := nf.MatchCompare{Key: []nf.Key{{Field: nf.KeyFib, Fib: &nf.Fib{IIF: true, Result: nf.FibOIF}}}, Op: nf.OpNotEqual, Values: [][]nf.Datum{{nf.NumDatum(0)}}}
	group, broadcast := syn(packet.IPv6, "10.1.0.2", "10.1.0.1"), syn(packet.IPv4, "10.1.0.2", "10.1.0.255")
	group.Packet = discovery(neighbourAdvert, group.Packet.Src, solicitedNode(group.Packet.Dst))
	cases["fib finds the link of groups and broadcast addresses"] = &Case{
		Ruleset: both(base("in", nf.TypeFilter, nf.PreRouting, nf.PriFilter, nf.Rule{Body: []nf.Stmt{oif, nf.Counter{}}})), Shots: []Shot{group, broadcast}}
	init := syn(packet.IPv4, "10.1.0.3", "10.2.0.2").Packet
	init.Proto, init.TCP, init.SCTP = packet.ProtoSCTP, packet.TCP{}, []packet.SCTPChunk{{Type: sctpInit, InitTag: 111}}
	says := func(side string, tag uint32, typ uint8, initTag uint32) Shot {
		p := init
		if side == Right {
			p.Src, p.Dst, p.SrcPort, p.DstPort = init.Dst, init.Src, init.DstPort, init.SrcPort
		}
		p.Vtag, p.SCTP = tag, []packet.SCTPChunk{{Type: typ, InitTag: initTag}}
		return Shot{From: side, Packet: p}
	}
	invalid := nf.Rule{Body: []nf.Stmt{compare(nf.KeyCtState, nf.OpHasAny, nf.NumDatum(uint64(nf.CtInvalid))), nf.Counter{}}}
	cases["an INIT with the same tag is no new attempt"] = &Case{
		Ruleset: ruleset(base("forwarded", nf.TypeFilter, nf.Forward, nf.PriFilter, invalid)),
		Shots: []Shot{{From: Left, Packet: init}, says(Right, 111, sctpCookieAck, 0), says(Left, 229, sctpHeartbeatAck, 0),
			{From: Left, Packet: init}, says(Right, 111, sctpInitAck, 222)}}
	cases["an association that begins with a heartbeat's answer does not know the other tag"] = &Case{
		Ruleset: ruleset(base("forwarded", nf.TypeFilter, nf.Forward, nf.PriFilter, invalid)),
		Shots:   []Shot{says(Left, 111, sctpHeartbeatAck, 0), says(Right, 222, sctpHeartbeatAck, 0), says(Right, 222, sctpData, 0)}}
	toAll := syn(packet.IPv4, "10.1.0.3", "10.1.0.255")
	elsewhere := nf.NAT{Kind: nf.DNAT, Addr: at(packet.IPv4, "10.2.0.2"), AddrTo: at(packet.IPv4, "10.2.0.2")}
	cases["a frame for all is not forwarded wherever its packet is sent"] = &Case{
		Ruleset: ruleset(base("nat", nf.TypeNAT, nf.PreRouting, nf.PriNATDst, nf.Rule{Body: []nf.Stmt{nf.Counter{}, elsewhere}})), Shots: []Shot{toAll}}
	for _, fam := range families {
		cases["fib of a forwarded packet asks as one that came in by its way out, "+fam.String()] = &Case{
			Ruleset: both(base("forwarded", nf.TypeFilter, nf.Forward, nf.PriFilter, nf.Rule{Body: []nf.Stmt{oif, nf.Counter{}}})),
			Network: Network{Rules: append(defaultRules(), host.Rule{Priority: 100, Family: fam, IIF: "rr", Action: host.ActionLookup, Table: sideTable}),
				Routes: []host.Route{{Table: sideTable, Type: host.RouteProhibit, Dst: prefixAt(fam, "10.1.0.2/32")}}},
			Shots: []Shot{syn(fam, "10.1.0.2", "10.2.0.3"), syn(fam, "10.1.0.3", "10.2.0.3")}}
	}
	for _, fam := range families {
		prefix := prefixAt(fam, "10.9.9.0/24")
		cases["an unreachable rule says that there is no network, "+fam.String()] = &Case{
			Network: Network{Rules: append(defaultRules(), host.Rule{Priority: 100, Family: fam, To: prefix, Action: host.ActionUnreachable})},
			Shots:   []Shot{syn(fam, "10.1.0.2", "10.9.9.9")}}
		cases["an unreachable route says it of the host, but not in IPv6, "+fam.String()] = &Case{
			Network: Network{Routes: []host.Route{{Table: host.TableMain, Type: host.RouteUnreachable, Dst: prefix}}},
			Shots:   slices.Repeat([]Shot{syn(fam, "10.1.0.2", "10.9.9.9")}, 7)}
	}
	for name, r := range notrackRules() {
		for _, fam := range families {
			cases[name+", "+fam.String()] = &Case{Ruleset: r(fam), Shots: untrackedShots(fam)}
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			diffs, err := c.Run()
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range diffs {
				t.Error(d)
			}
		})
	}
}

// iptablesTable is a table of iptables with rules in its own chains.
func iptablesTable(fam packet.Family, name nf.TableName, rules map[nf.ChainName][]nf.Rule) nf.Table {
	t := nf.Table{Family: maker{fam: fam}.family(), Name: name, Backend: nf.IptablesLegacy}
	for _, c := range nf.IptablesBuiltins(name) {
		b, _ := nf.IptablesBase(name, c)
		t.Chains = append(t.Chains, nf.Chain{Name: c, Base: &b, Rules: rules[c]})
	}
	return t
}

// notrackRules are rule sets in which packets to port 80 are not tracked, and
// others and the answers are; tracked ones from the left are translated.
func notrackRules() map[string]func(packet.Family) nf.Ruleset {
	port := &nf.PortRange{From: 80, To: 80}
	return map[string]func(packet.Family) nf.Ruleset{
		"notrack, nftables": func(fam packet.Family) nf.Ruleset {
			state := nf.Rule{Body: []nf.Stmt{compare(nf.KeyCtState, nf.OpHasAny, nf.NumDatum(uint64(nf.CtUntracked))), nf.Counter{}, nf.Accept{}}}
			invalid := nf.Rule{Body: []nf.Stmt{compare(nf.KeyCtState, nf.OpHasAny, nf.NumDatum(uint64(nf.CtInvalid))), nf.Counter{}}}
			off := nf.Rule{Body: []nf.Stmt{compare(nf.KeyTCPDPort, nf.OpEqual, nf.NumDatum(80)), nf.Counter{}, nf.NoTrack{}}}
			masquerade := nf.Rule{Body: []nf.Stmt{nf.Counter{}, nf.NAT{Kind: nf.Masquerade}}}
			r := both(base("pre", nf.TypeFilter, nf.PreRouting, nf.PriRaw, off), base("out", nf.TypeFilter, nf.LocalOut, nf.PriRaw, off),
				base("forwarded", nf.TypeFilter, nf.Forward, nf.PriFilter, state, invalid), base("post", nf.TypeNAT, nf.PostRouting, nf.PriNATSrc, masquerade))
			return r
		},
		"notrack, iptables": func(fam packet.Family) nf.Ruleset {
			off := nf.Rule{Body: []nf.Stmt{nf.MatchProto{Proto: packet.ProtoTCP}, nf.MatchL4{Proto: packet.ProtoTCP, Dst: port}, nf.NoTrack{CT: true}}}
			state := nf.Rule{Body: []nf.Stmt{nf.MatchConntrack{States: nf.CtUntracked}, nf.Accept{}}}
			invalid := nf.Rule{Body: []nf.Stmt{nf.MatchConntrack{States: nf.CtInvalid}}}
			return nf.Ruleset{Tables: []nf.Table{
				iptablesTable(fam, "raw", map[nf.ChainName][]nf.Rule{"PREROUTING": {off}, "OUTPUT": {off}}),
				iptablesTable(fam, "nat", map[nf.ChainName][]nf.Rule{"POSTROUTING": {{Body: []nf.Stmt{nf.NAT{Kind: nf.Masquerade}}}}}),
				iptablesTable(fam, "filter", map[nf.ChainName][]nf.Rule{"FORWARD": {state, invalid}}),
			}}
		},
	}
}

// untrackedShots are an untracked SYN, the answer that is tracked and finds no
// connection, an error about the SYN, and a tracked datagram with an error.
func untrackedShots(fam packet.Family) []Shot {
	first := syn(fam, "10.1.0.2", "10.2.0.3")
	back := Shot{From: Right, Packet: answer(&first.Packet)}
	own := first.Packet
	own.Src = at(fam, "10.2.0.1")
	back.Packet.DontFragment = false
	back.Packet.TCP = packet.TCP{Seq: 1, Ack: 101, Flags: packet.SYN | packet.ACK, Window: 500}
	about := func(p packet.Packet) Shot { return Shot{From: Right, Packet: portUnreachable(&p)} }
	datagram := Shot{From: Left, Packet: packet.Packet{Src: first.Packet.Src, Dst: first.Packet.Dst, Proto: packet.ProtoUDP, TTL: 64, SrcPort: 5000, DstPort: 80}}
	seen := datagram.Packet
	seen.Src = at(fam, "10.2.0.1")
	return []Shot{first, back, about(first.Packet), datagram, about(seen), {From: Local, Packet: own}}
}
