package conntrack

import (
	"time"

	"tortie/dataplane/packet"
)

// tcp tracks TCP (nf_conntrack_tcp_packet). A reason makes the segment invalid.
func (t *Table) tcp(r Ref, p *packet.Packet, now time.Duration) Reason {
	if p.Truncated {
		return WhyShort
	}
	if !tcpFlagsValid(p.TCP.Flags) {
		return WhyTCPFlags
	}
	if r.Conn.Status&Confirmed == 0 {
		if why := t.tcpNew(r.Conn, p); why != "" {
			return why
		}
	}
	s := segment{Packet: p, conn: r.Conn, ct: &r.Conn.TCP, dir: r.Dir(), index: tcpIndexOf(p.TCP.Flags)}
	s.old = s.ct.State
	s.new = tcpTransitions[s.dir][s.index][s.old]
	switch act, why := t.tcpState(&s); act {
	case actPass:
		return ""
	case actInvalid:
		return why
	case actWindow:
		switch act, why := t.tcpInWindow(&s); act {
		case actPass:
			return ""
		case actInvalid:
			t.tcpHandleInvalid(&s, now)
			return why
		}
	}
	t.tcpAccept(&s, now)
	return ""
}

// segment is a TCP segment on its way through the tracker.
type segment struct {
	*packet.Packet
	conn     *Conn
	ct       *TCPTrack
	dir      Dir
	index    tcpIndex
	old, new TCPState
}

// end is the sequence number after the segment.
func (s *segment) end() uint32 { return tcpEnd(s.Packet) }

func tcpEnd(p *packet.Packet) uint32 {
	end := p.TCP.Seq + uint32(p.PayloadLen)
	if p.TCP.Flags&packet.SYN != 0 {
		end++
	}
	if p.TCP.Flags&packet.FIN != 0 {
		end++
	}
	return end
}

// tcpAction is what is to be done with a segment next.
type tcpAction uint8

const (
	actWindow  tcpAction = iota // check its window, then accept
	actAccept                   // accept without a look at its window
	actPass                     // let it pass, changing nothing
	actInvalid                  // it is invalid
)

// before and after compare sequence numbers.
func before(a, b uint32) bool { return int32(a-b) < 0 }
func after(a, b uint32) bool  { return before(b, a) }

func tcpFlagsValid(f packet.TCPFlags) bool {
	switch f &^ (packet.PSH | packet.ECE | packet.CWR) {
	case packet.SYN, packet.SYN | packet.URG, packet.SYN | packet.ACK, packet.RST, packet.RST | packet.ACK,
		packet.FIN | packet.ACK, packet.FIN | packet.ACK | packet.URG, packet.ACK, packet.ACK | packet.URG:
		return true
	}
	return false
}

func tcpIndexOf(f packet.TCPFlags) tcpIndex {
	switch {
	case f&packet.RST != 0:
		return tcpRst
	case f&(packet.SYN|packet.ACK) == packet.SYN|packet.ACK:
		return tcpSynAck
	case f&packet.SYN != 0:
		return tcpSyn
	case f&packet.FIN != 0:
		return tcpFin
	case f&packet.ACK != 0:
		return tcpAck
	}
	return tcpOther
}

// tcpNew begins a connection with its first segment (tcp_new).
func (t *Table) tcpNew(c *Conn, p *packet.Packet) Reason {
	c.TCP = TCPTrack{last: tcpLast{index: tcpOther}}
	first := &c.TCP.Seen[Original]
	switch tcpTransitions[Original][tcpIndexOf(p.TCP.Flags)][TCPNone] {
	case TCPSynSent:
		first.open(p)
	case TCPEstablished:
		if t.cfg.TCPStrict {
			return WhyTCPLoose
		}
		first.End = tcpEnd(p)
		first.MaxWin = max(uint32(p.TCP.Window), 1)
		first.MaxEnd = first.End + first.MaxWin
		first.Flags = TCPSackPerm | TCPBeLiberal
		c.TCP.Seen[Reply].Flags = first.Flags
	default:
		return WhyTCPNew
	}
	return ""
}

// open starts a side with its SYN or SYN+ACK.
func (side *TCPSide) open(p *packet.Packet) {
	side.End = tcpEnd(p)
	side.MaxEnd = side.End
	side.MaxWin = max(uint32(p.TCP.Window), 1)
	side.options(p)
}

// maxScale is the highest window scale (RFC 7323).
const maxScale = 14

// options reads the options of a SYN; a header without options changes nothing.
func (side *TCPSide) options(p *packet.Packet) {
	if !p.TCP.HasWScale && !p.TCP.SACKPermitted && p.TCP.MSS == 0 {
		return
	}
	side.Scale = 0
	side.Flags &= TCPBeLiberal
	if p.TCP.SACKPermitted {
		side.Flags |= TCPSackPerm
	}
	if p.TCP.HasWScale {
		side.Scale = min(p.TCP.WScale, maxScale)
		side.Flags |= TCPWindowScale
	}
}

// tcpEstablished reports whether the connection is established and assured.
func (s *segment) tcpEstablished() bool {
	return s.ct.State == TCPEstablished && s.conn.Status&Assured != 0
}

// tcpHandleInvalid shortens the life of an assured connection that saw a FIN or
// RST out of window in each direction (nf_tcp_handle_invalid).
func (t *Table) tcpHandleInvalid(s *segment, now time.Duration) {
	if s.conn.Status&Assured == 0 || s.conn.Status&FixedTime != 0 || s.index != tcpRst && s.index != tcpFin {
		return
	}
	last := &s.ct.last
	if last.dir == s.dir || last.index != tcpFin && last.index != tcpRst {
		last.index, last.dir = s.index, s.dir
		return
	}
	left := s.conn.TimeLeft(now)
	if left >= 120*time.Second && left > t.cfg.Timeouts.TCPUnacknowledged {
		s.conn.timeout = now + t.cfg.Timeouts.TCPUnacknowledged
	}
}

// tcpMaxRetrans is net.netfilter.nf_conntrack_tcp_max_retrans.
const tcpMaxRetrans = 3

// tcpAccept moves the connection to its new state.
func (t *Table) tcpAccept(s *segment, now time.Duration) {
	s.ct.last.index, s.ct.last.dir = s.index, s.dir
	s.ct.State = s.new
	if s.old != s.new && s.new == TCPFinWait {
		s.ct.Seen[s.dir].Flags |= TCPCloseInit
	}
	timeout := t.tcpTimeout(s)
	c := s.conn
	switch {
	case c.Status&SeenReply == 0:
		if s.index == tcpRst {
			t.Delete(c)
			return
		}
		if s.index == tcpSyn && s.old == TCPSynSent {
			return // the retransmission of a SYN does not prolong
		}
		if s.new == TCPEstablished {
			timeout = min(timeout, t.cfg.Timeouts.TCPUnacknowledged)
		}
	case c.Status&Assured == 0 && (s.old == TCPSynRecv || s.old == TCPEstablished) && s.new == TCPEstablished:
		c.Status |= Assured
	}
	c.refresh(timeout, now)
}

// tcpTimeout is the time to live after an accepted segment.
func (t *Table) tcpTimeout(s *segment) time.Duration {
	to := t.cfg.Timeouts
	full := to.TCP[s.new]
	flags := s.ct.Seen[Original].Flags | s.ct.Seen[Reply].Flags
	switch {
	case s.ct.retrans >= tcpMaxRetrans && full > to.TCPMaxRetrans:
		return to.TCPMaxRetrans
	case s.index == tcpRst && t.cfg.OldRSTTimeout:
		return min(full, to.TCPUnacknowledged)
	case s.index == tcpRst:
		return to.TCP[TCPClose]
	case flags&TCPDataUnacknowledged != 0 && full > to.TCPUnacknowledged:
		return to.TCPUnacknowledged
	case s.ct.last.win == 0 && full > to.TCPMaxRetrans:
		return to.TCPMaxRetrans
	}
	return full
}
