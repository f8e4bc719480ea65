package walk_test

import (
	"fmt"
	"strings"
	"testing"

	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// thousandRules is a node whose FORWARD chain asks the state first and then a
// policy of n rules, as Felix writes them.
func thousandRules(t testing.TB, n int) *walk.Walker {
	var b strings.Builder
	b.WriteString("*raw\n:PREROUTING ACCEPT\n-A PREROUTING -j MARK --set-xmark 0x0/0x1b0000\nCOMMIT\n*nat\n:PREROUTING ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n" +
		"*filter\n:FORWARD DROP\n:pi - [0:0]\n-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A FORWARD -j pi\n-A FORWARD -m mark --mark 0x10000/0x10000 -j ACCEPT\n")
	for i := range n / 2 {
		fmt.Fprintf(&b, "-A pi -s 192.168.%d.%d/32 -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x10000/0x10000\n", i>>8, i&255)
		b.WriteString("-A pi -m mark --mark 0x10000/0x10000 -j RETURN\n")
	}
	b.WriteString("-A pi -j MARK --set-xmark 0x10000/0x10000\nCOMMIT\n")
	return walk.NewHost(rules(t, state(), b.String()), walk.Options{})
}

// established lets a connection through and returns a packet of it.
func established(t testing.TB, w *walk.Walker) packet.Packet {
	c := w.Connect(tcp(outside, "10.65.0.2", 80))
	want(t, c, trace.Allow)
	p := syn("172.31.0.100", "10.65.0.2")
	p.TCP = packet.TCP{Seq: 1001, Ack: 5001, Flags: packet.ACK, Window: 502}
	return p
}

func TestReceive_AllocatesNothing(t *testing.T) {
	w := thousandRules(t, 100)
	again := packet.Packet{Src: addr("172.31.0.100"), Dst: addr("10.65.0.2"), Proto: packet.ProtoUDP, TTL: 64, SrcPort: 1, DstPort: 2}
	for name, p := range map[string]packet.Packet{"established": established(t, w), "new": again} {
		w.Receive("node1", "eth0", p)
		if n := testing.AllocsPerRun(100, func() {
			if o := w.Receive("node1", "eth0", p); o.Fate != walk.Sent {
				t.Fatal(o.Fate)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per packet, want 0", name, n)
		}
	}
}

func BenchmarkReceive_Established(b *testing.B) {
	w := thousandRules(b, 1000)
	p := established(b, w)
	b.ReportAllocs()
	for b.Loop() {
		w.Receive("node1", "eth0", p)
	}
}

// What a trace adds to an established packet: its steps, into a slice that is
// used again.
func BenchmarkReceive_EstablishedTraced(b *testing.B) {
	w := thousandRules(b, 1000)
	p := established(b, w)
	r := &trace.Recorder{}
	w.Record(r)
	b.ReportAllocs()
	for b.Loop() {
		w.Receive("node1", "eth0", p)
		r.Steps = r.Steps[:0]
	}
}

// A new packet that is not answered meets the whole policy each time.
func BenchmarkReceive_New(b *testing.B) {
	w := thousandRules(b, 1000)
	p := packet.Packet{Src: addr("172.31.0.100"), Dst: addr("10.65.0.2"), Proto: packet.ProtoUDP, TTL: 64, SrcPort: 1, DstPort: 2}
	b.ReportAllocs()
	for b.Loop() {
		w.Receive("node1", "eth0", p)
	}
}

func BenchmarkReceive_NewTraced(b *testing.B) {
	w := thousandRules(b, 1000)
	r := &trace.Recorder{}
	w.Record(r)
	p := packet.Packet{Src: addr("172.31.0.100"), Dst: addr("10.65.0.2"), Proto: packet.ProtoUDP, TTL: 64, SrcPort: 1, DstPort: 2}
	b.ReportAllocs()
	for b.Loop() {
		w.Receive("node1", "eth0", p)
		r.Steps = r.Steps[:0]
	}
}
