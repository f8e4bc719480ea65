package felix

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"tortie/compiler/resolve"
	"tortie/dataplane/packet"
)

// Where a recorded Felix worked, nothing says that it crashes.
func TestProgram_NoCrashWhereFelixWorked(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.json.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, f := range files {
		s := readScenario(t, f)
		for mode, in := range map[string]struct{ rules, env, addrs string }{
			"iptables": {s.Iptables, s.Env, s.Addrs}, "nftables": {s.NFT, s.NFTEnv, s.NFTAddrs},
		} {
			if in.rules == "" {
				continue
			}
			v, _ := viewOf(t, s.Inputs, in.env, in.addrs)
			res, err := Program(v)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range res.Problems {
				if strings.Contains(p.Text, "crash") {
					t.Errorf("%s, %s: %s", filepath.Base(f), mode, p.Text)
				}
			}
		}
	}
}

// Settings with which a recorded Felix crashed.
func TestProgram_SettingsThatCrash(t *testing.T) {
	for _, c := range []struct {
		name     string
		set      func(s *resolve.Settings)
		ipt, nft bool
	}{
		{"none", func(s *resolve.Settings) {}, false, false},
		{"one log line a day", func(s *resolve.Settings) { s.LogRateLimit = "1/day" }, true, false},
		{"a hundred log lines a day", func(s *resolve.Settings) { s.LogRateLimit = "100/day" }, false, false},
		{"interface filter with +", func(s *resolve.Settings) { s.NATOutgoingInterfaceFilter = "eth+" }, false, true},
		{"external nodes within others", func(s *resolve.Settings) {
			s.NATExcludeHosts = true
			s.ExternalNodes = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16")}
		}, false, true},
		{"small sets", func(s *resolve.Settings) {
			s.NATExcludeHosts, s.MaxIPSetSize = true, 1
			s.ExternalNodes = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("11.0.0.0/8")}
		}, true, false},
		{"log prefix", func(s *resolve.Settings) { s.LogPrefix = strings.Repeat("p", 126) }, false, true},
		{"reject", func(s *resolve.Settings) { s.DenyReject = true }, true, false},
	} {
		for _, nft := range []bool{false, true} {
			v := oneWorkload(nft, resolve.Rule{Action: resolve.Log})
			v.Pools = []resolve.Pool{{CIDR: v.Workloads[0].IPv4[0], Masquerade: true}}
			c.set(&v.Settings)
			res, err := Program(v)
			if err != nil {
				t.Fatal(err)
			}
			want := c.ipt
			if nft {
				want = c.nft
			}
			if got := len(res.Problems) > 0; got != want {
				t.Errorf("%s, nftables %v: %v", c.name, nft, res.Problems)
			}
		}
	}
}

// Felix limits names before it puts the layer's name in front of them.
func TestProgram_LongNamesCrashNftables(t *testing.T) {
	for n, want := range map[int]bool{100: false, 236: false, 237: true, 253: true} {
		v := oneWorkload(true, resolve.Rule{Action: resolve.Allow})
		id := resolve.PolicyID{Kind: "GlobalNetworkPolicy", Name: strings.Repeat("n", n)}
		v.Policies[0].ID, v.Workloads[0].Tiers[0].Ingress = id, []resolve.PolicyID{id}
		res, err := Program(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(res.Problems) > 0; got != want {
			t.Errorf("a policy name of %d bytes: %v", n, res.Problems)
		}
	}
}

// nft 1.0.6 cannot list a look-up with a port behind a protocol that it does not
// know the header of.
func TestProgram_ServiceInRuleOfUnlistedProtocol(t *testing.T) {
	for proto, problems := range map[packet.Proto]int{packet.ProtoTCP: 0, packet.ProtoUDPLite: 0, packet.ProtoICMP: 0, packet.ProtoIPIP: 1, 255: 1} {
		v := &resolve.View{Settings: resolve.DefaultSettings(), Policies: []resolve.Policy{{
			ID:      resolve.PolicyID{Kind: "GlobalNetworkPolicy", Name: "p"},
			Inbound: []resolve.Rule{{Action: resolve.Allow, Protocol: proto, Dst: resolve.Match{Services: []string{"svc:x"}}}},
		}}}
		v.Workloads = []resolve.Workload{{
			Workload: "a/b", Iface: "cali1", Active: true,
			Tiers: []resolve.Tier{{Name: "default", DefaultAction: resolve.Deny, Ingress: []resolve.PolicyID{v.Policies[0].ID}}},
		}}
		v.Settings.NFTables, v.Settings.IPv6 = true, false
		res, err := Program(v)
		if err != nil || len(res.Problems) != problems {
			t.Errorf("protocol %s: %v %v", proto, err, res.Problems)
		}
	}
}
