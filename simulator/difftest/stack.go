package difftest

import (
	"fmt"
	"net/netip"

	"tortie/dataplane/packet"
)

// stack is the network stack of one namespace as far as probes need one: it
// listens, answers pings, refuses what nobody listens for, and runs the client
// of a probe. It has no timers: nothing is sent twice.
type stack struct {
	name   string
	conns  map[flow]*tcpConn
	probe  *probeClient
	closed bool         // nobody listens
	slow   bool         // a FIN is acknowledged before the own one is sent
	said   []bannerText // what its listeners answered, in order
}

// flow is a connection as its owner sees it.
type flow struct {
	local, remote netip.AddrPort
}

// The ports on which every namespace listened during the recordings.
var (
	tcpPorts = map[uint16]bool{22: true, 80: true, 443: true, 2379: true, 8055: true, 8056: true, 9999: true}
	udpPorts = map[uint16]bool{53: true, 67: true, 68: true, 8055: true, 9999: true}
)

// tcpConn is one TCP connection of a stack.
type tcpConn struct {
	seq, ack uint32 // the next to send, the next expected
	state    tcpState
	unacked  *packet.Packet // the last segment that is not acknowledged
}

type tcpState uint8

const (
	synSent tcpState = iota + 1
	synReceived
	established
	finSent
)

// probeClient is the client side of a probe. Result is empty until the client
// knows.
type probeClient struct {
	proto         packet.Proto
	local, remote netip.AddrPort
	icmpID        uint16
	result        string
}

const bannerLen = 44

// answer makes the packet that goes back to where p came from.
func answer(p *packet.Packet) packet.Packet {
	return packet.Packet{Src: p.Dst, Dst: p.Src, Proto: p.Proto, TTL: 64, SrcPort: p.DstPort, DstPort: p.SrcPort, DontFragment: p.Proto == packet.ProtoTCP}
}

// start returns the first packet of a probe.
func (s *stack) start(c *probeClient) packet.Packet {
	s.probe = c
	p := packet.Packet{Src: c.local.Addr(), Dst: c.remote.Addr(), Proto: c.proto, TTL: 64, SrcPort: c.local.Port(), DstPort: c.remote.Port()}
	switch c.proto {
	case packet.ProtoTCP:
		p.DontFragment = true
		p.TCP = packet.TCP{Seq: 1000, Flags: packet.SYN, Window: 64240, HasWScale: true, WScale: 7, SACKPermitted: true, MSS: 1460}
		s.conns[flow{c.local, c.remote}] = &tcpConn{seq: 1001, state: synSent}
	case packet.ProtoUDP:
		p.PayloadLen = 1
	case packet.ProtoICMP:
		p.ICMPType, p.ICMPID, p.ICMPSeq, p.PayloadLen = 8, c.icmpID, 1, 56
	case packet.ProtoICMPv6:
		p.ICMPType, p.ICMPID, p.ICMPSeq, p.PayloadLen = 128, c.icmpID, 1, 56
	}
	return p
}

// receive takes a packet that is for this stack and returns what it sends.
func (s *stack) receive(p *packet.Packet) []packet.Packet {
	switch p.Proto {
	case packet.ProtoTCP:
		return s.tcp(p)
	case packet.ProtoUDP:
		return s.udp(p)
	case packet.ProtoICMP, packet.ProtoICMPv6:
		return s.icmp(p)
	case packet.ProtoSCTP:
		return []packet.Packet{protocolUnreachable(p)}
	}
	return nil
}

// protocolUnreachable is the ICMP error for a protocol that the kernel does not
// have.
func protocolUnreachable(p *packet.Packet) packet.Packet {
	a := portUnreachable(p)
	if a.ICMPCode = 2; p.Family() == packet.IPv6 {
		a.ICMPType, a.ICMPCode = 4, 1
	}
	return a
}

func (s *stack) udp(p *packet.Packet) []packet.Packet {
	if c := s.probe; c != nil && c.proto == packet.ProtoUDP && p.SrcPort == c.remote.Port() && p.DstPort == c.local.Port() {
		if p.Src == c.remote.Addr() {
			c.result = "reply"
		}
		return nil
	}
	if s.closed || !udpPorts[p.DstPort] {
		return []packet.Packet{portUnreachable(p)}
	}
	s.banner(p)
	a := answer(p)
	a.PayloadLen = bannerLen
	return []packet.Packet{a}
}

// bannerText is what a listener writes to whom it accepts.
type bannerText struct {
	stack         string
	local, remote netip.AddrPort
}

func (s *stack) banner(p *packet.Packet) {
	s.said = append(s.said, bannerText{s.name, netip.AddrPortFrom(p.Dst, p.DstPort), netip.AddrPortFrom(p.Src, p.SrcPort)})
}

func (b bannerText) String() string { return fmt.Sprintf("%s %s src=%s", b.stack, b.local, b.remote) }

// portUnreachable is the ICMP error for a datagram that nobody wants.
func portUnreachable(p *packet.Packet) packet.Packet {
	quoted := *p
	quoted.Mark = 0
	a := packet.Packet{Src: p.Dst, Dst: p.Src, Proto: packet.ProtoICMP, TTL: 64, ICMPType: 3, ICMPCode: 3, Inner: &quoted}
	if a.TOS = p.TOS&0x1e | 0xc0; p.Family() == packet.IPv6 {
		a.Proto, a.ICMPType, a.ICMPCode, a.TOS = packet.ProtoICMPv6, 1, 4, 0
	}
	return a
}

func (s *stack) icmp(p *packet.Packet) []packet.Packet {
	v6 := p.Proto == packet.ProtoICMPv6
	switch {
	case !v6 && p.ICMPType == 8, v6 && p.ICMPType == 128:
		a := answer(p)
		a.TOS = p.TOS
		a.ICMPID, a.ICMPSeq, a.PayloadLen = p.ICMPID, p.ICMPSeq, p.PayloadLen
		if v6 {
			a.ICMPType = 129
		}
		return []packet.Packet{a}
	case !v6 && p.ICMPType == 0, v6 && p.ICMPType == 129:
		if c := s.probe; c != nil && c.proto == p.Proto && c.icmpID == p.ICMPID && p.Src == c.remote.Addr() {
			c.result = "reply"
		}
	case p.Inner != nil:
		s.icmpError(p)
	}
	return nil
}

// icmpError tells the probe's socket about an ICMP error for its packet.
func (s *stack) icmpError(p *packet.Packet) {
	c, in := s.probe, p.Inner
	if c == nil || c.result != "" || in.Proto != c.proto || in.Dst != c.remote.Addr() || in.Src != c.local.Addr() ||
		in.SrcPort != c.local.Port() || in.DstPort != c.remote.Port() {
		return
	}
	port := p.Proto == packet.ProtoICMP && p.ICMPType == 3 && (p.ICMPCode == 2 || p.ICMPCode == 3) ||
		p.Proto == packet.ProtoICMPv6 && p.ICMPType == 1 && p.ICMPCode == 4
	unreachable := p.Proto == packet.ProtoICMP && p.ICMPType == 3 || p.Proto == packet.ProtoICMPv6 && p.ICMPType == 1
	switch {
	case c.proto.IsICMP() && unreachable:
		c.result = "unreachable"
	case port:
		c.result = "refused"
	case unreachable:
		c.result = "unreachable"
	}
}
