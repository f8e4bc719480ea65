package main

import (
	"net/netip"
	"slices"

	"tortie/dataplane/host"
	"tortie/simulator/walk"
)

// entry is where a packet from outside enters: by the node that has the
// destination or its pod, if that node's link to the outside is on the same
// network as the one found first.
func (r *resolver) entry(at walk.End, dst netip.Addr) walk.End {
	to, ok := r.walker.FindEnd(dst)
	if at.Link == "" || !ok || to.Host == at.Host {
		return at
	}
	for _, s := range r.fleet.Segments {
		if !slices.Contains(s.Members, host.Port{Host: at.Host, Link: at.Link}) {
			continue
		}
		for _, m := range s.Members {
			if m.Host == to.Host && m != (host.Port{Host: to.Host, Link: to.Link}) {
				return walk.End{Addr: at.Addr, Host: m.Host, Link: m.Link}
			}
		}
	}
	return at
}
