package conntrack

import (
	"fmt"
	"strings"
	"time"

	"tortie/dataplane/packet"
)

// String describes the connection as conntrack -L does, without the time to
// live.
func (c *Conn) String() string { return c.line("") }

// Line describes the connection as conntrack -L does.
func (c *Conn) Line(now time.Duration) string {
	return c.line(fmt.Sprintf("%d ", int64(c.TimeLeft(now)/time.Second)))
}

func (c *Conn) line(left string) string {
	var b strings.Builder
	proto := c.Tuples[Original].Proto
	fmt.Fprintf(&b, "%-8s %d %s", protoName(proto), proto, left)
	switch proto {
	case packet.ProtoTCP:
		b.WriteString(c.TCP.State.String() + " ")
	case packet.ProtoSCTP:
		b.WriteString(c.SCTP.State.String() + " ")
	}
	b.WriteString(c.Tuples[Original].String())
	if c.Status&SeenReply == 0 {
		b.WriteString(" [UNREPLIED]")
	}
	b.WriteString(" " + c.Tuples[Reply].String())
	if c.Status&Assured != 0 {
		b.WriteString(" [ASSURED]")
	}
	fmt.Fprintf(&b, " mark=%d", c.Mark)
	return b.String()
}

// protoName returns the name that conntrack -L prints for a protocol.
func protoName(p packet.Proto) string {
	switch p {
	case packet.ProtoICMPv6:
		return "icmpv6"
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoUDPLite, packet.ProtoSCTP, packet.ProtoICMP, packet.ProtoGRE:
		return p.String()
	}
	return "unknown"
}

// String describes the tuple as conntrack -L does.
func (t Tuple) String() string {
	ends := fmt.Sprintf("src=%s dst=%s", t.Src, t.Dst)
	switch {
	case t.Proto.IsICMP():
		return fmt.Sprintf("%s type=%d code=%d id=%d", ends, t.ICMPType(), t.ICMPCode(), t.SrcPort)
	case t.Proto == packet.ProtoGRE:
		return fmt.Sprintf("%s srckey=0x%x dstkey=0x%x", ends, t.SrcPort, t.DstPort)
	case protoName(t.Proto) != "unknown":
		return fmt.Sprintf("%s sport=%d dport=%d", ends, t.SrcPort, t.DstPort)
	}
	return ends
}
