package kernel

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"tortie/dataplane/netns"
	"tortie/dataplane/packet"
)

// Conn is one connection of the kernel's table, as conntrack -L prints it.
type Conn struct {
	Proto       packet.Proto
	State       string // of TCP and SCTP, "ESTABLISHED"
	Timeout     int    // seconds left
	Orig, Reply Tuple
	Unreplied   bool
	Assured     bool
	Mark        uint32
}

// Tuple is one direction of a connection. ICMP's type, code and id are in ICMP
// and SrcPort.
type Tuple struct {
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16
	Type, Code       uint8
}

// Connections reads the connection tracking table of the namespace.
func Connections(ns *netns.NS, f packet.Family) ([]Conn, error) {
	return list(ns, "-f", f.String())
}

// OwnConnections reads the connections without those that Fill added. One with Fill's
// bit in its mark is taken for one of those.
func OwnConnections(ns *netns.NS) ([]Conn, error) {
	own := fmt.Sprintf("0/%#x", fillerMark)
	out, err := list(ns, "-f", "ipv4", "--mark", own)
	if err != nil {
		return nil, err
	}
	more, err := list(ns, "-f", "ipv6", "--mark", own)
	return append(out, more...), err
}

// fillerMark is the bit by which connections that Fill adds are known.
const fillerMark = 0x40000000

func list(ns *netns.NS, filter ...string) ([]Conn, error) {
	text, err := ns.Run("", "conntrack", append([]string{"-L"}, filter...)...)
	if err != nil {
		return nil, err
	}
	var out []Conn
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if line == "" {
			continue
		}
		c, err := ParseConn(line)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// FlushConnections empties the connection tracking table of the namespace.
func FlushConnections(ns *netns.NS) error {
	_, err := ns.Run("", "conntrack", "-F")
	return err
}

// RemoveConnections deletes connections of the namespace, but none that Fill added.
func RemoveConnections(ns *netns.NS, which func(*Conn) bool) error {
	own, err := OwnConnections(ns)
	if err != nil {
		return err
	}
	var todo []ctMessage
	for i := range own {
		if c := &own[i]; which(c) {
			todo = append(todo, c.deletion())
		}
	}
	return sendCT(ns, todo)
}

// deletion is the request to delete the connection.
func (c *Conn) deletion() ctMessage {
	return ctMessage{kind: ctDelete, v6: c.Orig.Src.Is6(), body: c.Orig.attribute(ctaTupleOrig, c.Proto)}
}

// Age makes the namespace's connections as old as if the time had passed: those
// that would have expired are deleted, and the others expire so much earlier.
func Age(ns *netns.NS, seconds int) error {
	own, err := OwnConnections(ns)
	if err != nil {
		return err
	}
	var todo []ctMessage
	for i := range own {
		c := &own[i]
		m := c.deletion()
		if c.Timeout > seconds {
			m.kind, m.body = ctNew, append(m.body, be32(ctaTimeout, uint32(c.Timeout-seconds))...)
		}
		todo = append(todo, m)
	}
	return sendCT(ns, todo)
}

// Fill leaves the namespace room for only so many connections, by adding others
// that do not expire: the size of the table itself belongs to the whole machine.
func Fill(ns *netns.NS, room int) error {
	text, err := ns.Run("", "cat", "/proc/sys/net/netfilter/nf_conntrack_max")
	if err != nil {
		return err
	}
	limit, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return err
	}
	const tcpEstablished, seenReplyAssuredConfirmed = 3, 0xe
	var todo []ctMessage
	for i := range limit - room {
		orig := Tuple{Src: netip.AddrFrom4([4]byte{240, byte(i >> 24), byte(i >> 16), 1}), Dst: netip.AddrFrom4([4]byte{240, 255, 255, 254}),
			SrcPort: 1, DstPort: uint16(i)}
		reply := Tuple{Src: orig.Dst, Dst: orig.Src, SrcPort: orig.DstPort, DstPort: orig.SrcPort}
		body := append(orig.attribute(ctaTupleOrig, packet.ProtoTCP), reply.attribute(ctaTupleReply, packet.ProtoTCP)...)
		body = append(body, nested(ctaProtoinfo, nested(1, attribute(1, []byte{tcpEstablished})))...)
		body = append(body, be32(ctaStatus, seenReplyAssuredConfirmed)...)
		body = append(body, be32(ctaTimeout, 100000)...)
		body = append(body, be32(ctaMark, fillerMark)...)
		todo = append(todo, ctMessage{kind: ctNew, flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL, body: body})
	}
	return sendCT(ns, todo)
}

// ParseConn reads one line of conntrack -L.
func ParseConn(line string) (Conn, error) {
	words := strings.Fields(line)
	if len(words) < 3 {
		return Conn{}, fmt.Errorf("connection %q: too short", line)
	}
	var c Conn
	n, err := strconv.ParseUint(words[1], 10, 8)
	if err != nil {
		return c, fmt.Errorf("connection %q: protocol number: %w", line, err)
	}
	c.Proto = packet.Proto(n)
	tuple, sources := &c.Orig, 0
	for i, w := range words[2:] {
		key, value, isPair := strings.Cut(w, "=")
		switch {
		case isPair && key == "src":
			if sources++; sources == 2 {
				tuple = &c.Reply
			}
			err = tuple.set(key, value)
		case isPair && key == "mark":
			var m uint64
			m, err = strconv.ParseUint(value, 10, 32)
			c.Mark = uint32(m)
		case isPair:
			err = tuple.set(key, value)
		case w == "[UNREPLIED]":
			c.Unreplied = true
		case w == "[ASSURED]":
			c.Assured = true
		case i == 0:
			c.Timeout, err = strconv.Atoi(w)
		case i == 1:
			c.State = w
		}
		if err != nil {
			return c, fmt.Errorf("connection %q: %q: %w", line, w, err)
		}
	}
	return c, nil
}

func (t *Tuple) set(key, value string) error {
	var n uint64
	var err error
	switch key {
	case "src":
		t.Src, err = netip.ParseAddr(value)
	case "dst":
		t.Dst, err = netip.ParseAddr(value)
	case "sport", "id":
		n, err = strconv.ParseUint(value, 10, 16)
		t.SrcPort = uint16(n)
	case "dport":
		n, err = strconv.ParseUint(value, 10, 16)
		t.DstPort = uint16(n)
	case "type":
		n, err = strconv.ParseUint(value, 10, 8)
		t.Type = uint8(n)
	case "code":
		n, err = strconv.ParseUint(value, 10, 8)
		t.Code = uint8(n)
	}
	return err
}
