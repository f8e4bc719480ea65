package conntrack

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"time"

	"tortie/dataplane/packet"
)

// finder looks for the tuple that a connection gets from a NAT range
// (get_unique_tuple).
type finder struct {
	t     *Table
	conn  *Conn
	manip Manip
	rg    Range
	now   time.Duration
}

// unique returns the tuple to use instead of want. It may still clash when
// nothing else is free; then the connection fails at Confirm.
func (f *finder) unique(want Tuple) Tuple {
	if f.manip == SrcManip && !f.rg.random() {
		if f.inRange(want) {
			if !f.usedNew(want) {
				return want
			}
		} else if found, ok := f.sameSource(want); ok && !f.used(found) {
			return found
		}
	}
	got := want
	f.pickAddr(&got)
	if !f.rg.random() {
		switch {
		case !f.rg.HasPorts:
			if !f.used(got) {
				return got
			}
		case !f.rg.HasBase && f.portInRange(got, f.manip) && (f.rg.PortLo == f.rg.PortHi || !f.used(got)):
			return got
		}
	}
	f.pickPort(&got)
	return got
}

// used reports whether the answers to a tuple already belong to another
// connection (nf_nat_used_tuple).
func (f *finder) used(tuple Tuple) bool {
	e, ok := f.answered(tuple)
	return ok && e.conn != f.conn && e.conn.Tuples[Original] != f.conn.Tuples[Original]
}

// answered looks up the answer to a tuple.
func (f *finder) answered(tuple Tuple) (entry, bool) {
	reply, ok := tuple.Inverse()
	if !ok {
		return entry{}, false
	}
	return f.t.find(reply, f.now)
}

// usedNew is used for a tuple that is not to be altered; two packets that met
// in opposite directions are one flow (nf_nat_used_tuple_new).
func (f *finder) usedNew(tuple Tuple) bool {
	if !f.used(tuple) {
		return false
	}
	if !allowsClash(tuple.Proto) || f.conn.Status&(natMask|SeqAdjust) != 0 {
		return true
	}
	e, ok := f.t.find(tuple, f.now)
	if !ok {
		if e, ok = f.answered(tuple); !ok {
			return false
		}
	}
	if e.dir != Reply || e.conn.Status&(natMask|SeqAdjust) != 0 {
		return true
	}
	return e.conn.Tuples[Original] != f.conn.Tuples[Reply] || e.conn.Tuples[Reply] != f.conn.Tuples[Original]
}

// inRange reports whether the source of a tuple is what the range allows.
func (f *finder) inRange(tuple Tuple) bool {
	if f.rg.AddrLo.IsValid() && (tuple.Src.Less(f.rg.AddrLo) || f.rg.AddrHi.Less(tuple.Src)) {
		return false
	}
	return !f.rg.HasPorts || f.portInRange(tuple, SrcManip)
}

// portInRange reports whether the port that a manip changes is in the range.
func (f *finder) portInRange(tuple Tuple, m Manip) bool {
	port := tuple.DstPort
	switch tuple.Proto {
	case packet.ProtoICMP, packet.ProtoICMPv6:
		port = tuple.SrcPort
	case packet.ProtoGRE, packet.ProtoTCP, packet.ProtoUDP, packet.ProtoUDPLite, packet.ProtoSCTP:
		if m == SrcManip {
			port = tuple.SrcPort
		}
	default:
		return true
	}
	return f.rg.PortLo <= port && port <= f.rg.PortHi
}

// sameSource returns the tuple with the source that another connection of the
// same original source got, newest first (find_appropriate_src).
func (f *finder) sameSource(want Tuple) (Tuple, bool) {
	list := f.t.bySrc[sourceOf(want)]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].expired(f.now) {
			continue
		}
		got, ok := list[i].Tuples[Reply].Inverse()
		if !ok {
			continue
		}
		got.Dst, got.DstPort = want.Dst, want.DstPort
		if f.inRange(got) {
			return got, true
		}
	}
	return want, false
}

// pickAddr sets the address: the only one of the range, or one chosen by a hash
// of the ends (find_best_ips_proto). The hash has no secret, and is that of a
// little-endian machine.
func (f *finder) pickAddr(tuple *Tuple) {
	if !f.rg.AddrLo.IsValid() {
		return
	}
	addr := &tuple.Src
	if f.manip == DstManip {
		addr = &tuple.Dst
	}
	if f.rg.AddrLo == f.rg.AddrHi {
		*addr = f.rg.AddrLo
		return
	}
	src, dst := words(tuple.Src), words(tuple.Dst)
	lo, hi := words(f.rg.AddrLo), words(f.rg.AddrHi)
	n := tuple.Src.BitLen() / 32
	var seed uint32
	if !f.rg.Persistent {
		seed = dst[n-1]
	}
	hash := jhash2(src[:], seed)
	var out [4]uint32
	full := false
	for i := range n {
		base, dist := uint32(0), ^uint32(0)
		if !full {
			base = bits.ReverseBytes32(lo[i])
			dist = bits.ReverseBytes32(hi[i]) - base + 1
		}
		scaled := uint32(uint64(hash) * uint64(dist) >> 32)
		out[i] = bits.ReverseBytes32(base + scaled)
		full = full || out[i] != hi[i]
		if !f.rg.Persistent {
			hash ^= dst[i]
		}
	}
	*addr = fromWords(out, n)
}

// words returns an address as the words of memory on a little-endian machine.
func words(a netip.Addr) (w [4]uint32) {
	b := a.AsSlice()
	for i := 0; i+4 <= len(b); i += 4 {
		w[i/4] = binary.LittleEndian.Uint32(b[i:])
	}
	return w
}

func fromWords(w [4]uint32, n int) netip.Addr {
	var b [16]byte
	for i := range n {
		binary.LittleEndian.PutUint32(b[4*i:], w[i])
	}
	a, _ := netip.AddrFromSlice(b[:4*n])
	return a
}
