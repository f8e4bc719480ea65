package walk_test

import (
	"strings"
	"testing"

	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

const service = `*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.65.0.2:8055
-A OUTPUT -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.65.0.2:8055
`

// replies find the way back by the connection, also where no rule names them.
func TestConnect_DNATReply(t *testing.T) {
	for name, from := range map[string]walk.End{"outside": outside, "pod": pod1, "host": process} {
		c := connect(t, rules(t, state(), service+"COMMIT\n"), tcp(from, "10.96.0.10", 80))
		want(t, c, trace.Allow)
		if len(c.Conntrack) != 1 || !strings.Contains(c.Conntrack[0].Reply, "src=10.65.0.2") || c.Conntrack[0].State != "ESTABLISHED" {
			t.Errorf("%s: conntrack %+v", name, c.Conntrack)
		}
	}
}

// A pod that reaches itself through a service needs masquerade: else its reply
// does not pass the node (the pod talks to itself).
func TestConnect_Hairpin(t *testing.T) {
	with := service + "-A POSTROUTING -s 10.65.0.2/32 -d 10.65.0.2/32 -j MASQUERADE\nCOMMIT\n"
	c := connect(t, rules(t, state(), with), tcp(pod0, "10.96.0.10", 80))
	want(t, c, trace.Allow)
	want(t, connect(t, rules(t, state(), service+"COMMIT\n"), tcp(pod0, "10.96.0.10", 80)), trace.Deny)
	if len(c.Conntrack) == 0 || c.Conntrack[0].Status != "SEEN_REPLY,ASSURED,SNAT,DNAT" {
		t.Errorf("conntrack %+v", c.Conntrack)
	}
}

func TestConnect_Masquerade(t *testing.T) {
	s := rules(t, state(), "*nat\n:POSTROUTING ACCEPT\n-A POSTROUTING -s 10.65.0.0/16 -o eth0 -j MASQUERADE\nCOMMIT\n")
	s.Links[1].Addrs = append([]addrOf{{Prefix: prefix("192.0.2.1/32")}}, s.Links[1].Addrs...)
	w := walk.NewHost(s, walk.Options{})
	o := w.Receive("node1", "cali0", syn("10.65.0.2", "8.8.8.8"))
	if o.Packet.Src != addr("172.31.0.1") || o.NextHop != addr("172.31.0.100") {
		t.Errorf("source %v: the address in the next hop's subnet is chosen; %+v", o.Packet.Src, o)
	}
	p := walk.Mirror(&o.Packet)
	p.TCP = packet.TCP{Seq: 9, Ack: 2, Flags: packet.SYN | packet.ACK, Window: 1000}
	if back := w.Receive("node1", "eth0", p); back.Packet.Dst != addr("10.65.0.2") || back.Out != "cali0" {
		t.Errorf("the reply goes to %v by %s", back.Packet.Dst, back.Out)
	}
}

// filter OUTPUT sees the link of the first route, POSTROUTING the new one
// (fact 6); nat OUTPUT and mangle OUTPUT reroute, filter OUTPUT does not (fact 7).
func TestOutput_Reroute(t *testing.T) {
	const table100 = "cali1"
	for name, row := range map[string]struct{ text, out string }{
		"nat OUTPUT": {"*filter\n:OUTPUT DROP\n-A OUTPUT -o eth0 -j ACCEPT\nCOMMIT\n*mangle\n:POSTROUTING ACCEPT\n-A POSTROUTING -o eth0 -j DROP\nCOMMIT\n" +
			service + "COMMIT\n", "cali0"},
		"mark in mangle OUTPUT": {"*mangle\n:OUTPUT ACCEPT\n-A OUTPUT -j MARK --set-xmark 0x5/0xffffffff\nCOMMIT\n", table100},
		"mark in filter OUTPUT": {"*filter\n:OUTPUT ACCEPT\n-A OUTPUT -j MARK --set-xmark 0x5/0xffffffff\nCOMMIT\n", "eth0"},
		"mark in raw OUTPUT":    {"*raw\n:OUTPUT ACCEPT\n-A OUTPUT -j MARK --set-xmark 0x5/0xffffffff\nCOMMIT\n", "eth0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := rules(t, state(), row.text)
			s.Rules = markedRules()
			other := dev("0.0.0.0/0", table100)
			other.Table = 100
			s.Routes = append(s.Routes, other)
			p := syn("172.31.0.1", "10.96.0.10")
			o := walk.NewHost(s, walk.Options{}).Output("node1", p, "")
			if o.Fate != walk.Sent || string(o.Out) != row.out {
				t.Errorf("%s by %s (%s), want sent by %s", o.Fate, o.Out, o.Reason, row.out)
			}
		})
	}
}

// nat tables see the first packet of a connection only (fact 3), and loopback
// traffic meets nat OUTPUT and POSTROUTING but not PREROUTING and INPUT.
func TestOutput_LoopbackNAT(t *testing.T) {
	s := rules(t, state(), "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n"+
		"-A PREROUTING -j MARK --set-xmark 0x1/0x1\n-A INPUT -j MARK --set-xmark 0x2/0x2\n-A OUTPUT -j MARK --set-xmark 0x4/0x4\n"+
		"-A POSTROUTING -j MARK --set-xmark 0x8/0x8\n-A POSTROUTING -d 192.0.2.99 -j MASQUERADE\nCOMMIT\n")
	w := walk.NewHost(s, walk.Options{})
	p := syn("127.0.0.1", "127.0.0.1")
	if o := w.Output("node1", p, ""); o.Fate != walk.Delivered || o.Packet.Mark != 0xc {
		t.Errorf("first packet: %s mark %#x, want delivered 0xc", o.Fate, o.Packet.Mark)
	}
	if o := w.Output("node1", p, ""); o.Packet.Mark != 0 {
		t.Errorf("the connection is bound already: mark %#x, want no nat rule", o.Packet.Mark)
	}
	back := syn("127.0.0.1", "127.0.0.1")
	back.SrcPort, back.DstPort = 80, 40000
	back.TCP = packet.TCP{Seq: 9, Ack: 2, Flags: packet.SYN | packet.ACK, Window: 1000}
	if o := w.Output("node1", back, ""); o.Fate != walk.Delivered || o.Packet.Mark != 0 {
		t.Errorf("reply: %s mark %#x, want no nat rule", o.Fate, o.Packet.Mark)
	}
}

// UNTRACKED packets are never translated (fact 16).
func TestReceive_UntrackedIsNotTranslated(t *testing.T) {
	s := rules(t, state(), "*raw\n:PREROUTING ACCEPT\n-A PREROUTING -j NOTRACK\nCOMMIT\n"+service+"COMMIT\n")
	o := walk.NewHost(s, walk.Options{}).Receive("node1", "cali1", syn("10.65.0.3", "10.96.0.10"))
	if o.Packet.Dst != addr("10.96.0.10") || o.Out != "eth0" {
		t.Errorf("got %v by %s", o.Packet.Dst, o.Out)
	}
}

// An answer that a masquerade gives another address is refused by the kernel of who asked,
// and the refusal is translated back.
func TestConnect_RefusesAnAnswerFromElsewhere(t *testing.T) {
	s := rules(t, state(), "*raw\n:PREROUTING ACCEPT\n-A PREROUTING -i cali0 -j CT --notrack\nCOMMIT\n"+
		"*nat\n:POSTROUTING ACCEPT\n-A POSTROUTING -s 10.65.0.3/32 -j SNAT --to-source 172.31.0.1\nCOMMIT\n")
	r := tcp(pod0, "10.65.0.3", 53)
	r.Proto = packet.ProtoUDP
	c := walk.NewHost(s, walk.Options{}).Connect(r)
	if c.Verdict != trace.Deny || !strings.Contains(c.Reason.Text, "the reply comes from 172.31.0.1") || len(c.Packets) != 3 {
		t.Fatalf("%s because %q, %d packets", c.Verdict, c.Reason.Text, len(c.Packets))
	}
	if p := c.Packets[2]; !p.Refusal || p.Protocol != "icmp" || p.From != "10.65.0.2" || p.To != "172.31.0.1" {
		t.Errorf("refused by %s %s to %s", p.Protocol, p.From, p.To)
	}
}
