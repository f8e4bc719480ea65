package packet

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// onesSum adds the 16-bit words of b to a running sum.
func onesSum(b []byte, sum uint64) uint64 {
	for len(b) >= 2 {
		sum += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

// fold finishes a sum: the internet checksum (RFC 1071).
func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// pseudoSum is the sum of the pseudo header.
func pseudoSum(src, dst netip.Addr, proto Proto, length int) uint64 {
	sum := onesSum(src.AsSlice(), 0)
	sum = onesSum(dst.AsSlice(), sum)
	return sum + uint64(proto) + uint64(length>>16) + uint64(length&0xffff)
}

// l4Sum is the checksum of a layer 4 packet; it is 0 when the packet contains
// its right checksum.
func l4Sum(src, dst netip.Addr, proto Proto, b []byte) uint16 {
	var sum uint64
	if proto != ProtoICMP {
		sum = pseudoSum(src, dst, proto, len(b))
	}
	return fold(onesSum(b, sum))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sctpSum is the CRC32c of an SCTP packet, its checksum field taken as zero.
func sctpSum(b []byte) uint32 {
	sum := crc32.Update(0, castagnoli, b[:8])
	sum = crc32.Update(sum, castagnoli, []byte{0, 0, 0, 0})
	return crc32.Update(sum, castagnoli, b[12:])
}

// broken returns another checksum than the right one, never 0.
func broken(sum uint16) uint16 {
	if sum == 0x5555 {
		return 0x3333
	}
	return sum ^ 0x5555
}
