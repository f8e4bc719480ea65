package eval

import (
	"math/bits"
	"slices"
	"sort"
	"time"
)

// maxParts is the highest number of parts of a key (nf_tables has 16 registers
// of 32 bits).
const maxParts = 16

// entry is one element of an index: one span per part.
type entry struct {
	parts   []span
	expires time.Duration // 0 is never
	nomatch bool
	data    int32 // the caller's number for the element
}

// index finds the entry of a key. Entries whose parts are all prefixes stand in
// a hash table by combination of prefix lengths, longest first; the others in a
// sorted list (one part) or a plain list.
type index struct {
	entries []entry
	combos  []combo
	head    map[uint64]int32 // hash of combination and masked key: entry+1
	next    []int32
	sorted  []int32 // one part, disjoint spans, by lower end
	linear  []int32
}

// combo is a combination of prefix lengths, one per part.
type combo struct {
	bits  []int
	exact bool // all 128
	seed  uint64
}

// newIndex builds the index of an nftables set, whose spans need not be
// prefixes.
func newIndex(entries []entry) *index {
	x := &index{entries: entries}
	if x.buildSorted() {
		return x
	}
	return newPrefixIndex(entries)
}

// newPrefixIndex builds an index that always searches longest prefixes first,
// as ipset does.
func newPrefixIndex(entries []entry) *index {
	x := &index{entries: entries, head: map[uint64]int32{}, next: make([]int32, len(entries))}
	for i := range entries {
		if lens, ok := prefixLens(entries[i].parts); ok {
			x.combo(lens)
		} else {
			x.linear = append(x.linear, int32(i))
		}
	}
	slices.SortFunc(x.combos, func(a, b combo) int { return slices.Compare(b.bits, a.bits) })
	for i := range x.combos {
		x.combos[i].seed = uint64(i+1) * 0x9e3779b97f4a7c15
	}
	// Backwards, so that chains hold the entries in order.
	for i := len(entries) - 1; i >= 0; i-- {
		lens, ok := prefixLens(entries[i].parts)
		if !ok {
			continue
		}
		c := x.combo(lens)
		var key [maxParts]value
		for j, p := range entries[i].parts {
			key[j] = p.lo
		}
		h := c.hash(key[:len(lens)])
		x.next[i], x.head[h] = x.head[h], int32(i+1)
	}
	return x
}

// buildSorted uses the sorted list when keys have one part, some span is no
// single value, and no two spans overlap.
func (x *index) buildSorted() bool {
	ranges := false
	for _, e := range x.entries {
		if len(e.parts) != 1 || e.nomatch {
			return false
		}
		ranges = ranges || e.parts[0].lo != e.parts[0].hi
	}
	if !ranges {
		return false
	}
	order := make([]int32, len(x.entries))
	for i := range order {
		order[i] = int32(i)
	}
	lo := func(i int) value { return x.entries[order[i]].parts[0].lo }
	sort.SliceStable(order, func(a, b int) bool { return lo(a).less(lo(b)) })
	for i := 1; i < len(order); i++ {
		if !x.entries[order[i-1]].parts[0].hi.less(lo(i)) {
			return false
		}
	}
	x.sorted = order
	return true
}

func prefixLens(parts []span) ([]int, bool) {
	lens := make([]int, len(parts))
	for i, p := range parts {
		n, ok := p.prefix()
		if !ok {
			return nil, false
		}
		lens[i] = n
	}
	return lens, true
}

// combo returns the combination with these lengths, adding it when new.
func (x *index) combo(lens []int) *combo {
	for i := range x.combos {
		if slices.Equal(x.combos[i].bits, lens) {
			return &x.combos[i]
		}
	}
	exact := !slices.ContainsFunc(lens, func(n int) bool { return n != 128 })
	x.combos = append(x.combos, combo{bits: lens, exact: exact})
	return &x.combos[len(x.combos)-1]
}

// hash mixes the combination and the masked parts of the key.
func (c *combo) hash(key []value) uint64 {
	h := c.seed
	for i, v := range key {
		if !c.exact {
			v = v.masked(c.bits[i])
		}
		hi, lo := bits.Mul64(v.lo^h^0xa0761d6478bd642f, v.hi^h>>32^0xe7037ed1a0b428db)
		h = hi ^ lo
	}
	return h
}

func (e *entry) has(key []value) bool {
	for i := range e.parts {
		if !e.parts[i].has(key[i]) {
			return false
		}
	}
	return true
}

func (e *entry) live(now time.Duration) bool { return e.expires == 0 || now < e.expires }

// find returns the first entry that has the key and is not expired, most
// specific prefixes first; -1 without one.
func (x *index) find(key []value, now time.Duration) int {
	if x.sorted != nil {
		return x.findSorted(key[0], now)
	}
	for ci := range x.combos {
		for i := x.head[x.combos[ci].hash(key)]; i != 0; i = x.next[i-1] {
			if e := &x.entries[i-1]; e.has(key) && e.live(now) && x.combos[ci].owns(e) {
				return int(i - 1)
			}
		}
	}
	for _, i := range x.linear {
		if e := &x.entries[i]; e.has(key) && e.live(now) {
			return int(i)
		}
	}
	return -1
}

// owns guards against a hash shared by two combinations.
func (c *combo) owns(e *entry) bool {
	for i, n := range c.bits {
		if e.parts[i].lo.last(n) != e.parts[i].hi {
			return false
		}
	}
	return true
}

func (x *index) findSorted(v value, now time.Duration) int {
	lo, hi := 0, len(x.sorted)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if v.less(x.entries[x.sorted[mid]].parts[0].lo) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == 0 {
		return -1
	}
	i := x.sorted[lo-1]
	if e := &x.entries[i]; e.has1(v) && e.live(now) {
		return int(i)
	}
	return -1
}

func (e *entry) has1(v value) bool { return e.parts[0].has(v) }

// maybe reports whether some entry has the key when the parts in unknown are
// taken as wildcards.
func (x *index) maybe(key []value, unknown uint32, now time.Duration) bool {
	for i := range x.entries {
		e := &x.entries[i]
		ok := e.live(now)
		for j := 0; ok && j < len(e.parts); j++ {
			ok = unknown>>j&1 == 1 || e.parts[j].has(key[j])
		}
		if ok {
			return true
		}
	}
	return false
}
