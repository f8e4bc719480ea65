package eval

import (
	"encoding/binary"
	"math/bits"
	"net"
	"net/netip"

	"tortie/dataplane/nf"
)

// value is one part of a key as an unsigned number: an address (IPv4 mapped into
// IPv6), a number, or an interface name as 16 bytes.
type value struct{ hi, lo uint64 }

func num(n uint64) value { return value{0, n} }

func addrValue(a netip.Addr) value {
	b := a.As16()
	return value{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (v value) addr() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], v.hi)
	binary.BigEndian.PutUint64(b[8:], v.lo)
	return netip.AddrFrom16(b).Unmap()
}

// nameValue packs a name of at most 15 bytes; longer names lose their end, as
// IFNAMSIZ makes them in the kernel.
func nameValue(s string) value {
	var v value
	for i := 0; i < len(s) && i < 15; i++ {
		if i < 8 {
			v.hi |= uint64(s[i]) << (56 - 8*i)
		} else {
			v.lo |= uint64(s[i]) << (120 - 8*i)
		}
	}
	return v
}

func (v value) less(w value) bool { return v.hi < w.hi || v.hi == w.hi && v.lo < w.lo }

// masked keeps the n highest bits.
func (v value) masked(n int) value {
	switch {
	case n >= 128:
		return v
	case n >= 64:
		return value{v.hi, v.lo &^ (^uint64(0) >> (n - 64))}
	}
	return value{v.hi &^ (^uint64(0) >> n), 0}
}

// last sets all bits behind the n highest.
func (v value) last(n int) value {
	switch {
	case n >= 128:
		return v
	case n >= 64:
		return value{v.hi, v.lo | ^uint64(0)>>(n-64)}
	}
	return value{v.hi | ^uint64(0)>>n, ^uint64(0)}
}

func (v value) next() value {
	lo, carry := bits.Add64(v.lo, 1, 0)
	return value{v.hi + carry, lo}
}

func (v value) trailingZeros() int {
	if v.lo != 0 {
		return bits.TrailingZeros64(v.lo)
	}
	return 64 + bits.TrailingZeros64(v.hi)
}

// span is a closed interval of values.
type span struct{ lo, hi value }

func (s span) has(v value) bool { return !v.less(s.lo) && !s.hi.less(v) }

// prefix returns the prefix length that the span is, and false when it is none.
func (s span) prefix() (int, bool) {
	n := 128
	if d := s.lo.hi ^ s.hi.hi; d != 0 {
		n = bits.LeadingZeros64(d)
	} else if d := s.lo.lo ^ s.hi.lo; d != 0 {
		n = 64 + bits.LeadingZeros64(d)
	}
	return n, s.lo.masked(n) == s.lo && s.lo.last(n) == s.hi
}

// prefixes cuts a span into the fewest prefixes, in order.
func (s span) prefixes() []span {
	var out []span
	for lo := s.lo; !s.hi.less(lo); {
		n := 128 - min(lo.trailingZeros(), 128)
		for s.hi.less(lo.last(n)) {
			n++
		}
		end := lo.last(n)
		out = append(out, span{lo, end})
		if !end.less(s.hi) {
			break
		}
		lo = end.next()
	}
	return out
}

// datumSpan is the span of a datum.
func datumSpan(d nf.Datum) span {
	switch {
	case d.Addr.IsValid():
		to := d.AddrTo
		if !to.IsValid() {
			to = d.Addr
		}
		return span{addrValue(d.Addr), addrValue(to)}
	case d.Name != "" || d.Wildcard:
		v := nameValue(d.Name)
		if d.Wildcard {
			return span{v, v.last(8 * min(len(d.Name), 15))}
		}
		return span{v, v}
	case d.MAC != "":
		v := macValue(d.MAC)
		return span{v, v}
	}
	return span{num(d.Num), num(max(d.Num, d.NumTo))}
}

func macValue(s string) value {
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != 6 {
		return value{}
	}
	var n uint64
	for _, b := range hw {
		n = n<<8 | uint64(b)
	}
	return num(n)
}
