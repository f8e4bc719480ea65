package route_test

import (
	"net/netip"
	"testing"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/route"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func to(dst, via string, dev host.LinkName) host.Route {
	r := host.Route{Table: host.TableMain, Type: host.RouteUnicast, Dst: netip.MustParsePrefix(dst)}
	h := host.NextHop{Dev: dev}
	if via != "" {
		h.Via = addr(via)
	} else {
		r.Scope = host.ScopeLink
	}
	r.Hops = []host.NextHop{h}
	return r
}

func special(dst string, typ host.RouteType) host.Route {
	r := to(dst, "", "")
	r.Type, r.Hops = typ, nil
	return r
}

func link(name host.LinkName, prefixes ...string) host.Link {
	l := host.Link{Name: name, Up: true, Loopback: name == "lo"}
	for _, p := range prefixes {
		a := host.Addr{Prefix: netip.MustParsePrefix(p)}
		if l.Loopback {
			a.Scope = host.ScopeHost
		}
		l.Addrs = append(l.Addrs, a)
	}
	return l
}

func node() *host.State {
	return &host.State{
		Links: []host.Link{link("lo", "127.0.0.1/8", "::1/128"), link("eth0", "192.0.2.1/32", "10.0.0.1/24", "2001:db8::1/64"), link("eth1", "10.1.0.1/24"), link("cali0")},
		Routes: []host.Route{to("10.0.0.0/24", "", "eth0"), to("10.1.0.0/24", "", "eth1"), to("10.65.0.2/32", "", "cali0"),
			special("10.65.0.0/26", host.RouteBlackhole), special("10.66.0.0/16", host.RouteUnreachable), special("10.67.0.0/16", host.RouteProhibit),
			special("10.0.0.128/25", host.RouteThrow), to("0.0.0.0/0", "10.0.0.254", "eth0"), to("2001:db8::/64", "", "eth0")},
		Sysctls: map[string]string{"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}}
}

func TestInput(t *testing.T) {
	for _, row := range []struct {
		name, src, dst string
		dev            host.LinkName
		sysctl         string
		err            route.Err
		local          bool
		out            host.LinkName
	}{
		{"longest prefix", "10.0.0.9", "10.65.0.2", "eth0", "", route.OK, false, "cali0"},
		{"default route", "10.65.0.2", "8.8.8.8", "cali0", "", route.OK, false, "eth0"},
		{"blackhole", "10.0.0.9", "10.65.0.3", "eth0", "", route.Invalid, false, ""},
		{"unreachable", "10.0.0.9", "10.66.0.3", "eth0", "", route.HostUnreach, false, ""},
		{"prohibit", "10.0.0.9", "10.67.0.3", "eth0", "", route.Prohibited, false, ""},
		{"throw ends the table", "10.65.0.2", "10.0.0.200", "cali0", "", route.NetUnreach, false, ""},
		{"own address", "10.0.0.9", "10.0.0.1", "eth0", "", route.OK, true, "lo"},
		{"address of another link", "10.0.0.9", "10.1.0.1", "eth0", "", route.OK, true, "lo"},
		{"subnet broadcast", "10.0.0.9", "10.0.0.255", "eth0", "", route.OK, true, "lo"},
		{"limited broadcast", "10.0.0.9", "255.255.255.255", "eth0", "", route.OK, true, "lo"},
		{"source is broadcast", "255.255.255.255", "10.0.0.1", "eth0", "", route.MartianSource, false, ""},
		{"source 0.0.0.0", "0.0.0.0", "10.0.0.1", "eth0", "", route.MartianSource, false, ""},
		{"destination 0.0.0.0", "10.0.0.9", "0.0.0.0", "eth0", "", route.MartianDest, false, ""},
		{"source 0/8", "0.0.0.9", "10.0.0.1", "eth0", "", route.OK, true, "lo"},
		{"destination 0/8", "10.0.0.9", "0.0.0.9", "eth0", "", route.OK, false, "eth0"},
		{"loopback destination", "10.0.0.9", "127.0.0.1", "eth0", "", route.MartianDest, false, ""},
		{"loopback destination allowed", "10.0.0.9", "127.0.0.1", "eth0", "net.ipv4.conf.eth0.route_localnet=1", route.OK, true, "lo"},
		{"own source", "10.1.0.1", "10.65.0.2", "eth0", "", route.MartianSource, false, ""},
		{"own source accepted", "10.1.0.1", "10.65.0.2", "eth0", "net.ipv4.conf.all.accept_local=1", route.OK, false, "cali0"},
		{"no rp_filter", "10.1.0.9", "10.65.0.2", "eth0", "", route.OK, false, "cali0"},
		{"strict rp_filter", "10.1.0.9", "10.65.0.2", "eth0", "net.ipv4.conf.all.rp_filter=1", route.ReversePath, false, ""},
		{"loose rp_filter", "10.1.0.9", "10.65.0.2", "eth0", "net.ipv4.conf.eth0.rp_filter=2", route.OK, false, "cali0"},
		{"loose rp_filter, no address on the link", "10.1.0.9", "8.8.8.8", "cali0", "net.ipv4.conf.all.rp_filter=2", route.ReversePath, false, ""},
		{"not forwarding", "10.0.0.9", "10.65.0.2", "eth0", "net.ipv4.conf.eth0.forwarding=0", route.HostUnreach, false, ""},
		{"IPv6 own address", "2001:db8::9", "2001:db8::1", "eth0", "", route.OK, true, "lo"},
		{"IPv6 solicited node", "2001:db8::9", "ff02::1:ff00:1", "eth0", "", route.OK, true, "lo"},
		{"IPv6 no route", "2001:db8::9", "2001:db9::1", "eth0", "", route.NetUnreach, false, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := node()
			for i := range len(row.sysctl) {
				if row.sysctl[i] == '=' {
					s.Sysctls[row.sysctl[:i]] = row.sysctl[i+1:]
				}
			}
			r := route.New(s).Input(&route.Flow{Src: addr(row.src), Dst: addr(row.dst), IIF: row.dev})
			if r.Err != row.err || r.Unknown != "" || r.Local() != row.local || row.out != "" && r.Dev != row.out {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestOutput_Source(t *testing.T) {
	for _, row := range []struct {
		dst  string
		oif  host.LinkName
		src  string
		dev  host.LinkName
		fail bool
	}{
		{"10.0.0.9", "", "10.0.0.1", "eth0", false}, // the route has no gateway: the first address of its scope
		{"8.8.8.8", "", "10.0.0.1", "eth0", false},  // the address in the gateway's subnet
		{"10.65.0.2", "", "192.0.2.1", "cali0", false},
		{"127.0.0.1", "", "127.0.0.1", "lo", false},
		{"10.1.0.1", "", "10.1.0.1", "lo", false},
		{"8.8.8.8", "eth1", "10.1.0.1", "eth1", false}, // bound: supposed on the link
		{"10.65.0.3", "", "", "", true},
		{"2001:db8::7", "", "2001:db8::1", "eth0", false},
	} {
		s := node()
		s.Routes[0].PrefSrc = addr("10.0.0.1")
		r := route.New(s).Output(&route.Flow{Dst: addr(row.dst), OIF: row.oif}, false)
		if (r.Err != route.OK) != row.fail || !row.fail && (r.Src != addr(row.src) || r.Dev != row.dev) {
			t.Errorf("%s: got %+v, want %+v", row.dst, r, row)
		}
	}
}

// What an IPv6 source has in common with the destination behind its own prefix
// does not count: of equals the first is taken (ipv6_dev_get_saddr, rule 8).
func TestSelectAddr6_CommonPrefixEndsAtTheAddresses(t *testing.T) {
	s := node()
	s.Links[1].Addrs = []host.Addr{{Prefix: netip.MustParsePrefix("fd00::8/64")}, {Prefix: netip.MustParsePrefix("fd00::1/64")},
		{Prefix: netip.MustParsePrefix("fd01::1/64")}}
	tables := route.New(s)
	for dst, want := range map[string]string{"fd00::2": "fd00::8", "fd01::2": "fd01::1", "fd00::1": "fd00::1"} {
		if got := tables.SelectAddr6(s.Links[1].Name, addr(dst)); got != addr(want) {
			t.Errorf("to %s: from %s, want %s", dst, got, want)
		}
	}
}

func TestLookup_Rules(t *testing.T) {
	s := node()
	other := to("0.0.0.0/0", "10.1.0.254", "eth1")
	other.Table = 100
	s.Routes = append(s.Routes, other)
	rule := func(prio uint32, r host.Rule) host.Rule {
		r.Priority, r.Family = prio, packet.IPv4
		if r.Action == 0 {
			r.Action = host.ActionLookup
		}
		return r
	}
	s.Rules = []host.Rule{
		rule(0, host.Rule{Table: host.TableLocal}),
		rule(10, host.Rule{Table: host.TableMain, SuppressPrefixLength: 1}),
		rule(20, host.Rule{Mark: 1, Mask: 1, Table: 100}),
		rule(30, host.Rule{From: netip.MustParsePrefix("10.65.0.0/16"), Table: 100}),
		rule(40, host.Rule{Proto: packet.ProtoUDP, DPortLo: 53, DPortHi: 53, Action: host.ActionProhibit}),
		rule(50, host.Rule{IIF: "cali0", Action: host.ActionGoto, Goto: 32766}),
		rule(60, host.Rule{TOS: 0x10, Action: host.ActionUnreachable}),
		rule(32766, host.Rule{Table: host.TableMain}),
	}
	tables := route.New(s)
	for name, row := range map[string]struct {
		f   route.Flow
		dev host.LinkName
		err route.Err
	}{
		"main by default":             {route.Flow{Dst: addr("8.8.8.8")}, "eth0", route.OK},
		"mark":                        {route.Flow{Dst: addr("8.8.8.8"), Mark: 3}, "eth1", route.OK},
		"from":                        {route.Flow{Dst: addr("8.8.8.8"), Src: addr("10.65.0.9")}, "eth1", route.OK},
		"suppressed default, not /24": {route.Flow{Dst: addr("10.0.0.7"), Mark: 1}, "eth0", route.OK},
		"port":                        {route.Flow{Dst: addr("8.8.8.8"), Proto: packet.ProtoUDP, DstPort: 53}, "", route.Prohibited},
		"tos":                         {route.Flow{Dst: addr("8.8.8.8"), TOS: 0x10}, "", route.NetUnreach},
		"goto jumps over tos":         {route.Flow{Dst: addr("8.8.8.8"), TOS: 0x10, IIF: "cali0"}, "eth0", route.OK},
	} {
		if r := tables.Lookup(&row.f); r.Err != row.err || r.Dev != row.dev {
			t.Errorf("%s: got %+v", name, r)
		}
	}
}

// With the default rules alone the tables local and main are one trie.
func TestLookup_LocalAndMainShareATrie(t *testing.T) {
	s := node()
	s.Routes = append(s.Routes, to("127.5.0.0/16", "", "eth1"))
	if r := route.New(s).Lookup(&route.Flow{Dst: addr("127.5.0.1")}); r.Dev != "eth1" {
		t.Errorf("got %+v", r)
	}
}

func TestLookup_UnknownSelector(t *testing.T) {
	s := node()
	s.Rules = []host.Rule{{Priority: 1, Family: packet.IPv4, Opaque: "uidrange 0-0", Action: host.ActionLookup, Table: host.TableMain}}
	if r := route.New(s).Lookup(&route.Flow{Dst: addr("8.8.8.8")}); r.Unknown == "" {
		t.Errorf("got %+v", r)
	}
}

func TestLookup_MultipathSaysSo(t *testing.T) {
	s := node()
	r := to("9.0.0.0/8", "10.0.0.2", "eth0")
	r.Hops = append(r.Hops, host.NextHop{Via: addr("10.1.0.2"), Dev: "eth1"})
	s.Routes = append(s.Routes, r)
	got := route.New(s).Lookup(&route.Flow{Dst: addr("9.9.9.9")})
	if got.Hops != 2 || got.Dev != "eth0" {
		t.Errorf("got %+v", got)
	}
	if got = route.New(s).Lookup(&route.Flow{Dst: addr("9.9.9.9"), Hop: 1}); got.Dev != "eth1" || got.Via != addr("10.1.0.2") {
		t.Errorf("the second hop: got %+v", got)
	}
	s.Routes[len(s.Routes)-1].Hops[0].Dead = true
	if got = route.New(s).Lookup(&route.Flow{Dst: addr("9.9.9.9")}); got.Hops != 1 || got.Dev != "eth1" {
		t.Errorf("a dead next hop: got %+v", got)
	}
}

func TestInput_AllocatesNothing(t *testing.T) {
	tables := route.New(node())
	f := route.Flow{Src: addr("10.0.0.9"), Dst: addr("10.65.0.2"), IIF: "eth0"}
	if n := testing.AllocsPerRun(100, func() { tables.Input(&f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
