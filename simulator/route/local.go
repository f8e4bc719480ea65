package route

import (
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// LocalRoutes are the routes of table local that the kernel makes from the
// addresses of links (fib_add_ifaddr, addrconf.c; since Linux 5.14 the lowest
// address of a subnet is no broadcast address).
func LocalRoutes(links []host.Link, fam packet.Family) []host.Route {
	var routes []host.Route
	for i := range links {
		l := &links[i]
		if !l.Up && !l.Loopback {
			routes = append(routes, localWhenDown(l, fam)...)
			continue
		}
		for _, a := range l.Addrs {
			if packet.FamilyOf(a.Prefix.Addr()) == fam && !a.Tentative {
				routes = appendLocal(routes, l, a)
			}
		}
		if fam == packet.IPv6 && !l.Loopback {
			routes = append(routes, kernelRoute(l, host.RouteMulticast, netip.MustParsePrefix("ff00::/8"), netip.Addr{}))
		}
	}
	return routes
}

// localWhenDown are the routes to the addresses of a link that is down. Of IPv6 an
// address is tentative there, and has none, unless the link has no neighbours to ask,
// as kube-ipvs0, or nobody was to be asked (addrconf_dad_begin).
func localWhenDown(l *host.Link, fam packet.Family) (routes []host.Route) {
	for _, a := range l.Addrs {
		if ip := a.Prefix.Addr(); packet.FamilyOf(ip) == fam && !a.Tentative {
			routes = append(routes, kernelRoute(l, host.RouteLocal, single(ip), ip))
		}
	}
	return routes
}

func appendLocal(routes []host.Route, l *host.Link, a host.Addr) []host.Route {
	ip := a.Prefix.Addr()
	routes = append(routes, kernelRoute(l, host.RouteLocal, single(ip), ip))
	if !ip.Is4() {
		return routes
	}
	if l.Loopback && a.Prefix.Bits() < 32 {
		routes = append(routes, kernelRoute(l, host.RouteLocal, a.Prefix.Masked(), ip))
	}
	if a.Broadcast.IsValid() && a.Broadcast != limitedBroadcast {
		routes = append(routes, kernelRoute(l, host.RouteBroadcast, single(a.Broadcast), ip))
	}
	if a.Prefix.Bits() < 31 && !a.Secondary {
		routes = append(routes, kernelRoute(l, host.RouteBroadcast, single(lastOf(a.Prefix)), ip))
	}
	return routes
}

func kernelRoute(l *host.Link, typ host.RouteType, dst netip.Prefix, src netip.Addr) host.Route {
	scope := host.ScopeHost
	if typ == host.RouteBroadcast {
		scope = host.ScopeLink
	}
	return host.Route{Table: host.TableLocal, Type: typ, Dst: dst, Scope: scope, PrefSrc: src,
		Hops: []host.NextHop{{Dev: l.Name}}, Protocol: "kernel"}
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// lastOf is the highest address of an IPv4 prefix.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}
