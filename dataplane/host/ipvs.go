package host

import (
	"net/netip"

	"tortie/dataplane/packet"
)

// VirtualServer is one service of IPVS, as "ipvsadm -L -n" lists it: packets to
// its address go to one of its real servers, whose address and port they get
// (forwarding method "masq").
type VirtualServer struct {
	Addr  netip.Addr
	Port  uint16
	Proto packet.Proto
	// Scheduler is "rr", "lc", "mh" …
	Scheduler string
	// Persistent is for how many seconds a client keeps its real server; 0 is not
	// at all.
	Persistent uint32 `json:",omitempty"`
	// HashPort says that the schedulers mh and sh hash the source port too.
	HashPort bool `json:",omitempty"`
	Servers  []RealServer
	// Origin is what it was made from, an index as nf.Rule.Origin is.
	Origin int `json:",omitempty"`
}

// RealServer is one server behind a virtual one.
type RealServer struct {
	Addr   netip.Addr
	Port   uint16
	Weight int
}
