package difftest

import "tortie/dataplane/packet"

// The chunks of SCTP that are sent.
const (
	sctpData             = 0
	sctpInit             = 1
	sctpInitAck          = 2
	sctpSack             = 3
	sctpHeartbeat        = 4
	sctpHeartbeatAck     = 5
	sctpAbort            = 6
	sctpShutdown         = 7
	sctpShutdownAck      = 8
	sctpCookieEcho       = 10
	sctpCookieAck        = 11
	sctpShutdownComplete = 14
)

// The tags that the side that begins an association wants to see, and the other.
const beginnerTag, answererTag = 111, 222

// sctp makes the first packet of an association, or one from its middle.
func (t *traffic) sctp(p *packet.Packet) {
	p.SrcPort, p.DstPort, p.PayloadLen = pick(t.maker, uint16(5000), 5001), t.port(), 0
	p.SCTP = []packet.SCTPChunk{{Type: sctpInit, InitTag: beginnerTag}}
	if t.chance(5) {
		p.SCTP, p.Vtag = t.chunks(pick(t.maker, uint8(sctpData), sctpCookieEcho, sctpHeartbeat, sctpAbort, sctpShutdown, sctpShutdownAck)), answererTag
	}
}

// chunks is a chunk, now and then with a second one.
func (t *traffic) chunks(typ uint8) []packet.SCTPChunk {
	list := []packet.SCTPChunk{{Type: typ}}
	switch {
	case typ == sctpInitAck:
		list[0].InitTag = answererTag
	case (typ == sctpAbort || typ == sctpShutdownComplete) && t.chance(3):
		list[0].Flags = 1 // the peer's tag
	}
	if t.chance(6) {
		list = append(list, packet.SCTPChunk{Type: pick(t.maker, uint8(sctpData), sctpSack, sctpCookieEcho, sctpHeartbeat)})
	}
	return list
}

// sctpNext is what may follow a chunk, by the other side.
var sctpNext = map[uint8][]uint8{
	sctpInit: {sctpInitAck, sctpInitAck, sctpInitAck, sctpAbort}, sctpInitAck: {sctpCookieEcho}, sctpCookieEcho: {sctpCookieAck},
	sctpCookieAck: {sctpData, sctpHeartbeat, sctpShutdown}, sctpData: {sctpSack, sctpShutdown, sctpData}, sctpSack: {sctpData, sctpShutdown},
	sctpHeartbeat: {sctpHeartbeatAck}, sctpShutdown: {sctpShutdownAck}, sctpShutdownAck: {sctpShutdownComplete}, sctpShutdownComplete: {sctpInit, sctpData},
}

// sctpReply fills in the answer to a packet.
func (t *traffic) sctpReply(p *packet.Packet, to *packet.Packet) bool {
	if len(to.SCTP) == 0 {
		return false
	}
	next := sctpNext[to.SCTP[0].Type]
	if len(next) == 0 || t.chance(8) {
		next = []uint8{sctpData, sctpAbort, sctpHeartbeat, sctpShutdown, sctpCookieAck, sctpShutdownAck}
	}
	typ := pick(t.maker, next...)
	p.SCTP, p.Vtag = t.chunks(typ), beginnerTag
	if to.Vtag == beginnerTag {
		p.Vtag = answererTag
	}
	if typ == sctpInit {
		p.SCTP, p.Vtag = []packet.SCTPChunk{{Type: sctpInit, InitTag: beginnerTag}}, 0
	}
	if t.chance(12) {
		p.Vtag += 7
	}
	return true
}

// association is a whole one: which side sends what.
var association = []struct {
	client bool
	chunk  uint8
}{
	{false, sctpInitAck}, {true, sctpCookieEcho}, {false, sctpCookieAck}, {true, sctpData}, {false, sctpSack}, {false, sctpHeartbeat}, {true, sctpHeartbeatAck},
	{true, sctpShutdown}, {false, sctpShutdownAck}, {true, sctpShutdownComplete}, {true, sctpInit}, {false, sctpInitAck},
}

// associate makes the next packet of an association that is played to its end.
func (t *traffic) associate() (Shot, bool) {
	d := t.dialog
	if d.step == len(association) {
		t.dialog = nil
		return Shot{}, false
	}
	next := association[d.step]
	if t.chance(15) {
		next.chunk, t.dialog = sctpAbort, nil
	}
	d.step++
	s := Shot{From: d.to, Packet: d.server}
	p := &s.Packet
	if p.Vtag = beginnerTag; next.client {
		s = Shot{From: d.from, Packet: d.client}
		p.Vtag = answererTag
	}
	p.SCTP = t.chunks(next.chunk)
	switch {
	case next.chunk == sctpInit:
		p.SCTP, p.Vtag = []packet.SCTPChunk{{Type: sctpInit, InitTag: beginnerTag}}, 0
	case t.chance(20):
		p.Vtag += 7
	}
	return s, true
}
