package lab

import (
	"fmt"
	"net/netip"
	"slices"

	"tortie/dataplane/host"
	"tortie/dataplane/netns"
)

// outside gives the namespace at a link an address, and makes it when it is the
// first.
func (l *Lab) outside(o Outside) error {
	ns := l.behind[o.At]
	if ns == nil {
		var err error
		if ns, err = l.space(); err != nil {
			return err
		}
		l.own[o.At], l.macs[o.At] = l.mac(), l.mac()
		if err := netns.Join(netns.End{NS: l.hosts[o.At.Host], Name: string(o.At.Link), MAC: l.own[o.At]}, netns.End{NS: ns, Name: "eth0", MAC: l.macs[o.At]}); err != nil {
			return err
		}
		l.behind[o.At] = ns
	}
	if o.Nobody {
		return nil
	}
	return ip(ns, addrAdd(o.Addr))
}

// addrAdd gives eth0 an address of its own.
func addrAdd(a netip.Addr) string {
	if a.Is6() {
		return "addr replace " + a.String() + "/128 dev eth0 nodad"
	}
	return "addr replace " + a.String() + "/32 dev eth0"
}

// Lead makes what is outside of a link send packets to dst by the link's node:
// addresses of services, say.
func (l *Lab) Lead(dst netip.Prefix, by host.Port) error {
	ns, s := l.behind[by], l.fleet.FindHost(by.Host)
	if ns == nil || s == nil || s.FindLink(by.Link) == nil {
		return fmt.Errorf("nothing sits behind %s of %s", by.Link, by.Host)
	}
	for _, own := range firstAddrs(s.FindLink(by.Link)) {
		if own.Is4() == dst.Addr().Is4() {
			return ip(ns, fmt.Sprintf("route replace %s via %s", dst, own))
		}
	}
	return fmt.Errorf("%s of %s has no address of the family of %s", by.Link, by.Host, dst)
}

// Reach makes a connection's first packet find its way: to an address that nobody
// here has, as those of services, what is outside sends by the node where it enters.
func (l *Lab) Reach(t Try) error {
	if t.From.Link == "" || l.isPod(t.From) || l.owned(t.Dst) {
		return nil
	}
	return l.Lead(netip.PrefixFrom(t.Dst, t.Dst.BitLen()), t.From)
}

// owned says whether a node, a pod or somebody outside has an address.
func (l *Lab) owned(a netip.Addr) bool {
	return l.ownedByNode(a) ||
		slices.ContainsFunc(l.beyond, func(o Outside) bool { return o.Addr == a && !o.Nobody }) ||
		slices.ContainsFunc(l.fleet.Endpoints, func(e host.Endpoint) bool { return slices.Contains(e.Addrs, a) })
}

// routesOutside gives every outside its ways: to the nodes on its network, by
// them to their pods and to the other outsides.
func (l *Lab) routesOutside(outside []Outside) error {
	for port, ns := range l.behind {
		s := l.fleet.FindHost(port.Host)
		link := s.FindLink(port.Link)
		if l.isPod(port) || link == nil {
			continue
		}
		if err := l.gateways(ns, s, port.Link); err != nil {
			return err
		}
		for _, own := range firstAddrs(link) {
			routes := []string{"route replace " + own.String() + " dev eth0"}
			for _, r := range s.Routes {
				if r.Type == host.RouteBlackhole && r.Dst.Addr().Is4() == own.Is4() {
					routes = append(routes, fmt.Sprintf("route replace %s via %s", r.Dst, own))
				}
			}
			routes = append(routes, elsewhere(s, port.Link, own)...)
			for _, o := range outside {
				if !o.Nobody && o.At.Host == port.Host && l.behind[o.At] != ns && o.Addr.Is4() == own.Is4() {
					routes = append(routes, fmt.Sprintf("route replace %s via %s", o.Addr, own))
				}
			}
			if err := ip(ns, routes...); err != nil {
				return err
			}
		}
	}
	return nil
}

// elsewhere are the ways to the node's addresses on its other links, by the one that
// it has here.
func elsewhere(s *host.State, here host.LinkName, own netip.Addr) (routes []string) {
	for i := range s.Links {
		if l := &s.Links[i]; l.Name != here && !l.Loopback {
			for _, a := range firstAddrs(l) {
				if a.Is4() == own.Is4() && a != own {
					routes = append(routes, fmt.Sprintf("route replace %s via %s", a, own))
				}
			}
		}
	}
	return routes
}

// gateways gives an outside the addresses that a node's routes lead to there and
// that no node has.
func (l *Lab) gateways(ns *netns.NS, s *host.State, link host.LinkName) error {
	for _, r := range s.Routes {
		for _, hop := range r.Hops {
			if hop.Dev == link && hop.Via.IsValid() && !l.ownedByNode(hop.Via) {
				if err := ip(ns, addrAdd(hop.Via)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (l *Lab) ownedByNode(a netip.Addr) bool {
	for i := range l.fleet.Hosts {
		for _, link := range l.fleet.Hosts[i].Links {
			for _, have := range link.Addrs {
				if have.Prefix.Addr() == a {
					return true
				}
			}
		}
	}
	return false
}

// firstAddrs are the first addresses of a link, one of each family.
func firstAddrs(l *host.Link) []netip.Addr {
	var out []netip.Addr
	for _, v4 := range []bool{true, false} {
		for _, a := range l.Addrs {
			if addr := a.Prefix.Addr(); addr.Is4() == v4 && !addr.IsLinkLocalUnicast() {
				out = append(out, addr)
				break
			}
		}
	}
	return out
}
