package eval

import (
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// hashName is the table of groups of -m hashlimit: rules of one family that name
// it share it.
type hashName struct {
	name   string
	family nf.Family
}

// hashTable is the table of a name, with the settings of its first rule.
type hashTable struct {
	limit   limiter
	max     int
	expire  time.Duration
	gc      time.Duration
	entries map[[4]value]*hashEntry
}

type hashEntry struct {
	bucket
	expires time.Duration
}

func (t *hashTable) clone() *hashTable {
	c := *t
	c.entries = make(map[[4]value]*hashEntry, len(t.entries))
	for k, e := range t.entries {
		kept := *e
		c.entries[k] = &kept
	}
	return &c
}

// The kernel's and iptables' defaults of a table.
const (
	hashSize        = 8192
	hashGC          = time.Second
	hashExpireBytes = 15 * time.Second
	hashExpireBurst = 60 * time.Second
)

// newHashTable is htable_create; false for what cannot be loaded.
func newHashTable(m nf.MatchHashLimit) (hashTable, bool) {
	t := hashTable{max: int(m.Max), gc: hashGC, expire: unitTime[m.Unit]}
	size := hashSize
	if m.Size > 0 {
		size = int(m.Size)
	}
	if t.max = max(t.max, size); m.Max == 0 {
		t.max = 8 * size
	}
	if m.GCInterval > 0 {
		t.gc = time.Duration(m.GCInterval) * time.Millisecond
	}
	switch {
	case m.Expire > 0:
		t.expire = time.Duration(m.Expire) * time.Millisecond
	case m.PerByte && m.Burst > 0:
		t.expire = hashExpireBurst
	case m.PerByte:
		t.expire = hashExpireBytes
	}
	if m.Rate == 0 || t.expire == 0 {
		return t, false
	}
	var ok bool
	switch {
	case m.RateMatch:
		t.limit, ok = newHashRate(m)
	case m.PerByte:
		t.limit, ok = newHashBytes(m)
	default:
		t.limit, ok = newHashPackets(m)
	}
	return t, ok
}

// matchHashLimit is hashlimit_mt.
func (k *compiler) matchHashLimit(m nf.MatchHashLimit) step {
	settings, ok := newHashTable(m)
	if !ok {
		return unknownStep
	}
	name := hashName{m.Name, k.table.Family}
	if k.e.hashes[name] == nil {
		k.e.hashes[name] = &settings
	}
	shared := k.e.hashes[name]
	return func(w *scratch) outcome {
		key, known := w.hashKey(&m)
		length := uint64(0)
		if m.PerByte && known {
			length, known = ipLength(w.p)
		}
		if !known {
			return unknown
		}
		within, full := w.c.State.hashTake(name, shared, key, length, w.c.Now)
		switch {
		case full:
			return w.hotdrop()
		case within == Unknown3:
			return unknown
		}
		if w.c.Rec.On() {
			w.taken = takenLimit(within == Yes, hashLimitText(&m))
		}
		return truth((within == Yes) == m.Upto).outcome()
	}
}

// hashKey is the packet's group (hashlimit_init_dst); false when it is not known.
func (w *scratch) hashKey(m *nf.MatchHashLimit) ([4]value, bool) {
	var g [4]value
	shift := 0
	if w.family == packet.IPv4 {
		shift = 96
	}
	if m.SrcIP {
		g[0] = w.src.masked(min(int(m.SrcMask)+shift, 128))
	}
	if m.DstIP {
		g[1] = w.dst.masked(min(int(m.DstMask)+shift, 128))
	}
	if !m.SrcPort && !m.DstPort {
		return g, true
	}
	switch p := w.p; {
	case p.FragOffset != 0 || p.Truncated || p.Proto == packet.ProtoESP || p.Proto == packet.ProtoAH:
		return g, false // the kernel reads what stands where ports would be
	case p.Proto.HasPorts():
		if m.SrcPort {
			g[2] = num(uint64(p.SrcPort))
		}
		if m.DstPort {
			g[3] = num(uint64(p.DstPort))
		}
	}
	return g, true
}

// hashTake takes a packet from its group's bucket. It is not known whether the
// bucket still is there between its end and the kernel's next look for old ones.
func (s *State) hashTake(name hashName, settings *hashTable, key [4]value, length uint64, now time.Duration) (within Truth, full bool) {
	var fresh bucket
	settings.limit.fill(&fresh, now)
	if s == nil {
		return truth(settings.limit.take(&fresh, length, now)), false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.hashes[name]
	if t == nil {
		made := *settings
		t = &made
		t.entries = map[[4]value]*hashEntry{}
		if s.hashes == nil {
			s.hashes = map[hashName]*hashTable{}
		}
		s.hashes[name] = t
	}
	e := t.entries[key]
	if e == nil || now >= e.expires+t.gc {
		if e == nil && t.live(now) >= t.max {
			return No, true
		}
		e = &hashEntry{bucket: fresh}
		t.entries[key] = e
	}
	ended := e.expires != 0 && now >= e.expires
	e.expires = now + t.expire
	within = truth(t.limit.take(&e.bucket, length, now))
	if ended && truth(t.limit.take(&fresh, length, now)) != within {
		return Unknown3, false
	}
	return within, false
}

// live counts the groups that the kernel has not cleared away; those that it has
// are forgotten.
func (t *hashTable) live(now time.Duration) int {
	if len(t.entries) < t.max {
		return len(t.entries)
	}
	for k, e := range t.entries {
		if now >= e.expires+t.gc {
			delete(t.entries, k)
		}
	}
	return len(t.entries)
}
