package walk_test

import (
	"net/netip"
	"testing"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// A REJECT's answer leaves through LOCAL_OUT and POSTROUTING as RELATED, and no
// connection is made for the rejected packet (fact 8).
func TestReceive_RejectAnswersAreRelated(t *testing.T) {
	for with, proto := range map[string]packet.Proto{"tcp-reset": packet.ProtoTCP, "icmp-port-unreachable": packet.ProtoICMP} {
		s := rules(t, state(), "*filter\n:FORWARD ACCEPT\n:OUTPUT DROP\n-A FORWARD -p tcp -j REJECT --reject-with "+with+
			"\n-A OUTPUT -o cali1 -m conntrack --ctstate RELATED -j ACCEPT\nCOMMIT\n")
		w := walk.NewHost(s, walk.Options{})
		o := w.Receive("node1", "cali1", syn("10.65.0.3", "10.65.0.2"))
		if o.Fate != walk.Rejected || len(o.Answers) != 1 {
			t.Fatalf("%s: %+v", with, o)
		}
		a := o.Answers[0]
		if a.Fate != walk.Sent || a.Out != "cali1" || a.Packet.Proto != proto || a.Packet.Dst != addr("10.65.0.3") || a.Ct.Info != conntrack.RelatedReply {
			t.Errorf("%s: answer %+v", with, a)
		}
		if n := w.Conntrack("node1").Len(); n != 0 {
			t.Errorf("%s: %d connections, want none", with, n)
		}
	}
}

// The answer to a translated packet is translated back.
func TestConnect_RejectBehindDNAT(t *testing.T) {
	s := rules(t, state(), service+"COMMIT\n*filter\n:FORWARD ACCEPT\n-A FORWARD -o cali0 -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n")
	w := walk.NewHost(s, walk.Options{})
	o := w.Receive("node1", "cali1", syn("10.65.0.3", "10.96.0.10"))
	if len(o.Answers) != 1 || o.Answers[0].Packet.Src != addr("10.96.0.10") || o.Answers[0].Packet.SrcPort != 80 {
		t.Errorf("answers %+v", o.Answers)
	}
	want(t, connect(t, s, tcp(pod1, "10.96.0.10", 80)), trace.Reject)
}

// Of a reply that is rejected the server hears; the client hears nothing.
func TestConnect_RejectOfTheReply(t *testing.T) {
	s := rules(t, state(), "*filter\n:FORWARD ACCEPT\n-A FORWARD -i cali0 -p tcp -j REJECT --reject-with tcp-reset\nCOMMIT\n")
	c := connect(t, s, tcp(pod1, "10.65.0.2", 80))
	want(t, c, trace.Deny)
	if last := c.Packets[len(c.Packets)-1]; last.Direction != trace.Reply || last.Verdict != trace.Reject {
		t.Errorf("last packet %s %s, want a rejected reply", last.Direction, last.Verdict)
	}
}

func TestConnect_RejectOfTheHostsOwnPacket(t *testing.T) {
	s := rules(t, state(), "*filter\n:OUTPUT ACCEPT\n-A OUTPUT -p udp -m udp --dport 53 -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n")
	want(t, connect(t, s, udp(process, "8.8.8.8", 53)), trace.Reject)
	want(t, connect(t, s, udp(process, "8.8.8.8", 54)), trace.Allow)
}

// A rule that drops the answer makes a reject look like a drop to the sender.
func TestConnect_RejectWithoutAnswer(t *testing.T) {
	s := rules(t, state(), "*filter\n:FORWARD ACCEPT\n:OUTPUT DROP\n-A FORWARD -p udp -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n")
	want(t, connect(t, s, udp(pod0, "10.65.0.3", 53)), trace.Deny)
}

func TestReceive_TTLAndMTU(t *testing.T) {
	w := walk.NewHost(state(), walk.Options{})
	p := syn("172.31.0.100", "10.65.0.2")
	p.TTL = 1
	if o := w.Receive("node1", "eth0", p); o.Fate != walk.Dropped || len(o.Answers) != 1 || o.Answers[0].Packet.ICMPType != 11 {
		t.Errorf("time to live: %+v", o)
	}
	p.TTL, p.PayloadLen, p.DontFragment = 64, 3000, true
	if o := w.Receive("node1", "eth0", p); o.Fate != walk.Dropped || len(o.Answers) != 1 || o.Answers[0].Packet.ICMPCode != 4 {
		t.Errorf("too big: %+v", o)
	}
	p.DontFragment = false
	if o := w.Receive("node1", "eth0", p); o.Fate != walk.Sent {
		t.Errorf("too big, may be fragmented: %+v", o)
	}
}

// A packet that leaves by the link it came in by makes the host send a redirect,
// which keeps the next ICMP error to that address back.
func TestReceive_Redirect(t *testing.T) {
	s := rules(t, state(), "*filter\n:FORWARD ACCEPT\n-A FORWARD -p tcp -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n")
	w := walk.NewHost(s, walk.Options{})
	o := w.Receive("node1", "eth0", syn("172.31.0.9", "172.31.0.100"))
	if o.Fate != walk.Rejected || len(o.Answers) != 1 || o.Answers[0].Packet.ICMPType != 5 {
		t.Errorf("%+v", o)
	}
	s.Sysctls["net.ipv4.conf.all.send_redirects"], s.Sysctls["net.ipv4.conf.default.send_redirects"] = "0", "0"
	o = walk.NewHost(s, walk.Options{}).Receive("node1", "eth0", syn("172.31.0.9", "172.31.0.100"))
	if len(o.Answers) != 1 || o.Answers[0].Packet.ICMPType != 3 {
		t.Errorf("without redirects: %+v", o)
	}
}

func TestConnect_UnknownRuleIsUnknown(t *testing.T) {
	s := state()
	s.Ruleset.Tables = opaqueTable()
	want(t, connect(t, s, tcp(outside, "10.65.0.2", 80)), trace.Unknown)
}

// Two nodes: the packet crosses the segment, both track it, and the reply takes
// the same way back.
func TestConnect_TwoHosts(t *testing.T) {
	a, b := state(), state()
	b.Name = "node2"
	b.Links[1] = link(2, "eth0", "172.31.0.2/24")
	b.Routes = []host.Route{dev("172.31.0.0/24", "eth0"), dev("10.65.1.2/32", "cali0"), via("10.65.0.0/26", "172.31.0.1", "eth0")}
	a.Routes = append(a.Routes, via("10.65.1.0/26", "172.31.0.2", "eth0"))
	drop := "*filter\n:FORWARD DROP\n-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
	rules(t, a, drop+"-A FORWARD -i cali0 -j ACCEPT\nCOMMIT\n")
	rules(t, b, drop+"-A FORWARD -i eth0 -p tcp -m tcp --dport 80 -j ACCEPT\nCOMMIT\n")
	f := &host.Fleet{Hosts: []host.State{*a, *b}, Segments: []host.Segment{{Name: "lan",
		Members: []host.Port{{Host: "node1", Link: "eth0"}, {Host: "node2", Link: "eth0"}}}}}
	w := walk.New(f, walk.Options{})
	c := w.Connect(tcp(pod0, "10.65.1.2", 80))
	want(t, c, trace.Allow)
	if len(c.Conntrack) != 2 || len(c.Packets) != 3 {
		t.Errorf("%d nodes, %d packets", len(c.Conntrack), len(c.Packets))
	}
	w.Reset()
	c = w.Connect(tcp(pod0, "10.65.1.2", 81))
	want(t, c, trace.Deny)
	if c.Reason.Node != "node2" || c.Reason.Chain != "FORWARD" || c.Reason.Rule != 0 {
		t.Errorf("reason %+v", c.Reason)
	}
}

// The outer packet of a tunnel meets the host's own chains, on both ends.
func TestConnect_VXLAN(t *testing.T) {
	a, b := tunnelNode("node1", "172.31.0.1", "172.31.0.2", "10.65.0", "10.65.1"), tunnelNode("node2", "172.31.0.2", "172.31.0.1", "10.65.1", "10.65.0")
	f := &host.Fleet{Hosts: []host.State{*a, *b}, Segments: []host.Segment{{Name: "lan",
		Members: []host.Port{{Host: "node1", Link: "eth0"}, {Host: "node2", Link: "eth0"}}}}}
	want(t, walk.New(f, walk.Options{}).Connect(tcp(pod0, "10.65.1.2", 80)), trace.Allow)
	// With one node known, what is behind the tunnel answers all the same.
	want(t, walk.NewHost(a, walk.Options{}).Connect(tcp(pod0, "10.65.1.2", 80)), trace.Allow)
	rules(t, a, "*filter\n:OUTPUT ACCEPT\n-A OUTPUT -p udp -m udp --dport 4789 -j DROP\nCOMMIT\n")
	c := connect(t, a, tcp(pod0, "10.65.1.2", 80))
	want(t, c, trace.Deny)
	if c.Reason.Chain != "OUTPUT" || c.Reason.Rule != 1 {
		t.Errorf("reason %+v", c.Reason)
	}
}

// tunnelNode has one pod at pods.2 and a VXLAN link to the node at remote.
func tunnelNode(name host.Name, local, remote, pods, farPods string) *host.State {
	vxlan := link(5, "vxlan.calico", pods+".0/32")
	vxlan.Kind, vxlan.VXLAN = "vxlan", &host.VXLAN{VNI: 4096, Port: 4789, Local: addr(local),
		FDB: []host.VXLANPeer{{Via: addr(farPods + ".0"), Remote: addr(remote)}}}
	return &host.State{Name: name, Links: []host.Link{link(1, "lo", "127.0.0.1/8"), link(2, "eth0", local+"/24"), link(3, "cali0"), vxlan},
		Routes:  []host.Route{dev("172.31.0.0/24", "eth0"), dev(pods+".2/32", "cali0"), via(farPods+".0/26", farPods+".0", "vxlan.calico")},
		Sysctls: map[string]string{"net.ipv4.ip_forward": "1"}}
}

// A dropped packet whose sender got a redirect is dropped all the same.
func TestConnect_RedirectIsNoAnswer(t *testing.T) {
	s := rules(t, state(), "*filter\n:FORWARD DROP\nCOMMIT\n")
	want(t, connect(t, s, tcp(walk.End{Addr: addr("172.31.0.9"), Host: "node1", Link: "eth0"}, "172.31.0.100", 80)), trace.Deny)
}

// A packet for a known endpoint that no route leads to must not count as having
// arrived outside.
func TestSend_KnownEndpointWithoutARoute(t *testing.T) {
	hosts := []host.State{leaf("a", "192.0.2.1/24"), leaf("b", "192.0.2.2/24")}
	f := &host.Fleet{
		Hosts:     hosts,
		Segments:  []host.Segment{{Name: "s", Members: []host.Port{{Host: "a", Link: "eth0"}, {Host: "b", Link: "eth0"}}}},
		Endpoints: []host.Endpoint{{Name: "ns/pod", Host: "b", Link: "cali1", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.9")}}},
	}
	w := walk.New(f, walk.Options{})
	p := packet.Packet{Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("10.0.0.9"), Proto: packet.ProtoUDP, TTL: 64, SrcPort: 1, DstPort: 2}
	if j := w.Send(walk.End{Addr: p.Src, Host: "a"}, p, ""); j.Verdict != trace.Deny {
		t.Errorf("got %s (%s), want deny", j.Verdict, j.Why)
	}
}

// leaf is a host with one link and a default route without a gateway.
func leaf(name host.Name, addr string) host.State {
	own := netip.MustParsePrefix(addr)
	hop := []host.NextHop{{Dev: "eth0"}}
	return host.State{
		Name:  name,
		Links: []host.Link{{Index: 1, Name: "lo", Loopback: true, Up: true}, {Index: 2, Name: "eth0", Up: true, MTU: 1500, Addrs: []host.Addr{{Prefix: own}}}},
		Routes: []host.Route{
			{Table: host.TableMain, Type: host.RouteUnicast, Dst: own.Masked(), Scope: host.ScopeLink, PrefSrc: own.Addr(), Hops: hop},
			{Table: host.TableMain, Type: host.RouteUnicast, Dst: netip.MustParsePrefix("0.0.0.0/0"), Scope: host.ScopeLink, Hops: hop},
		},
	}
}
