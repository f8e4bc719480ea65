package felix

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

func TestLimited(t *testing.T) {
	for _, c := range []struct{ prefix, name, want string }{
		{"cali-pri-", "kns.default", "cali-pri-kns.default"},
		{"cali-pri-", "ksa.default.client-sa", "cali-pri-_RaZ3QRMY_HQmPEeVvY"},
		{"cali-fhfw-", anyIface, "cali-fhfw-_Nqh4HyA73udmyanQI"},
		{"cali-th-", anyIface, "cali-th-any-interface-at-all"},
		{"cali-pri-", "projectcalico-default-allow", "cali-pri-_TI1Jm4dJqQzYb0Rx3u"},
	} {
		if got := limited(c.prefix, c.name, maxIptablesChain); got != c.want {
			t.Errorf("limited(%q, %q) = %q, want %q", c.prefix, c.name, got, c.want)
		}
	}
}

func TestLimited_NeverLongAndNeverEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[_a-z./-]{1,40}`)
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		x, y := limited("cali-pi-", a, maxIptablesChain), limited("cali-pi-", b, maxIptablesChain)
		if len(x) > maxIptablesChain || (x == y) != (a == b) {
			t.Fatalf("%q and %q become %q and %q", a, b, x, y)
		}
	})
}

func TestAllocateMarks(t *testing.T) {
	for _, c := range []struct {
		mask      uint32
		wireguard bool
		want      marks
		fails     bool
	}{
		{mask: 0xffff0000, want: marks{accept: 0x10000, pass: 0x20000, drop: 0x40000, scratch0: 0x80000, scratch1: 0x100000, endpoint: 0xffe00000}},
		{mask: 0xff00, wireguard: true, want: marks{accept: 0x100, pass: 0x200, drop: 0x400, scratch0: 0x800, scratch1: 0x1000, wireguard: 0x2000, endpoint: 0xc000}},
		{mask: 0x80808f, want: marks{accept: 1, pass: 2, drop: 4, scratch0: 8, scratch1: 0x80, endpoint: 0x808000}},
		{mask: 0x1f, fails: true},
		{mask: 0x3f, wireguard: true, fails: true},
	} {
		got, err := allocateMarks(&resolve.Settings{MarkMask: c.mask, Wireguard: c.wireguard})
		if (err != nil) != c.fails || !c.fails && got != c.want {
			t.Errorf("mask %#x: %+v, %v", c.mask, got, err)
		}
	}
}

func TestSplitPorts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ports []resolve.PortRange
		for range rapid.IntRange(0, 60).Draw(t, "n") {
			from := rapid.Uint16().Draw(t, "from")
			ports = append(ports, resolve.PortRange{From: from, To: from + uint16(rapid.IntRange(0, 1).Draw(t, "more"))})
		}
		splits := splitPorts(ports)
		if joined := slices.Concat(splits...); !slices.Equal(joined, ports) {
			t.Fatalf("%v became %v", ports, joined)
		}
		for i, s := range splits {
			slots := 0
			for _, p := range s {
				slots++
				if p.From != p.To {
					slots++
				}
			}
			if slots > multiportSlots || i+1 < len(splits) && slots < multiportSlots-1 {
				t.Fatalf("split %d has %d slots", i, slots)
			}
		}
	})
}

// The interfaces' packets come to their own chains, and all others to the end.
func TestDispatchTree_ReachesEveryInterface(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOf(rapid.StringMatching(`cali[0-2]{0,3}`)).Draw(t, "names")
		probe := rapid.StringMatching(`cali[0-3]{0,3}|eth0`).Draw(t, "probe")
		r := &renderer{set: &resolve.Settings{}}
		d := dispatch{chain: "root", prefix: "to-", dir: nf.Src, end: []rule{on(nf.Drop{})}}
		want := "drop"
		if slices.Contains(names, probe) {
			want = "to-" + probe
		}
		if got := walkDispatch(r.dispatchTree(d, names), "root", probe); got != want {
			t.Fatalf("%q over %q comes to %q, want %q", probe, names, got, want)
		}
	})
}

// walkDispatch follows the gotos of a dispatch tree.
func walkDispatch(chains []chain, name, iface string) string {
	i := slices.IndexFunc(chains, func(c chain) bool { return c.name == name })
	if i < 0 {
		return name
	}
	for _, r := range chains[i].rules {
		match := len(r.match) == 0
		if !match {
			c := r.match[0].(ifaceIs)
			match = c.name == iface || c.prefix && strings.HasPrefix(iface, c.name)
		}
		if !match {
			continue
		}
		if g, ok := r.act.(nf.Goto); ok {
			return walkDispatch(chains, string(g.Chain), iface)
		}
		return "drop"
	}
	return "nothing"
}

func TestIptablesLimit_IsWhatTheKernelKeeps(t *testing.T) {
	for _, c := range []struct {
		in   rateLimit
		want nf.MatchLimit
	}{
		{rateLimit{rate: 2251, unit: nf.PerSecond, burst: 11}, nf.MatchLimit{Rate: 2500, Unit: nf.PerSecond, Burst: 11}},
		{rateLimit{rate: 100, unit: nf.PerSecond}, nf.MatchLimit{Rate: 100, Unit: nf.PerSecond, Burst: 5}},
		{rateLimit{rate: 120, unit: nf.PerMinute, burst: 5}, nf.MatchLimit{Rate: 2, Unit: nf.PerSecond, Burst: 5}},
		{rateLimit{rate: 10, unit: nf.PerMinute, burst: 5}, nf.MatchLimit{Rate: 10, Unit: nf.PerMinute, Burst: 5}},
		{rateLimit{rate: 100, unit: nf.PerDay, burst: 5}, nf.MatchLimit{Rate: 100, Unit: nf.PerDay, Burst: 5}},
	} {
		if got := iptablesLimit(c.in); got != nf.Stmt(c.want) {
			t.Errorf("%+v: got %+v, want %+v", c.in, got, c.want)
		}
	}
}

func TestMergePorts(t *testing.T) {
	pr := func(list ...uint16) (out []resolve.PortRange) {
		for i := 0; i < len(list); i += 2 {
			out = append(out, resolve.PortRange{From: list[i], To: list[i+1]})
		}
		return out
	}
	for _, c := range []struct{ in, want []resolve.PortRange }{
		{pr(8056, 8056, 8055, 8055), pr(8055, 8055, 8056, 8056)},
		{pr(8055, 8055, 48232, 48332, 8056, 8056), pr(8055, 8056, 48232, 48332)},
		{pr(1, 1023, 1024, 65535), pr(1, 65535)},
	} {
		if got := mergePorts(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%v became %v, want %v", c.in, got, c.want)
		}
	}
}

func TestHalveEverything(t *testing.T) {
	var in []resolve.Member
	for _, p := range []string{"0.0.0.0/0", "10.0.0.0/8", "::/0"} {
		in = append(in, resolve.Member{Prefix: netip.MustParsePrefix(p)})
	}
	got := ""
	for _, m := range halveEverything(in) {
		got += m.Prefix.String() + " "
	}
	if want := "0.0.0.0/1 128.0.0.0/1 10.0.0.0/8 ::/1 8000::/1 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// oneWorkload is a view with one workload under one policy with the rule.
func oneWorkload(nft bool, r resolve.Rule) *resolve.View {
	id := resolve.PolicyID{Kind: "GlobalNetworkPolicy", Name: "p"}
	set := resolve.DefaultSettings()
	set.NFTables = nft
	return &resolve.View{
		Hostname: "n", Settings: set,
		Policies: []resolve.Policy{{ID: id, Tier: "default", Selector: "all()", Inbound: []resolve.Rule{r}}},
		Workloads: []resolve.Workload{{
			Orchestrator: "k8s", Workload: "ns/w", Endpoint: "eth0", Active: true, Iface: "cali1",
			IPv4:  []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")},
			Tiers: []resolve.Tier{{Name: "default", DefaultAction: resolve.Deny, Ingress: []resolve.PolicyID{id}}},
		}},
	}
}

func TestProgram_Problems(t *testing.T) {
	echo := resolve.ICMP{Type: 8}
	coded := resolve.ICMP{Type: 8, HasCode: true}
	for _, c := range []struct {
		name     string
		rule     resolve.Rule
		ipt, nft bool
	}{
		{"fine", resolve.Rule{Action: resolve.Allow, Protocol: packet.ProtoICMP, ICMP: &echo, IPVersion: packet.IPv4}, false, false},
		{"type and code", resolve.Rule{Action: resolve.Allow, Protocol: packet.ProtoICMP, ICMP: &coded, IPVersion: packet.IPv4}, false, true},
		{"two protocols", resolve.Rule{Action: resolve.Allow, Protocol: packet.ProtoTCP, NotProtocol: packet.ProtoUDP}, true, false},
		{"icmp without protocol", resolve.Rule{Action: resolve.Deny, NotICMP: &echo, IPVersion: packet.IPv4}, true, false},
		{"icmp of tcp", resolve.Rule{Action: resolve.Deny, Protocol: packet.ProtoTCP, NotICMP: &echo, IPVersion: packet.IPv4}, true, true},
		{"icmp by its number in rules of IPv6", resolve.Rule{Action: resolve.Deny, Protocol: packet.ProtoICMP, NotICMP: &echo}, true, true},
		{"icmpv6 by its number in rules of IPv4", resolve.Rule{Action: resolve.Deny, Protocol: packet.ProtoICMPv6, NotICMP: &echo}, true, true},
	} {
		for _, nft := range []bool{false, true} {
			res, err := Program(oneWorkload(nft, c.rule))
			if err != nil {
				t.Fatal(err)
			}
			want := c.ipt
			if nft {
				want = c.nft
			}
			if got := len(res.Problems) > 0; got != want {
				t.Errorf("%s, nftables %v: problems %v", c.name, nft, res.Problems)
			}
		}
	}
}

func TestProgram_RejectInRaw(t *testing.T) {
	v := oneWorkload(false, resolve.Rule{Action: resolve.Deny})
	v.Settings.DenyReject = true
	res, err := Program(v)
	if err != nil || len(res.Problems) == 0 {
		t.Errorf("iptables mode: %v, %v", res.Problems, err)
	}
	v.Settings.NFTables = true
	if res, err = Program(v); err != nil || len(res.Problems) != 0 {
		t.Errorf("nftables mode: %v, %v", res.Problems, err)
	}
}

func TestProgram_NoChainsInBPFMode(t *testing.T) {
	v := oneWorkload(false, resolve.Rule{Action: resolve.Allow})
	v.Settings.BPF = true
	if _, err := Program(v); err == nil {
		t.Error("no error")
	}
}

// A protocol's number in quotes is a name to Felix, which crashes in nftables mode
// when the rule has ports.
func TestProgram_QuotedProtocol(t *testing.T) {
	ports := resolve.Match{Ports: []resolve.PortRange{{From: 80, To: 80}}}
	for _, c := range []struct {
		nft, quoted bool
		dst         resolve.Match
		want        int
	}{{true, true, ports, 1}, {true, true, resolve.Match{}, 0}, {true, false, ports, 0}, {false, true, ports, 0}} {
		res, err := Program(oneWorkload(c.nft, resolve.Rule{Action: resolve.Allow, Protocol: packet.ProtoTCP, QuotedProtocol: c.quoted, Dst: c.dst}))
		if err != nil || len(res.Problems) != c.want || c.want > 0 && !strings.Contains(res.Problems[0].Text, `ports of protocol "6"`) {
			t.Errorf("%+v: %v, %v", c, res.Problems, err)
		}
	}
}

// Every rule that a policy made says which rule of which policy it is.
func TestProgram_Origins(t *testing.T) {
	r := resolve.Rule{Action: resolve.Allow, Index: 3, Origin: resolve.Origin{File: "p.yaml", Line: 12}}
	res, err := Program(oneWorkload(false, r))
	if err != nil {
		t.Fatal(err)
	}
	filter := res.Ruleset.FindTable(nf.IptablesLegacy, nf.FamilyIP, "filter")
	first := filter.FindChain("cali-pi-gnp/p").Rules[0]
	want := Origin{
		Kind: "GlobalNetworkPolicy", Name: "p", Tier: "default", Direction: "ingress",
		Rule: 4, File: "p.yaml", Line: 12,
	}
	if got := res.Origins[first.Origin]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	var ends []string
	for _, one := range filter.FindChain("cali-tw-cali1").Rules {
		if o := res.Origins[one.Origin]; o.Kind != "" {
			ends = append(ends, o.Kind+" "+o.Name)
		}
	}
	if got := fmt.Sprint(ends); got != "[Tier default Profiles ]" {
		t.Errorf("ends of the workload's chain: %s", got)
	}
}

// The order of a view's unordered parts never changes the result.
func TestProgram_OrderOfInputDoesNotMatter(t *testing.T) {
	for name, parts := range recordings(t) {
		for _, nft := range []bool{false, true} {
			v := recordedView(t, parts, nft)
			want := programJSON(t, v)
			for i := range v.IPSets {
				slices.Reverse(v.IPSets[i].Members)
			}
			slices.Reverse(v.IPSets)
			slices.Reverse(v.Pools)
			if got := programJSON(t, v); got != want {
				t.Errorf("%s, nftables %v: another result", name, nft)
			}
		}
	}
}

func programJSON(t *testing.T, v *resolve.View) string {
	t.Helper()
	res, err := Program(v)
	if err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	return string(j)
}
