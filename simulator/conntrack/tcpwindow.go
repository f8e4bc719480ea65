package conntrack

import "tortie/dataplane/packet"

// maxAckWindow is how far behind an ACK may at least be.
const maxAckWindow = 66000

// window are the numbers of a segment that are compared with the windows.
type window struct {
	seq, end, ack, sack, win uint32
}

// tcpInWindow checks a segment against the windows of both sides, and moves
// them (tcp_in_window).
func (t *Table) tcpInWindow(s *segment) (tcpAction, Reason) {
	sender, receiver := &s.ct.Seen[s.dir], &s.ct.Seen[s.dir.Other()]
	w := window{seq: s.TCP.Seq, end: s.end(), ack: s.TCP.Ack, sack: s.TCP.Ack, win: uint32(s.TCP.Window)}
	if receiver.Flags&TCPSackPerm != 0 && s.TCP.SACKRight != 0 && after(s.TCP.SACKRight, w.sack) {
		w.sack = s.TCP.SACKRight
	}
	if s.openWindow(sender, receiver, w) {
		return actAccept, ""
	}
	if !s.has(packet.ACK) || s.has(packet.RST) && w.ack == 0 {
		w.ack, w.sack = receiver.End, receiver.End
	}
	if s.has(packet.RST) && w.seq == 0 && s.ct.State == TCPSynSent {
		w.seq, w.end = sender.End, sender.End
	}
	if act, why := checkWindow(sender, receiver, w); act != actAccept {
		if t.cfg.TCPLiberal || sender.Flags&TCPBeLiberal != 0 {
			return actAccept, ""
		}
		return act, why
	}
	s.moveWindow(sender, receiver, w)
	return actAccept, ""
}

// openWindow initializes the sender's side if this is its first segment or a
// new SYN. True means that the segment is accepted as it is.
func (s *segment) openWindow(sender, receiver *TCPSide, w window) bool {
	syn := s.has(packet.SYN)
	switch {
	case sender.MaxWin == 0 && syn:
		s.openSide(sender, receiver)
		return !s.has(packet.ACK) // simultaneous open
	case sender.MaxWin == 0:
		sender.End = w.end
		sender.MaxWin = max(w.win<<sender.Scale, 1)
		sender.MaxEnd = w.end + sender.MaxWin
		if receiver.MaxWin == 0 {
			receiver.End, receiver.MaxEnd = w.sack, w.sack
		} else if w.sack == receiver.End+1 {
			receiver.End++ // answer to a keep-alive
		}
	case syn && after(w.end, sender.End) && (s.ct.State == TCPSynSent || s.ct.State == TCPSynRecv):
		s.openSide(sender, receiver)
		return s.dir == Reply && !s.has(packet.ACK)
	}
	return false
}

// openSide starts the sender's side with a SYN or SYN+ACK; windows are scaled
// only if both sides want it.
func (s *segment) openSide(sender, receiver *TCPSide) {
	sender.open(s.Packet)
	if s.dir == Reply && sender.Flags&receiver.Flags&TCPWindowScale == 0 {
		sender.Scale, receiver.Scale = 0, 0
	}
}

// checkWindow compares a segment with the windows. Besides the four bounds, a
// sender may send a little more than its receiver's window: such a segment is
// ignored, but the acknowledgement of its data will be known.
func checkWindow(sender, receiver *TCPSide, w window) (tcpAction, Reason) {
	ackOK := after(w.sack, receiver.End-max(sender.MaxWin, maxAckWindow)-1)
	sackOK := before(w.sack, receiver.End+1)
	reaches := after(w.end, sender.End-receiver.MaxWin-1)
	if !before(w.seq, sender.MaxEnd+1) {
		overshot := w.end - sender.MaxEnd + 1
		if receiver.MaxWin == 0 || !reaches || !ackOK || overshot > receiver.MaxWin || !sackOK {
			return actInvalid, WhyTCPSeqOver
		}
		sender.End = w.end
		sender.Flags |= TCPDataUnacknowledged
		return actPass, ""
	}
	switch {
	case !sackOK:
		return actInvalid, WhyTCPAckOver
	case receiver.MaxWin != 0 && !reaches:
		return actPass, ""
	case !ackOK:
		return actPass, ""
	}
	return actAccept, ""
}

// moveWindow takes over what an acceptable segment tells.
func (s *segment) moveWindow(sender, receiver *TCPSide, w window) {
	if !s.has(packet.SYN) {
		w.win <<= sender.Scale
	}
	sender.MaxWin = max(sender.MaxWin, w.win+(w.sack-w.ack))
	if after(w.end, sender.End) {
		sender.End = w.end
		sender.Flags |= TCPDataUnacknowledged
	}
	if s.has(packet.ACK) && (sender.Flags&TCPMaxAckSet == 0 || after(w.ack, sender.MaxAck)) {
		sender.MaxAck = w.ack
		sender.Flags |= TCPMaxAckSet
	}
	if receiver.MaxWin != 0 && after(w.end, sender.MaxEnd) {
		receiver.MaxWin += w.end - sender.MaxEnd
	}
	if after(w.sack+w.win, receiver.MaxEnd-1) {
		receiver.MaxEnd = w.sack + w.win
		if w.win == 0 {
			receiver.MaxEnd++
		}
	}
	if w.ack == receiver.End {
		receiver.Flags &^= TCPDataUnacknowledged
	}
	if s.index == tcpAck {
		s.countRetransmission(w)
	}
}

// countRetransmission counts identical pure ACKs.
func (s *segment) countRetransmission(w window) {
	last := &s.ct.last
	if last.dir == s.dir && last.seq == w.seq && last.ack == w.ack && last.end == w.end && last.win == s.TCP.Window {
		s.ct.retrans++
		return
	}
	last.dir, last.seq, last.ack, last.end, last.win = s.dir, w.seq, w.ack, w.end, s.TCP.Window
	s.ct.retrans = 0
}
