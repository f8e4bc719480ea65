package packet

import "encoding/binary"

func ports(p *Packet, b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, p.SrcPort)
	return binary.BigEndian.AppendUint16(b, p.DstPort)
}

func tcpHeader(p *Packet, b []byte) []byte {
	b = ports(p, b)
	b = binary.BigEndian.AppendUint32(b, p.TCP.Seq)
	b = binary.BigEndian.AppendUint32(b, p.TCP.Ack)
	b = append(b, 0, byte(p.TCP.Flags))
	b = binary.BigEndian.AppendUint16(b, p.TCP.Window)
	b = append(b, 0, 0, 0, 0) // checksum, urgent pointer
	if p.TCP.MSS != 0 {
		b = binary.BigEndian.AppendUint16(append(b, optMSS, 4), p.TCP.MSS)
	}
	if p.TCP.SACKPermitted {
		b = append(b, optSACKPermitted, 2)
	}
	if p.TCP.HasWScale {
		b = append(b, optWScale, 3, p.TCP.WScale)
	}
	if p.TCP.SACKRight != 0 {
		b = binary.BigEndian.AppendUint32(append(b, optSACK, 10), p.TCP.SACKRight-1)
		b = binary.BigEndian.AppendUint32(b, p.TCP.SACKRight)
	}
	for len(b)%4 != 0 {
		b = append(b, optNop)
	}
	b[12] = byte(len(b)/4) << 4
	return b
}

// udpHeader writes the header of UDP or UDP-Lite; the latter's length field is
// the part that the checksum covers, where 0 means all.
func udpHeader(p *Packet, b []byte, payload int) []byte {
	length := 8 + payload
	if p.Proto == ProtoUDPLite {
		length = 0
	}
	b = binary.BigEndian.AppendUint16(ports(p, b), uint16(length))
	return append(b, 0, 0)
}

func icmpHeader(p *Packet, b []byte) []byte {
	b = append(b, p.ICMPType, p.ICMPCode, 0, 0)
	b = binary.BigEndian.AppendUint16(b, p.ICMPID)
	return binary.BigEndian.AppendUint16(b, p.ICMPSeq)
}

func greHeader(p *Packet, b []byte, payload int) []byte {
	if p.GREKey == 0 {
		return append(b, 0, 0, 0x08, 0x00)
	}
	b = append(b, 0x20, 0x01)
	b = binary.BigEndian.AppendUint16(b, grePPP)
	b = binary.BigEndian.AppendUint16(b, uint16(payload))
	return binary.BigEndian.AppendUint16(b, uint16(p.GREKey))
}

// sctpHeader writes the header and the chunks; the payload belongs to the last.
func sctpHeader(p *Packet, b []byte) []byte {
	b = binary.BigEndian.AppendUint32(ports(p, b), p.Vtag)
	b = append(b, 0, 0, 0, 0)
	for i, c := range p.SCTP {
		size := chunkSize(c.Type)
		length := size
		if i == len(p.SCTP)-1 {
			length += int(p.PayloadLen)
		}
		b = binary.BigEndian.AppendUint16(append(b, c.Type, c.Flags), uint16(length))
		if size > 4 {
			b = binary.BigEndian.AppendUint32(b, c.InitTag)
			b = append(b, make([]byte, size-8)...)
		}
	}
	return b
}
