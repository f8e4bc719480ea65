package eval

import (
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// matchProto is the protocol test of ip_packet_match: protocol 0 asks nothing,
// inverted or not.
func matchProto(m nf.MatchProto) func(*scratch) Truth {
	return func(w *scratch) Truth {
		return truth(m.Proto == 0 || (w.p.Proto == m.Proto) != m.Invert)
	}
}

func matchAddr(m nf.MatchAddr) func(*scratch) Truth {
	f, s := packet.FamilyOf(m.Prefix.Addr()), span{}
	if m.Prefix.IsValid() {
		s = prefixSpan(m.Prefix)
	}
	return func(w *scratch) Truth {
		v := w.src
		if m.Dir == nf.Dst {
			v = w.dst
		}
		return truth(w.family == f && s.has(v) != m.Invert)
	}
}

// matchIface compares as ifname_compare_aligned: no interface is the empty name.
func matchIface(m nf.MatchIface) func(*scratch) Truth {
	return func(w *scratch) Truth {
		name := w.c.In.Name
		if m.Dir == nf.Dst {
			name = w.c.Out.Name
		}
		eq := name == m.Name
		if m.Wildcard {
			eq = len(name) >= len(m.Name) && name[:len(m.Name)] == m.Name
		}
		return truth(eq != m.Invert)
	}
}

// matchL4 is tcp_mt, udp_mt and sctp_mt: no match on later fragments, hotdrop of
// TCP fragments at offset 1 and of headers that are cut off.
func matchL4(m nf.MatchL4) step {
	return func(w *scratch) outcome {
		p := w.p
		if p.Proto != m.Proto {
			return miss
		}
		if p.FragOffset != 0 {
			if m.Proto == packet.ProtoTCP && p.FragOffset == 1 {
				return w.hotdrop()
			}
			return miss
		}
		if p.Truncated {
			return w.hotdrop()
		}
		if !portIn(m.Src, p.SrcPort, m.SrcInvert) || !portIn(m.Dst, p.DstPort, m.DstInvert) {
			return miss
		}
		if f := m.Flags; f != nil && (p.TCP.Flags&f.Mask == f.Comp) == f.Invert {
			return miss
		}
		return goOn
	}
}

// loadedL4 is what iptables-nft makes of -m tcp and -m udp: comparisons of
// nftables, for which a header that is not there ends the rule and drops nothing.
// Of a later fragment they read whatever stands where the header would be.
func loadedL4(m nf.MatchL4) step {
	return func(w *scratch) outcome {
		p := w.p
		asks := m.Src != nil || m.Dst != nil
		switch {
		case p.Proto != m.Proto:
			return miss
		case !asks && m.Flags == nil:
			return goOn
		case p.FragOffset != 0:
			return unknown
		case p.Truncated && !eightBytes(p):
			return miss
		case !portIn(m.Src, p.SrcPort, m.SrcInvert) || !portIn(m.Dst, p.DstPort, m.DstInvert):
			return miss
		case m.Flags == nil:
			return goOn
		case p.Truncated && p.PayloadLen > 5: // the flags are there, but not known
			return unknown
		case p.Truncated || (p.TCP.Flags&m.Flags.Mask == m.Flags.Comp) == m.Flags.Invert:
			return miss
		}
		return goOn
	}
}

func matchMultiport(m nf.MatchMultiport) step {
	return func(w *scratch) outcome {
		p := w.p
		if p.FragOffset != 0 || !p.Proto.HasPorts() {
			return miss
		}
		if p.Truncated && !eightBytes(p) {
			return w.hotdrop()
		}
		hit := false
		for i := range m.Ports {
			r := &m.Ports[i]
			if m.Dir != nf.Dst && r.From <= p.SrcPort && p.SrcPort <= r.To ||
				m.Dir != nf.Src && r.From <= p.DstPort && p.DstPort <= r.To {
				hit = true
				break
			}
		}
		return truth(hit != m.Invert).outcome()
	}
}

// matchICMP is icmp_match and icmp6_match: type 255 of IPv4 is any type.
func matchICMP(m nf.MatchICMP) step {
	proto, any := packet.ProtoICMP, m.Type == 255
	if m.Family == packet.IPv6 {
		proto, any = packet.ProtoICMPv6, false
	}
	return func(w *scratch) outcome {
		p := w.p
		if p.Proto != proto || p.FragOffset != 0 {
			return miss
		}
		if p.Truncated {
			return w.hotdrop()
		}
		hit := any || p.ICMPType == m.Type && p.ICMPCode >= m.CodeLo && p.ICMPCode <= m.CodeHi
		return truth(hit != m.Invert).outcome()
	}
}

func matchIPRange(m nf.MatchIPRange) func(*scratch) Truth {
	one := func(r *nf.AddrRange, v value, inv bool, f packet.Family) bool {
		if r == nil {
			return true
		}
		in := span{addrValue(r.From), addrValue(r.To)}.has(v)
		return packet.FamilyOf(r.From) == f && in != inv
	}
	return func(w *scratch) Truth {
		return truth(one(m.Src, w.src, m.SrcInvert, w.family) && one(m.Dst, w.dst, m.DstInvert, w.family))
	}
}

// matchPktType is the packet type of a frame for this host. Packets of the host
// itself are "unicast" (PACKET_HOST is the value that a new skb has).
func matchPktType(m nf.MatchPktType) func(*scratch) Truth {
	want := map[string]uint64{"unicast": 0, "broadcast": 1, "multicast": 2}
	n, ok := want[m.Type]
	return func(w *scratch) Truth {
		got, known := w.pktType()
		if !ok || !known {
			return Unknown3
		}
		return truth((got == n) != m.Invert)
	}
}

// pktType returns skb->pkt_type: 0 unicast, 1 broadcast, 2 multicast.
func (w *scratch) pktType() (uint64, bool) {
	dst := w.p.Dst
	if w.c.FrameDst.IsValid() {
		dst = w.c.FrameDst
	}
	switch {
	case w.c.In.Name == "":
		return 0, true
	case dst.IsMulticast():
		return 2, true
	case w.family == packet.IPv6:
		return 0, true
	case dst.As4() == [4]byte{255, 255, 255, 255}:
		return 1, true
	case w.c.Lookups == nil:
		return 0, true
	}
	rtn, known := w.c.Lookups.AddrType(dst, w.c.In)
	if known && rtn == rtnBroadcast {
		return 1, true
	}
	return 0, known
}

func matchTTL(m nf.MatchTTL) func(*scratch) Truth {
	return func(w *scratch) Truth {
		w.take(takenTTL)
		switch m.Op {
		case "eq":
			return truth((w.p.TTL == m.Value) != m.Invert)
		case "lt":
			return truth((w.p.TTL < m.Value) != m.Invert)
		case "gt":
			return truth((w.p.TTL > m.Value) != m.Invert)
		}
		return Unknown3
	}
}

func matchDSCP(m nf.MatchDSCP) func(*scratch) Truth {
	return func(w *scratch) Truth {
		w.take(takenDSCP)
		return truth(w.p.TOS>>2 == m.DSCP).invert(m.Invert)
	}
}

func matchLength(m nf.MatchLength) func(*scratch) Truth {
	return func(w *scratch) Truth {
		n, ok := ipLength(w.p)
		if !ok {
			return Unknown3
		}
		w.takeLength(n)
		return truth((n >= uint64(m.Lo) && n <= uint64(m.Hi)) != m.Invert)
	}
}

// ipLength is the length of the IP packet without IP options; not known where
// the layer 4 header has parts that Packet does not keep.
func ipLength(p *packet.Packet) (uint64, bool) {
	n := uint64(20)
	if p.Family() == packet.IPv6 {
		n = 40
		if p.IsFragment() {
			n = 48
		}
	}
	n += uint64(p.PayloadLen)
	switch {
	case p.Inner != nil || p.Truncated || len(p.SCTP) > 0 || p.Proto == packet.ProtoGRE:
		return 0, false
	case p.FragOffset != 0:
		return n, true
	case p.Proto == packet.ProtoTCP:
		t := p.TCP
		if t.HasWScale || t.SACKPermitted || t.MSS != 0 || t.SACKRight != 0 {
			return 0, false
		}
		return n + 20, true
	case p.Proto == packet.ProtoUDP, p.Proto == packet.ProtoUDPLite, p.Proto.IsICMP():
		return n + 8, true
	case p.Proto.HasPorts():
		return 0, false
	}
	return n, true
}
