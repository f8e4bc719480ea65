package link

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/kubeproxy"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
)

// Succeed fills in what now, which l has made, has of the fleet before it, which old made:
// the order of tables, which connections Felix and kube-proxy remove as nodes change, and
// addresses of services that are gone.
func (l *Linker) Succeed(old *Linker, was, now *host.Fleet) {
	now.Virtual = append(now.Virtual, deserted(was, now)...)
	var stale []host.Removal
	if _, runs := l.proxyMode(nf.NFTables); runs {
		stale = kubeproxy.Stale(old.snapshot, l.snapshot)
	}
	for i := range now.Hosts {
		if before := was.FindHost(now.Hosts[i].Name); before != nil {
			now.Hosts[i].Ruleset.Tables = registered(before.Ruleset.Tables, now.Hosts[i].Ruleset.Tables)
			now.Hosts[i].Removals = slices.Concat(unrouted(before, &now.Hosts[i]), stale)
		}
	}
}

// deserted are addresses that were virtual, and that nobody has now. Who asks for them
// meets nobody, as before, though the input no longer says why. A pod that was on a node
// outside the input is gone with its address.
func deserted(was, now *host.Fleet) (out []host.Virtual) {
	taken := map[netip.Prefix]bool{}
	for _, v := range now.Virtual {
		taken[v.Prefix] = true
	}
	take := func(a netip.Addr) { taken[netip.PrefixFrom(a, a.BitLen())] = true }
	for i := range now.Endpoints {
		for _, a := range now.Endpoints[i].Addrs {
			take(a)
		}
	}
	for i := range now.Hosts {
		for _, l := range now.Hosts[i].Links {
			for _, a := range l.Addrs {
				take(a.Prefix.Addr())
			}
		}
	}
	for _, v := range was.Virtual {
		if absent := v.Untranslated && v.Outside; !absent && !taken[v.Prefix] {
			v.Name = strings.TrimSuffix(v.Name, gone) + gone
			out = append(out, v)
		}
	}
	return out
}

// gone marks names of what is no longer in the input.
const gone = ", which is gone"

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
