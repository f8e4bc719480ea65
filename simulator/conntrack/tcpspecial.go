package conntrack

import "tortie/dataplane/packet"

// tcpState handles what the table of states cannot say: reopened connections,
// ignored segments, challenge ACKs, simultaneous opens and resets. It may change
// s.old and s.new.
func (t *Table) tcpState(s *segment) (tcpAction, Reason) {
	last := &s.ct.last
	switch s.new {
	case TCPSynSent:
		if s.old < TCPTimeWait {
			return actWindow, ""
		}
		closed := (s.ct.Seen[Original].Flags|s.ct.Seen[Reply].Flags)&TCPCloseInit != 0
		if closed || last.dir == s.dir && last.index == tcpRst {
			t.Delete(s.conn)
			return actInvalid, whyReopen
		}
		return s.ignore(), ""
	case tcpIgnore:
		return s.ignore(), ""
	case tcpInvalid:
		return actInvalid, WhyTCPState
	case TCPTimeWait:
		if s.old == TCPLastAck && s.index == tcpAck && last.dir != s.dir && last.index == tcpSyn &&
			last.flags&TCPChallengeAck != 0 {
			last.flags &^= TCPChallengeAck
			return actPass, ""
		}
	case TCPSynSent2:
		last.flags |= TCPSimultaneousOpen
	case TCPSynRecv:
		if s.dir == Reply && s.index == tcpAck && last.flags&TCPSimultaneousOpen != 0 {
			s.new = TCPEstablished
		}
	case TCPClose:
		if s.index == tcpRst {
			return t.tcpReset(s)
		}
	}
	return actWindow, ""
}

// ignore lets a segment pass that may be the true connection's while this one is
// out of date, and remembers it. A SYN+ACK that answers such a SYN brings the
// connection up to date.
func (s *segment) ignore() tcpAction {
	last := &s.ct.last
	if s.index == tcpSynAck && last.index == tcpSyn && last.dir != s.dir && s.TCP.Ack == last.end {
		s.resync()
		return actWindow
	}
	last.index, last.dir = s.index, s.dir
	last.seq, last.end, last.win = s.TCP.Seq, s.end(), s.TCP.Window
	if s.index == tcpSyn && s.dir == Original {
		var seen TCPSide
		seen.options(s.Packet)
		last.flags, last.scale = seen.Flags&(TCPWindowScale|TCPSackPerm), seen.Scale
		if s.old == TCPLastAck {
			last.flags |= TCPChallengeAck
		}
	}
	if s.old == TCPSynSent && s.index == tcpAck && s.dir == Reply {
		last.ack = s.TCP.Ack // perhaps a challenge ACK
	}
	return actPass
}

// resync takes over the SYN that was ignored before.
func (s *segment) resync() {
	last := &s.ct.last
	s.old, s.new = TCPSynSent, TCPSynRecv
	last.flags &^= TCPChallengeAck
	client := &s.ct.Seen[last.dir]
	client.End, client.MaxEnd = last.end, last.end
	client.MaxWin = max(uint32(last.win), 1)
	client.Scale, client.Flags = last.scale, last.flags
	server := &s.ct.Seen[s.dir]
	*server = TCPSide{Flags: server.Flags & TCPBeLiberal}
}

// tcpReset decides about a RST.
func (t *Table) tcpReset(s *segment) (tcpAction, Reason) {
	switch s.ct.State {
	case TCPFinWait, TCPLastAck, TCPTimeWait, TCPClose, TCPCloseWait:
		return actAccept, ""
	}
	last, peer := &s.ct.last, &s.ct.Seen[s.dir.Other()]
	if peer.Flags&TCPMaxAckSet != 0 && last.index != tcpSyn {
		switch {
		case s.TCP.Seq == 0 && !s.tcpEstablished():
			return actWindow, ""
		case before(s.TCP.Seq, peer.MaxAck) && !t.cfg.TCPIgnoreInvalidRST:
			return actInvalid, WhyTCPRST
		case !s.tcpEstablished() || s.TCP.Seq == peer.MaxAck:
			return actWindow, ""
		case last.index == tcpAck && last.dir == s.dir && s.TCP.Seq == last.end:
			return actWindow, ""
		}
		s.new = s.old // not exact: a challenge ACK may follow
	}
	if s.answersIgnored() {
		return actAccept, ""
	}
	if s.old == TCPSynSent && last.index == tcpAck && last.dir == Reply && s.TCP.Seq == last.ack {
		return actAccept, ""
	}
	return actWindow, ""
}

// answersIgnored reports whether a RST acknowledges the end of a SYN or ACK that
// was let pass unseen, and so need not be in the window. The SYN must be the
// other side's, as measured on 6.18; older kernels do not ask.
func (s *segment) answersIgnored() bool {
	last := &s.ct.last
	switch {
	case s.TCP.Ack != last.end:
		return false
	case last.index == tcpSyn:
		return s.conn.Status&SeenReply != 0 && last.dir != s.dir
	}
	return last.index == tcpAck && s.conn.Status&Assured == 0
}

// has reports whether the segment has a flag.
func (s *segment) has(f packet.TCPFlags) bool { return s.TCP.Flags&f != 0 }
