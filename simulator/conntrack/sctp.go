package conntrack

import (
	"time"

	"tortie/dataplane/packet"
)

// sctp tracks SCTP (nf_conntrack_sctp_packet). A reason makes the packet
// invalid; chunks before the offending one have taken effect, as in the kernel.
func (t *Table) sctp(r Ref, p *packet.Packet, now time.Duration) Reason {
	if p.Truncated {
		return WhyShort
	}
	if !sctpChunksOK(p.SCTP) {
		return WhySCTPChunks
	}
	c := r.Conn
	if c.Status&Confirmed == 0 {
		if why := c.sctpNew(p); why != "" {
			return why
		}
	}
	if !sctpHas(p, chunkInit, chunkShutdownComplete, chunkCookieEcho, chunkAbort, chunkShutdownAck,
		chunkHeartbeat, chunkHeartbeatAck) && p.Vtag != c.SCTP.VTag[r.Dir()] {
		return WhySCTPVTag
	}
	w := sctpWalk{Packet: p, conn: c, dir: r.Dir()}
	for _, chunk := range p.SCTP {
		if why := w.chunk(chunk); why != "" {
			return why
		}
	}
	if !w.ignore {
		c.refresh(t.cfg.Timeouts.SCTP[w.state], now)
	}
	return ""
}

// sctpChunksOK checks which chunks stand together (do_basic_checks).
func sctpChunksOK(chunks []packet.SCTPChunk) bool {
	alone := false
	for i, c := range chunks {
		switch c.Type {
		case chunkInit, chunkInitAck, chunkShutdownComplete:
			alone = true
		}
		if i > 0 && (alone || c.Type == chunkCookieAck || c.Type == chunkCookieEcho) {
			return false
		}
	}
	return len(chunks) > 0
}

// sctpHas reports whether the packet has a chunk of one of some types.
func sctpHas(p *packet.Packet, types ...uint8) bool {
	for _, c := range p.SCTP {
		for _, typ := range types {
			if c.Type == typ {
				return true
			}
		}
	}
	return false
}

// sctpNext returns the state after a chunk.
func sctpNext(dir Dir, state SCTPState, chunk uint8) SCTPState {
	row, ok := sctpRow(chunk)
	if !ok {
		return state
	}
	return sctpTransitions[dir][row][state]
}

// sctpNew begins an association (sctp_new). Of chunks that begin nothing, only a
// SHUTDOWN ACK tells a tag; Linux 6.18 was seen to do so.
func (c *Conn) sctpNew(p *packet.Packet) Reason {
	if sctpHas(p, chunkAbort, chunkShutdownComplete, chunkCookieAck) {
		return WhySCTPNew
	}
	c.SCTP = SCTPTrack{}
	for _, chunk := range p.SCTP {
		switch next := sctpNext(Original, SCTPNone, chunk.Type); {
		case next == SCTPNone || next == sctpInvalid:
			return WhySCTPNew
		case chunk.Type == chunkInit && p.Vtag != 0:
			return WhySCTPVTag
		case chunk.Type == chunkInit:
			c.SCTP.VTag[Reply] = chunk.InitTag
		case chunk.Type == chunkHeartbeat:
			c.SCTP.VTag[Original] = p.Vtag
		case chunk.Type == chunkShutdownAck: // its answer is a SHUTDOWN COMPLETE with the same tag
			c.SCTP.VTag[Reply] = p.Vtag
		}
	}
	return ""
}

// sctpWalk goes through the chunks of a packet.
type sctpWalk struct {
	*packet.Packet
	conn   *Conn
	dir    Dir
	state  SCTPState // after the last chunk
	ignore bool      // the packet does not prolong the association
}

// chunk handles one chunk.
func (w *sctpWalk) chunk(c packet.SCTPChunk) Reason {
	ct := &w.conn.SCTP
	if skip, ok := w.vtagOK(c); !ok {
		return WhySCTPVTag
	} else if skip {
		return ""
	}
	old := ct.State
	next := sctpNext(w.dir, old, c.Type)
	w.state = next
	if next == sctpInvalid {
		return WhySCTPState
	}
	switch c.Type {
	case chunkInit:
		w.noteInit(c)
		if next == SCTPClosed && old == SCTPClosed && w.conn.Status&Confirmed != 0 {
			w.ignore = true
		}
	case chunkInitAck:
		if !w.noteInitAck(c) {
			return WhySCTPVTag
		}
	}
	ct.State = next
	if old != next && next == SCTPEstablished {
		w.conn.Status |= Assured
	}
	return ""
}

// tFlag is the flag by which ABORT and SHUTDOWN COMPLETE carry the peer's tag.
const tFlag = 1

// vtagOK checks and learns verification tags; skip means that the chunk changes
// no state.
func (w *sctpWalk) vtagOK(c packet.SCTPChunk) (skip, ok bool) {
	ct := &w.conn.SCTP
	own, peer := ct.VTag[w.dir], ct.VTag[w.dir.Other()]
	switch c.Type {
	case chunkInit:
		return false, w.Vtag == 0
	case chunkAbort, chunkShutdownComplete:
		if c.Flags&tFlag != 0 {
			return false, w.Vtag == peer
		}
		return false, w.Vtag == own
	case chunkCookieEcho:
		return false, w.Vtag == own
	case chunkCookieAck:
		ct.init = [2]bool{}
	case chunkHeartbeat, chunkHeartbeatAck:
		return w.heartbeat(c.Type)
	}
	return false, true
}

// heartbeat learns the tag of a heartbeat; a wrong one is let through once, and
// believed if the other side answers with it.
func (w *sctpWalk) heartbeat(typ uint8) (skip, ok bool) {
	ct := &w.conn.SCTP
	switch {
	case ct.VTag[w.dir] == 0:
		ct.VTag[w.dir] = w.Vtag
	case w.Vtag == ct.VTag[w.dir]:
		ct.vtagFailed = false
	case sctpHas(w.Packet, chunkData) || w.ignore:
		return false, false
	case typ == chunkHeartbeat:
		ct.vtagFailed, ct.lastDir = true, w.dir
		w.ignore = true
		return true, true
	case !ct.vtagFailed || ct.lastDir == w.dir:
		return false, false
	default:
		ct.vtagFailed = false
		ct.VTag[w.dir], ct.VTag[w.dir.Other()] = w.Vtag, 0
	}
	return false, true
}

// noteInit learns the tag of an INIT. One that repeats the tag that is known is no
// new attempt; Linux 6.18 was seen to do so.
func (w *sctpWalk) noteInit(c packet.SCTPChunk) {
	ct, other := &w.conn.SCTP, w.dir.Other()
	if w.conn.Status&Confirmed != 0 && ct.VTag[other] == c.InitTag {
		return
	}
	if ct.init[w.dir] && ct.init[other] {
		ct.init[other] = false
	}
	ct.init[w.dir] = true
	ct.VTag[other] = c.InitTag
}

// noteInitAck learns the tag of an INIT ACK; false when it contradicts.
func (w *sctpWalk) noteInitAck(c packet.SCTPChunk) bool {
	ct, other := &w.conn.SCTP, w.dir.Other()
	tag := ct.VTag[other]
	if !ct.init[other] && tag != 0 && tag != c.InitTag {
		return false
	}
	if ct.init[w.dir] && ct.init[other] && tag != c.InitTag {
		return false
	}
	ct.VTag[other] = c.InitTag
	return true
}
