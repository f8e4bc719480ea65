package conntrack

import (
	"time"

	"tortie/dataplane/packet"
)

// Confirm puts a new connection into the table when its first packet reaches
// the end of its path (nf_confirm). The Ref that comes back is the packet's from
// then on; it differs when another packet of the same flow was quicker.
func (t *Table) Confirm(r Ref, now time.Duration) (Ref, Verdict) {
	c := r.Conn
	if c == nil || c.Status&Confirmed != 0 || r.Dir() != Original {
		return r, Verdict{}
	}
	if c.Status&Dying != 0 {
		return r, Verdict{Drop: true, Why: WhyDying}
	}
	for dir := range c.Tuples {
		if e, ok := t.find(c.Tuples[dir], now); ok {
			return t.resolveClash(r, e, now)
		}
	}
	c.timeout += now
	t.insert(c, false)
	return r, Verdict{}
}

// resolveClash decides about a connection whose tuple another one has already
// (nf_ct_resolve_clash).
func (t *Table) resolveClash(r Ref, winner entry, now time.Duration) (Ref, Verdict) {
	drop := Verdict{Drop: true, Why: WhyClash}
	if !allowsClash(winner.conn.Tuples[Original].Proto) {
		return r, drop
	}
	if sameFlow(winner.conn, r.Conn) {
		return Ref{Conn: winner.conn, Info: r.Info}, Verdict{}
	}
	if e, ok := t.find(r.Conn.Tuples[Reply], now); ok {
		if sameFlow(e.conn, r.Conn) {
			return Ref{Conn: e.conn, Info: r.Info}, Verdict{}
		}
		return r, drop
	}
	r.Conn.timeout = now + time.Second
	r.Conn.Status |= FixedTime | NATClash
	t.insert(r.Conn, true)
	return r, Verdict{}
}

// allowsClash reports whether clashes of a protocol's connections are resolved
// without loss (nf_conntrack_l4proto.allow_clash).
func allowsClash(proto packet.Proto) bool {
	return proto != packet.ProtoTCP && proto != packet.ProtoSCTP
}

// sameFlow reports whether two connections are one flow, seen from either side.
func sameFlow(a, b *Conn) bool {
	return a.Tuples == b.Tuples || a.Tuples[Original] == b.Tuples[Reply] && a.Tuples[Reply] == b.Tuples[Original]
}

// SetClosing does what a REJECT with tcp-reset does to the offender's
// connection (nf_ct_set_closing).
func (t *Table) SetClosing(r Ref, now time.Duration) {
	c := r.Conn
	if c == nil || c.Status&Confirmed == 0 || c.Tuples[Original].Proto != packet.ProtoTCP {
		return
	}
	if c.TCP.State != TCPClose {
		c.refresh(t.cfg.Timeouts.TCP[TCPClose], now)
	}
	c.TCP.State = TCPClose
}
