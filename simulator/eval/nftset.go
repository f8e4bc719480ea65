package eval

import (
	"cmp"
	"slices"
	"time"

	"tortie/dataplane/nf"
)

// nftSet is a compiled nftables set or map, named or anonymous.
type nftSet struct {
	types    []nf.DataType // of the key; nil for anonymous ones
	elements []nf.Element
	verdicts []verdict // of a verdict map, by element
	x        *index
	id       int32 // of the elements in State; 0 when no rule has added any
	timeout  time.Duration
}

// verdict is the data of a verdict map.
type verdict struct {
	out    outcome
	res    Result
	target int32
}

func compileNFTSet(k *compiler, s *nf.Set) *nftSet {
	set := newNFTSet(k, s.Elements)
	set.types, set.timeout = s.Key, s.Timeout
	return set
}

func newNFTSet(k *compiler, elements []nf.Element) *nftSet {
	set := &nftSet{elements: elements}
	entries := make([]entry, 0, len(elements))
	for i, el := range elements {
		e := entry{expires: el.Expires, data: int32(i)}
		for _, d := range el.Key {
			e.parts = append(e.parts, datumSpan(d))
		}
		if len(entries) > 0 && len(e.parts) != len(entries[0].parts) || len(e.parts) == 0 || len(e.parts) > maxParts {
			k.problem("an element with %d parts", len(e.parts))
			continue
		}
		entries = append(entries, e)
	}
	set.x = newIndex(entries)
	if slices.ContainsFunc(elements, func(el nf.Element) bool { return el.Verdict != nil }) {
		set.verdicts = make([]verdict, len(elements))
	}
	for i := range set.verdicts {
		set.verdicts[i] = k.verdict(elements[i].Verdict)
	}
	return set
}

func (k *compiler) verdict(v *nf.Verdict) verdict {
	if v == nil {
		return verdict{out: unknown}
	}
	switch v.Kind {
	case nf.VerdictAccept:
		return verdict{out: end, res: Result{Verdict: Accept}}
	case nf.VerdictDrop:
		return verdict{out: end, res: Result{Verdict: Drop}}
	case nf.VerdictReturn:
		return verdict{out: ret}
	case nf.VerdictContinue:
		return verdict{out: goOn}
	}
	id, ok := k.chains[v.Chain]
	switch {
	case !ok:
		k.problem("no chain %q", v.Chain)
	case v.Kind == nf.VerdictJump:
		return verdict{out: jump, target: id}
	case v.Kind == nf.VerdictGoto:
		return verdict{out: jumpOver, target: id}
	}
	return verdict{out: unknown}
}

// setOf returns the named set, or one of the elements; nil when there is no
// set of that name.
func (k *compiler) setOf(name nf.SetName, elements []nf.Element) *nftSet {
	if name == "" {
		return newNFTSet(k, elements)
	}
	set := k.sets[name]
	if set == nil {
		k.problem("no set %q", name)
	}
	return set
}

// dynamicID gives the set a place in State.
func (s *nftSet) dynamicID(e *Engine) int32 {
	if s.id == 0 {
		s.id = e.stmtID()
	}
	return s.id
}

// lookup loads the keys and finds their element. The index is -1 for an element
// that a rule added. No means that the rule ends here: a missing key, or no
// element; miss tells them apart for inverted look-ups.
func (s *nftSet) lookup(w *scratch, keys []loader) (int, Truth) {
	i, t, _ := s.find(w, keys)
	return i, t
}

// find is lookup that also says whether all keys were there.
func (s *nftSet) find(w *scratch, keys []loader) (i int, t Truth, present bool) {
	var unknownParts uint32
	for j := range keys {
		v, l := keys[j](w)
		switch l {
		case Yes:
			w.key[j] = v
		case Unknown3:
			unknownParts |= 1 << j
		default:
			return -1, No, false
		}
	}
	key := w.key[:len(keys)]
	if len(s.x.entries) > 0 && len(s.x.entries[0].parts) != len(key) {
		return -1, Unknown3, true
	}
	if unknownParts != 0 {
		if s.id != 0 || s.x.maybe(key, unknownParts, w.c.Now) {
			return -1, Unknown3, true
		}
		return -1, No, true
	}
	if s.id != 0 {
		if t, ok := w.c.State.element(s.id, key, w.c.Now); ok {
			return -1, t, true
		}
	}
	if i = s.x.find(key, w.c.Now); i < 0 {
		return -1, No, true
	}
	i = int(s.x.entries[i].data)
	w.found = &s.elements[i]
	w.origin = cmp.Or(w.found.Origin, w.origin)
	return i, Yes, true
}

// load fills scratch.key.
func (w *scratch) load(keys []loader) Truth {
	for j := range keys {
		v, t := keys[j](w)
		if t != Yes {
			return t
		}
		w.key[j] = v
	}
	return Yes
}

func (k *compiler) vmap(s nf.VMap) step {
	set := k.setOf(s.Set, s.Elements)
	if set == nil || len(s.Key) > maxParts {
		return unknownStep
	}
	keys := k.keys(s.Key, set.types)
	return func(w *scratch) outcome {
		i, t := set.lookup(w, keys)
		switch {
		case t == No:
			return miss
		case t != Yes || i < 0 || i >= len(set.verdicts):
			return unknown
		}
		v := &set.verdicts[i]
		w.res, w.target = v.res, v.target
		return v.out
	}
}

func (k *compiler) matchLookup(m nf.MatchLookup) func(*scratch) Truth {
	set := k.setOf(m.Set, nil)
	if set == nil || len(m.Key) > maxParts {
		return func(*scratch) Truth { return Unknown3 }
	}
	keys := k.keys(m.Key, set.types)
	return func(w *scratch) Truth {
		_, t, present := set.find(w, keys)
		if !present {
			return No // a missing key ends the rule, inverted or not
		}
		return t.invert(m.Invert)
	}
}
