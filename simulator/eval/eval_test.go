package eval_test

import (
	"net/netip"
	"testing"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/eval"
)

func addr(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// tcpPacket is 10.0.0.1:40000 to 10.0.0.2:80.
func tcpPacket() *packet.Packet {
	return &packet.Packet{Src: addr("10.0.0.1"), Dst: addr("10.0.0.2"), Proto: packet.ProtoTCP, TTL: 64,
		SrcPort: 40000, DstPort: 80, TCP: packet.TCP{Flags: packet.SYN}, Mark: 0x10}
}

func echoPacket() *packet.Packet {
	return &packet.Packet{Src: addr("10.0.0.1"), Dst: addr("10.0.0.2"), Proto: packet.ProtoICMP, TTL: 64, ICMPType: 8}
}

// conn is a connection of tcpPacket that was DNATed from 10.96.0.1:443.
func conn() conntrack.Ref {
	c := &conntrack.Conn{Mark: 0x5, Status: conntrack.SeenReply | conntrack.Confirmed | conntrack.DstNAT | conntrack.DstNATDone}
	c.Tuples[conntrack.Original] = conntrack.Tuple{Src: addr("10.0.0.1"), Dst: addr("10.96.0.1"), Proto: packet.ProtoTCP, SrcPort: 40000, DstPort: 443}
	c.Tuples[conntrack.Reply] = conntrack.Tuple{Src: addr("10.0.0.2"), Dst: addr("10.0.0.1"), Proto: packet.ProtoTCP, SrcPort: 80, DstPort: 40000}
	return conntrack.Ref{Conn: c, Info: conntrack.Established}
}

// context is tcpPacket at FORWARD from cali1 to eth0.
func context(p *packet.Packet) *eval.Context {
	return &eval.Context{Packet: p, Hook: nf.Forward, In: eval.Iface{Name: "cali1", Index: 5},
		Out: eval.Iface{Name: "eth0", Index: 2}, Ct: conn(), State: &eval.State{}, Lookups: routing{}}
}

// routing answers for a host that owns 10.0.0.2.
type routing struct{}

func (routing) AddrType(a netip.Addr, _ eval.Iface) (uint8, bool) {
	if a == addr("10.0.0.2") {
		return 2, true
	}
	return 1, true
}

func (routing) ReversePath(*packet.Packet, eval.Iface, nf.MatchRPFilter) eval.Truth { return eval.Yes }

func (routing) Fib(q eval.FibQuery) (eval.FibAnswer, bool) {
	return eval.FibAnswer{Type: 2, Iface: q.In}, true
}

func (routing) ConnCount(*packet.Packet, conntrack.Ref, *nf.MatchConnLimit) (low, high uint32, ok bool) {
	return 3, 4, true
}

// ruleset has one base chain with the rules, and chains "other" (accepts) and
// "back" (returns); backend decides the language.
func ruleset(b nf.Backend, rules ...nf.Rule) *nf.Ruleset {
	t := nf.Table{Family: nf.FamilyInet, Name: "t", Backend: b, Chains: []nf.Chain{
		{Name: "FORWARD", Rules: rules, Base: &nf.Base{Type: nf.TypeFilter, Hook: nf.Forward, Policy: nf.PolicyDrop}},
		{Name: "other", Rules: []nf.Rule{body(nf.Accept{})}},
		{Name: "back", Rules: []nf.Rule{body(nf.Return{}), body(nf.Accept{})}},
	}, Sets: []nf.Set{
		{Name: "addrs", Key: []nf.DataType{nf.TypeIPv4Addr}, Elements: elements(nf.AddrDatum(addr("10.0.0.1")))},
		{Name: "dyn", Key: []nf.DataType{nf.TypeIPv4Addr}, Dynamic: true},
	}}
	return &nf.Ruleset{Tables: []nf.Table{t}, IPSets: []nf.Set{
		{Name: "nets", Type: "hash:net", Family: packet.IPv4, Elements: elements(nf.PrefixDatum(prefix("10.0.0.0/8")))},
		{Name: "dynset", Type: "hash:ip", Family: packet.IPv4},
	}}
}

func elements(data ...nf.Datum) []nf.Element {
	var out []nf.Element
	for _, d := range data {
		out = append(out, nf.Element{Key: []nf.Datum{d}})
	}
	return out
}

func body(s ...nf.Stmt) nf.Rule { return nf.Rule{Body: s} }

func run(t *testing.T, rs *nf.Ruleset, c *eval.Context) eval.Result {
	t.Helper()
	e := eval.New(rs)
	bases := e.Hook(c.Packet.Family(), c.Hook)
	if len(bases) != 1 {
		t.Fatalf("%d base chains, want 1", len(bases))
	}
	return e.Run(bases[0].ID, c)
}
