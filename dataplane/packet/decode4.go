package packet

import "encoding/binary"

// layer4 reads the header of the transport protocol.
func (v *view) layer4() {
	v.PayloadLen = uint16(v.l4Len)
	if v.FragOffset != 0 || v.Truncated {
		return
	}
	switch v.Proto {
	case ProtoTCP:
		v.tcp()
	case ProtoUDP:
		v.udp()
	case ProtoUDPLite:
		v.udpLite()
	case ProtoSCTP:
		v.sctp()
	case ProtoDCCP:
		if v.header(12) {
			v.ports()
		}
	case ProtoICMP, ProtoICMPv6:
		v.icmp()
	case ProtoGRE:
		v.gre()
	case ProtoIPIP, ProtoIPv6:
		v.tunnel(v.l4)
	}
}

func (v *view) ports() {
	v.SrcPort = binary.BigEndian.Uint16(v.l4)
	v.DstPort = binary.BigEndian.Uint16(v.l4[2:])
}

// tunnel reads the packet that this one carries.
func (v *view) tunnel(b []byte) {
	if v.quoted || v.MoreFragments || v.depth >= maxDepth {
		return
	}
	if inner, err := decode(b, false, v.depth+1); err == nil {
		v.Inner, v.PayloadLen = &inner, 0
	}
}

func (v *view) tcp() {
	if !v.header(8) {
		return
	}
	v.ports()
	v.TCP.Seq = binary.BigEndian.Uint32(v.l4[4:])
	if len(v.l4) < 20 {
		v.Truncated = true
		return
	}
	size := int(v.l4[12]>>4) * 4
	if size < 20 || len(v.l4) < size {
		v.Truncated = true
		return
	}
	v.header(size)
	v.TCP.Ack = binary.BigEndian.Uint32(v.l4[8:])
	v.TCP.Flags = TCPFlags(v.l4[13])
	v.TCP.Window = binary.BigEndian.Uint16(v.l4[14:])
	v.tcpOptions(v.l4[20:size])
	v.verify()
}

// The TCP options that matter.
const (
	optEnd           = 0
	optNop           = 1
	optMSS           = 2
	optWScale        = 3
	optSACKPermitted = 4
	optSACK          = 5
)

func (v *view) tcpOptions(b []byte) {
	for len(b) > 0 {
		kind := b[0]
		if kind == optEnd {
			return
		}
		if kind == optNop {
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return
		}
		v.tcpOption(kind, b[2:b[1]])
		b = b[b[1]:]
	}
}

func (v *view) tcpOption(kind byte, body []byte) {
	syn := v.TCP.Flags&SYN != 0
	switch {
	case kind == optMSS && len(body) == 2 && syn:
		v.TCP.MSS = binary.BigEndian.Uint16(body)
	case kind == optWScale && len(body) == 1 && syn:
		v.TCP.HasWScale, v.TCP.WScale = true, body[0]
	case kind == optSACKPermitted && len(body) == 0 && syn:
		v.TCP.SACKPermitted = true
	case kind == optSACK && len(body) >= 8 && len(body)%8 == 0 && v.TCP.SACKRight == 0:
		for ; len(body) > 0; body = body[8:] {
			right := binary.BigEndian.Uint32(body[4:])
			if v.TCP.SACKRight == 0 || int32(right-v.TCP.SACKRight) > 0 {
				v.TCP.SACKRight = right
			}
		}
	}
}

// VXLANPort is the UDP port of VXLAN (IANA).
const VXLANPort = 4789

func (v *view) udp() {
	if !v.header(8) {
		return
	}
	v.ports()
	if length := int(binary.BigEndian.Uint16(v.l4[4:])); length < 8 || length > v.l4Len && !v.MoreFragments {
		*v.Packet = v.withoutLayer4()
		return
	}
	if binary.BigEndian.Uint16(v.l4[6:]) != 0 {
		v.verify()
	}
	const vxlan, ethernet = 8, 14
	if b := v.l4[8:]; v.DstPort == VXLANPort && len(b) > vxlan+ethernet && b[0] == 8 {
		if typ := binary.BigEndian.Uint16(b[vxlan+12:]); typ == 0x0800 || typ == 0x86dd {
			v.tunnel(b[vxlan+ethernet:])
		}
	}
}

// withoutLayer4 is the packet with a layer 4 header that is not believed.
func (v *view) withoutLayer4() Packet {
	p := *v.Packet
	p.SrcPort, p.DstPort = 0, 0
	p.Truncated = true
	p.PayloadLen = uint16(v.l4Len)
	return p
}

func (v *view) udpLite() {
	if !v.header(8) {
		return
	}
	v.ports()
	covered := int(binary.BigEndian.Uint16(v.l4[4:]))
	if covered == 0 {
		covered = v.l4Len
	}
	if covered < 8 || covered > v.l4Len || !v.quoted && binary.BigEndian.Uint16(v.l4[6:]) == 0 {
		*v.Packet = v.withoutLayer4()
		return
	}
	if !v.quoted && !v.MoreFragments {
		sum := pseudoSum(v.Src, v.Dst, v.Proto, v.l4Len)
		v.BadChecksum = fold(onesSum(v.l4[:covered], sum)) != 0
	}
}

func (v *view) gre() {
	if len(v.l4) < 4 {
		return
	}
	v.header(4)
	if v.l4[1]&7 != 1 {
		return
	}
	if binary.BigEndian.Uint16(v.l4[2:]) != grePPP {
		v.Truncated = true
	} else if len(v.l4) >= 8 {
		v.header(8)
		v.GREKey = uint32(binary.BigEndian.Uint16(v.l4[6:]))
	}
}

// grePPP is the protocol of PPTP in a GRE header.
const grePPP = 0x880b
