package conntrack

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"tortie/dataplane/packet"
)

var (
	client = netip.MustParseAddr("10.65.0.2")
	server = netip.MustParseAddr("10.65.1.3")
	node   = netip.MustParseAddr("172.31.0.1")
)

// seg is a TCP segment from the client, or with back from the server.
func seg(back bool, flags packet.TCPFlags, seq, ack uint32, payload int) *packet.Packet {
	p := &packet.Packet{Src: client, Dst: server, Proto: packet.ProtoTCP, SrcPort: 40000, DstPort: 80, TTL: 64,
		PayloadLen: uint16(payload), TCP: packet.TCP{Flags: flags, Seq: seq, Ack: ack, Window: 1000}}
	if back {
		turn(p)
	}
	return p
}

// turn makes a packet go the other way.
func turn(p *packet.Packet) {
	p.Src, p.Dst = p.Dst, p.Src
	p.SrcPort, p.DstPort = p.DstPort, p.SrcPort
}

// pass sends a packet through a table without rules or NAT.
func pass(t *Table, p *packet.Packet, now time.Duration) Ref {
	r, v := t.In(p, Ref{}, false, now)
	if v.Drop {
		return Ref{}
	}
	r, _ = t.Confirm(r, now)
	return r
}

const (
	out  = false
	back = true
)

// step is one segment and what the kernel makes of it.
type step struct {
	back     bool
	flags    packet.TCPFlags
	seq, ack uint32
	payload  int
	want     string // ctstate
	state    TCPState
	left     int // seconds; 0 is not asked
}

var (
	syn, ack, fin, rst = packet.SYN, packet.ACK, packet.FIN, packet.RST
	handshake          = []step{
		{out, syn, 100, 0, 0, "NEW", TCPSynSent, 120},
		{back, syn | ack, 500, 101, 0, "ESTABLISHED", TCPSynRecv, 60},
		{out, ack, 101, 501, 0, "ESTABLISHED", TCPEstablished, 432000},
	}
	closing = []step{
		{out, fin | ack, 101, 501, 0, "ESTABLISHED", TCPFinWait, 120},
		{back, ack, 501, 102, 0, "ESTABLISHED", TCPCloseWait, 60},
		{back, fin | ack, 501, 102, 0, "ESTABLISHED", TCPLastAck, 30},
		{out, ack, 102, 502, 0, "ESTABLISHED", TCPTimeWait, 120},
	}
)

func after3(more ...step) []step { return append(append([]step{}, handshake...), more...) }

func TestTCP_Flows(t *testing.T) {
	cases := map[string][]step{
		"handshake and close": append(after3(), closing...),
		"SYN without answer twice": {
			{out, syn, 100, 0, 0, "NEW", TCPSynSent, 120}, {out, syn, 100, 0, 0, "NEW", TCPSynSent, 120}},
		"refused": {{out, syn, 100, 0, 0, "NEW", TCPSynSent, 120}, {back, rst | ack, 0, 101, 0, "ESTABLISHED", TCPClose, 0},
			{out, syn, 200, 0, 0, "NEW", TCPSynSent, 120}},
		"SYN in an established flow is ignored": after3(step{out, syn, 9000, 0, 0, "ESTABLISHED", TCPEstablished, 432000}),
		"SYN of the server is invalid":          after3(step{back, syn, 9000, 0, 0, "INVALID", TCPEstablished, 432000}),
		"data is unacknowledged":                after3(step{out, ack, 101, 501, 10, "ESTABLISHED", TCPEstablished, 300}),
		"data over the window":                  after3(step{out, ack, 101 + 70000, 501, 10, "INVALID", TCPEstablished, 432000}),
		"ACK of data not seen":                  after3(step{out, ack, 101, 9501, 0, "INVALID", TCPEstablished, 432000}),
		"old data is ignored":                   after3(step{out, ack, 1<<32 - 69899, 501, 0, "ESTABLISHED", TCPEstablished, 432000}),
		"exact RST closes":                      after3(step{back, rst, 501, 0, 0, "ESTABLISHED", TCPClose, 10}),
		"RST in the window keeps the state":     after3(step{back, rst, 600, 0, 0, "ESTABLISHED", TCPEstablished, 10}),
		"RST below is invalid":                  after3(step{back, rst, 400, 0, 0, "INVALID", TCPEstablished, 432000}),
		"picked up in the middle": {
			{out, ack, 7000, 9000, 5, "NEW", TCPEstablished, 300}, {back, ack, 9000, 7005, 0, "ESTABLISHED", TCPEstablished, 300},
			{out, ack, 7005, 9000, 0, "ESTABLISHED", TCPEstablished, 432000}},
		"begins with SYN+ACK":  {{out, syn | ack, 1, 1, 0, "INVALID", TCPNone, 0}},
		"begins with FIN":      {{out, fin | ack, 1, 1, 0, "INVALID", TCPNone, 0}},
		"begins with RST":      {{out, rst, 1, 1, 0, "INVALID", TCPNone, 0}},
		"no flags":             {{out, 0, 1, 1, 0, "INVALID", TCPNone, 0}},
		"SYN+FIN":              {{out, syn | fin, 1, 1, 0, "INVALID", TCPNone, 0}},
		"ACK before an answer": {{out, syn, 1, 0, 0, "NEW", TCPSynSent, 120}, {out, ack, 2, 1, 0, "INVALID", TCPSynSent, 120}},
		"simultaneous open": {
			{out, syn, 100, 0, 0, "NEW", TCPSynSent, 120}, {back, syn, 500, 0, 0, "ESTABLISHED", TCPSynSent2, 120},
			{out, syn | ack, 100, 501, 0, "ESTABLISHED", TCPSynRecv, 60},
			{back, syn | ack, 500, 101, 0, "ESTABLISHED", TCPSynRecv, 60},
			{out, ack, 101, 501, 0, "ESTABLISHED", TCPEstablished, 432000}},
		"port reused after the close": append(append(after3(), closing...), step{out, syn, 5000, 0, 0, "NEW", TCPSynSent, 120}),
		"ignored SYN that the server accepts": after3(
			step{out, syn, 9000, 0, 0, "ESTABLISHED", TCPEstablished, 432000},
			step{back, syn | ack, 7000, 9001, 0, "ESTABLISHED", TCPSynRecv, 60},
			step{out, ack, 9001, 7001, 0, "ESTABLISHED", TCPEstablished, 432000}),
	}
	for name, steps := range cases {
		t.Run(name, func(t *testing.T) { runSteps(t, steps) })
	}
}

func runSteps(t *testing.T, steps []step) {
	t.Helper()
	table := NewTable(Config{})
	for i, s := range steps {
		r := pass(table, seg(s.back, s.flags, s.seq, s.ack, s.payload), 0)
		if got := r.Info.String(); got != s.want {
			t.Fatalf("segment %d (%s): %s, want %s", i, s.flags, got, s.want)
		}
		c := r.Conn
		if c == nil {
			tuple, _ := TupleOf(seg(s.back, s.flags, s.seq, s.ack, s.payload))
			if c, _, _ = table.Lookup(tuple, 0); c == nil {
				continue
			}
		}
		if c.TCP.State != s.state {
			t.Fatalf("segment %d (%s): state %s, want %s", i, s.flags, c.TCP.State, s.state)
		}
		if left := int(c.TimeLeft(0) / time.Second); s.left != 0 && left != s.left {
			t.Fatalf("segment %d (%s): %d s left, want %d", i, s.flags, left, s.left)
		}
	}
}

func TestTCP_Settings(t *testing.T) {
	mid := func() *packet.Packet { return seg(out, ack, 7000, 9000, 5) }
	bad := mid()
	bad.BadChecksum = true
	for name, c := range map[string]struct {
		cfg  Config
		p    *packet.Packet
		want Info
	}{
		"loose":            {Config{}, mid(), New},
		"strict":           {Config{TCPStrict: true}, mid(), Invalid},
		"checksum":         {Config{}, bad, Invalid},
		"checksum ignored": {Config{NoChecksum: true}, bad, New},
	} {
		if r := pass(NewTable(c.cfg), c.p, 0); r.Info != c.want {
			t.Errorf("%s: %s, want %s", name, r.Info, c.want)
		}
	}
}

func udp(back bool) *packet.Packet {
	p := &packet.Packet{Src: client, Dst: server, Proto: packet.ProtoUDP, SrcPort: 5000, DstPort: 53}
	if back {
		turn(p)
	}
	return p
}

func TestUDP_BecomesAStreamAfterTwoSeconds(t *testing.T) {
	table := NewTable(Config{})
	steps := []struct {
		back    bool
		at      time.Duration
		want    Info
		left    time.Duration
		assured bool
	}{
		{out, 0, New, 30 * time.Second, false},
		{out, time.Second, New, 30 * time.Second, false},
		{back, time.Second, EstablishedReply, 30 * time.Second, false},
		{out, 2 * time.Second, Established, 30 * time.Second, false},
		{back, 3 * time.Second, EstablishedReply, 120 * time.Second, true},
		{out, 200 * time.Second, New, 30 * time.Second, false}, // expired
	}
	for i, s := range steps {
		r := pass(table, udp(s.back), s.at)
		if r.Info != s.want {
			t.Fatalf("packet %d: %s, want %s", i, r.Info, s.want)
		}
		if left, assured := r.Conn.TimeLeft(s.at), r.Conn.Status&Assured != 0; left != s.left || assured != s.assured {
			t.Errorf("packet %d: %s left, assured %t; want %s, %t", i, left, assured, s.left, s.assured)
		}
	}
}

func TestICMP_OnlyQueriesBegin(t *testing.T) {
	for typ := range 256 {
		p := &packet.Packet{Src: client, Dst: server, Proto: packet.ProtoICMP, ICMPType: uint8(typ)}
		want := Invalid
		switch typ {
		case 8, 13, 15, 17:
			want = New
		}
		if r := pass(NewTable(Config{}), p, 0); r.Info != want {
			t.Errorf("type %d: %s, want %s", typ, r.Info, want)
		}
	}
}

func TestICMP_ErrorsAreRelated(t *testing.T) {
	table := NewTable(Config{})
	pass(table, udp(out), 0)
	router := netip.MustParseAddr("192.0.2.9")
	unreachable := func(to netip.Addr, inner *packet.Packet) *packet.Packet {
		return &packet.Packet{Src: router, Dst: to, Proto: packet.ProtoICMP, ICMPType: 3, Inner: inner}
	}
	for name, c := range map[string]struct {
		p    *packet.Packet
		want Info
	}{
		"about the query":      {unreachable(client, udp(out)), RelatedReply},
		"about an answer":      {unreachable(server, udp(back)), Related},
		"to a third party":     {unreachable(router, udp(out)), Invalid},
		"about something else": {unreachable(client, seg(out, syn, 1, 0, 0)), Invalid},
		"about nothing":        {unreachable(client, nil), Invalid},
	} {
		if r := pass(table, c.p, 0); r.Info != c.want {
			t.Errorf("%s: %s, want %s", name, r.Info, c.want)
		}
	}
}

func TestIn_Untracked(t *testing.T) {
	table := NewTable(Config{})
	if r, _ := table.In(udp(out), UntrackedRef(), false, 0); r.Info != Untracked {
		t.Errorf("an untracked packet became %s", r.Info)
	}
	solicit := &packet.Packet{Src: netip.MustParseAddr("fd00::2"), Dst: netip.MustParseAddr("fd00::3"), Proto: packet.ProtoICMPv6, ICMPType: 135}
	if r := pass(table, solicit, 0); r.Info != Untracked {
		t.Errorf("neighbour solicitation is %s, want UNTRACKED", r.Info)
	}
	if table.Len() != 0 {
		t.Errorf("table has %d entries, want none", table.Len())
	}
}

func TestConfirm_DroppedPacketLeavesNothing(t *testing.T) {
	table := NewTable(Config{})
	for range 2 {
		if r, _ := table.In(udp(out), Ref{}, false, 0); r.Info != New {
			t.Fatalf("%s, want NEW", r.Info)
		}
	}
	if table.Len() != 0 {
		t.Errorf("table has %d entries, want none", table.Len())
	}
}

func TestIn_FullTable(t *testing.T) {
	table := NewTable(Config{Max: 1})
	first := pass(table, udp(out), 0)
	_, v := table.In(seg(out, syn, 1, 0, 0), Ref{}, false, 0)
	if v.Drop || !v.Uncertain || first.Conn.Status&Dying == 0 {
		t.Errorf("unassured entry was not given up: %+v", v)
	}
	for _, s := range handshake {
		pass(table, seg(s.back, s.flags, s.seq, s.ack, 0), 0)
	}
	if _, v := table.In(udp(out), Ref{}, false, 0); !v.Drop || v.Why != WhyTableFull {
		t.Errorf("full table of assured entries: %+v, want a drop", v)
	}
}

func TestSCTP_Association(t *testing.T) {
	p := func(back bool, vtag uint32, chunks ...packet.SCTPChunk) *packet.Packet {
		q := &packet.Packet{Src: client, Dst: server, Proto: packet.ProtoSCTP, SrcPort: 7, DstPort: 9, Vtag: vtag, SCTP: chunks}
		if back {
			turn(q)
		}
		return q
	}
	type chunk = packet.SCTPChunk
	table := NewTable(Config{})
	for i, s := range []struct {
		p     *packet.Packet
		want  Info
		state SCTPState
	}{
		{p(out, 5, chunk{Type: chunkInit, InitTag: 11}), Invalid, 0},
		{p(out, 0, chunk{Type: chunkInit, InitTag: 11}), New, SCTPClosed},
		{p(back, 99, chunk{Type: chunkInitAck, InitTag: 22}), Invalid, 0},
		{p(back, 11, chunk{Type: chunkInitAck, InitTag: 22}), EstablishedReply, SCTPCookieWait},
		{p(out, 22, chunk{Type: chunkCookieEcho}), Established, SCTPCookieEchoed},
		{p(back, 11, chunk{Type: chunkCookieAck}), EstablishedReply, SCTPEstablished},
		{p(out, 22, chunk{Type: chunkData}), Established, SCTPEstablished},
		{p(out, 22, chunk{Type: chunkShutdown}), Established, SCTPShutdownSent},
		{p(back, 11, chunk{Type: chunkShutdownAck}), EstablishedReply, SCTPShutdownAckSent},
		{p(out, 22, chunk{Type: chunkShutdownComplete}), Established, SCTPClosed},
	} {
		r := pass(table, s.p, 0)
		if r.Info != s.want || r.Conn != nil && r.Conn.SCTP.State != s.state {
			t.Errorf("packet %d: %s %v, want %s %s", i, r.Info, r.Conn, s.want, s.state)
		}
	}
}

func TestConn_String(t *testing.T) {
	table := NewTable(Config{})
	r := pass(table, udp(out), 0)
	want := "udp      17 30 src=10.65.0.2 dst=10.65.1.3 sport=5000 dport=53 [UNREPLIED] " +
		"src=10.65.1.3 dst=10.65.0.2 sport=53 dport=5000 mark=0"
	if got := r.Conn.Line(0); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := fmt.Sprint(r.Conn.Tuples[Original].Proto); got != "udp" {
		t.Error(got)
	}
}

func BenchmarkIn_Established(b *testing.B) {
	table := NewTable(Config{})
	for _, s := range handshake {
		pass(table, seg(s.back, s.flags, s.seq, s.ack, 0), 0)
	}
	p := seg(out, ack, 101, 501, 0)
	b.ReportAllocs()
	for b.Loop() {
		if r, _ := table.In(p, Ref{}, false, 0); r.Info != Established {
			b.Fatal(r.Info)
		}
	}
}
