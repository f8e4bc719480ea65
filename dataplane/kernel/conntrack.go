package kernel

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

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
	text, err := ns.Run("", "conntrack", "-L", "-f", f.String())
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

// Age makes the namespace's connections as old as if the time had passed: those
// that would have expired are deleted, and the others expire so much earlier.
func Age(ns *netns.NS, seconds int) error {
	list, err := Connections(ns, packet.IPv4)
	if err != nil {
		return err
	}
	var script strings.Builder
	for _, c := range list {
		switch {
		case c.Orig.Dst == FillerAddr:
			continue
		case c.Timeout <= seconds:
			fmt.Fprintf(&script, "-D %s\n", c.Orig.options(c.Proto))
		default:
			fmt.Fprintf(&script, "-U %s -t %d\n", c.Orig.options(c.Proto), c.Timeout-seconds)
		}
	}
	if script.Len() == 0 {
		return nil
	}
	_, err = ns.Run(script.String(), "conntrack", "-R", "-")
	return err
}

// options names a tuple as the options of conntrack do.
func (t *Tuple) options(p packet.Proto) string {
	text := fmt.Sprintf("-p %d -s %s -d %s", p, t.Src, t.Dst)
	switch {
	case p == packet.ProtoICMP:
		text += fmt.Sprintf(" --icmp-type %d --icmp-code %d --icmp-id %d", t.Type, t.Code, t.SrcPort)
	case p.HasPorts():
		text += fmt.Sprintf(" --sport %d --dport %d", t.SrcPort, t.DstPort)
	}
	return text
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
	var script strings.Builder
	for i := range limit - room {
		fmt.Fprintf(&script, "-I -p tcp -s 240.%d.%d.1 -d %s --sport 1 --dport %d --state ESTABLISHED -t 100000 -u ASSURED,SEEN_REPLY\n",
			i>>24, i>>16&255, FillerAddr, i&0xffff)
	}
	if script.Len() == 0 {
		return nil
	}
	_, err = ns.Run(script.String(), "conntrack", "-R", "-")
	return err
}

// FillerAddr is the destination of the connections that Fill adds.
var FillerAddr = netip.MustParseAddr("240.255.255.254")

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
