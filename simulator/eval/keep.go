package eval

import "tortie/dataplane/nf"

// Keep takes over from the rules before, compiled as old, what the kernel keeps while
// rules are replaced by those of e: all that the rules of a table remember that is the
// same (nf.Table.Same); of the others what has a name that both have: groups of hashlimit,
// lists of recent, and what rules added to sets that go on (nf.Set.Continues).
func (s *State) Keep(before *State, old, e *Engine) {
	c := before.Clone()
	for name := range c.hashes {
		if e.hashes[name] == nil {
			delete(c.hashes, name)
		}
	}
	for name := range c.recent {
		if !e.recent[name] {
			delete(c.recent, name)
		}
	}
	s.hashes, s.recent = c.hashes, c.recent
	ids := e.successors(old)
	s.buckets, s.counters = renumbered(c.buckets, ids), renumbered(c.counters, ids)
	s.elements = map[elementKey]dynamic{}
	for k, d := range c.elements {
		if id, ok := ids[k.set]; ok {
			k.set = id
			s.elements[k] = d
		}
	}
}

func renumbered[T any](values map[int32]T, ids map[int32]int32) map[int32]T {
	out := map[int32]T{}
	for old, v := range values {
		if id, ok := ids[old]; ok {
			out[id] = v
		}
	}
	return out
}

// successors are the numbers here of what has state in old and goes on.
func (e *Engine) successors(old *Engine) map[int32]int32 {
	ids := map[int32]int32{}
	for i := range e.tables {
		t := &e.tables[i]
		o := old.tableLike(t.table)
		if o == nil {
			continue
		}
		if t.table.Same(o.table) {
			for id := o.first; id <= o.last; id++ {
				ids[id] = t.first + id - o.first
			}
		}
		for name, before := range o.sets {
			if now := t.sets[name]; before.id != 0 && now != nil && t.table.FindSet(name).Continues(o.table.FindSet(name)) {
				ids[before.id] = now.dynamicID(e)
			}
		}
	}
	for name, i := range old.ipsetIDs {
		before := old.ipsets[i]
		if j, ok := e.ipsetIDs[name]; ok && before.id != 0 && e.rs.IPSets[j].Continues(&old.rs.IPSets[i]) {
			e.ipsets[j].id = ^j
			ids[before.id] = ^j
		}
	}
	return ids
}

func (e *Engine) tableLike(t *nf.Table) *compiledTable {
	for i := range e.tables {
		if o := e.tables[i].table; o.Backend == t.Backend && o.Family == t.Family && o.Name == t.Name {
			return &e.tables[i]
		}
	}
	return nil
}
