package eval

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tortie/dataplane/nf"
)

// recentLimit and recentStamps are xt_recent's ip_list_tot and ip_pkt_list_tot.
const (
	recentLimit  = 100
	recentStamps = 20
)

// recentTable is one list of -m recent, least recently used first.
type recentTable struct {
	entries []recentEntry
}

type recentEntry struct {
	addr   netip.Addr
	ttl    uint8
	stamps []time.Duration // newest last
}

func (t *recentTable) clone() *recentTable {
	c := &recentTable{entries: slices.Clone(t.entries)}
	for i := range c.entries {
		c.entries[i].stamps = slices.Clone(c.entries[i].stamps)
	}
	return c
}

func (t *recentTable) find(a netip.Addr, ttl uint8) int {
	return slices.IndexFunc(t.entries, func(e recentEntry) bool {
		return e.addr == a && (e.ttl == ttl || ttl == 0 || e.ttl == 0)
	})
}

func (t *recentTable) remove(i int) { t.entries = slices.Delete(t.entries, i, i+1) }

// touch adds a time stamp and makes the entry the most recently used.
func (t *recentTable) touch(i int, ttl uint8, now time.Duration, keep int) {
	e := t.entries[i]
	t.remove(i)
	e.ttl = ttl
	e.stamps = append(e.stamps, now)
	if n := len(e.stamps) - keep; n > 0 {
		e.stamps = e.stamps[n:]
	}
	t.entries = append(t.entries, e)
}

// matchRecent is recent_mt. Lists begin empty: a capture does not hold them.
func (k *compiler) matchRecent(m nf.MatchRecent) step {
	keep := recentStamps
	for keep < int(min(m.HitCount, 255)) {
		keep = keep*2 + 1
	}
	k.e.recent[m.Name] = true
	text := fmt.Sprintf("list %q, taken as empty before this trace", m.Name)
	return func(w *scratch) outcome {
		if w.c.State == nil {
			return unknown
		}
		w.take(text)
		addr := w.p.Src
		if m.ByDst {
			addr = w.p.Dst
		}
		addr = maskAddr(addr, m.Mask)
		ttl := w.p.TTL
		if w.c.Out.Name != "" && w.c.In.Name != "" { // as it came in, before forwarding
			ttl++
		}
		return truth(w.c.State.recentMatch(&m, addr, ttl, w.c.Now, keep)).outcome()
	}
}

func maskAddr(a, mask netip.Addr) netip.Addr {
	if !mask.IsValid() || mask.BitLen() != a.BitLen() {
		return a
	}
	x, y := addrValue(a), addrValue(mask)
	if a.Is4() {
		y.hi, y.lo = ^uint64(0), y.lo|^uint64(0xffffffff)
	}
	return value{x.hi & y.hi, x.lo & y.lo}.addr()
}

func (s *State) recentMatch(m *nf.MatchRecent, a netip.Addr, ttl uint8, now time.Duration, keep int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.recent[m.Name]
	if t == nil {
		t = &recentTable{}
		if s.recent == nil {
			s.recent = map[string]*recentTable{}
		}
		s.recent[m.Name] = t
	}
	asked := uint8(0)
	if m.TTL {
		asked = ttl
	}
	i := t.find(a, asked)
	if i < 0 {
		if m.Op != "set" {
			return m.Invert
		}
		if len(t.entries) >= recentLimit {
			t.remove(0)
		}
		t.entries = append(t.entries, recentEntry{addr: a, ttl: ttl, stamps: []time.Duration{now}})
		return !m.Invert
	}
	return t.known(m, i, ttl, now, keep)
}

// known is recent_mt for an address that is in the list.
func (t *recentTable) known(m *nf.MatchRecent, i int, ttl uint8, now time.Duration, keep int) bool {
	switch m.Op {
	case "set":
		t.touch(i, ttl, now, keep)
		return !m.Invert
	case "remove":
		t.remove(i)
		return !m.Invert
	}
	since := now - time.Duration(m.Seconds)*time.Second
	res, hits := m.Invert, uint32(0)
	for _, s := range t.entries[i].stamps {
		if m.Seconds != 0 && s < since {
			continue
		}
		hits++
		if m.HitCount == 0 || hits >= m.HitCount {
			res = !res
			break
		}
	}
	update := m.Op == "update" && res
	if m.Reap && !(i == 0 && update) {
		if s := t.entries[0].stamps; s[len(s)-1] < since {
			t.remove(0)
			i--
		}
	}
	if update && i >= 0 {
		t.touch(i, ttl, now, keep)
	}
	return res
}
