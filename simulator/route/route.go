package route

import (
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// Flow is what a look-up asks for (struct flowi4 and flowi6). A zero Src is "not
// chosen yet".
type Flow struct {
	Src, Dst netip.Addr
	IIF, OIF host.LinkName
	// PreferOIF makes OIF choose among routes of the longest prefix only, instead
	// of demanding it (IPv6 without RT6_LOOKUP_F_IFACE).
	PreferOIF        bool
	Mark             uint32
	TOS              uint8
	Proto            packet.Proto
	SrcPort, DstPort uint16
	// Hop chooses among the usable next hops of a multipath route (Result.Hops),
	// which the kernel does by a hash; the first if there are not as many.
	Hop int
}

// Err is why there is no route; the kernel's error numbers by name.
type Err uint8

// The errors. Invalid is EINVAL: blackhole routes, martians, and destinations
// that cannot be.
const (
	OK            Err = iota
	NetUnreach        // ENETUNREACH: no route, or an unreachable rule
	HostUnreach       // EHOSTUNREACH: an unreachable route
	Prohibited        // EACCES: a prohibit route or rule
	Invalid           // EINVAL: a blackhole route or rule
	MartianSource     // the source is impossible here
	MartianDest       // the destination is impossible here
	ReversePath       // EXDEV: rp_filter
	ForeignSource     // ENETUNREACH: a source of the host's own that it does not have
	again             // EAGAIN: throw, the next rule is asked
)

// String says the error in words.
func (e Err) String() string {
	switch e {
	case OK:
		return "ok"
	case NetUnreach:
		return "no route to the destination"
	case HostUnreach:
		return "unreachable route"
	case Prohibited:
		return "prohibit route"
	case Invalid:
		return "blackhole route or invalid destination"
	case MartianSource:
		return "martian source"
	case MartianDest:
		return "martian destination"
	case ForeignSource:
		return "the source is none of the host's addresses"
	case ReversePath:
		return "reverse path filter (rp_filter)"
	}
	return "route error?"
}

// Result is the outcome of a look-up.
type Result struct {
	Err Err
	// Unknown is what is not modelled and stood in the way; empty otherwise.
	Unknown string
	// Type is the type of the route that was found.
	Type host.RouteType
	// Dev is the link to leave by; for local destinations the loopback link.
	Dev host.LinkName
	// RouteDev is the link of the route itself, also for local ones.
	RouteDev host.LinkName
	// Via is the next hop; invalid when the destination is on the link.
	Via netip.Addr
	// Src is the source that an output look-up chose, or was given.
	Src netip.Addr
	// Route is the route that was found; nil when none was needed.
	Route *host.Route
	// Hops is how many usable next hops the route has; of several, Flow.Hop was
	// taken.
	Hops int
	// Redirect says that the host tells the sender of a better way, because the
	// packet leaves by the link it came in by (RTCF_DOREDIRECT).
	Redirect bool
}

// NextHop is the address that the packet is handed to on the link.
func (r *Result) NextHop(dst netip.Addr) netip.Addr {
	if r.Via.IsValid() {
		return r.Via
	}
	return dst
}

// Local reports whether the packet is for the host itself.
func (r *Result) Local() bool {
	return r.Err == OK && (r.Type == host.RouteLocal || r.Type == host.RouteBroadcast ||
		r.Type == host.RouteAnycast || r.Type == host.RouteMulticast)
}
