package walk_test

import (
	"testing"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

func TestConnect_PlainForwarding(t *testing.T) {
	for name, r := range map[string]walk.Request{
		"outside to pod":        tcp(outside, "10.65.0.2", 80),
		"pod to outside":        tcp(pod0, "172.31.0.100", 80),
		"pod to pod":            tcp(pod0, "10.65.0.3", 80),
		"outside to host":       tcp(outside, "172.31.0.1", 22),
		"pod to host":           tcp(pod0, "172.31.0.1", 22),
		"host to pod":           tcp(process, "10.65.0.2", 80),
		"host to itself":        tcp(process, "172.31.0.1", 80),
		"host to loopback":      tcp(process, "127.0.0.1", 80),
		"host to outside, udp":  udp(process, "8.8.8.8", 53),
		"ping":                  {From: pod0, Dst: addr("8.8.8.8"), Proto: packet.ProtoICMP, ICMPID: 7},
		"sctp":                  {From: pod0, Dst: addr("10.65.0.3"), Proto: packet.ProtoSCTP, SrcPort: 1, DstPort: 2},
		"a protocol of its own": {From: pod0, Dst: addr("10.65.0.3"), Proto: 50},
		"IPv6 pod to pod": {From: walk.End{Addr: addr("fd00:65::2"), Host: "node1", Link: "cali0"},
			Dst: addr("fd00:65::3"), Proto: packet.ProtoTCP, SrcPort: 40000, DstPort: 80},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, connect(t, state(), r), trace.Allow)
			tracked := rules(t, state(), "*filter\n:FORWARD ACCEPT\n-A FORWARD -m conntrack --ctstate INVALID -j DROP\n"+
				"COMMIT\n*nat\n:POSTROUTING ACCEPT\nCOMMIT\n")
			want(t, connect(t, tracked, r), trace.Allow)
		})
	}
}

func TestConnect_Refusals(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*host.State)
		req    walk.Request
	}{
		"forwarding off":       {func(s *host.State) { s.Sysctls["net.ipv4.ip_forward"] = "0" }, tcp(outside, "10.65.0.2", 80)},
		"blackhole":            {func(s *host.State) { s.Routes = append(s.Routes, blackhole("10.65.0.0/26")) }, tcp(outside, "10.65.0.9", 80)},
		"own address outside":  {func(*host.State) {}, tcp(walk.End{Addr: addr("172.31.0.1"), Host: "node1", Link: "eth0"}, "10.65.0.2", 80)},
		"loopback destination": {func(*host.State) {}, tcp(outside, "127.0.0.1", 80)},
		"rp_filter strict": {func(s *host.State) { s.Sysctls["net.ipv4.conf.all.rp_filter"] = "1" },
			tcp(walk.End{Addr: addr("10.65.0.3"), Host: "node1", Link: "cali0"}, "172.31.0.100", 80)},
	} {
		t.Run(name, func(t *testing.T) {
			s := state()
			row.change(s)
			want(t, connect(t, s, row.req), trace.Deny)
		})
	}
}

// A process that asks for the unspecified address reaches its own host.
func TestConnect_Unspecified(t *testing.T) {
	want(t, connect(t, state(), tcp(process, "0.0.0.0", 80)), trace.Allow)
	want(t, connect(t, state(), tcp(process, "::", 80)), trace.Allow)
}

// A rule that is not modelled and chooses the source leaves the answer open.
func TestConnect_UnknownRouteOfTheHost(t *testing.T) {
	s := state()
	s.Rules = append(s.Rules, host.Rule{Priority: 100, Family: packet.IPv4, Opaque: "uidrange 0-100", Action: host.ActionLookup, Table: 5})
	want(t, connect(t, s, udp(process, "8.8.8.8", 53)), trace.Unknown)
}

func blackhole(p string) host.Route {
	r := dev(p, "")
	r.Type, r.Hops = host.RouteBlackhole, nil
	return r
}

// The order of hooks and priorities as marks see it: each chain appends a digit.
func TestReceive_HookOrder(t *testing.T) {
	s := nft(t, state(), `table ip b {
		chain late { type filter hook forward priority 60; meta mark 0x1 counter drop; }
		chain rawish { type filter hook prerouting priority -300; meta mark set 0x1; }
	}
	table ip a {
		chain mangle { type filter hook prerouting priority -150; meta mark 0x1 meta mark set 0x2; }
		chain fwd { type filter hook forward priority 0; meta mark 0x2 accept; meta mark set 0x1; }
	}`)
	w := walk.NewHost(s, walk.Options{})
	o := w.Receive("node1", "eth0", syn("172.31.0.100", "10.65.0.2"))
	if o.Fate != walk.Sent || o.Packet.Mark != 2 || o.Out != "cali0" || o.Packet.TTL != 63 {
		t.Errorf("got %+v", o)
	}
}

func syn(src, dst string) packet.Packet {
	return packet.Packet{Src: addr(src), Dst: addr(dst), Proto: packet.ProtoTCP, TTL: 64, SrcPort: 40000, DstPort: 80,
		TCP: packet.TCP{Seq: 1, Flags: packet.SYN, Window: 1000}}
}

// At equal priority the newest registration runs first (fact 1).
func TestReceive_EqualPriorityNewestFirst(t *testing.T) {
	s := nft(t, state(), `table ip a { chain f { type filter hook forward priority 0; meta mark set 0xa; } }
	table ip b { chain f { type filter hook forward priority 0; meta mark set 0xb; } }`)
	o := walk.NewHost(s, walk.Options{}).Receive("node1", "eth0", syn("172.31.0.100", "10.65.0.2"))
	if o.Packet.Mark != 0xa {
		t.Errorf("mark %#x: the older table must run last", o.Packet.Mark)
	}
}

// All nat chains run at −100, whatever their own priority (fact 2).
func TestReceive_NATPriorityIsTheCoreHooks(t *testing.T) {
	s := nft(t, state(), `table ip n { chain p { type nat hook prerouting priority 0; ip daddr 172.31.0.1 tcp dport 80 dnat to 10.65.0.2:8080; } }
	table ip f { chain p { type filter hook prerouting priority -50; ip daddr 10.65.0.2 meta mark set 0x7; } }`)
	o := walk.NewHost(s, walk.Options{}).Receive("node1", "eth0", syn("172.31.0.100", "172.31.0.1"))
	if o.Packet.Mark != 7 || o.Packet.DstPort != 8080 || o.Out != "cali0" {
		t.Errorf("got %+v", o)
	}
}

// accept ends its base chain alone; drop ends all (fact 19).
func TestReceive_AcceptIsNotFinal(t *testing.T) {
	s := nft(t, state(), `table ip a { chain f { type filter hook forward priority 0; accept; } }
	table ip b { chain f { type filter hook forward priority 10; drop; } }`)
	o := walk.NewHost(s, walk.Options{}).Receive("node1", "eth0", syn("172.31.0.100", "10.65.0.2"))
	if o.Fate != walk.Dropped || o.Hook != nf.Forward || o.Rule.IsZero() {
		t.Errorf("got %+v", o)
	}
}

// Whether a node tracks connections is a property of its rules.
func TestReceive_TracksOnlyWhenRulesAsk(t *testing.T) {
	for text, tracked := range map[string]int{
		"*filter\n:FORWARD ACCEPT\n-A FORWARD -p tcp -j ACCEPT\nCOMMIT\n":                                 0,
		"*filter\n:FORWARD ACCEPT\n-A FORWARD -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n":             1,
		"*nat\n:POSTROUTING ACCEPT\nCOMMIT\n":                                                             0, // only a translation asks
		"*nat\n:POSTROUTING ACCEPT\n-A POSTROUTING -d 192.0.2.99 -j MASQUERADE\nCOMMIT\n":                 1,
		"*filter\n:FORWARD DROP\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\nCOMMIT\n":       0, // dropped: never confirmed (fact 15)
		"*raw\n:PREROUTING ACCEPT\n-A PREROUTING -j NOTRACK\nCOMMIT\n*nat\n:POSTROUTING ACCEPT\nCOMMIT\n": 0,
	} {
		w := walk.NewHost(rules(t, state(), text), walk.Options{})
		w.Receive("node1", "eth0", syn("172.31.0.100", "10.65.0.2"))
		if n := w.Conntrack("node1").Len(); n != tracked {
			t.Errorf("%q: %d connections, want %d", text, n, tracked)
		}
	}
}

// A node that drops neighbour discovery is out of reach by IPv6.
func TestConnect_NeighbourDiscovery(t *testing.T) {
	from := walk.End{Addr: addr("fd00:172::100"), Host: "node1", Link: "eth0"}
	s := nft(t, state(), `table ip6 f { chain i { type filter hook input priority 0; icmpv6 type 135 drop; } }`)
	c := connect(t, s, tcp(from, "fd00:65::2", 80))
	want(t, c, trace.Deny)
	if c.Reason.Chain != "i" || len(c.Notes) != 1 {
		t.Errorf("reason %+v, notes %q", c.Reason, c.Notes)
	}
	want(t, connect(t, state(), tcp(from, "fd00:65::2", 80)), trace.Allow)
}
