package conntrack

import (
	"time"

	"tortie/dataplane/packet"
)

// In finds or makes the connection of a packet (nf_conntrack_in). r is what the
// packet already carries: a packet that has a connection or is untracked keeps
// it. local says that the hook is LOCAL_OUT, where checksums are not verified.
func (t *Table) In(p *packet.Packet, r Ref, local bool, now time.Duration) (Ref, Verdict) {
	if r.Conn != nil || r.Info == Untracked {
		return r, Verdict{}
	}
	if p.FragOffset != 0 {
		return Ref{}, Verdict{Why: WhyFragment}
	}
	check := !local && !t.cfg.NoChecksum
	if p.Proto.IsICMP() {
		if found, why := t.icmpError(p, check, now); why != "" || found.Info != Invalid {
			if found.Info == Invalid && r.Info == Attached {
				found = r
			}
			return found, Verdict{Why: why}
		}
	}
	for range 2 { // a connection that is reopened is looked up again
		r, v := t.resolve(p, check, now)
		if v.Why != whyReopen {
			return r, v
		}
	}
	return Ref{}, Verdict{Why: whyNotResolved}
}

// resolve looks up or makes the connection and runs the protocol's tracker.
func (t *Table) resolve(p *packet.Packet, check bool, now time.Duration) (Ref, Verdict) {
	tuple, ok := TupleOf(p)
	if !ok {
		return Ref{}, Verdict{Why: WhyShort}
	}
	e, ok := t.find(tuple, now)
	var v Verdict
	if !ok {
		if e.conn, v = t.alloc(tuple, now); e.conn == nil {
			return Ref{}, v
		}
	}
	r := Ref{Conn: e.conn, Info: infoOf(e)}
	if why := t.track(r, p, check, now); why != "" {
		return Ref{}, Verdict{Why: why}
	}
	if r.Info == EstablishedReply {
		r.Conn.Status |= SeenReply
	}
	return r, v
}

// infoOf returns the relation of a packet to the connection that it was found
// under.
func infoOf(e entry) Info {
	switch {
	case e.dir == Reply:
		return EstablishedReply
	case e.conn.Status&SeenReply != 0:
		return Established
	case e.conn.Status&Expected != 0:
		return Related
	}
	return New
}

// alloc makes an unconfirmed connection; nil when it is impossible (the packet
// is invalid) or the table is full.
func (t *Table) alloc(tuple Tuple, now time.Duration) (*Conn, Verdict) {
	reply, ok := tuple.Inverse()
	if !ok {
		return nil, Verdict{Why: WhyNoInverse}
	}
	var v Verdict
	if len(t.all) >= t.cfg.Max {
		if v = t.makeRoom(now); v.Drop {
			return nil, v
		}
	}
	c := &Conn{Tuples: [2]Tuple{tuple, reply}, id: t.next}
	t.next++
	return c, v
}

// makeRoom gives up an entry of a full table (early_drop). The kernel looks at
// eight buckets, whose contents depend on its hash seed; here the oldest entry
// that is not assured goes, and the outcome is uncertain.
func (t *Table) makeRoom(now time.Duration) Verdict {
	var oldest *Conn
	for c := range t.all {
		if c.expired(now) {
			t.Delete(c)
		} else if c.Status&Assured == 0 && (oldest == nil || c.id < oldest.id) {
			oldest = c
		}
	}
	if len(t.all) < t.cfg.Max {
		return Verdict{}
	}
	if oldest == nil {
		return Verdict{Drop: true, Why: WhyTableFull}
	}
	t.Delete(oldest)
	return Verdict{Uncertain: true}
}

// track runs the tracker of the connection's protocol; a reason makes the
// packet invalid.
func (t *Table) track(r Ref, p *packet.Packet, check bool, now time.Duration) Reason {
	if check && p.BadChecksum && verifiesChecksum(p.Proto) {
		return WhyChecksum
	}
	switch p.Proto {
	case packet.ProtoTCP:
		return t.tcp(r, p, now)
	case packet.ProtoSCTP:
		return t.sctp(r, p, now)
	case packet.ProtoUDP:
		return t.udp(r.Conn, now)
	case packet.ProtoUDPLite:
		t.stream(r.Conn, t.cfg.Timeouts.UDP, t.cfg.Timeouts.UDPStream, now)
		return ""
	case packet.ProtoGRE:
		t.stream(r.Conn, t.cfg.Timeouts.GRE, t.cfg.Timeouts.GREStream, now)
		return ""
	case packet.ProtoICMP, packet.ProtoICMPv6:
		return t.icmp(r.Conn, p, now)
	}
	r.Conn.refresh(t.cfg.Timeouts.Generic, now)
	return ""
}

// verifiesChecksum reports whether the protocol's tracker looks at checksums.
func verifiesChecksum(proto packet.Proto) bool {
	switch proto {
	case packet.ProtoTCP, packet.ProtoUDP, packet.ProtoUDPLite, packet.ProtoSCTP:
		return true
	}
	return false
}
