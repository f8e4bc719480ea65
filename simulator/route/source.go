package route

import (
	"net/netip"

	"tortie/dataplane/host"
)

// SelectAddr is inet_select_addr: the primary IPv4 address of the link whose
// subnet holds dst, else the link's first one whose scope allows it, else that
// of any other link; the invalid address when there is none.
func (t *Tables) SelectAddr(dev host.LinkName, dst netip.Addr, scope host.Scope) netip.Addr {
	var first netip.Addr
	if d := t.links[dev]; d != nil {
		localnet := host.ScopeHost
		if d.routeLocalnet {
			localnet = host.ScopeLink
		}
		for i := range d.Addrs {
			a := &d.Addrs[i]
			if !a.Prefix.Addr().Is4() || a.Secondary || min(a.Scope, localnet) > scope {
				continue
			}
			if !dst.IsValid() || subnet(a).Contains(dst) {
				return a.Prefix.Addr()
			}
			if !first.IsValid() {
				first = a.Prefix.Addr()
			}
		}
	}
	if first.IsValid() {
		return first
	}
	return t.anyAddr(scope)
}

func (t *Tables) anyAddr(scope host.Scope) netip.Addr {
	for _, d := range t.order {
		for i := range d.Addrs {
			a := &d.Addrs[i]
			if a.Prefix.Addr().Is4() && !a.Secondary && a.Scope != host.ScopeLink && a.Scope <= scope {
				return a.Prefix.Addr()
			}
		}
	}
	return netip.Addr{}
}

// subnet is what the address's far side is in: of its peer when it has one.
func subnet(a *host.Addr) netip.Prefix {
	if a.Peer.IsValid() {
		return a.Peer.Masked()
	}
	return a.Prefix.Masked()
}

// SelectAddr6 is ipv6_dev_get_saddr without labels and temporary addresses: an
// equal address, then the fitting scope, then one that is not deprecated, then the
// output link, then the longest common prefix, within the address's own.
func (t *Tables) SelectAddr6(dev host.LinkName, dst netip.Addr) netip.Addr {
	var best netip.Addr
	var bestScore score
	for _, d := range t.order {
		if needsLink(dst) && d.Name != dev {
			continue
		}
		for i := range d.Addrs {
			a := d.Addrs[i].Prefix.Addr()
			if !a.Is6() || a.IsMulticast() || d.Addrs[i].Tentative {
				continue
			}
			if s := score6(&d.Addrs[i], dst, d.Name == dev); !best.IsValid() || better(s, bestScore) {
				best, bestScore = a, s
			}
		}
	}
	return best
}

// score says how good a source is, the most important first.
type score [5]int

func score6(own *host.Addr, dst netip.Addr, onDev bool) (s score) {
	a := own.Prefix.Addr()
	if a == dst {
		s[0] = 1
	}
	// Rule 2: the smallest scope that is at least the destination's.
	sa, sd := scope6(a), scope6(dst)
	if sa >= sd {
		s[1] = 100 - sa
	} else {
		s[1] = sa - 100
	}
	if !own.Deprecated {
		s[2] = 1
	}
	if onDev {
		s[3] = 1
	}
	s[4] = min(commonBits(a, dst), own.Prefix.Bits())
	return s
}

func better(a, b score) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false
}

// scope6 is the scope of an IPv6 address as a number of RFC 4007.
func scope6(a netip.Addr) int {
	switch {
	case a.IsLoopback():
		return 2
	case a.IsLinkLocalUnicast(), a.IsLinkLocalMulticast():
		return 2
	case a.IsMulticast():
		return int(a.As16()[1] & 15)
	}
	return 14
}

func commonBits(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	for i := 0; i < 128; i++ {
		if (x[i/8]^y[i/8])>>(7-i%8)&1 != 0 {
			return i
		}
	}
	return 128
}

// AddrType is the type of an address as inet_addr_type and inet_dev_addr_type
// say it; with dev only that link's routes count. For IPv6 it is what
// nft_fib6 and xt_addrtype see of the routing table.
func (t *Tables) AddrType(a netip.Addr, dev host.LinkName) host.RouteType {
	if a.Is6() {
		return t.addrType6(a, dev)
	}
	switch {
	case zeronet(a) || a == limitedBroadcast:
		return host.RouteBroadcast
	case a.IsMulticast():
		return host.RouteMulticast
	}
	res := t.v4.tables[host.TableLocal].lookup(&Flow{Dst: a}, 0)
	if res.Err != OK || dev != "" && res.RouteDev != dev {
		return host.RouteUnicast
	}
	return res.Type
}

func (t *Tables) addrType6(a netip.Addr, dev host.LinkName) host.RouteType {
	switch {
	case a.IsUnspecified():
		return host.RouteUnspec
	case a.IsMulticast():
		return host.RouteMulticast
	}
	res := t.lookup(&Flow{Dst: a, OIF: dev})
	switch {
	case res.Err != OK:
		return host.RouteUnreachable
	case res.Type == host.RouteLocal || res.Type == host.RouteAnycast:
		return res.Type
	}
	return host.RouteUnicast
}

// Lookup asks rules and tables for the flow as it stands, without any check of
// source or forwarding (fib_lookup).
func (t *Tables) Lookup(f *Flow) Result { return t.lookup(f) }

// UsesDev reports whether a route leads over the link.
func UsesDev(r *host.Route, n host.LinkName) bool { return usesDev(r, n) }
