package lab

import (
	"fmt"
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/netns"
)

// The addresses by which pods know their node: that of the CNI plugin, and the
// link-local one of gatewayMAC.
const (
	gatewayMAC = "ee:ee:ee:ee:ee:ee"
	gateway4   = "169.254.1.1"
	gateway6   = "fe80::ecee:eeff:feee:eeee"
)

// pod makes the namespace behind a link as the CNI plugin does: a /32 address and
// a gateway that the node answers for.
func (l *Lab) pod(ns *netns.NS, e *host.Endpoint) error {
	pod, err := l.space()
	if err != nil {
		return err
	}
	l.behind[host.Port{Host: e.Host, Link: e.Link}] = pod
	mac := l.mac()
	l.macs[host.Port{Host: e.Host, Link: e.Link}] = mac
	if err := netns.Join(netns.End{NS: ns, Name: string(e.Link), MAC: gatewayMAC}, netns.End{NS: pod, Name: "eth0", MAC: mac}); err != nil {
		return err
	}
	v6 := false
	for _, a := range e.Addrs {
		v6 = v6 || a.Is6()
		if err := ip(pod, addrAdd(a)); err != nil {
			return err
		}
	}
	if v6 {
		if err := ip(pod, "route add "+gateway6+" dev eth0", "route add default via "+gateway6+" dev eth0",
			"neigh add "+gateway6+" lladdr "+gatewayMAC+" dev eth0"); err != nil {
			return err
		}
	}
	return ip(pod, "route add "+gateway4+" dev eth0 scope link", "route add default via "+gateway4,
		"neigh add "+gateway4+" lladdr "+gatewayMAC+" dev eth0")
}

// neighbours tells everyone the hardware addresses of its IPv6 neighbours, so that
// no rule can drop their discovery.
func (l *Lab) neighbours(outside []Outside) error {
	for i := range l.fleet.Endpoints {
		e := &l.fleet.Endpoints[i]
		for _, a := range e.Addrs {
			if a.Is6() && !e.HostNetwork {
				if err := l.neighbour(l.hosts[e.Host], string(e.Link), a, l.macs[host.Port{Host: e.Host, Link: e.Link}]); err != nil {
					return err
				}
			}
		}
	}
	for port, ns := range l.behind {
		if l.isPod(port) {
			continue
		}
		own := l.addrs6(port)
		for _, a := range own {
			if err := l.neighbour(ns, "eth0", a, l.own[port]); err != nil {
				return err
			}
		}
		for other, there := range l.behind {
			if there != ns || other == port || l.isPod(other) {
				continue
			}
			for _, a := range own {
				if err := l.neighbour(l.hosts[other.Host], string(other.Link), a, l.own[port]); err != nil {
					return err
				}
			}
		}
		for _, o := range outside {
			if l.behind[o.At] == ns && (o.Addr.Is6() || o.Nobody) {
				if err := l.neighbour(l.hosts[port.Host], string(port.Link), o.Addr, l.macs[port]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// addrs6 are the IPv6 addresses of a node's link.
func (l *Lab) addrs6(p host.Port) []netip.Addr {
	var out []netip.Addr
	if s := l.fleet.FindHost(p.Host); s != nil {
		if link := s.FindLink(p.Link); link != nil {
			for _, a := range link.Addrs {
				if a.Prefix.Addr().Is6() {
					out = append(out, a.Prefix.Addr())
				}
			}
		}
	}
	return out
}

func (l *Lab) neighbour(ns *netns.NS, dev string, a netip.Addr, mac string) error {
	return ip(ns, fmt.Sprintf("neigh replace %s lladdr %s dev %s nud permanent", a, mac, dev))
}
