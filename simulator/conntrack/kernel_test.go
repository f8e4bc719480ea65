package conntrack

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tortie/dataplane/netns"
	"tortie/dataplane/packet"
)

// The router under test forwards between two links and writes the state of each
// packet into its DSCP, from where the other side reads it.
const stateRules = `table ip t {
	chain f {
		type filter hook forward priority 0
		ct state new ip dscp set 1
		ct state established ip dscp set 2
		ct state related ip dscp set 3
		ct state invalid ip dscp set 4
		ct state untracked ip dscp set 5
	}
}`

var stateOfDSCP = map[uint8]string{1: "NEW", 2: "ESTABLISHED", 3: "RELATED", 4: "INVALID", 5: "UNTRACKED"}

const setupRouter = `set -e
sysctl -qw net.ipv4.ip_forward=1
ip addr add 10.65.0.1/24 dev r0
ip addr add 10.65.1.1/24 dev r1
ip neigh add 10.65.0.2 lladdr 02:00:00:00:01:00 dev r0 nud permanent
ip neigh add 10.65.1.3 lladdr 02:00:00:00:01:01 dev r1 nud permanent
nft -f - <<'RULES'
` + stateRules + `
RULES`

// wire is a router with the sockets of the two sides.
type wire struct {
	router *netns.NS
	socks  [2]int // client's, server's
}

func newWire(t *testing.T) *wire {
	netns.Require(t, "ip", "nft", "conntrack", "sysctl")
	w := &wire{router: netns.ForTest(t)}
	sides := netns.ForTest(t)
	for i := range w.socks {
		err := netns.Join(netns.End{NS: sides, Name: fmt.Sprint("s", i), MAC: fmt.Sprint("02:00:00:00:01:0", i)},
			netns.End{NS: w.router, Name: fmt.Sprint("r", i), MAC: fmt.Sprint("02:00:00:00:02:0", i)})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.router.Run("", "sh", "-c", setupRouter); err != nil {
		t.Fatal(err)
	}
	links, err := sides.Netlink()
	if err != nil {
		t.Fatal(err)
	}
	defer links.Close()
	for i := range w.socks {
		link, err := links.LinkByName(fmt.Sprint("s", i))
		if err != nil {
			t.Fatal(err)
		}
		if err := sides.Do(func() error { return w.open(i, link.Attrs().Index) }); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(w.socks[i]) })
	}
	return w
}

// ethIP is ETH_P_IP in network byte order.
const ethIP = 0x0008

func (w *wire) open(i, index int) (err error) {
	if w.socks[i], err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, ethIP); err != nil {
		return err
	}
	if err = unix.Bind(w.socks[i], &unix.SockaddrLinklayer{Protocol: ethIP, Ifindex: index}); err != nil {
		return err
	}
	return unix.SetsockoptTimeval(w.socks[i], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 500000})
}

// send sends a packet from a side and returns the state that the router saw.
func (w *wire) send(t *testing.T, from int, p *packet.Packet) string {
	t.Helper()
	b, err := packet.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	frame := append([]byte{2, 0, 0, 0, 2, byte(from), 2, 0, 0, 0, 1, byte(from), 8, 0}, b...)
	if _, err := unix.Write(w.socks[from], frame); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2048)
	for range 20 {
		n, err := unix.Read(w.socks[1-from], buf)
		if err != nil {
			return "DROP"
		}
		got, err := packet.Decode(buf[14:n])
		if err == nil && got.Src == p.Src && got.SrcPort == p.SrcPort && got.TCP.Seq == p.TCP.Seq && got.TCP.Flags == p.TCP.Flags {
			return stateOfDSCP[got.TOS>>2]
		}
	}
	return "LOST"
}

// flow makes TCP segments that are near to a real connection, but not always.
type flow struct {
	rng *rand.Rand
	seq [2]uint32
	// port is the client's.
	port uint16
}

var usualFlags = []packet.TCPFlags{syn, syn | ack, ack, ack, ack, ack | packet.PSH, fin | ack, rst, rst | ack}

func (f *flow) segment() (from int, p *packet.Packet) {
	from = f.rng.IntN(2)
	p = seg(from == 1, usualFlags[f.rng.IntN(len(usualFlags))], 0, 0, 0)
	if from == 0 {
		p.SrcPort = f.port
	} else {
		p.DstPort = f.port
	}
	f.fill(from, p)
	return from, p
}

func (f *flow) fill(from int, p *packet.Packet) {
	p.TCP.Seq, p.TCP.Ack = f.seq[from], f.seq[1-from]
	p.TCP.Window = []uint16{1000, 0, 65535, 50}[f.rng.IntN(4)]
	switch f.rng.IntN(12) {
	case 0:
		p.TCP.Seq += uint32(f.rng.IntN(200000)) - 100000
	case 1:
		p.TCP.Ack += uint32(f.rng.IntN(200000)) - 100000
	case 2:
		p.TCP.Seq = 0
	case 3:
		p.TCP.Seq += 500
	case 4:
		p.BadChecksum = true
	case 5:
		p.TCP.Ack = 0
	case 6:
		p.TCP.Flags = packet.TCPFlags(f.rng.IntN(64))
	}
	switch flags := p.TCP.Flags; {
	case flags&syn != 0:
		if f.rng.IntN(2) == 0 {
			p.TCP.HasWScale, p.TCP.WScale, p.TCP.MSS = true, uint8(f.rng.IntN(10)), 1460
			p.TCP.SACKPermitted = f.rng.IntN(2) == 0
		}
	case flags&rst == 0:
		p.PayloadLen = uint16(f.rng.IntN(3) * 20)
		if f.rng.IntN(8) == 0 {
			p.TCP.SACKRight = p.TCP.Ack + uint32(f.rng.IntN(100))
		}
	}
	if f.rng.IntN(4) != 0 {
		f.seq[from] = tcpEnd(p)
	}
}

// begin makes the handshake of most flows, so that they get somewhere.
func (f *flow) begin() (segments []*packet.Packet) {
	for _, s := range handshake {
		p := seg(s.back, s.flags, s.seq, s.ack, 0)
		if s.back {
			p.DstPort = f.port
		} else {
			p.SrcPort = f.port
		}
		segments = append(segments, p)
	}
	f.seq = [2]uint32{101, 501}
	return segments[:f.rng.IntN(4)]
}

// Random TCP flows through a router: every packet has the state that the table
// says, and in the end so has every connection.
func TestKernel_TCPStates(t *testing.T) {
	w := newWire(t)
	for number := range 300 {
		table := NewTable(Config{})
		f := &flow{rng: rand.New(rand.NewPCG(7, uint64(number))), port: uint16(20000 + number)}
		var story []string
		check := func(from int, p *packet.Packet) bool {
			want := w.send(t, from, p)
			got := pass(table, p, 0)
			state := "-"
			if c, _, ok := table.Lookup(mustTuple(p), 0); ok {
				state = fmt.Sprintf("%s %+v", c.TCP.State, c.TCP.Seen)
			}
			story = append(story, fmt.Sprintf("%s seq %d ack %d win %d len %d wscale %d sack %d: kernel %s, table %s (%s)", p, p.TCP.Seq,
				p.TCP.Ack, p.TCP.Window, p.PayloadLen, p.TCP.WScale, p.TCP.SACKRight, want, got.Info, state))
			return got.Info.String() == want
		}
		if !runFlow(f, check) {
			t.Errorf("flow %d:\n%s", number, strings.Join(story, "\n"))
			continue
		}
		w.compareEntry(t, table, f.port, story)
	}
}

// Resets far out of the window, after both sides opened at once: the kernel
// believes some of them.
func TestKernel_TCPResetOfIgnored(t *testing.T) {
	w := newWire(t)
	opened := []*packet.Packet{seg(false, syn, 100, 0, 0), seg(true, syn, 501, 0, 0)}
	ignored := seg(true, ack, 502, 9999, 0)
	for i, last := range [][]*packet.Packet{
		{seg(false, rst, 900000, 0, 0)},
		{seg(false, rst|ack, 900000, 502, 0)},
		{seg(true, rst|ack, 900000, 502, 0)},
		{seg(true, rst, 900000, 0, 0)},
		{ignored, seg(true, rst|ack, 900000, 502, 0)},
		{ignored, seg(false, rst|ack, 900000, 502, 0)},
		{ignored, seg(false, rst, 900000, 0, 0)},
	} {
		table, port := NewTable(Config{}), uint16(30000+i)
		var story []string
		for _, one := range append(opened, last...) {
			p, from := *one, 0
			if p.SrcPort == 80 {
				p.DstPort, from = port, 1
			} else {
				p.SrcPort = port
			}
			want, got := w.send(t, from, &p), pass(table, &p, 0).Info.String()
			story = append(story, fmt.Sprintf("%s seq %d ack %d: kernel %s, table %s", &p, p.TCP.Seq, p.TCP.Ack, want, got))
			if got != want {
				t.Errorf("differs:\n%s", strings.Join(story, "\n"))
			}
		}
		w.compareEntry(t, table, port, story)
	}
}

func mustTuple(p *packet.Packet) Tuple {
	tuple, _ := TupleOf(p)
	return tuple
}

func runFlow(f *flow, check func(int, *packet.Packet) bool) bool {
	for i, p := range f.begin() {
		if !check(i%2, p) {
			return false
		}
	}
	for range 12 {
		if !check(f.segment()) {
			return false
		}
	}
	return true
}

// compareEntry compares the connection with conntrack -L.
func (w *wire) compareEntry(t *testing.T, table *Table, port uint16, story []string) {
	t.Helper()
	var got, want []string
	dump, err := w.router.Run("", "conntrack", "-L", "-p", "tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(dump) {
		if strings.Contains(line, fmt.Sprintf("port=%d ", port)) {
			want = append(want, entryOf(line))
		}
	}
	for _, c := range table.List(0) {
		got = append(got, entryOf(c.Line(0)))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("connection is %v, in the kernel %v\n%s", got, want, strings.Join(story, "\n"))
	}
}

// entryOf is a line of conntrack -L with its seconds rounded to tens, since some
// time passes.
func entryOf(line string) string {
	f := strings.Fields(line)
	if len(f) < 8 {
		return line
	}
	var left int
	fmt.Sscan(f[2], &left)
	marks := ""
	for _, m := range []string{"[UNREPLIED]", "[ASSURED]"} {
		if strings.Contains(line, m) {
			marks += m
		}
	}
	return fmt.Sprint(f[3], " ", (left+9)/10*10, " ", f[4], " ", marks)
}
