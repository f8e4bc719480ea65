package conntrack

import (
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

// Reason is why a packet is invalid or dropped.
type Reason string

// Table is the connection table of a network namespace. Its methods do not
// lock; one goroutine at a time uses a Table.
type Table struct {
	cfg   Config
	conns map[Tuple]entry // both tuples of each confirmed connection
	count int             // confirmed connections
	next  uint64          // id of the next connection
}

// entry is a connection under one of its tuples.
type entry struct {
	conn *Conn
	dir  Dir
}

// NewTable returns an empty table. The zero Config is that of a fresh namespace.
func NewTable(cfg Config) *Table {
	return &Table{cfg: cfg.withDefaults(), conns: map[Tuple]entry{}, next: 1}
}

// In finds or makes the connection of a packet (nf_conntrack_in). r is what the
// packet already carries: a packet that has a connection or is untracked keeps
// it. local says that the hook is LOCAL_OUT, where checksums are not verified.
func (t *Table) In(p *packet.Packet, r Ref, local bool, now time.Duration) (Ref, Verdict) {
	if r.Conn != nil || r.Info == Untracked {
		return r, Verdict{}
	}
	return Ref{}, Verdict{}
}

// Confirm puts a new connection into the table when its first packet reaches
// the end of its path (nf_confirm). The Ref that comes back is the packet's from
// then on; it differs when another packet of the same flow was quicker.
func (t *Table) Confirm(r Ref, now time.Duration) (Ref, Verdict) { return r, Verdict{} }

// SetClosing does what a REJECT with tcp-reset does to the offender's
// connection (nf_ct_set_closing).
func (t *Table) SetClosing(r Ref, now time.Duration) {}

// Len returns the number of connections in the table, expired ones included
// until something looks at them.
func (t *Table) Len() int { return t.count }

// List returns the living connections in order of creation.
func (t *Table) List(now time.Duration) []*Conn { return nil }

// Lookup returns the living connection that a tuple belongs to, and in which
// direction.
func (t *Table) Lookup(tuple Tuple, now time.Duration) (*Conn, Dir, bool) { return nil, 0, false }

// Delete removes a connection, as conntrack -D does.
func (t *Table) Delete(c *Conn) {}

// Flush removes every connection, as conntrack -F does.
func (t *Table) Flush() {}

// Clone returns an independent copy of the table, for following two branches
// of one packet's path. The Refs that packets in flight hold are given with
// held; what comes back points into the copy.
func (t *Table) Clone(held ...Ref) (*Table, []Ref) { return t, held }
