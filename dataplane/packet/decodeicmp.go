package packet

import "encoding/binary"

// quotes reports whether ICMP messages of a type quote a packet.
func quotes(proto Proto, typ uint8) bool {
	if proto == ProtoICMPv6 {
		return typ < 128
	}
	switch typ {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

// The ICMPv6 redirect: its own header, then the option that holds the packet.
const (
	icmpv6Redirect   = 137
	redirectHeader   = 40
	redirectOption   = 8
	redirectOptionID = 4
)

func (v *view) icmp() {
	if !v.header(8) {
		return
	}
	v.ICMPType, v.ICMPCode = v.l4[0], v.l4[1]
	v.verify()
	if v.quote() {
		return
	}
	v.ICMPID = binary.BigEndian.Uint16(v.l4[4:])
	v.ICMPSeq = binary.BigEndian.Uint16(v.l4[6:])
}

// quote reads the packet that an ICMP error is about.
func (v *view) quote() bool {
	at := 8
	switch {
	case v.quoted || v.MoreFragments:
		return false
	case v.Proto == ProtoICMPv6 && v.ICMPType == icmpv6Redirect:
		at = redirectHeader + redirectOption
		if len(v.l4) < at || v.l4[redirectHeader] != redirectOptionID {
			return false
		}
	case !quotes(v.Proto, v.ICMPType):
		return false
	}
	inner, err := decode(v.l4[at:], true, v.depth+1)
	if err != nil {
		return false
	}
	v.Inner, v.PayloadLen = &inner, 0
	return true
}

// The SCTP chunks whose first field is the initiate tag.
const (
	chunkInit    = 1
	chunkInitAck = 2
)

// chunkSize is the number of bytes of a chunk that an SCTPChunk describes.
func chunkSize(typ uint8) int {
	if typ == chunkInit || typ == chunkInitAck {
		return 20
	}
	return 4
}

func (v *view) sctp() {
	if !v.header(8) {
		return
	}
	v.ports()
	v.Vtag = binary.BigEndian.Uint32(v.l4[4:])
	if !v.header(12) {
		return
	}
	rest, known := v.l4[12:], 12
	for len(rest) >= 4 {
		c := SCTPChunk{Type: rest[0], Flags: rest[1]}
		size := int(binary.BigEndian.Uint16(rest[2:]))
		need := chunkSize(c.Type)
		if size == 0 || need > 4 && (size < need || len(rest) < need) {
			v.malformedSCTP()
			return
		}
		if need > 4 {
			c.InitTag = binary.BigEndian.Uint32(rest[4:])
		}
		v.SCTP = append(v.SCTP, c)
		known += need
		rest = rest[min((max(size, need)+3)&^3, len(rest)):]
	}
	v.PayloadLen = uint16(max(v.l4Len-known, 0))
	if !v.quoted && !v.MoreFragments {
		v.BadChecksum = binary.LittleEndian.Uint32(v.l4[8:]) != sctpSum(v.l4)
	}
}

// malformedSCTP forgets everything but the first eight bytes.
func (v *view) malformedSCTP() {
	v.SCTP, v.Truncated = nil, true
	v.PayloadLen = uint16(v.l4Len - 8)
}
