package dump

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"tortie/compiler/diag"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

const ipAddr = `1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
2: eth0@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br0 state UP group default
    link/ether d2:3b:a0:62:0c:57 brd ff:ff:ff:ff:ff:ff link-netns sw promiscuity 0
    veth numtxqueues 2 numrxqueues 2
    inet 172.31.0.1/24 brd 172.31.0.255 scope global eth0
    inet 172.31.0.9/24 scope global secondary eth0
    inet6 fd00:172:31::1/64 scope global nodad 
6: vxlan.calico: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1450 qdisc noqueue state DOWN
    link/ether 66:f9:37:c3:7e:94 brd ff:ff:ff:ff:ff:ff
    vxlan id 4096 local 172.31.0.1 dev eth0 srcport 0 0 dstport 4789 nolearning ttl auto
7: tunl0@NONE: <NOARP> mtu 1480 qdisc noop state DOWN
    link/ipip 172.31.0.1 brd 0.0.0.0
    ipip remote any local 172.31.0.1 ttl inherit nopmtudisc
    inet 10.0.0.1 peer 10.0.0.2/32 scope link tunl0
`

const ipRules = `0:	from all lookup local
100:	not from 10.0.0.0/8 to 10.9.0.0/16 fwmark 0x10/0xff iif eth0 ipproto tcp dport 80-90 lookup 7
32766:	from all lookup main suppress_prefixlength 0
32767:	from all lookup default
0:	from all lookup local
32766:	from all lookup main
`

const ipRoutes = `default via 172.31.0.100 dev eth0 
blackhole 10.65.0.0/26 proto bird 
10.65.0.2 dev cali1 scope link metric 1024 
10.66.0.0/24 proto static 
	nexthop via 172.31.0.2 dev eth0 weight 2 
	nexthop via 172.31.0.3 dev eth0 weight 1 dead linkdown 
local 127.0.0.1 dev lo table local proto kernel scope host src 127.0.0.1 
10.65.1.0/26 via 10.65.1.0 dev vxlan.calico onlink mtu 1450 
default dev eth0 metric 1024 pref medium
multicast ff00::/8 dev eth0 table local proto kernel metric 256 pref medium
`

const neighbourText = `10.65.1.0 dev vxlan.calico lladdr 66:00:00:00:00:02 PERMANENT
66:00:00:00:00:02 dev vxlan.calico dst 172.31.0.2 self permanent
`

const sysctlText = `net.ipv4.ip_forward = 1
/proc/sys/net/ipv4/conf/eth0.5/rp_filter=2
net/ipv4/conf/all/rp_filter = 0
`

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func ip(s string) netip.Addr    { return netip.MustParseAddr(s) }

var compare = cmp.Options{
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
	cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
}

func readText(t *testing.T, text string) *host.State {
	t.Helper()
	s, findings := ReadFiles([]File{{"node.txt", text}}, "n")
	for _, f := range findings {
		t.Errorf("%s: %s", f.Span, f.Message)
	}
	return s
}

func TestReadFiles_Links(t *testing.T) {
	want := []host.Link{
		{Index: 1, Name: "lo", Up: true, Loopback: true, MTU: 65536, MAC: "00:00:00:00:00:00",
			Addrs: []host.Addr{{Prefix: pfx("127.0.0.1/8"), Scope: host.ScopeHost}}},
		{Index: 2, Name: "eth0", Kind: "veth", Up: true, MTU: 1500, MAC: "d2:3b:a0:62:0c:57", Master: "br0",
			Opaque: "is a port of br0, by which its packets come in",
			Addrs: []host.Addr{
				{Prefix: pfx("172.31.0.1/24"), Broadcast: ip("172.31.0.255")},
				{Prefix: pfx("172.31.0.9/24"), Secondary: true},
				{Prefix: pfx("fd00:172:31::1/64")},
			}},
		{Index: 6, Name: "vxlan.calico", Kind: "vxlan", Up: true, NoCarrier: true, MTU: 1450, MAC: "66:f9:37:c3:7e:94",
			VXLAN: &host.VXLAN{VNI: 4096, Port: 4789, Local: ip("172.31.0.1"),
				FDB: []host.VXLANPeer{{Via: ip("10.65.1.0"), Remote: ip("172.31.0.2"), MAC: "66:00:00:00:00:02"}}}},
		{Index: 7, Name: "tunl0", Kind: "ipip", MTU: 1480, TunnelLocal: ip("172.31.0.1"),
			Addrs: []host.Addr{{Prefix: pfx("10.0.0.1/32"), Peer: pfx("10.0.0.2/32"), Scope: host.ScopeLink}}},
	}
	if d := cmp.Diff(want, readText(t, ipAddr+neighbourText).Links, compare); d != "" {
		t.Error(d)
	}
}

func TestReadFiles_Rules(t *testing.T) {
	lookup := func(prio uint32, f packet.Family, table uint32) host.Rule {
		return host.Rule{Priority: prio, Family: f, Action: host.ActionLookup, Table: table}
	}
	main := lookup(32766, packet.IPv4, host.TableMain)
	main.SuppressPrefixLength = 1
	want := []host.Rule{
		lookup(0, packet.IPv4, host.TableLocal),
		{Priority: 100, Family: packet.IPv4, Invert: true, From: pfx("10.0.0.0/8"), To: pfx("10.9.0.0/16"),
			Mark: 0x10, Mask: 0xff, IIF: "eth0", Proto: packet.ProtoTCP, DPortLo: 80, DPortHi: 90,
			Action: host.ActionLookup, Table: 7},
		main,
		lookup(32767, packet.IPv4, host.TableDefault),
		lookup(0, packet.IPv6, host.TableLocal),
		lookup(32766, packet.IPv6, host.TableMain),
	}
	if d := cmp.Diff(want, readText(t, ipRules).Rules, compare); d != "" {
		t.Error(d)
	}
}

func TestReadFiles_Routes(t *testing.T) {
	uni := host.RouteUnicast
	want := []host.Route{
		{Table: 254, Type: uni, Dst: pfx("0.0.0.0/0"), Hops: []host.NextHop{{Via: ip("172.31.0.100"), Dev: "eth0"}}},
		{Table: 254, Type: host.RouteBlackhole, Dst: pfx("10.65.0.0/26"), Protocol: "bird"},
		{Table: 254, Type: uni, Dst: pfx("10.65.0.2/32"), Metric: 1024, Scope: host.ScopeLink, Hops: []host.NextHop{{Dev: "cali1"}}},
		{Table: 254, Type: uni, Dst: pfx("10.66.0.0/24"), Protocol: "static", Hops: []host.NextHop{
			{Via: ip("172.31.0.2"), Dev: "eth0", Weight: 2}, {Via: ip("172.31.0.3"), Dev: "eth0", Weight: 1, Dead: true}}},
		{Table: 255, Type: host.RouteLocal, Dst: pfx("127.0.0.1/32"), Scope: host.ScopeHost, PrefSrc: ip("127.0.0.1"),
			Protocol: "kernel", Hops: []host.NextHop{{Dev: "lo"}}},
		{Table: 254, Type: uni, Dst: pfx("10.65.1.0/26"), Hops: []host.NextHop{{Via: ip("10.65.1.0"), Dev: "vxlan.calico", OnLink: true}}},
		{Table: 254, Type: uni, Dst: pfx("::/0"), Metric: 1024, Hops: []host.NextHop{{Dev: "eth0"}}},
		{Table: 255, Type: host.RouteMulticast, Dst: pfx("ff00::/8"), Metric: 256, Protocol: "kernel", Hops: []host.NextHop{{Dev: "eth0"}}},
	}
	got := readText(t, ipRoutes).Routes
	// Routes of the two families are two captures; each keeps its order.
	if d := cmp.Diff(want, got, compare); d != "" {
		t.Error(d)
	}
}

func TestReadFiles_Sysctls(t *testing.T) {
	want := map[string]string{
		"net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0/5.rp_filter": "2", "net.ipv4.conf.all.rp_filter": "0",
	}
	if d := cmp.Diff(want, readText(t, sysctlText).Sysctls); d != "" {
		t.Error(d)
	}
}

// A byte order mark, ends of lines as on Windows and the prompts of a shell change
// nothing.
func TestReadFiles_AsPasted(t *testing.T) {
	want := readText(t, ipAddr+ipRoutes+sysctlText)
	text := "$ ip -d addr\n" + ipAddr + "root@node1:~# ip route show table all\n" + ipRoutes + "[root@node1 ~]# sysctl -a\n" + sysctlText
	got := readText(t, "\ufeff"+strings.ReplaceAll(text, "\n", "\r\n"))
	if d := cmp.Diff(want, got, compare); d != "" {
		t.Error(d)
	}
}

func TestQuote_CutsAndEscapes(t *testing.T) {
	for in, want := range map[string]string{
		"a b":                    `"a b"`,
		"a\x1b[31m\x00":          `"a\x1b[31m\x00"`,
		strings.Repeat("é", 100): `"` + strings.Repeat("é", 40) + `…"`,
	} {
		if got := quote(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

// sysctl -a of Linux 6.18 prints kernel.core_modes in three lines.
func TestReadFiles_SysctlInSeveralLines(t *testing.T) {
	readText(t, sysctlText+"kernel.core_modes = file\nkernel.core_modes = pipe\nkernel.core_modes = socket\n")
}

// What is empty is known to be so, and not missing.
func TestReadFiles_Empty(t *testing.T) {
	state, _ := ReadFiles([]File{{"iptables-save", ""}, {"ip6tables-save", ""}, {"nft", ""}, {"ipset", "\n"}}, "n")
	for _, p := range []host.Part{host.PartRules, host.PartNFTables, host.PartLegacyRules, host.PartSets} {
		for _, f := range []packet.Family{packet.IPv4, packet.IPv6} {
			if m := state.FindMissing(p, f); m != nil {
				t.Errorf("%s", m.Why())
			}
		}
	}
}

// Tables without a header are of the family that their rules speak of, whatever the
// file is called.
func TestReadFiles_FamilyByRules(t *testing.T) {
	for _, rule := range []string{"-s fd00::/8 -j DROP", "-p ipv6-icmp -j ACCEPT", "-j REJECT --reject-with icmp6-adm-prohibited", "-m hl --hl-eq 255 -j ACCEPT"} {
		state, findings := ReadFiles([]File{{"rules", "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT " + rule + "\nCOMMIT\n"}}, "n")
		if len(findings) > 0 || len(state.Ruleset.Tables) != 1 || state.Ruleset.Tables[0].Family != nf.FamilyIP6 {
			t.Errorf("%s: %v, %d tables", rule, findings, len(state.Ruleset.Tables))
		}
	}
}

// One file with everything says the same as a file for each capture.
func TestReadFiles_ConcatenatedIsTheSame(t *testing.T) {
	parts := []string{ipAddr, "# ip -4 rule\n" + ipRules, "# routes\n\n" + ipRoutes, neighbourText, sysctlText}
	var files []File
	for i, p := range parts {
		files = append(files, File{string(rune('a' + i)), p})
	}
	want, _ := ReadFiles(files, "n")
	if d := cmp.Diff(want, readText(t, strings.Join(parts, "\n")), compare); d != "" {
		t.Error(d)
	}
}

func TestReadFiles_Findings(t *testing.T) {
	cases := map[string]struct {
		files []File
		code  string
		sev   diag.Severity
		place string
	}{
		"second capture of a kind": {[]File{{"a", ipAddr}, {"b", "\n" + ipAddr}}, "dump/duplicate", diag.Error, "b:2:1"},
		"no capture":               {[]File{{"README", "Some words.\ndefault via 1.2.3.4 dev eth0\n"}}, "dump/not-a-capture", diag.Note, "README"},
		"stray line":               {[]File{{"a", sysctlText + "what is this\n"}}, "dump/unknown-line", diag.Error, "a:4:1"},
		"stray error output":       {[]File{{"a", sysctlText + "sysctl: permission denied\n"}}, "dump/tool-message", diag.Warning, "a:4:1"},
		"iptables -L":              {[]File{{"a", "Chain INPUT (policy ACCEPT)\ntarget     prot opt source               destination\n"}}, "dump/not-a-capture", diag.Error, "a"},
		"iptables -S":              {[]File{{"a", "-P INPUT ACCEPT\n-A INPUT -j DROP\n"}}, "dump/not-a-capture", diag.Error, "a"},
		"ip -br":                   {[]File{{"a", "lo               UNKNOWN        127.0.0.1/8 ::1/128 \n"}}, "dump/not-a-capture", diag.Error, "a"},
		"gzip":                     {[]File{{"a", "\x1f\x8b\x08\x00"}}, "dump/not-a-capture", diag.Error, "a"},
		"bad address":              {[]File{{"a", strings.Replace(ipAddr, "172.31.0.1/24", "172.31.0.300/24", 1)}}, "dump/line", diag.Error, "a:8:10"},
		"bad table":                {[]File{{"a", ipRoutes + "10.0.0.0/8 dev eth0 table 5x\n"}}, "dump/line", diag.Error, "a:11:27"},
		"unknown selector":         {[]File{{"a", "5:\tfrom all uidrange 1-2 lookup 5\n"}}, "dump/line", diag.Warning, "a:1:13"},
		"empty iptables-save":      {[]File{{"ip6tables-nft-save.txt", "\n"}}, "dump/empty", diag.Note, "ip6tables-nft-save.txt"},
		"empty nft":                {[]File{{"nft-ruleset", ""}}, "dump/empty", diag.Note, "nft-ruleset"},
		"cut off JSON":             {[]File{{"a", "[{\"ifindex\":1,\"ifname\":\"lo\",\"flags\":[\"UP\"\n"}}, "dump/json", diag.Error, "a:1:2"},
		"contradicting sysctl":     {[]File{{"a", sysctlText}, {"b", "net.ipv4.ip_forward = 0\n"}}, "dump/line", diag.Error, "b:1:1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, got := ReadFiles(c.files, "n")
			if len(got) != 1 || got[0].Code != c.code || got[0].Severity != c.sev || got[0].Span.String() != c.place {
				t.Errorf("got %+v, want %s %s at %s", got, c.sev, c.code, c.place)
			}
		})
	}
}

func TestFiles_ForMode(t *testing.T) {
	names := []string{"README", "felix.env.nft", "ip-addr.iptnft.txt", "ip-addr.nft.txt", "ip-addr.txt", "iptables-save.txt",
		"iptables-save.iptnft.txt", "nft-ruleset.json", "nft-ruleset.txt", "packets.nft.txt", "packets.txt"}
	fsys := fstest.MapFS{}
	for _, n := range names {
		fsys[n] = &fstest.MapFile{Data: []byte(n)}
	}
	want := map[Mode]string{
		Legacy:      "ip-addr.txt iptables-save.txt",
		IptablesNFT: "ip-addr.iptnft.txt iptables-save.iptnft.txt",
		NFT:         "ip-addr.nft.txt nft-ruleset.txt",
	}
	for mode, names := range want {
		files, err := Files(fsys, ForMode(mode))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range files {
			got = append(got, f.Name)
		}
		if strings.Join(got, " ") != names {
			t.Errorf("%s: got %v, want %s", mode, got, names)
		}
	}
}

// Reading does not panic, says the same every time, and the state survives JSON;
// findings lie inside of the file, and names of interfaces and addresses are sound.
func FuzzReadFiles(f *testing.F) {
	for _, s := range []string{ipAddr, ipRules, ipRoutes, neighbourText, sysctlText, ipAddr + ipRules + ipRoutes} {
		f.Add(s)
	}
	for _, pattern := range []string{"testdata/ip/*", "testdata/compat/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatalf("%s: %v", pattern, err)
		}
		for _, n := range names {
			text, err := os.ReadFile(n)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(text))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		state, findings := ReadFiles([]File{{"f", text}}, "n")
		again, _ := ReadFiles([]File{{"f", text}}, "n")
		if d := cmp.Diff(state, again, compare); d != "" {
			t.Errorf("read twice:\n%s", d)
		}
		if utf8.ValidString(text) { // JSON has no other strings
			checkState(t, state)
		}
		lines := strings.Split(text, "\n")
		for _, x := range findings {
			if x.Span.File == "f" && x.Span.Start.Line > len(lines) {
				t.Errorf("finding behind the end of the file: %+v", x)
			}
		}
	})
}

// checkState is the oracle for any state that was read.
func checkState(t *testing.T, s *host.State) {
	t.Helper()
	for _, l := range s.Links {
		for _, a := range l.Addrs {
			if !a.Prefix.IsValid() {
				t.Errorf("%s has an address that is none", l.Name)
			}
		}
	}
	for _, r := range s.Routes {
		if !r.Dst.IsValid() || r.Dst != r.Dst.Masked() || r.Type == 0 {
			t.Errorf("route %+v", r)
		}
	}
	for _, r := range s.Rules {
		if r.Action == 0 || r.Family == 0 {
			t.Errorf("rule %+v", r)
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back host.State
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if second, err := json.Marshal(&back); err != nil || string(second) != string(data) {
		t.Errorf("JSON changed: %v\n%s\n%s", err, data, second)
	}
}

// What a link does with packets and is not modelled is said, with and without -d.
func TestReadFiles_OpaqueLinks(t *testing.T) {
	const head = "1: br0: <UP> mtu 1\n    link/ether 02:00:00:00:00:01 promiscuity 0\n    bridge forward_delay 1500\n" +
		"2: blue: <UP> mtu 1\n    link/ether 02:00:00:00:00:02 promiscuity 0\n    vrf table 10\n"
	for line, want := range map[string]string{
		"x: <UP> mtu 1 master br0\n    link/ether 02:00:00:00:00:01\n    veth \n    bridge_slave state forwarding": "is a port of the bridge br0, by which its packets come in",
		"x: <UP> mtu 1 master blue\n    link/ether 02:00:00:00:00:01\n    veth \n    vrf_slave table 10":           "is a port of the VRF blue, which is not modelled",
		"x: <UP> mtu 1\n    link/gre 10.0.0.1 peer 10.0.0.2":                                                       "is a device of kind gre, which is not modelled",
		"x: <UP> mtu 1\n    link/none  promiscuity 0\n    wireguard numtxqueues 1":                                 "is a device of kind wireguard, which is not modelled",
		"x: <UP> mtu 1\n    link/none ":                                                                     "is of a kind that is not known; the output of ip -d addr shows it",
		"x: <UP> mtu 1\n    link/none  promiscuity 0\n    tun type tun pi off":                              "",
		"x: <UP> mtu 1\n    link/ipip 10.0.0.1 peer 10.0.0.2":                                               "is a tunnel to 10.0.0.2 alone, which is not modelled",
		"x: <UP> mtu 1\n    link/ipip 0.0.0.0 brd 0.0.0.0 promiscuity 0\n    ipip any remote any local any": "",
		"x: <UP> mtu 1\n    link/ether 02:00:00:00:00:01\n    vxlan id 5 remote 10.5.0.9 dstport 4789":      "is a tunnel to 10.5.0.9 alone, which is not modelled",
		"x: <UP> mtu 1\n    link/ether 02:00:00:00:00:01\n    vxlan external id 0 dstport 4790":             "is a tunnel whose far ends are chosen elsewhere (external), which is not modelled",
		"x: <UP> mtu 1\n    link/ether 02:00:00:00:00:01\n    vlan protocol 802.1Q id 5":                    "",
	} {
		if got := readText(t, head+"3: "+line+"\n").Links[2].Opaque; got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// Rules out of order stay in their family and are asked by priority.
func TestReadFiles_RuleOrder(t *testing.T) {
	const text = "0:\tfrom all lookup local\n200:\tfrom 10.0.0.1 lookup 5\n100:\tfrom all fwmark 0x2 lookup 6\n32766:\tfrom all lookup main\n9:\tfrom all lookup 7\n"
	s, found := ReadFiles([]File{{"node", text}}, "n")
	if len(found) != 1 || found[0].Code != "dump/rule-order" || found[0].Span.Start.Line != 3 {
		t.Errorf("%v", messages(found))
	}
	var got []uint32
	for _, r := range s.Rules {
		if r.Family == packet.IPv4 {
			got = append(got, r.Priority)
		}
	}
	if !slices.Equal(got, []uint32{0, 100, 200, 32766}) {
		t.Errorf("got %v", got)
	}
}

// A table of both families stays with its policy; a rule of it that has a module
// of iptables is unknown, and named.
func TestReadFiles_ModulesInInetTable(t *testing.T) {
	const text = "table inet t {\n\tchain c {\n\t\ttype filter hook input priority 0; policy drop;\n\t\txt match \"comment\" drop\n\t}\n}\n"
	s, found := ReadFiles([]File{{"node", text}}, "n")
	if len(s.Ruleset.Tables) != 1 || s.Ruleset.Tables[0].Chains[0].Base.Policy != nf.PolicyDrop {
		t.Fatalf("%v", s.Ruleset.Tables)
	}
	if len(found) != 1 || found[0].Span.Start.Line != 4 {
		t.Errorf("%v", messages(found))
	}
}
