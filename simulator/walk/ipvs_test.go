package walk_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/eval"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// withIPVS is the node of state() with virtual servers on 10.96.0.1: port 80 of
// both pods, 81 of pod1, 82 of none, 83 of a process of the node, 84 sticky; and
// a masquerade of what the mark asks for.
func withIPVS(t *testing.T) *host.State {
	t.Helper()
	s := rules(t, state(), `*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING ! -s 10.65.0.0/24 -d 10.96.0.1/32 -j MARK --set-xmark 0x4000/0x4000
-A OUTPUT -d 10.96.0.1/32 -j MARK --set-xmark 0x4000/0x4000
-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
COMMIT
`)
	vip := netip.MustParsePrefix("10.96.0.1/32")
	l := link(5, "kube-ipvs0", vip.String())
	l.Up = false
	s.Links = append(s.Links, l)
	for _, own := range []string{"10.96.0.1/32", "172.31.0.1/32"} {
		p := netip.MustParsePrefix(own)
		s.Routes = append(s.Routes, host.Route{Table: host.TableLocal, Type: host.RouteLocal, Scope: host.ScopeHost, Dst: p,
			PrefSrc: p.Addr(), Hops: []host.NextHop{{Dev: "kube-ipvs0"}}})
	}
	add := func(port uint16, sticky uint32, real ...string) {
		v := host.VirtualServer{Addr: vip.Addr(), Port: port, Proto: packet.ProtoTCP, Scheduler: "rr", Persistent: sticky}
		for _, r := range real {
			ap := netip.MustParseAddrPort(r)
			v.Servers = append(v.Servers, host.RealServer{Addr: ap.Addr(), Port: ap.Port(), Weight: 1})
		}
		s.IPVS = append(s.IPVS, v)
	}
	add(80, 0, "10.65.0.2:8080", "10.65.0.3:8080")
	add(81, 0, "10.65.0.3:8081")
	add(82, 0)
	add(83, 0, "172.31.0.1:9000")
	add(84, 60, "10.65.0.2:8080", "10.65.0.3:8080")
	return s
}

func toVIP(from walk.End, port uint16) walk.Request {
	return walk.Request{From: from, Dst: addr("10.96.0.1"), Proto: packet.ProtoTCP, SrcPort: 40000, DstPort: port}
}

func TestIPVS_ForwardsToARealServerAndBack(t *testing.T) {
	own := walk.End{Host: "node1"}
	for _, row := range []struct {
		name      string
		from      walk.End
		port      uint16
		arrived   string // as the real server sees it
		delivered bool
	}{
		{"pod", pod0, 81, "10.65.0.2:40000>10.65.0.3:8081", false},
		{"outside, masqueraded", outside, 81, "172.31.0.1:1024>10.65.0.3:8081", false},
		{"the node itself, masqueraded", own, 81, "172.31.0.1:1024>10.65.0.3:8081", false},
		{"to a process of the node", pod0, 83, "10.65.0.2:40000>172.31.0.1:9000", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := walk.NewHost(withIPVS(t), walk.Options{})
			s, c := w.Open(toVIP(row.from, row.port))
			if c.Verdict != trace.Allow {
				t.Fatalf("%s: %+v", c.Verdict, c.Reason)
			}
			at, p, _ := s.Arrived()
			if got := trace.End(&p, true) + ">" + trace.End(&p, false); !sameEnds(got, row.arrived) || (at.Link == "") != row.delivered {
				t.Errorf("arrived as %s at link %q, want %s", got, at.Link, row.arrived)
			}
		})
	}
}

// sameEnds compares ends; a port of 1024 and more that masquerading drew may be
// any.
func sameEnds(got, want string) bool {
	if from, to, _ := strings.Cut(want, ">"); strings.HasSuffix(from, ":1024") {
		gotFrom, gotTo, _ := strings.Cut(got, ">")
		return gotTo == to && strings.HasPrefix(gotFrom, strings.TrimSuffix(from, "1024"))
	}
	return got == want
}

func TestIPVS_WithoutARealServer(t *testing.T) {
	w := walk.NewHost(withIPVS(t), walk.Options{})
	syn := packet.Packet{Src: addr("10.65.0.2"), Dst: addr("10.96.0.1"), Proto: packet.ProtoTCP, TTL: 64, SrcPort: 40000, DstPort: 82,
		TCP: packet.TCP{Flags: packet.SYN}}
	o := w.Receive("node1", "cali0", syn)
	if o.Fate != walk.Dropped || !strings.Contains(o.Reason, "no real server") || len(o.Answers) != 1 {
		t.Fatalf("%s because %q, %d answers", o.Fate, o.Reason, len(o.Answers))
	}
	if a := o.Answers[0].Packet; a.ICMPType != 3 || a.ICMPCode != 3 {
		t.Errorf("answer type %d code %d, want port unreachable", a.ICMPType, a.ICMPCode)
	}
	syn.DstPort = 8888
	if o = w.Receive("node1", "cali0", syn); o.Fate != walk.Delivered {
		t.Errorf("a port without a virtual server: %s, want delivered to the host", o.Fate)
	}
	syn.DstPort, syn.TCP.Flags = 80, packet.ACK
	if o = w.Receive("node1", "cali0", syn); o.Fate == walk.Sent {
		t.Error("an ACK without a connection was scheduled")
	}
}

func TestIPVS_Persistence(t *testing.T) {
	pick := 1
	w := walk.NewHost(withIPVS(t), walk.Options{Choose: func(c eval.Choice) int {
		if c.Kind != eval.ChoiceServer || c.N != 2 {
			t.Fatalf("choice %+v", c)
		}
		return pick
	}})
	reached := func(port uint16, src uint16) string {
		r := toVIP(outside, port)
		r.SrcPort = src
		s, c := w.Open(r)
		if c.Verdict != trace.Allow {
			t.Fatalf("%s: %+v", c.Verdict, c.Reason)
		}
		_, p, _ := s.Arrived()
		return p.Dst.String()
	}
	first := reached(84, 41000)
	pick = 0
	if again := reached(84, 41001); first != "10.65.0.3" || again != first {
		t.Errorf("reached %s, then %s", first, again)
	}
	w.Advance(61 * time.Second)
	if late := reached(84, 41002); late != "10.65.0.2" {
		t.Errorf("after the time of persistence: %s", late)
	}
}

// A connection that is idle for longer than IPVS remembers it is lost, long
// before conntrack forgets it.
func TestIPVS_IdleConnection(t *testing.T) {
	w := walk.NewHost(withIPVS(t), walk.Options{})
	s, c := w.Open(toVIP(pod0, 81))
	if c.Verdict != trace.Allow {
		t.Fatalf("%+v", c.Reason)
	}
	w.Advance(14 * time.Minute)
	if c := s.Send(); c.Verdict != trace.Allow {
		t.Fatalf("after 14 minutes: %+v", c.Reason)
	}
	w.Advance(16 * time.Minute)
	if c := s.Send(); c.Verdict == trace.Allow {
		t.Error("after 16 idle minutes the connection still works")
	}
}

// A UDP connection whose real server is gone gets another one with its next packet if
// conntrack has forgotten it, as kube-proxy makes it; otherwise that packet is lost, and
// the one behind it is the first.
func TestIPVS_GoneServer(t *testing.T) {
	for _, row := range []struct {
		forgotten bool
		want      []trace.Verdict
	}{{true, []trace.Verdict{trace.Allow, trace.Allow}}, {false, []trace.Verdict{trace.Deny, trace.Allow}}} {
		with := func(servers ...host.RealServer) *host.Fleet {
			s := withIPVS(t)
			s.IPVS = append(s.IPVS, host.VirtualServer{Addr: addr("10.96.0.1"), Port: 53, Proto: packet.ProtoUDP, Scheduler: "rr", Servers: servers})
			return &host.Fleet{Hosts: []host.State{*s}}
		}
		w := walk.New(with(host.RealServer{Addr: addr("10.65.0.3"), Port: 53, Weight: 1}), walk.Options{})
		r := toVIP(pod0, 53)
		r.Proto = packet.ProtoUDP
		s, c := w.Open(r)
		if c.Verdict != trace.Allow {
			t.Fatalf("%s: %+v", c.Verdict, c.Reason)
		}
		w.Replace(with(host.RealServer{Addr: addr("172.31.0.1"), Port: 53, Weight: 1}))
		if row.forgotten {
			w.Conntrack("node1").Flush()
		}
		for i, want := range row.want {
			if c := s.Send(); c.Verdict != want {
				t.Errorf("forgotten %t, packet %d: %s because %q, want %s", row.forgotten, i, c.Verdict, c.Reason.Text, want)
			}
		}
	}
}

// A capture of a node with IPVS but without its servers: what a packet to a
// service meets is not known, and is not guessed.
func TestIPVS_ServersNotCaptured(t *testing.T) {
	s := withIPVS(t)
	s.IPVS, s.IPVSMissing = nil, "kube-ipvs0"
	w := walk.NewHost(s, walk.Options{})
	if c := w.Connect(toVIP(pod0, 80)); c.Verdict != trace.Unknown || !strings.Contains(c.Reason.Text, "IPVS") {
		t.Errorf("%s because %q", c.Verdict, c.Reason.Text)
	}
	if c := w.Connect(walk.Request{From: pod0, Dst: addr("10.65.0.3"), Proto: packet.ProtoTCP, SrcPort: 40000, DstPort: 80}); c.Verdict != trace.Allow {
		t.Errorf("another pod: %s because %q", c.Verdict, c.Reason.Text)
	}
}
