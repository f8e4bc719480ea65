package packet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// Errors of Decode and Encode.
var (
	ErrShort    = errors.New("packet is shorter than its IP header says")
	ErrVersion  = errors.New("neither IPv4 nor IPv6")
	ErrHeader   = errors.New("malformed IP header")
	ErrChecksum = errors.New("wrong IPv4 header checksum")
	ErrMapped   = errors.New("IPv4-mapped IPv6 address on the wire")
)

// maxDepth is how many packets may lie in each other.
const maxDepth = 4

// Decode reads an IP packet from the wire. Bytes behind the packet are left
// out. What layer 4 has wrong does not make an error but sets BadChecksum or
// Truncated; IP options and IPv6 extension headers are skipped. Decode never
// keeps b.
func Decode(b []byte) (Packet, error) {
	return decode(b, false, 0)
}

// view is a packet while it is decoded: its layer 4 bytes and how many there
// were before the packet was cut off (only quoted packets are).
type view struct {
	*Packet
	l4     []byte
	l4Len  int
	quoted bool
	depth  int
}

// decode reads a packet; quoted says that it is the one in an ICMP error, which
// may be cut off and whose checksums are not verified.
func decode(b []byte, quoted bool, depth int) (Packet, error) {
	var p Packet
	v := view{Packet: &p, quoted: quoted, depth: depth}
	if len(b) == 0 {
		return p, ErrShort
	}
	var err error
	switch b[0] >> 4 {
	case 4:
		err = v.ipv4(b)
	case 6:
		err = v.ipv6(b)
	default:
		err = ErrVersion
	}
	if err != nil {
		return Packet{}, err
	}
	if !p.IsFragment() {
		p.FragID = 0
	}
	v.layer4()
	return p, nil
}

// cut sets the layer 4 bytes: those of b behind header, up to total.
func (v *view) cut(b []byte, header, total int) error {
	v.l4Len = total - header
	if v.l4Len < 0 {
		return ErrHeader
	}
	if len(b) < total {
		if !v.quoted || len(b) < header {
			return ErrShort
		}
		total = len(b)
	}
	v.l4 = b[header:total]
	return nil
}

func (v *view) ipv4(b []byte) error {
	if len(b) < 20 {
		return ErrShort
	}
	header := int(b[0]&15) * 4
	switch {
	case header < 20:
		return ErrHeader
	case len(b) < header:
		return ErrShort
	case !v.quoted && fold(onesSum(b[:header], 0)) != 0:
		return ErrChecksum
	}
	v.TOS, v.TTL, v.Proto = b[1], b[8], Proto(b[9])
	frag := binary.BigEndian.Uint16(b[6:])
	v.DontFragment = frag&0x4000 != 0
	v.MoreFragments = frag&0x2000 != 0
	v.FragOffset, v.FragID = frag&0x1fff, uint32(binary.BigEndian.Uint16(b[4:]))
	v.Src = netip.AddrFrom4([4]byte(b[12:16]))
	v.Dst = netip.AddrFrom4([4]byte(b[16:20]))
	return v.cut(b, header, int(binary.BigEndian.Uint16(b[2:])))
}

func (v *view) ipv6(b []byte) error {
	if len(b) < 40 {
		return ErrShort
	}
	v.TOS = b[0]<<4 | b[1]>>4
	v.Proto, v.TTL = Proto(b[6]), b[7]
	v.Src = netip.AddrFrom16([16]byte(b[8:24]))
	v.Dst = netip.AddrFrom16([16]byte(b[24:40]))
	if v.Src.Is4In6() || v.Dst.Is4In6() {
		return ErrMapped
	}
	if err := v.cut(b, 40, 40+int(binary.BigEndian.Uint16(b[4:]))); err != nil {
		return err
	}
	for v.extension() {
	}
	return nil
}

// The IPv6 extension headers.
const (
	protoHopByHop Proto = 0
	protoRouting  Proto = 43
	protoFragment Proto = 44
	protoDestOpts Proto = 60
)

// isExtension reports whether a protocol number is an IPv6 extension header
// that can be skipped.
func isExtension(p Proto) bool {
	switch p {
	case protoHopByHop, protoRouting, protoDestOpts, protoFragment, ProtoAH:
		return true
	}
	return false
}

// extension skips one IPv6 extension header; false when there is none to skip.
func (v *view) extension() bool {
	if !isExtension(v.Proto) {
		return false
	}
	if len(v.l4) < 8 {
		v.Truncated = true
		return false
	}
	size := (int(v.l4[1]) + 1) * 8
	switch v.Proto {
	case protoFragment:
		size = 8
		frag := binary.BigEndian.Uint16(v.l4[2:])
		v.FragOffset, v.MoreFragments, v.FragID = frag>>3, frag&1 != 0, binary.BigEndian.Uint32(v.l4[4:])
	case ProtoAH:
		size = (int(v.l4[1]) + 2) * 4
	}
	if len(v.l4) < size {
		v.Truncated = true
		return false
	}
	v.Proto = Proto(v.l4[0])
	v.l4, v.l4Len = v.l4[size:], v.l4Len-size
	return v.FragOffset == 0
}

// header reports whether n bytes of layer 4 are there, and takes them off the
// payload; otherwise the packet is truncated.
func (v *view) header(n int) bool {
	if len(v.l4) < n {
		v.Truncated = true
		return false
	}
	v.PayloadLen = uint16(v.l4Len - n)
	return true
}

// verify checks the layer 4 checksum where the whole datagram is at hand.
func (v *view) verify() {
	if !v.quoted && !v.MoreFragments {
		v.BadChecksum = l4Sum(v.Src, v.Dst, v.Proto, v.l4) != 0
	}
}

// cannot makes an error of Encode.
func cannot(format string, args ...any) error {
	return fmt.Errorf("packet cannot be encoded: "+format, args...)
}
