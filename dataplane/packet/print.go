package packet

import (
	"fmt"
	"net/netip"
	"strings"
)

var flagNames = [8]string{"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"}

// String returns the flags that are set: "syn,ack"; "none" for no flag.
func (f TCPFlags) String() string {
	var names []string
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ",")
}

// String describes the packet in one line:
// "172.31.0.100:40000 > 10.65.0.2:8055 tcp syn".
func (p *Packet) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s > %s %s", end(p, p.Src, p.SrcPort), end(p, p.Dst, p.DstPort), p.Proto)
	switch {
	case p.Proto == ProtoTCP && p.FragOffset == 0:
		b.WriteString(" " + p.TCP.Flags.String())
	case p.Proto.IsICMP() && p.FragOffset == 0:
		fmt.Fprintf(&b, " %d/%d", p.ICMPType, p.ICMPCode)
		if p.Inner == nil {
			fmt.Fprintf(&b, " id %d", p.ICMPID)
		}
	}
	if p.FragOffset != 0 || p.MoreFragments {
		fmt.Fprintf(&b, " fragment at %d", int(p.FragOffset)*8)
	}
	if p.Truncated {
		b.WriteString(" cut off")
	}
	if p.BadChecksum {
		b.WriteString(" bad checksum")
	}
	if p.Inner != nil {
		fmt.Fprintf(&b, " [%s]", p.Inner)
	}
	return b.String()
}

// end is one end of a packet, with its port if it has one.
func end(p *Packet, a netip.Addr, port uint16) string {
	if !p.Proto.HasPorts() || p.FragOffset != 0 || p.Truncated && port == 0 {
		return a.String()
	}
	return netip.AddrPortFrom(a, port).String()
}
