package conntrack

import (
	"net/netip"
	"testing"

	"tortie/dataplane/packet"

	"pgregory.net/rapid"
)

// through sends a packet through a router that translates new connections.
func through(t *testing.T, table *Table, p *packet.Packet, dst, src *Range) Ref {
	t.Helper()
	r, v := table.In(p, Ref{}, false, 0)
	for _, hook := range []struct {
		m  Manip
		rg *Range
	}{{DstManip, dst}, {SrcManip, src}} {
		if NeedsNAT(p, r, hook.m) {
			if hook.rg != nil {
				v = table.SetupNAT(r, hook.m, *hook.rg, 0)
			} else {
				v = table.NullBinding(r, hook.m, 0)
			}
		}
		if !v.Drop {
			v = table.Translate(p, r, hook.m, 0, 0)
		}
		if v.Drop {
			t.Fatalf("dropped: %s", v.Why)
		}
	}
	if r, v = table.Confirm(r, 0); v.Drop {
		t.Fatalf("not confirmed: %s", v.Why)
	}
	return r
}

func one(a netip.Addr) *Range { return &Range{AddrLo: a} }

func TestNAT_ServiceWithMasquerade(t *testing.T) {
	vip := netip.MustParseAddr("10.96.0.1")
	table := NewTable(Config{})
	q := &packet.Packet{Src: client, Dst: vip, Proto: packet.ProtoTCP, SrcPort: 40000, DstPort: 443, TCP: packet.TCP{Flags: syn, Seq: 1}}
	sent := *q
	r := through(t, table, q, &Range{AddrLo: server, PortLo: 6443, PortHi: 6443, HasPorts: true}, one(node))
	if got, want := q.String(), "172.31.0.1:40000 > 10.65.1.3:6443 tcp syn"; got != want {
		t.Errorf("translated to %s, want %s", got, want)
	}
	if r.Conn.Status&natMask != natMask || r.Conn.FreePort {
		t.Errorf("status %b, free port %t", r.Conn.Status, r.Conn.FreePort)
	}
	answer := *q
	turn(&answer)
	answer.TCP = packet.TCP{Flags: syn | ack, Seq: 9, Ack: 2}
	unreachable := &packet.Packet{Src: server, Dst: node, Proto: packet.ProtoICMP, ICMPType: 3, Inner: q}
	through(t, table, &answer, nil, nil)
	if got, want := answer.String(), "10.96.0.1:443 > 10.65.0.2:40000 tcp syn,ack"; got != want {
		t.Errorf("answer is %s, want %s", got, want)
	}
	through(t, table, unreachable, nil, nil)
	if unreachable.Dst != client || unreachable.Inner.String() != sent.String() {
		t.Errorf("error is %s, want it about %s", unreachable, &sent)
	}
}

func TestNAT_ClashTakesAnotherPort(t *testing.T) {
	table := NewTable(Config{Port: func(Tuple, int, uint32) uint32 { return 100 }})
	for i, want := range []uint16{5000, 1124, 1125} {
		p := udp(out)
		p.Src = netip.AddrFrom4([4]byte{10, 65, 0, byte(10 + i)})
		r := through(t, table, p, nil, one(node))
		if p.SrcPort != want || r.Conn.FreePort != (i > 0) {
			t.Errorf("connection %d: port %d (free %t), want %d", i, p.SrcPort, r.Conn.FreePort, want)
		}
	}
}

// Many clients with one port find ports of their own behind one address.
func TestNAT_ManyClashes(t *testing.T) {
	table, taken := NewTable(Config{}), map[uint16]bool{}
	for i := range 1000 {
		p := udp(out)
		p.Src = netip.AddrFrom4([4]byte{10, 65, byte(i / 250), byte(1 + i%250)})
		through(t, table, p, nil, one(node))
		if taken[p.SrcPort] {
			t.Fatalf("connection %d: port %d is taken", i, p.SrcPort)
		}
		taken[p.SrcPort] = true
	}
}

func TestNAT_NullBindingAvoidsAClash(t *testing.T) {
	table := NewTable(Config{})
	through(t, table, udp(out), nil, one(node)) // 172.31.0.1:5000 is taken
	p := udp(out)
	p.Src = node
	through(t, table, p, nil, nil)
	if p.Src != node || p.SrcPort == 5000 {
		t.Errorf("clashing flow left as %s", p)
	}
}

func TestNAT_PortClasses(t *testing.T) {
	for _, c := range []struct{ port, lo, hi uint16 }{{300, 1, 511}, {700, 600, 1023}, {5555, 1024, 65535}} {
		table := NewTable(Config{})
		for i := range 2 {
			p := udp(out)
			p.Src, p.SrcPort = netip.AddrFrom4([4]byte{10, 65, 0, byte(10 + i)}), c.port
			through(t, table, p, nil, one(node))
			if i == 1 && (p.SrcPort == c.port || p.SrcPort < c.lo || p.SrcPort > c.hi) {
				t.Errorf("port %d became %d, want one of %d to %d", c.port, p.SrcPort, c.lo, c.hi)
			}
		}
	}
}

func TestNAT_MasqueradeStaysOnItsInterface(t *testing.T) {
	table := NewTable(Config{})
	p := udp(out)
	r, _ := table.In(p, Ref{}, false, 0)
	table.Masquerade(r, node, 3, Range{}, 0)
	r, _ = table.Confirm(r, 0)
	if v := table.Translate(p, r, SrcManip, 3, 0); v.Drop || p.Src != node {
		t.Errorf("same interface: %+v, %s", v, p)
	}
	if v := table.Translate(udp(out), r, SrcManip, 4, 0); v.Why != WhyOIFChanged || table.Len() != 0 {
		t.Errorf("other interface: %+v, %d entries left", v, table.Len())
	}
	if v := table.Masquerade(Ref{&Conn{}, New}, netip.Addr{}, 3, Range{}, 0); !v.Drop {
		t.Error("masquerade without an address did not drop")
	}
}

func TestNAT_AnswersOfAReject(t *testing.T) {
	table := NewTable(Config{})
	r, _ := table.In(seg(out, syn, 1, 0, 0), Ref{}, false, 0)
	if a := Attach(r); a.Info != RelatedReply || a.Conn != r.Conn {
		t.Errorf("answer is %s", a.Info)
	}
	if _, v := table.Confirm(Attach(r), 0); v.Drop || table.Len() != 0 {
		t.Error("the answer confirmed the rejected connection")
	}
	if a := Attach(UntrackedRef()); a != (Ref{Info: Attached}) {
		t.Errorf("answer to an untracked packet is %s", a.Info)
	}
}

func TestClone_IsIndependent(t *testing.T) {
	table := NewTable(Config{})
	r, _ := table.In(udp(out), Ref{}, false, 0)
	copied, refs := table.Clone(r)
	copied.Confirm(refs[0], 0)
	if table.Len() != 0 || copied.Len() != 1 || r.Conn.Status&Confirmed != 0 {
		t.Errorf("%d and %d entries", table.Len(), copied.Len())
	}
}

// anyPacket draws a packet that can begin a connection.
func anyPacket(t *rapid.T) packet.Packet {
	ends := []netip.Addr{client, server, node}
	p := packet.Packet{Src: rapid.SampledFrom(ends).Draw(t, "src"), Dst: rapid.SampledFrom(ends).Draw(t, "dst"),
		Proto: rapid.SampledFrom([]packet.Proto{packet.ProtoTCP, packet.ProtoUDP, packet.ProtoICMP, packet.ProtoSCTP, 50}).Draw(t, "proto")}
	switch p.Proto {
	case packet.ProtoICMP:
		p.ICMPType, p.ICMPID = 8, rapid.Uint16().Draw(t, "id")
	case 50:
	default:
		p.SrcPort, p.DstPort = rapid.Uint16Range(1, 4).Draw(t, "sport"), rapid.Uint16Range(1, 4).Draw(t, "dport")
		p.TCP.Flags = syn
		p.SCTP = []packet.SCTPChunk{{Type: chunkInit, InitTag: 1}}
	}
	return p
}

func TestTuple_InverseTwiceIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPacket(t)
		tuple, _ := TupleOf(&p)
		inv, ok := tuple.Inverse()
		again, ok2 := inv.Inverse()
		if !ok || !ok2 || again != tuple {
			t.Fatalf("%v → %v → %v", tuple, inv, again)
		}
	})
}

// Translating the answer undoes the translation of the query, whatever the
// bindings; and no two connections share a tuple.
func TestNAT_AnswerComesBackToTheSender(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := NewTable(Config{})
		ranges := []*Range{nil, one(node), one(server), {AddrLo: node, AddrHi: node.Next().Next()},
			{AddrLo: node, PortLo: 7, PortHi: 9, HasPorts: true}, {AddrLo: node, FullyRandom: true}}
		for range rapid.IntRange(1, 12).Draw(t, "connections") {
			p := anyPacket(t)
			sent := p
			r, _ := table.In(&p, Ref{}, false, 0)
			for _, m := range []Manip{DstManip, SrcManip} {
				if rg := rapid.SampledFrom(ranges).Draw(t, "range"); !NeedsNAT(&p, r, m) {
					continue
				} else if rg == nil {
					table.NullBinding(r, m, 0)
				} else {
					table.SetupNAT(r, m, *rg, 0)
				}
			}
			r, v := table.Confirm(r, 0)
			if v.Drop || r.Conn == nil || r.Info != New {
				continue
			}
			for _, m := range []Manip{DstManip, SrcManip} {
				table.Translate(&p, r, m, 0, 0)
			}
			checkAnswer(t, table, sent, p)
		}
	})
}

func checkAnswer(t *rapid.T, table *Table, sent, translated packet.Packet) {
	answer := translated
	turn(&answer)
	if answer.Proto == packet.ProtoICMP {
		answer.ICMPType = 0
	}
	tuple, _ := TupleOf(&answer)
	c, dir, ok := table.Lookup(tuple, 0)
	if !ok || dir != Reply {
		t.Fatalf("answer %s to %s has no connection", &answer, &sent)
	}
	r := Ref{Conn: c, Info: EstablishedReply}
	table.Translate(&answer, r, DstManip, 0, 0)
	table.Translate(&answer, r, SrcManip, 0, 0)
	turn(&answer)
	if answer.Src != sent.Src || answer.Dst != sent.Dst || answer.SrcPort != sent.SrcPort ||
		answer.DstPort != sent.DstPort || answer.ICMPID != sent.ICMPID {
		t.Fatalf("%s came back as %s", &sent, &answer)
	}
}

// FuzzConntrack feeds arbitrary packets to a table and checks what must always
// hold: a table is consistent, and its answer does not depend on anything but
// the packets.
func FuzzConntrack(f *testing.F) {
	for _, p := range []*packet.Packet{udp(out), udp(back), seg(out, syn, 1, 0, 0), seg(back, syn|ack, 9, 2, 0)} {
		b, err := packet.Encode(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, b)
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		one, two := NewTable(Config{Max: 2}), NewTable(Config{Max: 2})
		for _, raw := range [][]byte{a, b, a, b} {
			p, err := packet.Decode(raw)
			if err != nil {
				return
			}
			r1, r2 := pass(one, &p, 0), pass(two, &p, 0)
			if r1.Info != r2.Info || (r1.Conn == nil) != (r2.Conn == nil) {
				t.Fatalf("%s: %s and %s", &p, r1.Info, r2.Info)
			}
			if (r1.Conn == nil) != (r1.Info == Invalid || r1.Info == Untracked) {
				t.Fatalf("%s: %s with connection %v", &p, r1.Info, r1.Conn)
			}
		}
		for _, c := range one.List(0) {
			for dir, tuple := range c.Tuples {
				if got, d, ok := one.Lookup(tuple, 0); !ok || got != c || int(d) != dir {
					t.Fatalf("%v is not found by %v", c, tuple)
				}
			}
		}
	})
}
