package host

import (
	"net/netip"
	"slices"

	"tortie/dataplane/packet"
)

// Removal deletes tracked connections, as conntrack -D does: those of one address, or
// those to a destination that are answered from elsewhere.
type Removal struct {
	// Source is the source of what is sent in either direction.
	Source netip.Addr `json:",omitzero"`
	// Proto and Dst are of what is sent first; the unspecified address is every one
	// of its family. Connections that are answered from Keep stay.
	Proto packet.Proto     `json:",omitempty"`
	Dst   netip.AddrPort   `json:",omitzero"`
	Keep  []netip.AddrPort `json:",omitempty"`
	// Why says for people who does it, and why.
	Why string
}

// Tracked is what a Removal asks of a connection: protocol, source and destination, and
// the source of its answers. Protocols without ports have port 0.
type Tracked struct {
	Proto             packet.Proto
	Src, Dst, Replies netip.AddrPort
}

// Removes reports whether a connection is deleted.
func (r *Removal) Removes(c *Tracked) bool {
	if r.Source.IsValid() {
		return c.Src.Addr() == r.Source || c.Replies.Addr() == r.Source
	}
	to := r.Dst.Addr()
	here := to == c.Dst.Addr() || to.IsUnspecified() && packet.FamilyOf(to) == packet.FamilyOf(c.Dst.Addr())
	return here && c.Proto == r.Proto && c.Dst.Port() == r.Dst.Port() && !slices.Contains(r.Keep, c.Replies)
}
