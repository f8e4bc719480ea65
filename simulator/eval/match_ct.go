package eval

import (
	"net/netip"

	"tortie/dataplane/nf"
	"tortie/simulator/conntrack"
)

// ctBit is the state of the packet as one bit.
func ctBit(r conntrack.Ref) nf.CtState {
	switch r.Info {
	case conntrack.Untracked:
		return nf.CtUntracked
	case conntrack.New:
		return nf.CtNew
	case conntrack.Established, conntrack.EstablishedReply:
		return nf.CtEstablished
	case conntrack.Related, conntrack.RelatedReply:
		return nf.CtRelated
	}
	return nf.CtInvalid
}

func matchConnmark(m nf.MatchConnmark) func(*scratch) Truth {
	return func(w *scratch) Truth {
		if w.c.Ct.Conn == nil {
			return No
		}
		return truth((w.c.Ct.Conn.Mark&m.Mask == m.Value) != m.Invert)
	}
}

// matchConntrack is conntrack_mt in its order: the state first; a packet without
// a connection matches if the state was asked and held, and else does not.
func matchConntrack(m nf.MatchConntrack) func(*scratch) Truth {
	asksState := m.States != 0
	return func(w *scratch) Truth {
		ct := w.c.Ct.Conn
		if asksState {
			bit := ctBit(w.c.Ct)
			if ct != nil && ct.Status&conntrack.SrcNAT != 0 {
				bit |= nf.CtSNAT
			}
			if ct != nil && ct.Status&conntrack.DstNAT != 0 {
				bit |= nf.CtDNAT
			}
			if (m.States&bit != 0) == m.StatesInvert {
				return No
			}
		}
		if ct == nil {
			return truth(asksState)
		}
		return truth(ctTuples(&m, w.c.Ct) && ctStatus(&m, ct) && ctExpires(&m, w, ct))
	}
}

func ctTuples(m *nf.MatchConntrack, r conntrack.Ref) bool {
	orig, repl := &r.Conn.Tuples[conntrack.Original], &r.Conn.Tuples[conntrack.Reply]
	switch {
	case m.Direction == nf.Src && r.Dir() != conntrack.Original, m.Direction == nf.Dst && r.Dir() != conntrack.Reply:
		return false
	case m.Proto != 0 && (orig.Proto == m.Proto) == m.ProtoInvert:
		return false
	}
	return ctAddr(m.OrigSrc, orig.Src) && ctAddr(m.OrigDst, orig.Dst) &&
		ctAddr(m.ReplSrc, repl.Src) && ctAddr(m.ReplDst, repl.Dst) &&
		ctPort(m.OrigSrcPort, orig.SrcPort) && ctPort(m.OrigDstPort, orig.DstPort) &&
		ctPort(m.ReplSrcPort, repl.SrcPort) && ctPort(m.ReplDstPort, repl.DstPort)
}

func ctAddr(m *nf.CtAddr, a netip.Addr) bool {
	return m == nil || m.Prefix.Contains(a) != m.Invert
}

func ctPort(m *nf.CtPort, p uint16) bool {
	return m == nil || portIn(&m.PortRange, p, m.Invert)
}

// ctStatus tests the status mask. NONE is an empty mask: it never holds, and
// inverted always does.
func ctStatus(m *nf.MatchConntrack, ct *conntrack.Conn) bool {
	if m.Status == 0 && !m.StatusNone {
		return true
	}
	return (uint32(ct.Status)&uint32(m.Status) != 0) != m.StatusInvert
}

func ctExpires(m *nf.MatchConntrack, w *scratch, ct *conntrack.Conn) bool {
	if !m.HasExpire {
		return true
	}
	left := uint64(ct.TimeLeft(w.c.Now).Seconds())
	return (left >= uint64(m.ExpireLo) && left <= uint64(m.ExpireHi)) != m.ExpireInvert
}

func matchConnLimit(m nf.MatchConnLimit) func(*scratch) Truth {
	return func(w *scratch) Truth {
		if w.c.Lookups == nil {
			return Unknown3
		}
		low, high, ok := w.c.Lookups.ConnCount(w.p, w.c.Ct, &m)
		if over := low > m.Limit; ok && over == (high > m.Limit) {
			w.take("connections counted, taken as those of this trace only")
			return truth(over != m.Upto)
		}
		return Unknown3
	}
}
