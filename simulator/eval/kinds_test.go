package eval_test

import (
	"net/netip"
	"testing"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/eval"
)

// matchRow is a match before an Accept, and what the chain says: Accept (it
// matched), Drop (policy) or Unknown.
type matchRow struct {
	name   string
	match  nf.Stmt
	change func(c *eval.Context)
	want   eval.Verdict
}

func key(f nf.KeyField) []nf.Key { return []nf.Key{{Field: f}} }

func nums(n ...uint64) [][]nf.Datum {
	var out [][]nf.Datum
	for _, v := range n {
		out = append(out, []nf.Datum{nf.NumDatum(v)})
	}
	return out
}

func noConn(c *eval.Context)     { c.Ct = conntrack.Ref{} }
func noLookups(c *eval.Context)  { c.Lookups = nil }
func echo(c *eval.Context)       { c.Packet = echoPacket() }
func laterFrag(c *eval.Context)  { c.Packet.FragOffset = 5 }
func noOut(c *eval.Context)      { c.Out = eval.Iface{} }
func alwaysOne(c *eval.Context)  { c.Choose = func(eval.Choice) int { return 1 } }
func alwaysZero(c *eval.Context) { c.Choose = func(eval.Choice) int { return 0 } }

var port80 = &nf.PortRange{From: 80, To: 80}

const yes, no, open = eval.Accept, eval.Drop, eval.Unknown

var headerRows = []matchRow{
	{"tcp", nf.MatchProto{Proto: packet.ProtoTCP}, nil, yes},
	{"not tcp", nf.MatchProto{Proto: packet.ProtoTCP, Invert: true}, nil, no},
	{"not any", nf.MatchProto{Invert: true}, nil, yes},
	{"source", nf.MatchAddr{Dir: nf.Src, Prefix: prefix("10.0.0.0/24")}, nil, yes},
	{"not source", nf.MatchAddr{Dir: nf.Src, Prefix: prefix("10.0.0.0/24"), Invert: true}, nil, no},
	{"destination", nf.MatchAddr{Dir: nf.Dst, Prefix: prefix("10.0.0.1/32")}, nil, no},
	{"other family", nf.MatchAddr{Dir: nf.Dst, Prefix: prefix("::/0"), Invert: true}, nil, no},
	{"in wildcard", nf.MatchIface{Dir: nf.Src, Name: "cali", Wildcard: true}, nil, yes},
	{"in exact", nf.MatchIface{Dir: nf.Src, Name: "cali"}, nil, no},
	{"out absent", nf.MatchIface{Dir: nf.Dst, Name: "eth0"}, noOut, no},
	{"not out absent", nf.MatchIface{Dir: nf.Dst, Name: "eth0", Invert: true}, noOut, yes},
	{"any absent", nf.MatchIface{Dir: nf.Dst, Wildcard: true}, noOut, yes},
	{"fragment", nf.MatchFragment{}, laterFrag, yes},
	{"no fragment", nf.MatchFragment{Invert: true}, laterFrag, no},
	{"dport", nf.MatchL4{Proto: packet.ProtoTCP, Dst: port80}, nil, yes},
	{"not dport", nf.MatchL4{Proto: packet.ProtoTCP, Dst: port80, DstInvert: true}, nil, no},
	{"not sport", nf.MatchL4{Proto: packet.ProtoTCP, Src: port80, SrcInvert: true}, nil, yes},
	{"syn", nf.MatchL4{Proto: packet.ProtoTCP, Flags: &nf.TCPFlagsTest{Mask: packet.SYN | packet.ACK, Comp: packet.SYN}}, nil, yes},
	{"not syn", nf.MatchL4{Proto: packet.ProtoTCP, Flags: &nf.TCPFlagsTest{Mask: packet.SYN, Comp: packet.SYN, Invert: true}}, nil, no},
	{"dport of a fragment", nf.MatchL4{Proto: packet.ProtoTCP, Dst: port80, DstInvert: true}, laterFrag, no},
	{"multiport", nf.MatchMultiport{Dir: nf.Dst, Ports: []nf.PortRange{{From: 1, To: 2}, *port80}}, nil, yes},
	{"multiport either", nf.MatchMultiport{Dir: nf.Either, Ports: []nf.PortRange{{From: 40000, To: 40000}}}, nil, yes},
	{"not multiport", nf.MatchMultiport{Dir: nf.Dst, Ports: []nf.PortRange{*port80}, Invert: true}, nil, no},
	{"not multiport of a fragment", nf.MatchMultiport{Dir: nf.Dst, Ports: []nf.PortRange{{From: 1, To: 1}}, Invert: true}, laterFrag, no},
	{"icmp any", nf.MatchICMP{Family: packet.IPv4, Type: 255, CodeHi: 255}, echo, yes},
	{"icmp type", nf.MatchICMP{Family: packet.IPv4, Type: 8, CodeHi: 255}, echo, yes},
	{"icmp code", nf.MatchICMP{Family: packet.IPv4, Type: 8, CodeLo: 1, CodeHi: 1}, echo, no},
	{"not icmp code", nf.MatchICMP{Family: packet.IPv4, Type: 8, CodeLo: 1, CodeHi: 1, Invert: true}, echo, yes},
	{"iprange", nf.MatchIPRange{Src: &nf.AddrRange{From: addr("10.0.0.1"), To: addr("10.0.0.5")}}, nil, yes},
	{"not iprange", nf.MatchIPRange{Src: &nf.AddrRange{From: addr("10.0.0.1"), To: addr("10.0.0.5")}, SrcInvert: true}, nil, no},
	{"pkttype", nf.MatchPktType{Type: "unicast"}, nil, yes},
	{"not pkttype", nf.MatchPktType{Type: "broadcast", Invert: true}, nil, yes},
	{"pkttype nonsense", nf.MatchPktType{Type: "x"}, nil, open},
	{"ttl lt", nf.MatchTTL{Op: "lt", Value: 64}, nil, no},
	{"ttl not eq", nf.MatchTTL{Op: "eq", Value: 63, Invert: true}, nil, yes},
	{"physdev is in", nf.MatchPhysdev{IsIn: nf.Flag{Set: true}}, nil, no},
	{"physdev is not in", nf.MatchPhysdev{IsIn: nf.Flag{Set: true, Invert: true}}, nil, yes},
	{"physdev of a bridged packet", nf.MatchPhysdev{IsIn: nf.Flag{Set: true}}, func(c *eval.Context) { c.Bridged = true }, open},
	{"ipvs", nf.MatchIPVS{Handled: nf.Flag{Set: true}}, nil, no},
	{"not ipvs", nf.MatchIPVS{Handled: nf.Flag{Set: true, Invert: true}}, nil, yes},
	{"not ipvs port, no ipvs", nf.MatchIPVS{Port: 81, PortInvert: true}, nil, no},
	{"ipvs port", nf.MatchIPVS{Port: 80, Proto: packet.ProtoTCP}, byIPVS, yes},
	{"not ipvs port", nf.MatchIPVS{Port: 80, PortInvert: true}, byIPVS, no},
	{"ipvs address", nf.MatchIPVS{Addr: netip.MustParsePrefix("198.51.100.0/24")}, byIPVS, no},
	{"dscp", nf.MatchDSCP{}, nil, yes},
	{"not dscp", nf.MatchDSCP{Invert: true}, nil, no},
	{"length", nf.MatchLength{Lo: 40, Hi: 40}, nil, yes},
	{"length unknown", nf.MatchLength{Lo: 40, Hi: 40}, func(c *eval.Context) { c.Packet.TCP.MSS = 1460 }, open},
	{"not length", nf.MatchLength{Lo: 40, Hi: 40, Invert: true}, nil, no},
	{"mark", nf.MatchMark{Value: 0x10, Mask: 0xf0}, nil, yes},
	{"not mark", nf.MatchMark{Value: 0x10, Mask: 0xf0, Invert: true}, nil, no},
	{"opaque", nf.OpaqueMatch{Text: "-m bpf"}, nil, open},
}

var stateRows = []matchRow{
	{"connmark", nf.MatchConnmark{Value: 5, Mask: 0xff}, nil, yes},
	{"not connmark without", nf.MatchConnmark{Value: 5, Mask: 0xff, Invert: true}, noConn, no},
	{"established", nf.MatchConntrack{States: nf.CtEstablished | nf.CtRelated}, nil, yes},
	{"not established", nf.MatchConntrack{States: nf.CtEstablished, StatesInvert: true}, nil, no},
	{"virtual dnat", nf.MatchConntrack{States: nf.CtDNAT}, nil, yes},
	{"invalid without", nf.MatchConntrack{States: nf.CtInvalid}, noConn, yes},
	{"state and more without", nf.MatchConntrack{States: nf.CtInvalid, Proto: packet.ProtoUDP}, noConn, yes},
	{"original port without", nf.MatchConntrack{OrigDstPort: &nf.CtPort{PortRange: *port80, Invert: true}}, noConn, no},
	{"original port", nf.MatchConntrack{OrigDstPort: &nf.CtPort{PortRange: nf.PortRange{From: 443, To: 443}}}, nil, yes},
	{"not original dst", nf.MatchConntrack{OrigDst: &nf.CtAddr{Prefix: prefix("10.96.0.0/12"), Invert: true}}, nil, no},
	{"direction", nf.MatchConntrack{Direction: nf.Dst}, nil, no},
	{"status", nf.MatchConntrack{Status: nf.CtStatusSeenReply}, nil, yes},
	{"status none", nf.MatchConntrack{StatusNone: true}, nil, no},
	{"not status none", nf.MatchConntrack{StatusNone: true, StatusInvert: true}, nil, yes},
	{"set", nf.MatchSet{Set: "nets", Dirs: []nf.Dir{nf.Src}}, nil, yes},
	{"not set", nf.MatchSet{Set: "nets", Dirs: []nf.Dir{nf.Src}, Invert: true}, nil, no},
	{"missing set", nf.MatchSet{Set: "none", Dirs: []nf.Dir{nf.Src}}, nil, open},
	{"local", nf.MatchAddrType{DstType: nf.AddrLocal}, nil, yes},
	{"not local", nf.MatchAddrType{DstType: nf.AddrLocal, DstInvert: true}, nil, no},
	{"local unknown", nf.MatchAddrType{DstType: nf.AddrLocal}, noLookups, open},
	{"rpfilter", nf.MatchRPFilter{}, nil, yes},
	{"not rpfilter", nf.MatchRPFilter{Invert: true}, nil, no},
	{"rpfilter unknown", nf.MatchRPFilter{Invert: true}, noLookups, open},
	{"random chosen", nf.MatchStatistic{Probability: 1 << 29}, alwaysOne, yes},
	{"random not chosen", nf.MatchStatistic{Probability: 1 << 30}, alwaysZero, no},
	{"nth", nf.MatchStatistic{Nth: true, Every: 3, Packet: 0}, nil, yes},
	{"nth later", nf.MatchStatistic{Nth: true, Every: 3, Packet: 1}, nil, no},
	{"not nth", nf.MatchStatistic{Nth: true, Every: 3, Packet: 0, Invert: true}, nil, no},
	{"limit", nf.MatchLimit{Rate: 1, Unit: nf.PerHour, Burst: 1}, nil, yes},
	{"limit over", nf.MatchLimit{Rate: 1, Unit: nf.PerHour, Burst: 1, Over: true}, nil, no},
	{"hashlimit", nf.MatchHashLimit{Upto: true, Rate: 1, Unit: nf.PerSecond, Burst: 1, SrcIP: true}, nil, yes},
	{"hashlimit above", nf.MatchHashLimit{Rate: 1, Unit: nf.PerSecond, Burst: 1}, nil, no},
	{"hashlimit bytes", nf.MatchHashLimit{Rate: 1024, Unit: nf.PerSecond, PerByte: true}, nil, no},
	{"hashlimit that the kernel does not take", nf.MatchHashLimit{Rate: 1, Unit: nf.PerDay, Burst: 5}, nil, open},
	{"connlimit", nf.MatchConnLimit{Limit: 2}, nil, yes},
	{"connlimit upto", nf.MatchConnLimit{Limit: 2, Upto: true}, nil, no},
	{"connlimit that depends on time", nf.MatchConnLimit{Limit: 3}, nil, open},
	{"connlimit unknown", nf.MatchConnLimit{Limit: 2}, noLookups, open},
	{"recent set", nf.MatchRecent{Op: "set", Name: "r"}, nil, yes},
	{"recent check", nf.MatchRecent{Op: "rcheck", Name: "r"}, nil, no},
	{"not recent check", nf.MatchRecent{Op: "rcheck", Name: "r", Invert: true}, nil, yes},
	{"nfacct", nf.MatchNFAcct{Name: "x"}, nil, yes},
}

var nftRows = []matchRow{
	{"mark equal", nf.MatchCompare{Key: key(nf.KeyMark), Mask: 0xf0, Op: nf.OpEqual, Values: nums(0x10)}, nil, yes},
	{"port of a later fragment", nf.MatchCompare{Key: key(nf.KeyTCPDPort), Op: nf.OpNotEqual, Values: nums(80)}, laterFrag, open},
	{"port of another protocol's later fragment", nf.MatchCompare{Key: key(nf.KeyUDPDPort), Op: nf.OpNotEqual, Values: nums(80)}, laterFrag, no},
	{"port not equal", nf.MatchCompare{Key: key(nf.KeyTCPDPort), Op: nf.OpNotEqual, Values: nums(80)}, nil, no},
	{"other protocol's port not equal", nf.MatchCompare{Key: key(nf.KeyUDPDPort), Op: nf.OpNotEqual, Values: nums(1)}, nil, no},
	{"port among", nf.MatchCompare{Key: key(nf.KeyTCPDPort), Op: nf.OpEqual, Values: nums(22, 80)}, nil, yes},
	{"state", nf.MatchCompare{Key: key(nf.KeyCtState), Op: nf.OpHasAny, Values: nums(uint64(nf.CtEstablished))}, nil, yes},
	{"status not equal", nf.MatchCompare{Key: key(nf.KeyCtStatus), Op: nf.OpNotEqual, Values: nums(uint64(nf.CtStatusDNAT))}, nil, yes},
	{"status without", nf.MatchCompare{Key: key(nf.KeyCtStatus), Op: nf.OpNotEqual, Values: nums(32)}, noConn, no},
	{"ttl less", nf.MatchCompare{Key: key(nf.KeyTTL), Op: nf.OpLess, Values: nums(65)}, nil, yes},
	{"socket owner", nf.MatchCompare{Key: key(nf.KeySKUID), Op: nf.OpEqual, Values: nums(0)}, nil, open},
	{"th of icmp among tcp", nf.MatchCompare{Key: []nf.Key{{Field: nf.KeyL4Proto}, {Field: nf.KeyTHDPort}}, Op: nf.OpEqual,
		Values: [][]nf.Datum{{nf.NumDatum(6), nf.NumDatum(80)}, {nf.NumDatum(17), nf.NumDatum(53)}}}, echo, no},
	{"wildcard name", nf.MatchCompare{Key: key(nf.KeyIIFName), Op: nf.OpEqual, Values: [][]nf.Datum{{{Name: "cali", Wildcard: true}}}}, nil, yes},
	{"fib type", nf.MatchCompare{Key: []nf.Key{{Field: nf.KeyFib, Fib: &nf.Fib{Result: nf.FibType}}}, Op: nf.OpEqual, Values: nums(2)}, nil, yes},
	{"fib unknown", nf.MatchCompare{Key: []nf.Key{{Field: nf.KeyFib, Fib: &nf.Fib{Result: nf.FibType}}}, Op: nf.OpEqual, Values: nums(2)}, noLookups, open},
	{"numgen", nf.MatchCompare{Key: []nf.Key{{Field: nf.KeyNumgenRandom, Mod: 2}}, Op: nf.OpEqual, Values: nums(1)}, alwaysOne, yes},
	{"lookup", nf.MatchLookup{Key: key(nf.KeySAddr), Set: "addrs"}, nil, yes},
	{"not lookup", nf.MatchLookup{Key: key(nf.KeySAddr), Set: "addrs", Invert: true}, nil, no},
	{"not lookup, other in set", nf.MatchLookup{Key: key(nf.KeyDAddr), Set: "addrs", Invert: true}, nil, yes},
	{"lookup in nothing", nf.MatchLookup{Key: key(nf.KeyDAddr), Set: "none"}, nil, open},
}

// targetRow is a rule body, the verdict of the chain, and what is left behind.
type targetRow struct {
	name string
	body []nf.Stmt
	want eval.Verdict
	sees func(c *eval.Context, r eval.Result) bool
}

var targetRows = []targetRow{
	{"accept", []nf.Stmt{nf.Accept{}}, yes, nil},
	{"drop", []nf.Stmt{nf.Drop{}}, no, func(_ *eval.Context, r eval.Result) bool { return r.Rule.Rule == 1 }},
	{"return is the policy", []nf.Stmt{nf.Return{}}, no, func(_ *eval.Context, r eval.Result) bool { return r.Rule.Rule == 0 }},
	{"continue", []nf.Stmt{nf.Continue{}, nf.Accept{}}, yes, nil},
	{"jump", []nf.Stmt{nf.Jump{Chain: "other"}}, yes, nil},
	{"jump and back", []nf.Stmt{nf.Jump{Chain: "back"}}, no, nil},
	{"jump to nothing", []nf.Stmt{nf.Jump{Chain: "none"}}, open, nil},
	{"goto", []nf.Stmt{nf.Goto{Chain: "other"}}, yes, nil},
	{"vmap", []nf.Stmt{nf.VMap{Key: key(nf.KeyTCPDPort), Elements: []nf.Element{{Key: []nf.Datum{nf.NumDatum(80)},
		Verdict: &nf.Verdict{Kind: nf.VerdictGoto, Chain: "other"}}}}}, yes, nil},
	{"vmap without entry goes on to the next rule", []nf.Stmt{nf.VMap{Key: key(nf.KeyTCPDPort), Elements: []nf.Element{{Key: []nf.Datum{nf.NumDatum(81)},
		Verdict: &nf.Verdict{Kind: nf.VerdictAccept}}}}, nf.Accept{}}, no, nil},
	{"reject", []nf.Stmt{nf.Reject{With: nf.RejectTCPReset}}, eval.Reject, func(_ *eval.Context, r eval.Result) bool { return r.Reject == nf.RejectTCPReset }},
	{"toggle a mark", []nf.Stmt{nf.SetMark{Value: 0x4000}, nf.Accept{}}, yes, func(c *eval.Context, _ eval.Result) bool {
		return c.Packet.Mark == 0x4010 && len(c.Marks) == 1 && c.Marks[0].Rule.Rule == 1 && c.Marks[0].Bits == 0x4000
	}},
	{"save a mark", []nf.Stmt{nf.SetCtMark{Op: "save", NfMask: 0xf0, CtMask: 0xf0}, nf.Accept{}}, yes, func(c *eval.Context, _ eval.Result) bool { return c.Ct.Conn.Mark == 0x15 }},
	{"restore a mark", []nf.Stmt{nf.SetCtMark{Op: "restore", NfMask: 0xf, CtMask: 0xf}, nf.Accept{}}, yes, func(c *eval.Context, _ eval.Result) bool { return c.Packet.Mark == 0x15 }},
	{"notrack too late", []nf.Stmt{nf.NoTrack{}, nf.Accept{}}, yes, func(c *eval.Context, _ eval.Result) bool { return c.Ct.Conn != nil }},
	{"log", []nf.Stmt{nf.Log{}, nf.Accept{}}, yes, nil},
	{"nflog", []nf.Stmt{nf.NFLog{}, nf.Accept{}}, yes, nil},
	{"nat", []nf.Stmt{nf.NAT{Kind: nf.DNAT, Addr: addr("10.1.1.1"), Port: 8080}}, yes, func(_ *eval.Context, r eval.Result) bool {
		return r.HasNAT && r.NAT.AddrTo == addr("10.1.1.1") && r.NAT.PortTo == 8080
	}},
	{"dscp", []nf.Stmt{nf.SetDSCP{DSCP: 46}, nf.Accept{}}, yes, func(c *eval.Context, _ eval.Result) bool { return c.Packet.TOS == 46<<2 }},
	{"set element", []nf.Stmt{nf.SetElement{Op: "add", Set: "dyn", Key: key(nf.KeySAddr)}, nf.MatchLookup{Key: key(nf.KeySAddr), Set: "dyn"}, nf.Accept{}}, yes, nil},
	{"ipset element", []nf.Stmt{nf.SetElement{Op: "add", Set: "dynset", Dirs: []nf.Dir{nf.Src}}, nf.MatchSet{Set: "dynset", Dirs: []nf.Dir{nf.Src}}, nf.Accept{}}, yes, nil},
	{"counter", []nf.Stmt{nf.Counter{}, nf.Accept{}}, yes, nil},
	{"inert", []nf.Stmt{nf.Inert{Text: "CHECKSUM"}, nf.Accept{}}, yes, nil},
	{"opaque", []nf.Stmt{nf.OpaqueTarget{Text: "TPROXY"}}, open, nil},
}

func TestRun_Matches(t *testing.T) {
	for _, rows := range [][]matchRow{headerRows, stateRows, nftRows} {
		for _, row := range rows {
			t.Run(nf.KindName(row.match)+"/"+row.name, func(t *testing.T) {
				c := context(tcpPacket())
				if row.change != nil {
					row.change(c)
				}
				if got := run(t, ruleset(nf.NFTables, body(row.match, nf.Accept{})), c); got.Verdict != row.want {
					t.Errorf("got %s, want %s", got.Verdict, row.want)
				}
			})
		}
	}
}

func TestRun_Targets(t *testing.T) {
	for _, row := range targetRows {
		t.Run(row.name, func(t *testing.T) {
			c := context(tcpPacket())
			got := run(t, ruleset(nf.IptablesLegacy, body(row.body...)), c)
			if got.Verdict != row.want {
				t.Errorf("got %s, want %s", got.Verdict, row.want)
			}
			if row.sees != nil && !row.sees(c, got) {
				t.Errorf("packet %+v, ct mark %v, result %+v", c.Packet, c.Ct, got)
			}
		})
	}
}

// Every statement kind has a row.
func TestRun_EveryKindHasARow(t *testing.T) {
	seen := map[string]bool{}
	for _, rows := range [][]matchRow{headerRows, stateRows, nftRows} {
		for _, r := range rows {
			seen[nf.KindName(r.match)] = true
		}
	}
	for _, r := range targetRows {
		for _, s := range r.body {
			seen[nf.KindName(s)] = true
		}
	}
	for _, k := range nf.Kinds() {
		if !seen[nf.KindName(k)] {
			t.Errorf("%s has no row", nf.KindName(k))
		}
	}
}

// byIPVS lets IPVS handle the packet for a virtual server with its destination.
func byIPVS(c *eval.Context) {
	c.IPVS = &eval.VirtualServer{Proto: packet.ProtoTCP, Addr: c.Packet.Dst, Port: 80}
}
