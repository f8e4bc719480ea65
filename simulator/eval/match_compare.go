package eval

import (
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// matchCompare is nft's cmp, range and anonymous-set look-up.
func (k *compiler) matchCompare(m nf.MatchCompare) func(*scratch) Truth {
	opaque := func(*scratch) Truth { return Unknown3 }
	if len(m.Key) == 0 || len(m.Key) > maxParts || len(m.Values) == 0 {
		return opaque
	}
	for _, v := range m.Values {
		if len(v) != len(m.Key) {
			k.problem("a value with %d parts for a key with %d", len(v), len(m.Key))
			return opaque
		}
	}
	keys := k.keysOf(m)
	switch m.Op {
	case nf.OpEqual, nf.OpNotEqual:
		return k.compareEqual(m, keys)
	case nf.OpHasAny:
		var any uint64
		for _, v := range m.Values {
			any |= v[0].Num
		}
		return compareOne(keys[0], func(v value) bool { return v.lo&any != 0 })
	}
	s := datumSpan(m.Values[0][0])
	switch m.Op {
	case nf.OpLess:
		return compareOne(keys[0], func(v value) bool { return v.less(s.lo) })
	case nf.OpGreater:
		return compareOne(keys[0], func(v value) bool { return s.lo.less(v) })
	case nf.OpLessEqual:
		return compareOne(keys[0], func(v value) bool { return !s.lo.less(v) })
	case nf.OpGreaterEqual:
		return compareOne(keys[0], func(v value) bool { return !v.less(s.lo) })
	}
	return opaque
}

func compareOne(key loader, ok func(value) bool) func(*scratch) Truth {
	return func(w *scratch) Truth {
		v, t := key(w)
		if t != Yes {
			return t
		}
		return truth(ok(v))
	}
}

func (k *compiler) compareEqual(m nf.MatchCompare, keys []loader) func(*scratch) Truth {
	invert := m.Op == nf.OpNotEqual
	if len(keys) == 1 && len(m.Values) == 1 {
		s := datumSpan(m.Values[0][0])
		return compareOne(keys[0], func(v value) bool { return s.has(v) != invert })
	}
	elements := make([]nf.Element, len(m.Values))
	for i, v := range m.Values {
		elements[i].Key = v
	}
	set := newNFTSet(k, elements)
	return func(w *scratch) Truth {
		_, t, present := set.find(w, keys)
		if !present {
			return No
		}
		return t.invert(invert)
	}
}

// keysOf compiles the keys of a comparison. The family of an address key is that
// of its values; the mask is applied to numbers.
func (k *compiler) keysOf(m nf.MatchCompare) []loader {
	types := make([]nf.DataType, len(m.Key))
	for i, d := range m.Values[0] {
		switch packet.FamilyOf(d.Addr) {
		case packet.IPv4:
			types[i] = nf.TypeIPv4Addr
		case packet.IPv6:
			types[i] = nf.TypeIPv6Addr
		}
	}
	keys := k.keys(m.Key, types)
	if m.Mask == 0 {
		return keys
	}
	for i, plain := range keys {
		keys[i] = func(w *scratch) (value, Truth) {
			v, t := plain(w)
			return num(v.lo & m.Mask), t
		}
	}
	return keys
}
