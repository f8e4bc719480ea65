package link

import (
	"net/netip"
	"slices"

	"tortie/compiler/kubeproxy"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
)

// Succeed fills in which connections Felix and kube-proxy remove when the nodes of a fleet
// become those of now, which l has made: was is the fleet that old made.
func (l *Linker) Succeed(old *Linker, was, now *host.Fleet) {
	var stale []host.Removal
	if _, runs := l.proxyMode(nf.NFTables); runs {
		stale = kubeproxy.Stale(old.snapshot, l.snapshot)
	}
	for i := range now.Hosts {
		if before := was.FindHost(now.Hosts[i].Name); before != nil {
			now.Hosts[i].Removals = slices.Concat(unrouted(before, &now.Hosts[i]), stale)
		}
	}
}

// felixRoute is where Felix leads an address: to a workload, or to another node.
type felixRoute struct {
	dev    host.LinkName
	remote bool
}

// unrouted are the connections of addresses that lose their route or get one to another
// link; that between other nodes leaves them alone (felix/routetable, v3.32.1).
func unrouted(old, next *host.State) (out []host.Removal) {
	to := felixRoutes(next)
	for a, was := range felixRoutes(old) {
		if now, ok := to[a]; !ok || now != was && !(now.remote && was.remote) {
			out = append(out, host.Removal{Source: a, Why: "Felix: the route of " + a.String() + " is gone, or leads to another link"})
		}
	}
	slices.SortFunc(out, func(a, b host.Removal) int { return a.Source.Compare(b.Source) })
	return out
}

// felixRoutes are the routes to single addresses that Felix programs: with the protocol
// boot, which ip leaves out, or its own.
func felixRoutes(s *host.State) map[netip.Addr]felixRoute {
	out := map[netip.Addr]felixRoute{}
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Table == host.TableMain && r.Type == host.RouteUnicast && r.Dst.IsSingleIP() && len(r.Hops) == 1 &&
			(r.Protocol == "" || r.Protocol == host.RouteFelix) {
			out[r.Dst.Addr()] = felixRoute{r.Hops[0].Dev, r.Hops[0].Via.IsValid()}
		}
	}
	return out
}
