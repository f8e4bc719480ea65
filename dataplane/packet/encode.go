package packet

import "encoding/binary"

// Encode writes a packet as it goes over the wire: with the checksums that it
// needs (a wrong one for BadChecksum), zero bytes for its payload, and no IP
// options or extension headers but the IPv6 fragment header. A packet that
// Decode could not give back is an error.
func Encode(p *Packet) ([]byte, error) { return encode(p, false, 0) }

// encode writes a packet; of one that an ICMP error quotes, the headers only.
func encode(p *Packet, quoted bool, depth int) ([]byte, error) {
	switch {
	case depth > maxDepth:
		return nil, cannot("more than %d packets in each other", maxDepth)
	case FamilyOf(p.Src) == 0 || FamilyOf(p.Src) != FamilyOf(p.Dst) || p.Src.Is4In6() || p.Dst.Is4In6():
		return nil, cannot("addresses %s and %s", p.Src, p.Dst)
	case p.Src.Zone() != "" || p.Dst.Zone() != "":
		return nil, cannot("address with a zone")
	case p.Family() == IPv6 && isExtension(p.Proto):
		return nil, cannot("IPv6 extension header %d as protocol", uint8(p.Proto))
	case p.Family() == IPv6 && p.DontFragment:
		return nil, cannot("do not fragment, in IPv6")
	case p.FragOffset > 0x1fff:
		return nil, cannot("fragment offset %d", p.FragOffset)
	case p.FragID != 0 && !p.IsFragment() || p.FragID > 0xffff && p.Family() == IPv4:
		return nil, cannot("identification %d", p.FragID)
	}
	l4, payload, err := layer4(p, quoted, depth)
	if err != nil {
		return nil, err
	}
	size := len(l4) + payload
	if size > 0xffff-48 {
		return nil, cannot("%d bytes", size)
	}
	if !quoted {
		l4 = append(l4, make([]byte, payload)...)
		setChecksum(p, l4)
	}
	if p.Family() == IPv4 {
		return append(ipv4Header(p, size), l4...), nil
	}
	return append(ipv6Header(p, size), l4...), nil
}

func ipv4Header(p *Packet, size int) []byte {
	b := make([]byte, 20, 20+size)
	b[0], b[1] = 0x45, p.TOS
	binary.BigEndian.PutUint16(b[2:], uint16(20+size))
	id := uint16(1)
	if p.IsFragment() {
		id = uint16(p.FragID)
	}
	binary.BigEndian.PutUint16(b[4:], id)
	frag := p.FragOffset
	if p.MoreFragments {
		frag |= 0x2000
	}
	if p.DontFragment {
		frag |= 0x4000
	}
	binary.BigEndian.PutUint16(b[6:], frag)
	b[8], b[9] = p.TTL, byte(p.Proto)
	copy(b[12:], p.Src.AsSlice())
	copy(b[16:], p.Dst.AsSlice())
	binary.BigEndian.PutUint16(b[10:], fold(onesSum(b, 0)))
	return b
}

func ipv6Header(p *Packet, size int) []byte {
	b := make([]byte, 40, 48+size)
	b[0], b[1] = 0x60|p.TOS>>4, p.TOS<<4
	b[6], b[7] = byte(p.Proto), p.TTL
	copy(b[8:], p.Src.AsSlice())
	copy(b[24:], p.Dst.AsSlice())
	if p.IsFragment() {
		frag := p.FragOffset << 3
		if p.MoreFragments {
			frag |= 1
		}
		b[6] = byte(protoFragment)
		b = append(b, byte(p.Proto), 0, 0, 0, 0, 0, 0, 0)
		binary.BigEndian.PutUint16(b[42:], frag)
		binary.BigEndian.PutUint32(b[44:], p.FragID)
		size += 8
	}
	binary.BigEndian.PutUint16(b[4:], uint16(size))
	return b
}

// layer4 returns the transport header and how many bytes of payload follow it.
func layer4(p *Packet, quoted bool, depth int) ([]byte, int, error) {
	payload := int(p.PayloadLen)
	if p.FragOffset != 0 {
		return nil, payload, nil
	}
	if p.Truncated {
		return truncated(p), payload, nil
	}
	if p.Inner != nil {
		b, err := carrying(p, quoted, depth)
		return b, payload, err
	}
	b := make([]byte, 0, 64)
	switch p.Proto {
	case ProtoTCP:
		return tcpHeader(p, b), payload, nil
	case ProtoUDP, ProtoUDPLite:
		return udpHeader(p, b, payload), payload, nil
	case ProtoSCTP:
		return sctpHeader(p, b), payload, nil
	case ProtoDCCP:
		return append(ports(p, b), 3, 0, 0, 0, 0, 0, 0, 0), payload, nil
	case ProtoICMP, ProtoICMPv6:
		return icmpHeader(p, b), payload, nil
	case ProtoGRE:
		return greHeader(p, b, payload), payload, nil
	}
	return nil, payload, nil
}

// truncated returns what is known of a header that is cut off. Eight bytes or
// more behind it say that it was there, though it may be all zero.
func truncated(p *Packet) []byte {
	var b []byte
	switch {
	case p.Proto == ProtoGRE:
		return []byte{0, 1, 0, 0} // version 1 of another protocol than PPTP
	case p.SrcPort == 0 && p.DstPort == 0 && p.TCP.Seq == 0 && p.Vtag == 0 && p.PayloadLen < 8:
		return nil
	case p.Proto == ProtoTCP:
		return binary.BigEndian.AppendUint32(ports(p, b), p.TCP.Seq)
	case p.Proto == ProtoSCTP:
		return binary.BigEndian.AppendUint32(ports(p, b), p.Vtag)
	}
	return nil
}

// carrying returns the layer 4 of a packet that carries or quotes another.
func carrying(p *Packet, quoted bool, depth int) ([]byte, error) {
	if quoted {
		return nil, cannot("a quoted packet with a packet in it")
	}
	isICMP := p.Proto.IsICMP()
	inner, err := encode(p.Inner, isICMP, depth+1)
	if err != nil {
		return nil, err
	}
	switch {
	case p.Proto == ProtoICMPv6 && p.ICMPType == icmpv6Redirect:
		b := icmpHeader(p, nil)
		b = append(b, make([]byte, redirectHeader-len(b))...)
		units := (redirectOption + len(inner) + 7) / 8
		b = append(b, redirectOptionID, byte(units), 0, 0, 0, 0, 0, 0)
		b = append(b, inner...)
		return append(b, make([]byte, units*8-redirectOption-len(inner))...), nil
	case isICMP && quotes(p.Proto, p.ICMPType):
		return append(icmpHeader(p, nil), inner...), nil
	case p.Proto == ProtoIPIP || p.Proto == ProtoIPv6:
		return inner, nil
	case p.Proto == ProtoUDP && p.DstPort == VXLANPort:
		return vxlan(p, inner), nil
	}
	return nil, cannot("%s packet with a packet in it", p.Proto)
}

// vxlan returns UDP, VXLAN and Ethernet headers around a packet.
func vxlan(p *Packet, inner []byte) []byte {
	const headers = 8 + 14
	b := udpHeader(p, nil, headers+len(inner))
	b = append(b, 8, 0, 0, 0, 0, 0, 0, 0)
	b = append(b, make([]byte, 12)...)
	typ := uint16(0x0800)
	if p.Inner.Family() == IPv6 {
		typ = 0x86dd
	}
	return append(binary.BigEndian.AppendUint16(b, typ), inner...)
}

// setChecksum puts the layer 4 checksum into its place.
func setChecksum(p *Packet, b []byte) {
	at := 0
	switch p.Proto {
	case ProtoTCP:
		at = 16
	case ProtoUDP, ProtoUDPLite:
		at = 6
	case ProtoICMP, ProtoICMPv6:
		at = 2
	case ProtoSCTP:
		at = 8
	}
	if at == 0 || p.Truncated || p.FragOffset != 0 {
		return
	}
	if p.Proto == ProtoSCTP {
		sum := sctpSum(b)
		if p.BadChecksum {
			sum ^= 0x5555
		}
		binary.LittleEndian.PutUint32(b[at:], sum)
		return
	}
	sum := l4Sum(p.Src, p.Dst, p.Proto, b)
	if sum == 0 {
		sum = 0xffff
	}
	if p.BadChecksum {
		sum = broken(sum)
	}
	binary.BigEndian.PutUint16(b[at:], sum)
}
