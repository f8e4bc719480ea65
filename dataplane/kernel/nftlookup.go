package kernel

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables/expr"

	"tortie/dataplane/nf"
)

// compareSet looks a key up in a set that only this rule has.
func (r *ruleEncoder) compareSet(m nf.MatchCompare) error {
	if m.Op != nf.OpEqual && m.Op != nf.OpNotEqual {
		return fmt.Errorf("operator %d with a list of values", m.Op)
	}
	elements := make([]nf.Element, len(m.Values))
	for i, v := range m.Values {
		elements[i] = nf.Element{Key: v}
	}
	interval := hasInterval(elements)
	if m.Mask != 0 && interval {
		return fmt.Errorf("intervals behind a mask")
	}
	if m.Mask != 0 {
		if err := r.loadMasked(m, false); err != nil {
			return err
		}
	}
	codes, err := r.keysOrCodes(m, interval)
	if err != nil {
		return err
	}
	set := &setSpec{flags: anonymousFlags, interval: interval, merge: true, keys: kinds(codes)}
	if err := r.anonymous(set, shifted(elements, codes)); err != nil {
		return err
	}
	r.add(&expr.Lookup{SourceRegister: 1, SetName: set.name, SetID: set.id, Invert: m.Op == nf.OpNotEqual})
	return r.bad
}

// keysOrCodes loads the keys unless a mask has made that necessary before.
func (r *ruleEncoder) keysOrCodes(m nf.MatchCompare, big bool) ([]keyCode, error) {
	if m.Mask == 0 {
		return r.loadKeys(m.Key, m.Values[0], big)
	}
	code, err := r.keyFor(m.Key[0], 1, 0)
	return []keyCode{code}, err
}

func kinds(codes []keyCode) []dataKind {
	out := make([]dataKind, len(codes))
	for i, c := range codes {
		out[i] = c.dataKind
	}
	return out
}

// shifted puts the values of keys that are fields within bytes where the field
// is.
func shifted(elements []nf.Element, codes []keyCode) []nf.Element {
	out := make([]nf.Element, len(elements))
	for i, e := range elements {
		key := append([]nf.Datum(nil), e.Key...)
		for j := range key {
			if j < len(codes) {
				key[j].Num, key[j].NumTo = key[j].Num<<codes[j].shift, key[j].NumTo<<codes[j].shift
			}
		}
		e.Key = key
		out[i] = e
	}
	return out
}

// hasInterval reports whether an element is more than one value.
func hasInterval(elements []nf.Element) bool {
	for _, e := range elements {
		for _, d := range e.Key {
			if d.Num != d.NumTo || d.Addr != d.AddrTo || d.Wildcard {
				return true
			}
		}
	}
	return false
}

// lookup encodes a look-up in a named set.
func (r *ruleEncoder) lookup(m nf.MatchLookup) error {
	if err := r.loadForSet(m.Key, m.Set); err != nil {
		return err
	}
	r.add(&expr.Lookup{SourceRegister: 1, SetName: string(m.Set), Invert: m.Invert})
	return r.bad
}

// loadForSet loads a key as the elements of a named set are kept.
func (r *ruleEncoder) loadForSet(keys []nf.Key, name nf.SetName) error {
	set := r.e.table.FindSet(name)
	if set == nil {
		return fmt.Errorf("no set %q", name)
	}
	want, err := kindsOf(set.Key)
	if err != nil || len(want) != len(keys) {
		return fmt.Errorf("the key does not fit set %q", name)
	}
	first := make([]nf.Datum, len(keys))
	for i, t := range set.Key {
		first[i] = addressOf(t)
	}
	codes, err := r.loadKeys(keys, first, set.Interval)
	for i, c := range codes {
		if c.size != want[i].size || c.shift != 0 {
			return fmt.Errorf("the key does not fit set %q", name)
		}
	}
	return err
}

// verdictMap encodes a look-up in a map of verdicts.
func (r *ruleEncoder) verdictMap(v nf.VMap) error {
	set := &setSpec{name: string(v.Set)}
	if v.Set != "" {
		if err := r.loadForSet(v.Key, v.Set); err != nil {
			return err
		}
	} else {
		if len(v.Elements) == 0 {
			return fmt.Errorf("a map without elements")
		}
		interval := hasInterval(v.Elements)
		codes, err := r.loadKeys(v.Key, v.Elements[0].Key, interval)
		if err != nil {
			return err
		}
		*set = setSpec{flags: anonymousFlags, interval: interval, keys: kinds(codes), verdict: true}
		if err := r.anonymous(set, shifted(v.Elements, codes)); err != nil {
			return err
		}
	}
	r.add(&expr.Lookup{SourceRegister: 1, SetName: set.name, SetID: set.id, IsDestRegSet: true})
	return r.bad
}

// dataMap looks the address (and port) of a translation up; it lands in register
// 1, and the port in the returned one, 0 for none.
func (r *ruleEncoder) dataMap(m *nf.MapLookup) (port uint32, err error) {
	data, err := kindsOf(m.Type)
	if err != nil || len(data) < 1 || len(data) > 2 || data[0].form != formAddr {
		return 0, fmt.Errorf("a map of %v", m.Type)
	}
	set := &setSpec{name: string(m.Set)}
	if m.Set != "" {
		err = r.loadForSet(m.Key, m.Set)
	} else {
		if len(m.Elements) == 0 {
			return 0, fmt.Errorf("a map without elements")
		}
		interval := hasInterval(m.Elements)
		var codes []keyCode
		if codes, err = r.loadKeys(m.Key, m.Elements[0].Key, interval); err != nil {
			return 0, err
		}
		*set = setSpec{flags: anonymousFlags, interval: interval, keys: kinds(codes), data: data}
		err = r.anonymous(set, shifted(m.Elements, codes))
	}
	if err != nil {
		return 0, err
	}
	r.add(&expr.Lookup{SourceRegister: 1, SetName: set.name, SetID: set.id, DestRegister: 1, IsDestRegSet: true})
	if len(data) == 2 {
		port = registerAt(padded(data[0].size))
	}
	return port, r.bad
}

// addressOf is any address of a set's type, to say which header a key is read
// from.
func addressOf(t nf.DataType) nf.Datum {
	switch t {
	case nf.TypeIPv4Addr:
		return nf.AddrDatum(netip.IPv4Unspecified())
	case nf.TypeIPv6Addr:
		return nf.AddrDatum(netip.IPv6Unspecified())
	}
	return nf.Datum{}
}
