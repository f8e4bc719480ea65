package difftest

import (
	"slices"

	"tortie/dataplane/packet"
)

// inFragments cuts a packet into two to four fragments, which are sent in order
// or not, now and then without one of them or with one twice, and with other
// packets between them. It returns the first one to be sent.
func (t *traffic) inFragments(s Shot) Shot {
	if s.Wire != nil || s.Packet.Inner != nil || s.Packet.Proto == packet.ProtoSCTP || s.Packet.IsFragment() {
		return s
	}
	p := s.Packet
	p.PayloadLen, p.DontFragment = uint16(40+t.IntN(100)), false
	sizes := []int{8 * (1 + t.IntN(4))}
	if p.Proto == packet.ProtoTCP && !t.chance(8) {
		sizes[0] = max(sizes[0], 8*(3+t.IntN(3)))
	}
	for range t.IntN(3) {
		sizes = append(sizes, 8)
	}
	t.fragID++
	list, err := packet.Fragments(&p, t.fragID, sizes...)
	if err != nil {
		return s
	}
	var parts []Shot
	for _, b := range list {
		part, err := packet.Decode(b)
		if err != nil {
			return s
		}
		parts = append(parts, Shot{From: s.From, Packet: part, Wire: b})
	}
	if t.chance(3) {
		t.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	}
	switch {
	case t.chance(8):
		i := t.IntN(len(parts))
		parts = slices.Delete(parts, i, i+1)
	case t.chance(8):
		parts = slices.Insert(parts, t.IntN(len(parts)), parts[t.IntN(len(parts))])
	}
	t.rest = append(t.rest, parts[1:]...)
	return parts[0]
}
