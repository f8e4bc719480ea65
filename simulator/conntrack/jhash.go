package conntrack

import "math/bits"

// jhash2 is Bob Jenkins' lookup3 hash over words (hashword).
func jhash2(k []uint32, seed uint32) uint32 {
	const golden = 0xdeadbeef
	a := golden + uint32(len(k))<<2 + seed
	b, c := a, a
	for len(k) > 3 {
		a, b, c = jhashMix(a+k[0], b+k[1], c+k[2])
		k = k[3:]
	}
	switch len(k) {
	case 0:
		return c
	case 3:
		c += k[2]
		fallthrough
	case 2:
		b += k[1]
	}
	return jhashFinal(a+k[0], b, c)
}

func jhashMix(a, b, c uint32) (uint32, uint32, uint32) {
	for _, rot := range [2][3]int{{4, 6, 8}, {16, 19, 4}} {
		a = a - c ^ bits.RotateLeft32(c, rot[0])
		c += b
		b = b - a ^ bits.RotateLeft32(a, rot[1])
		a += c
		c = c - b ^ bits.RotateLeft32(b, rot[2])
		b += a
	}
	return a, b, c
}

func jhashFinal(a, b, c uint32) uint32 {
	c = (c ^ b) - bits.RotateLeft32(b, 14)
	a = (a ^ c) - bits.RotateLeft32(c, 11)
	b = (b ^ a) - bits.RotateLeft32(a, 25)
	c = (c ^ b) - bits.RotateLeft32(b, 16)
	a = (a ^ c) - bits.RotateLeft32(c, 4)
	b = (b ^ a) - bits.RotateLeft32(a, 14)
	return (c ^ b) - bits.RotateLeft32(b, 24)
}
