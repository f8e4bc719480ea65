package felix

import (
	"fmt"
	"math/bits"

	"tortie/compiler/resolve"
)

// marks are the bits of the packet mark, in Felix's order of allocation from the
// lowest bit of the mask up. endpoint is what is left.
type marks struct {
	accept, pass, drop, scratch0, scratch1 uint32
	wireguard                              uint32
	endpoint                               uint32
	// nonCali is the endpoint mark of packets from interfaces that are neither
	// workloads nor host endpoints (IPVS mode only).
	nonCali uint32
}

// allocateMarks hands out the bits of the mask. Felix needs five of them, one
// more for WireGuard and at least one for endpoints, and does not start without.
func allocateMarks(s *resolve.Settings) (marks, error) {
	rest := s.MarkMask
	next := func() uint32 {
		bit := rest & -rest
		rest &^= bit
		return bit
	}
	var m marks
	m.accept, m.pass, m.drop, m.scratch0, m.scratch1 = next(), next(), next(), next(), next()
	need := 6
	if s.Wireguard || s.WireguardV6 {
		m.wireguard = next()
		need++
	}
	m.endpoint = rest
	if s.IPVS {
		m.nonCali = rest & -rest
	}
	if n := bits.OnesCount32(s.MarkMask); n < need {
		return m, &SettingError{
			Setting: forDataplane(s, "markmask"),
			Text:    fmt.Sprintf("mark mask %#x has %s; Felix needs %d and does not start", s.MarkMask, plural(n, "bit"), need),
			Hint:    "give it more bits, or leave it out: Felix's own is 0xffff0000",
		}
	}
	return m, nil
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// forDataplane is the parameter of the two dataplanes' that holds: where
// nftablesMode is Auto, that of iptables in either case.
func forDataplane(s *resolve.Settings, name string) string {
	if s.NFTables && !s.NFTablesAuto {
		return "nftables" + name
	}
	return "iptables" + name
}

// WireguardMark is the mark of the packets that Felix has WireGuard send; 0 when it
// is off.
func WireguardMark(s *resolve.Settings) uint32 {
	m, _ := allocateMarks(s)
	return m.wireguard
}

// calico are the bits that are cleared on entry: all but drop and endpoint.
func (m marks) calico() uint32 { return m.accept | m.pass | m.scratch0 | m.scratch1 }
