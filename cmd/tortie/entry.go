package main

import (
	"net/netip"
	"slices"

	"tortie/dataplane/host"
	"tortie/simulator/walk"
)

// entry is where a packet from outside enters, and a note where that was a choice: by
// the node that has the destination or its pod, or by one to which the network outside
// brings the address, if that node's link to the outside is on the same network as the
// one found first.
func (r *resolver) entry(at walk.End, dst netip.Addr) (walk.End, string) {
	if !r.shared(at) {
		return at, ""
	}
	if nodes, why := r.receivers(dst); len(nodes) > 0 {
		if !slices.Contains(nodes, at.Host) {
			at = r.first(at, nodes)
		}
		if len(r.fleet.Hosts) < 2 {
			return at, ""
		}
		return at, "the connection is taken to come in by node " + string(at.Host) + ": " + why
	}
	to, ok := r.walker.FindEnd(dst)
	if !ok || to.Host == at.Host {
		return at, ""
	}
	at, _ = r.beside(at, host.Port{Host: to.Host, Link: to.Link})
	return at, ""
}

// shared reports whether an end comes in by a network that nodes share; pods do not.
func (r *resolver) shared(at walk.End) bool {
	return slices.ContainsFunc(r.fleet.Segments, func(s host.Segment) bool {
		return slices.Contains(s.Members, host.Port{Host: at.Host, Link: at.Link})
	})
}

// receivers are the nodes to which others bring the address; none for an address of the
// fleet itself.
func (r *resolver) receivers(dst netip.Addr) ([]host.Name, string) {
	if r.loaded == nil || r.loaded.linker == nil || !r.walker.IsVirtual(dst) {
		return nil, ""
	}
	return r.loaded.linker.Receivers(dst)
}

// first is the way in by the first of the nodes that is on the network of at; at itself
// if none is.
func (r *resolver) first(at walk.End, nodes []host.Name) walk.End {
	for _, n := range nodes {
		if in, ok := r.beside(at, host.Port{Host: n}); ok {
			return in
		}
	}
	return at
}

// beside is the way in by another host on the network of at, by another link than that
// of the destination itself; at and false if there is none.
func (r *resolver) beside(at walk.End, to host.Port) (walk.End, bool) {
	for _, s := range r.fleet.Segments {
		if !slices.Contains(s.Members, host.Port{Host: at.Host, Link: at.Link}) {
			continue
		}
		for _, m := range s.Members {
			if m.Host == to.Host && m != to {
				return walk.End{Addr: at.Addr, Host: m.Host, Link: m.Link}, true
			}
		}
	}
	return at, false
}
