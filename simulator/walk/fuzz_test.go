package walk_test

import (
	"net/netip"
	"testing"

	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// FuzzReceive sends any packet through a node with tracking, NAT and REJECT. The
// oracle: walked twice from scratch, with and without a recorder, it fares alike;
// what is sent has a link, and what was forwarded lost one hop.
func FuzzReceive(f *testing.F) {
	f.Add([]byte{172, 31, 0, 100}, []byte{10, 65, 0, 2}, uint8(6), uint16(40000), uint16(80), uint8(2), uint8(64), uint32(0)) // a SYN
	f.Add([]byte{10, 65, 0, 3}, []byte{10, 96, 0, 10}, uint8(6), uint16(1), uint16(80), uint8(2), uint8(64), uint32(0))       // a service
	f.Add([]byte{10, 65, 0, 3}, []byte{127, 0, 0, 1}, uint8(17), uint16(1), uint16(53), uint8(0), uint8(1), uint32(7))        // a martian
	f.Add([]byte{10, 65, 0, 3}, []byte{224, 0, 0, 9}, uint8(1), uint16(8), uint16(0), uint8(0), uint8(0), uint32(1))          // a group
	s := rules(f, state(), service+"-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT\n*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n"+
		"-A FORWARD -m conntrack --ctstate INVALID -j DROP\n-A FORWARD -p udp -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n")
	f.Fuzz(func(t *testing.T, src, dst []byte, proto uint8, sp, dp uint16, flags, ttl uint8, bits uint32) {
		a, ok1 := netip.AddrFromSlice(src)
		b, ok2 := netip.AddrFromSlice(dst)
		if !ok1 || !ok2 {
			t.Skip()
		}
		p := packet.Packet{Src: a.Unmap(), Dst: b.Unmap(), Proto: packet.Proto(proto), TTL: ttl, SrcPort: sp, DstPort: dp,
			ICMPType: uint8(sp), ICMPCode: uint8(dp), BadChecksum: bits&1 != 0, Truncated: bits&2 != 0, DontFragment: bits&4 != 0,
			FragOffset: uint16(bits>>8) & 3, PayloadLen: uint16(bits >> 16), TCP: packet.TCP{Flags: packet.TCPFlags(flags), Seq: bits}}
		w := walk.NewHost(s, walk.Options{})
		o := w.Receive("node1", "eth0", p)
		w.Reset()
		w.Record(&trace.Recorder{})
		if again := w.Receive("node1", "eth0", p); again.Fate != o.Fate || again.Out != o.Out || len(again.Answers) != len(o.Answers) {
			t.Errorf("%+v, with a recorder %+v", o, again)
		}
		if o.Fate == 0 || o.Fate == walk.Sent && (o.Out == "" || o.Packet.TTL != ttl-1) {
			t.Errorf("%+v", o)
		}
		w.Output("node1", p, "")
	})
}
