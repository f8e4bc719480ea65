package eval

import (
	"maps"
	"sync"
	"time"
)

// State is what rules remember between packets: tokens of limits, counters of
// statistic and numgen, lists of recent, elements that rules added to sets. The
// zero State is that of freshly loaded rules; it belongs to one Engine. A nil
// State is like a zero one that forgets.
type State struct {
	mu       sync.Mutex
	buckets  map[int32]bucket // by statement
	hashes   map[hashName]*hashTable
	counters map[int32]uint32
	elements map[elementKey]dynamic
	recent   map[string]*recentTable
}

// elementKey is one element that a rule added or deleted.
type elementKey struct {
	set   int32
	parts [6]value
}

// dynamic is what became of an element.
type dynamic struct {
	deleted bool
	expires time.Duration // 0 is never
}

// Clone returns an independent copy.
func (s *State) Clone() *State {
	if s == nil {
		return &State{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &State{buckets: maps.Clone(s.buckets), counters: maps.Clone(s.counters), elements: maps.Clone(s.elements)}
	if s.recent != nil {
		c.recent = make(map[string]*recentTable, len(s.recent))
		for k, t := range s.recent {
			c.recent[k] = t.clone()
		}
	}
	if s.hashes != nil {
		c.hashes = make(map[hashName]*hashTable, len(s.hashes))
		for k, t := range s.hashes {
			c.hashes[k] = t.clone()
		}
	}
	return c
}

// element returns what rules did to an element of a set; false when nothing.
func (s *State) element(set int32, key []value, now time.Duration) (Truth, bool) {
	if s == nil || len(key) > 6 {
		return No, false
	}
	k := elementKey{set: set}
	copy(k.parts[:], key)
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.elements[k]
	if !ok {
		return No, false
	}
	return truth(!d.deleted && (d.expires == 0 || now < d.expires)), true
}

// setElement adds, refreshes or deletes an element.
func (s *State) setElement(set int32, key []value, d dynamic) {
	if s == nil || len(key) > 6 {
		return
	}
	k := elementKey{set: set}
	copy(k.parts[:], key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.elements == nil {
		s.elements = map[elementKey]dynamic{}
	}
	s.elements[k] = d
}

// count returns the counter of a statement and replaces it by what step says.
func (s *State) count(stmt int32, start uint32, step func(uint32) uint32) uint32 {
	if s == nil {
		return start
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counters == nil {
		s.counters = map[int32]uint32{}
	}
	old, ok := s.counters[stmt]
	if !ok {
		old = start
	}
	s.counters[stmt] = step(old)
	return old
}

// take takes a packet from a statement's bucket, which begins full; false is over
// the limit.
func (s *State) take(stmt int32, l limiter, full bucket, length uint64, now time.Duration) bool {
	if s == nil {
		return l.take(&full, length, 0)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buckets == nil {
		s.buckets = map[int32]bucket{}
	}
	b, ok := s.buckets[stmt]
	if !ok {
		b = full
		b.last = now
	}
	within := l.take(&b, length, now)
	s.buckets[stmt] = b
	return within
}
