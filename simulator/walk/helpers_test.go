package walk_test

import (
	"net/netip"
	"testing"

	"tortie/compiler/diag"
	"tortie/dataplane/host"
	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// link is a link with one address; an empty address is none.
func link(index int, name host.LinkName, prefixes ...string) host.Link {
	l := host.Link{Index: index, Name: name, Up: true, MTU: 1500, Loopback: name == "lo"}
	for _, p := range prefixes {
		a := host.Addr{Prefix: netip.MustParsePrefix(p)}
		if l.Loopback {
			a.Scope = host.ScopeHost
		}
		l.Addrs = append(l.Addrs, a)
	}
	return l
}

func dev(dst string, l host.LinkName) host.Route {
	return host.Route{Table: host.TableMain, Type: host.RouteUnicast, Dst: netip.MustParsePrefix(dst), Scope: host.ScopeLink,
		Hops: []host.NextHop{{Dev: l}}}
}

func via(dst, hop string, l host.LinkName) host.Route {
	r := dev(dst, l)
	r.Scope, r.Hops[0].Via = host.ScopeUniverse, addr(hop)
	return r
}

// state is a node with two pods (10.65.0.2 behind cali0, 10.65.0.3 behind
// cali1) and the world behind eth0.
func state() *host.State {
	return &host.State{Name: "node1",
		Links: []host.Link{link(1, "lo", "127.0.0.1/8", "::1/128"), link(2, "eth0", "172.31.0.1/24", "fd00:172::1/64"),
			link(3, "cali0"), link(4, "cali1")},
		Routes: []host.Route{dev("172.31.0.0/24", "eth0"), dev("10.65.0.2/32", "cali0"), dev("10.65.0.3/32", "cali1"),
			via("0.0.0.0/0", "172.31.0.100", "eth0"), dev("fd00:172::/64", "eth0"), dev("fd00:65::2/128", "cali0"),
			dev("fd00:65::3/128", "cali1"), via("::/0", "fd00:172::100", "eth0")},
		Sysctls: map[string]string{"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}}
}

// rules adds an iptables-save text to a state.
func rules(t testing.TB, s *host.State, text string) *host.State {
	t.Helper()
	tables, findings := iptables.Parse("rules", []byte(text), iptables.Options{Family: packet.IPv4, Backend: nf.IptablesLegacy})
	return addTables(t, s, tables, findings)
}

// nft adds an nft rule set to a state.
func nft(t testing.TB, s *host.State, text string) *host.State {
	t.Helper()
	tables, findings := nftables.Parse("rules", []byte(text))
	return addTables(t, s, tables, findings)
}

func addTables(t testing.TB, s *host.State, tables []nf.Table, findings diag.List) *host.State {
	t.Helper()
	for _, f := range findings {
		t.Fatalf("%s: %s", f.Span, f.Message)
	}
	s.Ruleset.Tables = append(s.Ruleset.Tables, tables...)
	return s
}

var (
	outside = walk.End{Addr: addr("172.31.0.100"), Host: "node1", Link: "eth0"}
	pod0    = walk.End{Addr: addr("10.65.0.2"), Host: "node1", Link: "cali0"}
	pod1    = walk.End{Addr: addr("10.65.0.3"), Host: "node1", Link: "cali1"}
	process = walk.End{Host: "node1"}
)

func tcp(from walk.End, dst string, port uint16) walk.Request {
	return walk.Request{From: from, Dst: addr(dst), Proto: packet.ProtoTCP, SrcPort: 40000, DstPort: port}
}

func udp(from walk.End, dst string, port uint16) walk.Request {
	r := tcp(from, dst, port)
	r.Proto = packet.ProtoUDP
	return r
}

// connect tries a connection on a new walker.
func connect(t testing.TB, s *host.State, r walk.Request) trace.Connection {
	t.Helper()
	w := walk.NewHost(s, walk.Options{})
	w.Record(&trace.Recorder{})
	return w.Connect(r)
}

func want(t testing.TB, c trace.Connection, v trace.Verdict) {
	t.Helper()
	if c.Verdict != v {
		t.Errorf("verdict %s (%+v), want %s", c.Verdict, c.Reason, v)
	}
}

type addrOf = host.Addr

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// markedRules are the default rules with one more: mark 5 goes to table 100.
func markedRules() []host.Rule {
	return []host.Rule{
		{Priority: 0, Family: packet.IPv4, Action: host.ActionLookup, Table: host.TableLocal},
		{Priority: 100, Family: packet.IPv4, Mark: 5, Mask: 0xffffffff, Action: host.ActionLookup, Table: 100},
		{Priority: 32766, Family: packet.IPv4, Action: host.ActionLookup, Table: host.TableMain},
	}
}

// opaqueTable is a filter table with a rule that nobody models.
func opaqueTable() []nf.Table {
	base, _ := nf.IptablesBase("filter", "FORWARD")
	return []nf.Table{{Family: nf.FamilyIP, Name: "filter", Backend: nf.IptablesLegacy, Chains: []nf.Chain{{Name: "FORWARD", Base: &base,
		Rules: []nf.Rule{{Body: []nf.Stmt{nf.OpaqueMatch{Text: "-m bpf"}, nf.Drop{}}}}}}}}
}
