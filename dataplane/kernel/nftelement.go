package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"tortie/dataplane/nf"
)

// setEntry is an element as nf_tables keeps it: a key, both ends of a key, or the
// end of an interval.
type setEntry struct {
	lo, hi []byte
	end    bool // lo is the first value behind an interval
	open   bool // the interval goes on to the last value there is
	rest   [][]byte
}

// wordOf is a number as nft keeps it in its own data.
func wordOf(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// anonymous makes the set of one rule, in front of the rule.
func (r *ruleEncoder) anonymous(s *setSpec, list []nf.Element) error {
	s.name = "__set%d"
	if s.isMap() {
		s.name = "__map%d"
	}
	entries, err := r.e.elements(s, list)
	if err != nil {
		return err
	}
	s.size = uint32(len(entries))
	r.e.setMessage(r.about, s)
	r.e.elementMessages(r.about, s, entries)
	return nil
}

// elements encodes the elements of a set.
func (e *nftEncoder) elements(s *setSpec, list []nf.Element) ([]setEntry, error) {
	out := make([]setEntry, 0, len(list))
	for i := range list {
		one, err := e.element(s, &list[i])
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i+1, err)
		}
		if !s.interval {
			one.hi = nil
		}
		out = append(out, one)
	}
	if !s.interval || s.concat() {
		return out, nil
	}
	slices.SortStableFunc(out, func(a, b setEntry) int { return bytes.Compare(a.lo, b.lo) })
	if s.merge {
		out = joined(out)
	}
	return halves(out, s.flags&unix.NFT_SET_ANONYMOUS != 0)
}

// element encodes key, data and properties of one element.
func (e *nftEncoder) element(s *setSpec, el *nf.Element) (setEntry, error) {
	lo, hi, err := e.tuple(s.keys, el.Key, s.interval)
	if err != nil {
		return setEntry{}, err
	}
	if !s.interval && !bytes.Equal(lo, hi) {
		return setEntry{}, fmt.Errorf("an interval in a set without intervals")
	}
	out := setEntry{lo: lo, hi: hi}
	data, err := e.elementData(s, el)
	if err != nil {
		return setEntry{}, err
	}
	if data != nil {
		out.rest = append(out.rest, data)
	}
	if el.Timeout != 0 {
		out.rest = append(out.rest, be64(unix.NFTA_SET_ELEM_TIMEOUT, uint64(el.Timeout.Milliseconds())))
	}
	if el.Expires != 0 {
		out.rest = append(out.rest, be64(unix.NFTA_SET_ELEM_EXPIRATION, uint64(el.Expires.Milliseconds())))
	}
	if el.HasCounter {
		counter, err := expr.Marshal(byte(e.table.Family), &expr.Counter{Packets: el.Packets, Bytes: el.Bytes})
		if err != nil {
			return setEntry{}, err
		}
		out.rest = append(out.rest, nested(unix.NFTA_SET_ELEM_EXPR, counter))
	}
	switch {
	case len(el.Comment) > maxComment:
		return setEntry{}, fmt.Errorf("the comment has more than %d bytes", maxComment)
	case el.Comment != "":
		out.rest = append(out.rest, attribute(unix.NFTA_SET_ELEM_USERDATA, commentData(udataElemComment, el.Comment)))
	}
	return out, nil
}

// tuple writes the parts of a key or of data, each of several padded to four
// bytes.
func (e *nftEncoder) tuple(kinds []dataKind, parts []nf.Datum, big bool) (lo, hi []byte, err error) {
	if len(parts) != len(kinds) {
		return nil, nil, fmt.Errorf("%d values for %d parts", len(parts), len(kinds))
	}
	for i, d := range parts {
		a, b, err := kinds[i].bytes(d, big, e.index)
		if err != nil {
			return nil, nil, err
		}
		lo, hi = append(lo, a...), append(hi, b...)
		for len(kinds) > 1 && len(lo)%4 != 0 {
			lo, hi = append(lo, 0), append(hi, 0)
		}
	}
	return lo, hi, nil
}

// elementData is the attribute with what a map has for the key; nil for a set.
func (e *nftEncoder) elementData(s *setSpec, el *nf.Element) ([]byte, error) {
	switch {
	case s.verdict && el.Verdict != nil:
		code, ok := verdictCodes[el.Verdict.Kind]
		if !ok {
			return nil, fmt.Errorf("verdict %d", el.Verdict.Kind)
		}
		parts := [][]byte{be32(unix.NFTA_VERDICT_CODE, uint32(code))}
		if el.Verdict.Chain != "" {
			parts = append(parts, cstring(unix.NFTA_VERDICT_CHAIN, string(el.Verdict.Chain)))
		}
		return nested(unix.NFTA_SET_ELEM_DATA, nested(unix.NFTA_DATA_VERDICT, parts...)), nil
	case s.verdict || el.Verdict != nil:
		return nil, fmt.Errorf("a verdict is missing or too much")
	case len(s.data) == 0 && len(el.Data) == 0:
		return nil, nil
	}
	lo, hi, err := e.tuple(s.data, el.Data, false)
	if err == nil && !bytes.Equal(lo, hi) {
		err = fmt.Errorf("a map to intervals")
	}
	return nested(unix.NFTA_SET_ELEM_DATA, attribute(unix.NFTA_DATA_VALUE, lo)), err
}

// joined makes one of intervals that touch or overlap.
func joined(list []setEntry) []setEntry {
	out := list[:0]
	for _, e := range list {
		if n := len(out); n > 0 && out[n-1].rest == nil && e.rest == nil {
			last := &out[n-1]
			if next := after(last.hi); next == nil || bytes.Compare(e.lo, next) <= 0 {
				if bytes.Compare(e.hi, last.hi) > 0 {
					last.hi = e.hi
				}
				continue
			}
		}
		out = append(out, e)
	}
	return out
}

// halves turns sorted intervals into their beginnings and the values behind them.
// A set of one rule leaves out an end where the next interval begins.
func halves(list []setEntry, anonymous bool) ([]setEntry, error) {
	var out []setEntry
	for i, e := range list {
		if i == 0 && !isZero(e.lo) {
			out = append(out, setEntry{lo: make([]byte, len(e.lo)), end: true})
		}
		if i > 0 && bytes.Compare(e.lo, list[i-1].hi) <= 0 {
			return nil, fmt.Errorf("element %d overlaps the one before", i+1)
		}
		end := after(e.hi)
		e.hi, e.open = nil, end == nil
		out = append(out, e)
		touches := end != nil && i+1 < len(list) && bytes.Equal(end, list[i+1].lo)
		if end != nil && !(anonymous && touches) {
			out = append(out, setEntry{lo: end, end: true})
		}
	}
	return out, nil
}

func isZero(b []byte) bool { return !slices.ContainsFunc(b, func(x byte) bool { return x != 0 }) }

// after is the next value, or nil behind the last one.
func after(b []byte) []byte {
	out := bytes.Clone(b)
	for i := len(out) - 1; i >= 0; i-- {
		if out[i]++; out[i] != 0 {
			return out
		}
	}
	return nil
}

// elementRoom is how many bytes of elements one message has at most; an attribute
// ends at 64 KiB.
const elementRoom = 32 << 10

// elementMessages adds the elements to a set.
func (e *nftEncoder) elementMessages(about string, s *setSpec, list []setEntry) {
	e.changeElements(unix.NFT_MSG_NEWSETELEM, about, s, list)
}

// removeElements takes the elements out of a set.
func (e *nftEncoder) removeElements(about string, s *setSpec, list []setEntry) {
	keys := slices.Clone(list)
	for i := range keys {
		keys[i].rest = nil
	}
	e.changeElements(unix.NFT_MSG_DELSETELEM, about, s, keys)
}

func (e *nftEncoder) changeElements(kind uint16, about string, s *setSpec, list []setEntry) {
	for len(list) > 0 {
		var parts [][]byte
		room := elementRoom
		for len(list) > 0 && room > 0 {
			one := list[0].encode()
			parts, room, list = append(parts, one), room-len(one), list[1:]
		}
		e.send(kind, unix.NLM_F_CREATE, about, cstring(unix.NFTA_SET_ELEM_LIST_TABLE, string(e.table.Name)),
			cstring(unix.NFTA_SET_ELEM_LIST_SET, s.name), be32(unix.NFTA_SET_ELEM_LIST_SET_ID, s.id),
			nested(unix.NFTA_SET_ELEM_LIST_ELEMENTS, parts...))
	}
}

func (s setEntry) encode() []byte {
	var parts [][]byte
	if s.end {
		parts = append(parts, be32(unix.NFTA_SET_ELEM_FLAGS, unix.NFT_SET_ELEM_INTERVAL_END))
	}
	parts = append(parts, nested(unix.NFTA_SET_ELEM_KEY, attribute(unix.NFTA_DATA_VALUE, s.lo)))
	if s.hi != nil {
		parts = append(parts, nested(nftaElemKeyEnd, attribute(unix.NFTA_DATA_VALUE, s.hi)))
	}
	parts = append(parts, s.rest...)
	if s.open {
		parts = append(parts, attribute(unix.NFTA_SET_ELEM_USERDATA, userdata(udataElemFlags, wordOf(1))))
	}
	return nested(unix.NFTA_LIST_ELEM, parts...)
}
