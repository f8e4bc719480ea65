package kernel

import (
	"net/netip"
	"testing"

	"tortie/dataplane/host"
	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

var tables = []string{"iptables-legacy-restore", "iptables-nft-restore", "ipset", "nft"}

func sample() *host.State {
	rule := func(body ...nf.Stmt) nf.Rule { return nf.Rule{Body: body} }
	base, _ := nf.IptablesBase("filter", "FORWARD")
	filter := nf.Table{Family: nf.FamilyIP, Name: "filter", Backend: nf.IptablesLegacy, Chains: []nf.Chain{
		{Name: "FORWARD", Base: &base, Rules: []nf.Rule{
			rule(nf.MatchProto{Proto: packet.ProtoTCP}, nf.MatchSet{Set: "hosts", Dirs: []nf.Dir{nf.Src}}, nf.Jump{Chain: "mine"}),
		}},
		{Name: "mine", Rules: []nf.Rule{rule(nf.MatchMark{Value: 1, Mask: 0xff}, nf.Drop{}), rule(nf.SetMark{Value: 1, Mask: 0xff})}},
	}}
	native := nf.Table{Family: nf.FamilyIP, Name: "calico", Backend: nf.NFTables, Chains: []nf.Chain{
		{Name: "forwarded", Base: &nf.Base{Type: nf.TypeFilter, Hook: nf.Forward, Priority: 10, Policy: nf.PolicyAccept},
			Rules: []nf.Rule{rule(nf.Counter{}, nf.Accept{})}},
	}}
	return &host.State{
		Name: "n",
		Links: []host.Link{
			{Name: "lo", Up: true, Loopback: true},
			{Name: "eth0", Up: true, Addrs: []host.Addr{{Prefix: netip.MustParsePrefix("192.0.2.1/24")}, {Prefix: netip.MustParsePrefix("2001:db8::1/64")}}},
		},
		Routes: []host.Route{
			{Table: host.TableMain, Type: host.RouteUnicast, Dst: netip.MustParsePrefix("198.51.100.0/24"), Hops: []host.NextHop{{Via: netip.MustParseAddr("192.0.2.2"), Dev: "eth0"}}},
			{Table: 7, Type: host.RouteBlackhole, Dst: netip.MustParsePrefix("203.0.113.0/24")},
		},
		Rules:   []host.Rule{{Priority: 100, Family: packet.IPv4, Mark: 1, Mask: 0xf, Action: host.ActionLookup, Table: 7}},
		Sysctls: map[string]string{"net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0.rp_filter": "2"},
		Ruleset: nf.Ruleset{
			IPSets: []nf.Set{{Name: "hosts", Type: "hash:ip", Family: packet.IPv4, Elements: []nf.Element{{Key: []nf.Datum{nf.AddrDatum(netip.MustParseAddr("192.0.2.7"))}}}}},
			Tables: []nf.Table{filter, native},
		},
	}
}

func TestApply_ReadBackHasTheSameRules(t *testing.T) {
	netns.Require(t, tables...)
	ns := netns.ForTest(t)
	s := sample()
	if err := Apply(ns, s); err != nil {
		t.Fatal(err)
	}
	got, err := ReadBack(ns, &s.Ruleset)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range s.Ruleset.Tables {
		table := got.FindTable(want.Backend, want.Family, want.Name)
		if table == nil {
			t.Errorf("no table %s", want.Name)
			continue
		}
		for _, c := range want.Chains {
			gc := table.FindChain(c.Name)
			if gc == nil || len(gc.Rules) != len(c.Rules) {
				t.Errorf("chain %s: got %+v, want %d rules", c.Name, gc, len(c.Rules))
			}
		}
	}
	if len(got.IPSets) != 1 || len(got.IPSets[0].Elements) != 1 {
		t.Errorf("sets: %+v", got.IPSets)
	}
}

func TestApply_Network(t *testing.T) {
	netns.Require(t, append(tables, "ip", "sysctl")...)
	ns := netns.ForTest(t)
	if err := Apply(ns, sample()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want string
		tool []string
	}{
		{"198.51.100.0/24 via 192.0.2.2 dev eth0 \n", []string{"ip", "route", "show", "198.51.100.0/24"}},
		{"blackhole 203.0.113.0/24 \n", []string{"ip", "route", "show", "table", "7"}},
		{"100:\tfrom all fwmark 0x1/0xf lookup 7\n", []string{"ip", "rule", "show", "prio", "100"}},
		{"net.ipv4.conf.eth0.rp_filter = 2\n", []string{"sysctl", "net.ipv4.conf.eth0.rp_filter"}},
	} {
		got, err := ns.Run("", c.tool[0], c.tool[1:]...)
		if err != nil || got != c.want {
			t.Errorf("%v: got %q (%v), want %q", c.tool, got, err, c.want)
		}
	}
}

func TestParseConn(t *testing.T) {
	line := "tcp      6 119 TIME_WAIT src=172.31.0.1 dst=172.31.0.2 sport=40061 dport=30080 packets=5 bytes=268 src=10.65.0.2 dst=172.31.0.1 sport=8055 dport=49200 packets=3 bytes=202 [ASSURED] mark=7 use=1"
	want := Conn{Proto: packet.ProtoTCP, State: "TIME_WAIT", Timeout: 119, Assured: true, Mark: 7,
		Orig:  Tuple{Src: netip.MustParseAddr("172.31.0.1"), Dst: netip.MustParseAddr("172.31.0.2"), SrcPort: 40061, DstPort: 30080},
		Reply: Tuple{Src: netip.MustParseAddr("10.65.0.2"), Dst: netip.MustParseAddr("172.31.0.1"), SrcPort: 8055, DstPort: 49200}}
	if got, err := ParseConn(line); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "tcp 6", "tcp x 1 a", "udp 17 9 src=1 dst=2"} {
		if _, err := ParseConn(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
