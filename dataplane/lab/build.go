package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
)

// Lab is a fleet in the kernel.
type Lab struct {
	fleet *host.Fleet
	// beyond are the addresses outside of the fleet.
	beyond []Outside
	hosts  map[host.Name]*netns.NS
	// behind is what sits behind links: pods, and outside of them.
	behind  map[host.Port]*netns.NS
	spaces  []*netns.NS
	servers servers
	ports   int // of bridges so far
	// macs are the hardware addresses behind links, and of the nodes' own links to
	// their segment.
	macs, own map[host.Port]string
	room      int // of connection tables, 0 is the kernel's own
	recents   map[host.Name]*kernel.Recents
}

// Outside is an address that no node and no pod of the fleet has, and the link
// of a node that leads to it.
type Outside struct {
	Addr netip.Addr
	At   host.Port
	// Nobody says that nobody has it there: packets to it get no answer.
	Nobody bool
}

// Build makes the namespaces and programs them. Close gives them up.
func Build(f *host.Fleet, outside []Outside) (*Lab, error) {
	l := &Lab{fleet: f, beyond: outside, hosts: map[host.Name]*netns.NS{}, behind: map[host.Port]*netns.NS{},
		macs: map[host.Port]string{}, own: map[host.Port]string{}, recents: map[host.Name]*kernel.Recents{}}
	if err := l.build(outside); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Close removes everything.
func (l *Lab) Close() {
	l.GiveUp()
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
		if err := noDevice(&l.fleet.Hosts[i]); err != nil {
			return err
		}
		if err := l.host(&l.fleet.Hosts[i]); err != nil {
			return fmt.Errorf("%s: %w", l.fleet.Hosts[i].Name, err)
		}
	}
	if err := l.routesOutside(outside); err != nil {
		return err
	}
	return l.neighbours(outside)
}

// noDevice is the refusal of a host with a tunnel that cannot be made here.
func noDevice(s *host.State) error {
	for _, l := range s.Links {
		if l.Kind == "ipip" || l.Kind == "wireguard" {
			return fmt.Errorf("%s has a tunnel that is not made in the kernel here: %s (%s)", s.Name, l.Name, l.Kind)
		}
	}
	return nil
}

// quiet are the sysctls of a namespace without which its kernel says things that
// nobody asked for (reports of IPv6 groups, solicitations of routers, SYN-ACKs
// once more), or does not always say what it should (ICMP errors, messages of
// connections that stood still for long).
var quiet = map[string]string{
	"net.ipv4.icmp_ratelimit": "0", "net.ipv4.icmp_ratemask": "0", "net.ipv4.icmp_msgs_per_sec": "1000000", "net.ipv4.icmp_msgs_burst": "1000000",
	"net.ipv6.icmp.ratelimit":                                 "0",
	"net.ipv4.tcp_synack_retries":                             "0",
	"net.ipv4.tcp_retries2":                                   "255",
	"net.ipv4.conf.all.send_redirects":                        "0",
	"net.ipv4.conf.default.send_redirects":                    "0",
	"net.ipv6.conf.default.addr_gen_mode":                     "1",
	"net.ipv6.conf.default.accept_ra":                         "0",
	"net.ipv6.conf.default.router_solicitations":              "0",
	"net.ipv6.conf.default.dad_transmits":                     "0",
	"net.ipv6.conf.default.force_mld_version":                 "1",
	"net.ipv6.conf.default.mldv1_unsolicited_report_interval": "100000000",
	"net.ipv6.conf.default.mldv2_unsolicited_report_interval": "100000000",
}

func (l *Lab) space() (*netns.NS, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, err
	}
	l.spaces = append(l.spaces, ns)
	return ns, kernel.Sysctls(ns, quiet)
}

// mac is the hardware address of a new link.
func (l *Lab) mac() string {
	l.ports++
	return fmt.Sprintf("02:00:00:00:%02x:%02x", l.ports>>8, l.ports&0xff)
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
	if err := ip(sw, "link add br0 type bridge mcast_snooping 0", "link set br0 up"); err != nil {
		return err
	}
	mac, err := l.plug(sw, out, "eth0")
	if err != nil {
		return err
	}
	for _, m := range s.Members {
		l.behind[m], l.macs[m] = out, mac
		if l.own[m], err = l.plug(sw, l.hosts[m.Host], string(m.Link)); err != nil {
			return err
		}
	}
	return nil
}

// plug joins a namespace to a bridge and returns its hardware address there.
func (l *Lab) plug(sw, ns *netns.NS, iface string) (string, error) {
	mac := l.mac()
	port := fmt.Sprintf("p%d", l.ports)
	if err := netns.Join(netns.End{NS: sw, Name: port}, netns.End{NS: ns, Name: iface, MAC: mac}); err != nil {
		return "", err
	}
	return mac, ip(sw, "link set "+port+" master br0")
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

func (l *Lab) isPod(p host.Port) bool {
	for i := range l.fleet.Endpoints {
		if e := &l.fleet.Endpoints[i]; e.Host == p.Host && e.Link == p.Link && !e.HostNetwork {
			return true
		}
	}
	return false
}

// ip runs commands of ip in a namespace.
func ip(ns *netns.NS, commands ...string) error {
	_, err := ns.Run(strings.Join(commands, "\n"), "ip", "-batch", "-")
	return err
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

// Remove removes the connections that programs remove as the fleet becomes what it is.
func (l *Lab) Remove() error {
	for i := range l.fleet.Hosts {
		s := &l.fleet.Hosts[i]
		if len(s.Removals) == 0 {
			continue
		}
		err := kernel.RemoveConnections(l.hosts[s.Name], func(c *kernel.Conn) bool {
			t := host.Tracked{Proto: c.Proto, Src: netip.AddrPortFrom(c.Orig.Src, c.Orig.SrcPort),
				Dst: netip.AddrPortFrom(c.Orig.Dst, c.Orig.DstPort), Replies: netip.AddrPortFrom(c.Reply.Src, c.Reply.SrcPort)}
			return slices.ContainsFunc(s.Removals, func(r host.Removal) bool { return r.Removes(&t) })
		})
		if err != nil {
			return fmt.Errorf("%s: remove connections: %w", s.Name, err)
		}
	}
	return nil
}

// Rules reads a node's rules with their counters.
func (l *Lab) Rules(name host.Name) (*nf.Ruleset, error) {
	return kernel.ReadBack(l.hosts[name], &l.fleet.FindHost(name).Ruleset)
}

// Node returns a node's namespace, or nil.
func (l *Lab) Node(n host.Name) *netns.NS { return l.hosts[n] }
