package conntrack

import "tortie/dataplane/packet"

// The kernel tries 128 ports, then from another start half as many, down to 16.
// In the last quarter it evicts closing connections (NF_NAT_HARDER_THRESH).
const (
	maxAttempts    = 128
	minAttempts    = 16
	harderAttempts = maxAttempts / 4
)

// pickPort changes the port (or ICMP id) of a tuple to a free one
// (nf_nat_l4proto_unique_tuple). Where the kernel begins at random, Config.Port
// says where to begin and the choice is marked as free.
func (f *finder) pickPort(tuple *Tuple) {
	key, lo, size := f.portRange(tuple)
	if key == nil {
		return
	}
	var off uint32
	switch {
	case f.rg.HasBase:
		off = uint32(*key - f.rg.Base)
	case f.rg.random() || f.manip == SrcManip:
		off = f.draw(size)
	}
	attempts := min(size, maxAttempts)
	for {
		for i := range attempts {
			*key = uint16(lo + ((off+i)&0xffff)%size)
			if !f.usedHarder(*tuple, attempts-i) {
				return
			}
		}
		if attempts >= size || attempts < minAttempts {
			return
		}
		attempts /= 2
		off = f.draw(size)
	}
}

// draw is where a search begins that the kernel begins at random: elsewhere each time,
// also when the connection is a new one of the same ends.
func (f *finder) draw(size uint32) uint32 {
	f.conn.FreePort = true
	of := f.conn.Tuples[Original]
	search := f.t.searches[of]
	f.t.searches[of]++
	return f.t.cfg.Port(of, search, size)
}

// portRange returns the field of the tuple to change, and from where how many
// values it may have; nil when it may not change.
func (f *finder) portRange(tuple *Tuple) (key *uint16, lo, size uint32) {
	first, last := uint32(min(f.rg.PortLo, f.rg.PortHi)), uint32(max(f.rg.PortLo, f.rg.PortHi))
	switch tuple.Proto {
	case packet.ProtoICMP, packet.ProtoICMPv6:
		if !f.rg.HasPorts {
			return &tuple.SrcPort, 0, 65536
		}
		return &tuple.SrcPort, first, last - first + 1
	case packet.ProtoUDP, packet.ProtoUDPLite, packet.ProtoTCP, packet.ProtoSCTP:
		key = &tuple.SrcPort
		if f.manip == DstManip {
			key = &tuple.DstPort
		}
	default:
		return nil, 0, 0
	}
	switch {
	case f.rg.HasPorts:
		return key, first, last - first + 1
	case f.manip == DstManip:
		return nil, 0, 0
	case *key < 512:
		return key, 1, 511
	case *key < 1024:
		return key, 600, 1023 - 600 + 1
	}
	return key, 1024, 65535 - 1024 + 1
}

// usedHarder is used; with few attempts left it makes room by evicting a
// closing connection whose sequence numbers the new one has passed
// (nf_nat_used_tuple_harder).
func (f *finder) usedHarder(tuple Tuple, left uint32) bool {
	if left > harderAttempts || tuple.Proto != packet.ProtoTCP || f.conn.TCP.State != TCPSynSent {
		return f.used(tuple)
	}
	e, ok := f.answered(tuple)
	if !ok {
		return false
	}
	old := e.conn
	if e.dir == Original || old.TCP.State < TCPTimeWait || old.Status&(FixedTime|Dying) != 0 || old.Status&SrcNAT == 0 {
		return true
	}
	if !after(f.conn.TCP.Seen[Original].End, old.TCP.Seen[Original].End) {
		return true
	}
	f.t.Delete(old)
	return false
}
