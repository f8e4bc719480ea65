package conntrack

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"tortie/dataplane/packet"
)

// Verdict is the fate of a packet at one step.
type Verdict struct {
	// Drop ends the packet.
	Drop bool
	// Why says what made a packet invalid or dropped; empty otherwise.
	Why Reason
	// Uncertain says that the kernel's answer depends on its random hash seed.
	Uncertain bool
}

// Table is the connection table of a network namespace. Its methods do not
// lock; one goroutine at a time uses a Table.
type Table struct {
	cfg   Config
	conns map[Tuple]entry    // the tuples of each confirmed connection
	bySrc map[source][]*Conn // connections with a source binding, oldest first
	all   map[*Conn]struct{} // confirmed connections
	next  uint64             // id of the next connection
	// searches are how many searches for a free port began at random, by original tuple:
	// the next one begins elsewhere.
	searches map[Tuple]int
}

// entry is a connection under one of its tuples.
type entry struct {
	conn *Conn
	dir  Dir
}

// source is the original source of connections.
type source struct {
	addr  netip.Addr
	proto packet.Proto
	port  uint16
}

func sourceOf(t Tuple) source { return source{addr: t.Src, proto: t.Proto, port: t.SrcPort} }

// NewTable returns an empty table. The zero Config is that of a fresh namespace.
func NewTable(cfg Config) *Table {
	t := &Table{cfg: cfg.withDefaults(), next: 1}
	t.Reset()
	return t
}

// Len returns the number of connections in the table, expired ones included
// until something looks at them.
func (t *Table) Len() int { return len(t.all) }

// List returns the living connections in order of creation.
func (t *Table) List(now time.Duration) []*Conn {
	var list []*Conn
	for c := range t.all {
		if !c.expired(now) && c.Status&NATClash == 0 {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *Conn) int { return cmp.Compare(a.id, b.id) })
	return list
}

// Lookup returns the living connection that a tuple belongs to, and in which
// direction.
func (t *Table) Lookup(tuple Tuple, now time.Duration) (*Conn, Dir, bool) {
	e, ok := t.find(tuple, now)
	return e.conn, e.dir, ok
}

// find is Lookup; it removes an expired connection that it meets.
func (t *Table) find(tuple Tuple, now time.Duration) (entry, bool) {
	e, ok := t.conns[tuple]
	if ok && e.conn.expired(now) {
		t.Delete(e.conn)
		return entry{}, false
	}
	return e, ok
}

// Delete removes a connection, as conntrack -D does.
func (t *Table) Delete(c *Conn) {
	c.Status |= Dying
	if _, ok := t.all[c]; !ok {
		return
	}
	delete(t.all, c)
	for _, tuple := range c.Tuples {
		if t.conns[tuple].conn == c {
			delete(t.conns, tuple)
		}
	}
	src := sourceOf(c.Tuples[Original])
	if i := slices.Index(t.bySrc[src], c); i >= 0 {
		t.bySrc[src] = slices.Delete(t.bySrc[src], i, i+1)
	}
	if len(t.bySrc[src]) == 0 {
		delete(t.bySrc, src)
	}
}

// Flush removes every connection, as conntrack -F does.
func (t *Table) Flush() {
	for c := range t.all {
		c.Status |= Dying
	}
	t.conns, t.bySrc, t.all = map[Tuple]entry{}, map[source][]*Conn{}, map[*Conn]struct{}{}
}

// Reset makes the table a new one.
func (t *Table) Reset() {
	t.Flush()
	t.searches = map[Tuple]int{}
}

// insert puts a connection into the table; hidden leaves out its original
// tuple.
func (t *Table) insert(c *Conn, hidden bool) {
	c.Status |= Confirmed
	t.all[c] = struct{}{}
	if !hidden {
		t.conns[c.Tuples[Original]] = entry{c, Original}
	}
	t.conns[c.Tuples[Reply]] = entry{c, Reply}
	if c.Status&SrcNATDone != 0 {
		src := sourceOf(c.Tuples[Original])
		t.bySrc[src] = append(t.bySrc[src], c)
	}
}

// Clone returns an independent copy of the table, for following two branches
// of one packet's path. The Refs that packets in flight hold are given with
// held; what comes back points into the copy.
func (t *Table) Clone(held ...Ref) (*Table, []Ref) {
	copies := make(map[*Conn]*Conn, len(t.all)+len(held))
	dup := func(c *Conn) *Conn {
		if c == nil {
			return nil
		}
		if copies[c] == nil {
			d := *c
			copies[c] = &d
		}
		return copies[c]
	}
	n := NewTable(t.cfg)
	n.next, n.searches = t.next, maps.Clone(t.searches)
	for tuple, e := range t.conns {
		n.conns[tuple] = entry{dup(e.conn), e.dir}
	}
	for src, list := range t.bySrc {
		for _, c := range list {
			n.bySrc[src] = append(n.bySrc[src], dup(c))
		}
	}
	for c := range t.all {
		n.all[dup(c)] = struct{}{}
	}
	refs := make([]Ref, len(held))
	for i, r := range held {
		refs[i] = Ref{Conn: dup(r.Conn), Info: r.Info}
	}
	return n, refs
}
