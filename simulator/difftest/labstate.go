package difftest

import (
	"net/netip"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// at is an address of the lab in a family, named by its IPv4 form: 10.1.0.2 is
// fd00:1::2 in IPv6, and 192.0.2.1 is 2001:db8::1.
func at(fam packet.Family, v4 string) netip.Addr {
	a := netip.MustParseAddr(v4)
	if fam == packet.IPv4 {
		return a
	}
	b := a.As4()
	if b[0] == 10 {
		return netip.AddrFrom16([16]byte{0: 0xfd, 3: b[1], 15: b[3]})
	}
	return netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 15: b[3]})
}

// prefixAt is a prefix of the lab in a family, named by its IPv4 form.
func prefixAt(fam packet.Family, v4 string) netip.Prefix {
	p := netip.MustParsePrefix(v4)
	bits := p.Bits()
	if fam == packet.IPv6 {
		bits = map[int]int{0: 0, 8: 16, 16: 32, 24: 64, 31: 127, 32: 128}[bits]
	}
	return netip.PrefixFrom(at(fam, p.Addr().String()), bits)
}

var families = []packet.Family{packet.IPv4, packet.IPv6}

// labAddrs are the IPv4 forms of the addresses that exist on each side.
var labAddrs = map[string][]string{
	Left:  {"10.1.0.2", "10.1.0.3"},
	Right: {"10.2.0.2", "10.2.0.3"},
	Local: {"10.1.0.1", "10.2.0.1"},
}

// routerState is the router without rules. ICMP is not rate-limited and there
// are no redirects, because both depend on the clock; and the router's IPv6 says
// nothing on its own: no link-local addresses, no solicitations of routers, and
// reports of groups only when rules are not loaded yet.
func routerState() *host.State {
	link := func(i int, name host.LinkName, net string) host.Link {
		return host.Link{Index: i, Name: name, Up: true, MTU: 1500, Addrs: []host.Addr{
			{Prefix: netip.PrefixFrom(at(packet.IPv4, net), 24)}, {Prefix: netip.PrefixFrom(at(packet.IPv6, net), 64)}}}
	}
	lo := host.Link{Index: 1, Name: "lo", Up: true, Loopback: true, MTU: 65536, Addrs: []host.Addr{
		{Prefix: netip.MustParsePrefix("127.0.0.1/8"), Scope: host.ScopeHost}, {Prefix: netip.MustParsePrefix("::1/128"), Scope: host.ScopeHost}}}
	s := &host.State{Name: routerName, Links: []host.Link{lo, link(2, "lr", "10.1.0.1"), link(3, "rr", "10.2.0.1")}, Sysctls: map[string]string{
		"net.ipv4.ip_forward": "1", "net.ipv4.icmp_ratelimit": "0", "net.ipv4.icmp_ratemask": "0", "net.ipv4.icmp_msgs_per_sec": "1000000", "net.ipv4.icmp_msgs_burst": "1000000",
		"net.ipv6.conf.all.forwarding": "1", "net.ipv6.icmp.ratelimit": "0",
	}}
	for _, l := range []string{"all", "default", "lr", "rr"} {
		s.Sysctls["net.ipv4.conf."+l+".send_redirects"] = "0"
		s.Sysctls["net.ipv4.conf."+l+".rp_filter"] = "0"
	}
	for name, value := range silence {
		for _, l := range []string{"default", "lr", "rr"} {
			s.Sysctls[strings.ReplaceAll(name, "*", l)] = value
		}
	}
	for _, l := range s.Links {
		for _, a := range l.Addrs {
			s.Routes = append(s.Routes, connectedRoutes(l, a.Prefix)...)
		}
	}
	for _, fam := range families {
		s.Routes = append(s.Routes, host.Route{Table: host.TableMain, Type: host.RouteUnicast, Dst: netip.PrefixFrom(unspecified(fam), 0),
			Hops: []host.NextHop{{Via: at(fam, "10.2.0.2"), Dev: "rr"}}})
	}
	return s
}

// silence are the sysctls of a link that keep the kernel's IPv6 quiet; they must
// be set before the link exists.
var silence = map[string]string{
	"net.ipv6.conf.*.addr_gen_mode": "1", "net.ipv6.conf.*.forwarding": "1", "net.ipv6.conf.*.force_mld_version": "1", "net.ipv6.conf.*.router_solicitations": "0", "net.ipv6.conf.*.accept_ra": "0", "net.ipv6.conf.*.dad_transmits": "0",
	"net.ipv6.conf.*.mldv1_unsolicited_report_interval": "100000000", "net.ipv6.conf.*.mldv2_unsolicited_report_interval": "100000000",
}

func unspecified(fam packet.Family) netip.Addr {
	if fam == packet.IPv4 {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// connectedRoutes are the routes that the kernel makes for a link's address.
func connectedRoutes(l host.Link, a netip.Prefix) []host.Route {
	hop := []host.NextHop{{Dev: l.Name}}
	single := netip.PrefixFrom(a.Addr(), a.Addr().BitLen())
	local := host.Route{Table: host.TableLocal, Type: host.RouteLocal, Dst: single, Scope: host.ScopeHost, PrefSrc: a.Addr(), Hops: hop, Protocol: "kernel"}
	net := host.Route{Table: host.TableMain, Type: host.RouteUnicast, Dst: a.Masked(), Scope: host.ScopeLink, PrefSrc: a.Addr(), Hops: hop, Protocol: "kernel"}
	if a.Addr().Is6() {
		if l.Loopback {
			return []host.Route{local}
		}
		group := host.Route{Table: host.TableLocal, Type: host.RouteMulticast, Dst: netip.MustParsePrefix("ff00::/8"), Hops: hop, Protocol: "kernel"}
		anycast := host.Route{Table: host.TableLocal, Type: host.RouteAnycast, Dst: netip.PrefixFrom(a.Masked().Addr(), 128), Hops: hop, Protocol: "kernel"}
		net.PrefSrc = netip.Addr{}
		return []host.Route{local, anycast, net, group}
	}
	broadcast := host.Route{Table: host.TableLocal, Type: host.RouteBroadcast, Dst: netip.PrefixFrom(nf.PrefixDatum(a).AddrTo, 32), Scope: host.ScopeLink, PrefSrc: a.Addr(), Hops: hop, Protocol: "kernel"}
	if l.Loopback {
		net.Table, net.Type, net.Scope = host.TableLocal, host.RouteLocal, host.ScopeHost
	}
	return []host.Route{local, broadcast, net}
}
