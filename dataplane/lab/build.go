package lab

import (
	"fmt"
	"net/netip"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/netns"
)

// Lab is a fleet in the kernel.
type Lab struct {
	fleet *host.Fleet
	hosts map[host.Name]*netns.NS
	// behind is what sits behind links: pods, and outside of them.
	behind  map[host.Port]*netns.NS
	spaces  []*netns.NS
	servers servers
	ports   int // of bridges so far
	room    int // of connection tables, 0 is the kernel's own
}

// Outside is an address that no node and no pod of the fleet has, and the link
// of a node that leads to it.
type Outside struct {
	Addr netip.Addr
	At   host.Port
}

// gatewayMAC is the hardware address of nodes towards their pods.
const gatewayMAC = "ee:ee:ee:ee:ee:ee"

// Build makes the namespaces and programs them. Close gives them up.
func Build(f *host.Fleet, outside []Outside) (*Lab, error) {
	l := &Lab{fleet: f, hosts: map[host.Name]*netns.NS{}, behind: map[host.Port]*netns.NS{}}
	if err := l.build(outside); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Close removes everything.
func (l *Lab) Close() {
	l.servers.close()
	for _, ns := range l.spaces {
		ns.Close()
	}
}

func (l *Lab) build(outside []Outside) error {
	for i := range l.fleet.Hosts {
		ns, err := l.space()
		if err != nil {
			return err
		}
		l.hosts[l.fleet.Hosts[i].Name] = ns
	}
	for i := range l.fleet.Segments {
		if err := l.segment(&l.fleet.Segments[i]); err != nil {
			return err
		}
	}
	for _, o := range outside {
		if err := l.outside(o); err != nil {
			return err
		}
	}
	for i := range l.fleet.Hosts {
		if err := l.host(&l.fleet.Hosts[i]); err != nil {
			return fmt.Errorf("%s: %w", l.fleet.Hosts[i].Name, err)
		}
	}
	return l.routesOutside(outside)
}

func (l *Lab) space() (*netns.NS, error) {
	ns, err := netns.New()
	if err == nil {
		l.spaces = append(l.spaces, ns)
	}
	return ns, err
}

// segment makes a bridge, and on it the nodes' links and one outside.
func (l *Lab) segment(s *host.Segment) error {
	sw, err := l.space()
	if err != nil {
		return err
	}
	out, err := l.space()
	if err != nil {
		return err
	}
	if err := ip(sw, "link add br0 type bridge", "link set br0 up"); err != nil {
		return err
	}
	if err := l.plug(sw, out, "eth0"); err != nil {
		return err
	}
	for _, m := range s.Members {
		l.behind[m] = out
		if err := l.plug(sw, l.hosts[m.Host], string(m.Link)); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) plug(sw, ns *netns.NS, iface string) error {
	l.ports++
	port := fmt.Sprintf("p%d", l.ports)
	if err := netns.Join(netns.End{NS: sw, Name: port}, netns.End{NS: ns, Name: iface}); err != nil {
		return err
	}
	return ip(sw, "link set "+port+" master br0")
}

// outside gives the namespace at a link an address, and makes it when it is the
// first.
func (l *Lab) outside(o Outside) error {
	ns := l.behind[o.At]
	if ns == nil {
		var err error
		if ns, err = l.space(); err != nil {
			return err
		}
		if err := netns.Join(netns.End{NS: l.hosts[o.At.Host], Name: string(o.At.Link)}, netns.End{NS: ns, Name: "eth0"}); err != nil {
			return err
		}
		l.behind[o.At] = ns
	}
	return ip(ns, "addr replace "+o.Addr.String()+"/32 dev eth0")
}

// host wires a node's pods and programs the node.
func (l *Lab) host(s *host.State) error {
	ns := l.hosts[s.Name]
	for i := range l.fleet.Endpoints {
		if e := &l.fleet.Endpoints[i]; e.Host == s.Name && !e.HostNetwork {
			if err := l.pod(ns, e); err != nil {
				return fmt.Errorf("%s: %w", e.Name, err)
			}
		}
	}
	if err := kernel.Apply(ns, s); err != nil {
		return err
	}
	quick := map[string]string{}
	for i := range s.Links {
		quick["net.ipv4.neigh."+string(s.Links[i].Name)+".proxy_delay"] = "0"
	}
	return kernel.Sysctls(ns, quick)
}

// pod makes the namespace behind a link as the CNI plugin does: a /32 address and
// a gateway that the node answers for.
func (l *Lab) pod(ns *netns.NS, e *host.Endpoint) error {
	pod, err := l.space()
	if err != nil {
		return err
	}
	l.behind[host.Port{Host: e.Host, Link: e.Link}] = pod
	if err := netns.Join(netns.End{NS: ns, Name: string(e.Link), MAC: gatewayMAC}, netns.End{NS: pod, Name: "eth0"}); err != nil {
		return err
	}
	for _, a := range e.Addrs {
		if a.Is4() {
			if err := ip(pod, "addr add "+a.String()+"/32 dev eth0"); err != nil {
				return err
			}
		}
	}
	return ip(pod, "route add 169.254.1.1 dev eth0 scope link", "route add default via 169.254.1.1",
		"neigh add 169.254.1.1 lladdr "+gatewayMAC+" dev eth0")
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
		own := firstIPv4(link)
		if !own.IsValid() {
			continue
		}
		routes := []string{"route replace " + own.String() + " dev eth0"}
		for _, r := range s.Routes {
			if r.Type == host.RouteBlackhole && r.Dst.Addr().Is4() {
				routes = append(routes, fmt.Sprintf("route replace %s via %s", r.Dst, own))
			}
		}
		for _, o := range outside {
			if o.At.Host == port.Host && l.behind[o.At] != ns {
				routes = append(routes, fmt.Sprintf("route replace %s via %s", o.Addr, own))
			}
		}
		if err := l.gateways(ns, s, port.Link); err != nil {
			return err
		}
		if err := ip(ns, routes...); err != nil {
			return err
		}
	}
	return nil
}

// gateways gives an outside the addresses that a node's routes lead to there and
// that no node has.
func (l *Lab) gateways(ns *netns.NS, s *host.State, link host.LinkName) error {
	for _, r := range s.Routes {
		for _, hop := range r.Hops {
			if hop.Dev == link && hop.Via.Is4() && !l.ownedByNode(hop.Via) {
				if err := ip(ns, "addr replace "+hop.Via.String()+"/32 dev eth0"); err != nil {
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

func (l *Lab) isPod(p host.Port) bool {
	for i := range l.fleet.Endpoints {
		if e := &l.fleet.Endpoints[i]; e.Host == p.Host && e.Link == p.Link && !e.HostNetwork {
			return true
		}
	}
	return false
}

func firstIPv4(l *host.Link) netip.Addr {
	for _, a := range l.Addrs {
		if a.Prefix.Addr().Is4() {
			return a.Prefix.Addr()
		}
	}
	return netip.Addr{}
}

// ip runs commands of ip in a namespace.
func ip(ns *netns.NS, commands ...string) error {
	for _, c := range commands {
		if _, err := ns.Run("", "ip", strings.Fields(c)...); err != nil {
			return err
		}
	}
	return nil
}

// Replace programs other rules; links, routes and connections stay.
func (l *Lab) Replace(f *host.Fleet) error {
	for i := range f.Hosts {
		s := &f.Hosts[i]
		old := l.fleet.FindHost(s.Name)
		if old == nil {
			return fmt.Errorf("node %s is new; the lab only replaces rules", s.Name)
		}
		if err := kernel.ReplaceRuleset(l.hosts[s.Name], &old.Ruleset, &s.Ruleset); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	l.fleet = f
	return nil
}

// Node returns a node's namespace, or nil.
func (l *Lab) Node(n host.Name) *netns.NS { return l.hosts[n] }
