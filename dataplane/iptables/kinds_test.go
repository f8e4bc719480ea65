package iptables

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// row is one rule text and the statements that it reads as.
type row struct {
	text string
	body []nf.Stmt
}

func addr4(s string) netip.Addr     { return netip.MustParseAddr(s) }
func prefix4(s string) netip.Prefix { return netip.MustParsePrefix(s) }

var (
	tcp = nf.MatchProto{Proto: packet.ProtoTCP}
	end = nf.Continue{}
)

// rows are in the spelling of iptables-save, so that writing gives the text back.
var rows = []row{
	{"! -p tcp", []nf.Stmt{nf.MatchProto{Proto: packet.ProtoTCP, Invert: true}, end}},
	{"-s 10.0.0.0/8 ! -d 10.0.0.1/32", []nf.Stmt{nf.MatchAddr{Dir: nf.Src, Prefix: prefix4("10.0.0.0/8")},
		nf.MatchAddr{Dir: nf.Dst, Prefix: prefix4("10.0.0.1/32"), Invert: true}, end}},
	{"! -i cali+ -o eth0", []nf.Stmt{nf.MatchIface{Dir: nf.Src, Name: "cali", Wildcard: true, Invert: true},
		nf.MatchIface{Dir: nf.Dst, Name: "eth0"}, end}},
	{"! -f", []nf.Stmt{nf.MatchFragment{Invert: true}, end}},
	{"-p tcp -m tcp --sport 1:9 ! --dport 80 --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT", []nf.Stmt{tcp, nf.MatchL4{Proto: packet.ProtoTCP,
		Src: &nf.PortRange{From: 1, To: 9}, Dst: &nf.PortRange{From: 80, To: 80}, DstInvert: true,
		Flags: &nf.TCPFlagsTest{Mask: packet.FIN | packet.SYN | packet.RST | packet.ACK, Comp: packet.SYN}}, nf.Accept{}}},
	{"-p tcp -m multiport ! --dports 80,443:445 -j DROP", []nf.Stmt{tcp, nf.MatchMultiport{Dir: nf.Dst, Invert: true,
		Ports: []nf.PortRange{{From: 80, To: 80}, {From: 443, To: 445}}}, nf.Drop{}}},
	{"-p icmp -m icmp --icmp-type 3/4 -j RETURN", []nf.Stmt{nf.MatchProto{Proto: packet.ProtoICMP},
		nf.MatchICMP{Family: packet.IPv4, Type: 3, CodeLo: 4, CodeHi: 4}, nf.Return{}}},
	{"-p icmp -m icmp --icmp-type any", []nf.Stmt{nf.MatchProto{Proto: packet.ProtoICMP},
		nf.MatchICMP{Family: packet.IPv4, Type: 255, CodeHi: 255}, end}},
	{"-m mark ! --mark 0x10/0xf0 -j MARK --set-xmark 0x1/0x3", []nf.Stmt{nf.MatchMark{Value: 16, Mask: 0xf0, Invert: true},
		nf.SetMark{Value: 1, Mask: 3}}},
	{"-m connmark --mark 0x1 -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xffffffff", []nf.Stmt{
		nf.MatchConnmark{Value: 1, Mask: 0xffffffff}, nf.SetCtMark{Op: "save", NfMask: 0xff, CtMask: 0xffffffff}}},
	{"-j CONNMARK --set-xmark 0x1/0xff", []nf.Stmt{nf.SetCtMark{Op: "set", Value: 1, Mask: 0xff}}},
	{"-m conntrack ! --ctstate RELATED,ESTABLISHED --ctorigsrc 10.0.0.0/8 --ctorigdstport 80 --ctstatus ASSURED --ctexpire 1:9 --ctdir REPLY",
		[]nf.Stmt{nf.MatchConntrack{States: nf.CtRelated | nf.CtEstablished, StatesInvert: true,
			OrigSrc: &nf.CtAddr{Prefix: prefix4("10.0.0.0/8")}, OrigDstPort: &nf.CtPort{PortRange: nf.PortRange{From: 80, To: 80}},
			Status: nf.CtStatusAssured, HasExpire: true, ExpireLo: 1, ExpireHi: 9, Direction: nf.Dst}, end}},
	{"-m state --state NEW -g c", []nf.Stmt{nf.MatchConntrack{States: nf.CtNew, StateModule: true}, nf.Goto{Chain: "c"}}},
	{"-m set ! --match-set s src,dst --return-nomatch -j c", []nf.Stmt{nf.MatchSet{Set: "s", Dirs: []nf.Dir{nf.Src, nf.Dst},
		Invert: true, ReturnNomatch: true}, nf.Jump{Chain: "c"}}},
	{"-m addrtype ! --src-type LOCAL --dst-type UNICAST,LOCAL --limit-iface-out", []nf.Stmt{nf.MatchAddrType{SrcType: nf.AddrLocal,
		SrcInvert: true, DstType: nf.AddrUnicast | nf.AddrLocal, LimitOut: true}, end}},
	{"-m rpfilter --loose --validmark --accept-local --invert", []nf.Stmt{nf.MatchRPFilter{Loose: true, ValidMark: true, AcceptLocal: true, Invert: true}, end}},
	{"-m statistic --mode random --probability 0.33333333349", []nf.Stmt{nf.MatchStatistic{Probability: 715827883}, end}},
	{"-m statistic --mode nth ! --every 3 --packet 1", []nf.Stmt{nf.MatchStatistic{Nth: true, Every: 3, Packet: 1, Invert: true}, end}},
	{"-m limit --limit 10/min --limit-burst 7", []nf.Stmt{nf.MatchLimit{Rate: 10, Unit: nf.PerMinute, Burst: 7}, end}},
	{"-m hashlimit --hashlimit-upto 10/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name h", []nf.Stmt{nf.MatchHashLimit{
		Name: "h", Upto: true, Rate: 10, Unit: nf.PerSecond, Burst: 5, SrcIP: true, SrcMask: 32, DstMask: 32}, end}},
	{"-m hashlimit --hashlimit-above 512kb/s --hashlimit-burst 2mb --hashlimit-mode srcport,dstip --hashlimit-name d --hashlimit-htable-max 1000 --hashlimit-dstmask 24 --hashlimit-rate-match --hashlimit-rate-interval 5", []nf.Stmt{
		nf.MatchHashLimit{Name: "d", Rate: 512 << 10, Unit: nf.PerSecond, PerByte: true, Burst: 2 << 20, SrcPort: true, DstIP: true,
			Max: 1000, SrcMask: 32, DstMask: 24, RateMatch: true, RateInterval: 5}, end}},
	{"-p tcp -m connlimit --connlimit-above 5 --connlimit-mask 0 --connlimit-saddr", []nf.Stmt{tcp, nf.MatchConnLimit{Limit: 5}, end}},
	{"-m recent --rcheck --seconds 10800 --reap --name R --mask 255.255.255.255 --rsource", []nf.Stmt{nf.MatchRecent{Op: "rcheck",
		Seconds: 10800, Reap: true, Name: "R", Mask: addr4("255.255.255.255")}, end}},
	{"-m nfacct --nfacct-name a", []nf.Stmt{nf.MatchNFAcct{Name: "a"}, end}},
	{"-m iprange ! --src-range 10.0.0.1-10.0.0.9", []nf.Stmt{nf.MatchIPRange{SrcInvert: true,
		Src: &nf.AddrRange{From: addr4("10.0.0.1"), To: addr4("10.0.0.9")}}, end}},
	{"-m pkttype ! --pkt-type multicast", []nf.Stmt{nf.MatchPktType{Type: "multicast", Invert: true}, end}},
	{"-m ttl --ttl-lt 5", []nf.Stmt{nf.MatchTTL{Op: "lt", Value: 5}, end}},
	{"-m dscp ! --dscp 0x0a -j DSCP --set-dscp 0x14", []nf.Stmt{nf.MatchDSCP{DSCP: 10, Invert: true}, nf.SetDSCP{DSCP: 20}}},
	{"-m physdev ! --physdev-is-in --physdev-is-bridged", []nf.Stmt{nf.MatchPhysdev{IsIn: nf.Flag{Set: true, Invert: true}, IsBridged: nf.Flag{Set: true}}, end}},
	{"-m ipvs --vproto 6 --vaddr 203.0.113.9 --vport 80", []nf.Stmt{nf.MatchIPVS{Proto: packet.ProtoTCP,
		Addr: netip.MustParsePrefix("203.0.113.9/32"), Port: 80}, end}},
	{"-m ipvs ! --ipvs ! --vaddr 203.0.113.0/24", []nf.Stmt{nf.MatchIPVS{Handled: nf.Flag{Set: true, Invert: true},
		Addr: netip.MustParsePrefix("203.0.113.0/24"), AddrInvert: true}, end}},
	{"-m length --length 100:200", []nf.Stmt{nf.MatchLength{Lo: 100, Hi: 200}, end}},
	{"-m owner ! --uid-owner 5 -m string --string \"a b\" --algo bm -j TTL --ttl-set 5", []nf.Stmt{nf.OpaqueMatch{Text: "-m owner ! --uid-owner 5"},
		nf.OpaqueMatch{Text: "-m string --string \"a b\" --algo bm"}, nf.OpaqueTarget{Text: "TTL --ttl-set 5"}}},
	{"-p tcp -j REJECT --reject-with tcp-reset", []nf.Stmt{tcp, nf.Reject{With: nf.RejectTCPReset}}},
	{"-j CT --notrack", []nf.Stmt{nf.NoTrack{CT: true}}},
	{"-j LOG --log-prefix \"a: \" --log-level 5 --log-uid", []nf.Stmt{nf.Log{Prefix: "a: ", Level: 5, Options: "--log-uid"}}},
	{"-j NFLOG --nflog-prefix DPI --nflog-group 2 --nflog-size 80", []nf.Stmt{nf.NFLog{Prefix: "DPI", Group: 2, Options: "--nflog-size 80"}}},
	{"-p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.2:80-90 --persistent", []nf.Stmt{tcp, nf.NAT{Kind: nf.DNAT, Addr: addr4("10.0.0.1"),
		AddrTo: addr4("10.0.0.2"), Port: 80, PortTo: 90, Persistent: true}}},
	{"-j MASQUERADE --random-fully", []nf.Stmt{nf.NAT{Kind: nf.Masquerade, FullyRandom: true}}},
	{"-p tcp -j REDIRECT --to-ports 80", []nf.Stmt{tcp, nf.NAT{Kind: nf.Redirect, Port: 80, PortTo: 80}}},
	{"-j NETMAP --to 10.1.0.0/16", []nf.Stmt{nf.NAT{Kind: nf.Netmap, Addr: addr4("10.1.0.0"), AddrTo: addr4("10.1.255.255")}}},
	{"-j SET --add-set s src --exist --timeout 60", []nf.Stmt{nf.SetElement{Op: "add", Set: "s", Dirs: []nf.Dir{nf.Src}, Exist: true, Timeout: time.Minute}}},
	{"-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu", []nf.Stmt{tcp, nf.MatchL4{Proto: packet.ProtoTCP,
		Flags: &nf.TCPFlagsTest{Mask: packet.SYN | packet.RST, Comp: packet.SYN}}, nf.Inert{Text: "TCPMSS --clamp-mss-to-pmtu"}}},
}

// notIptables are the kinds that only nftables has.
var notIptables = []nf.Stmt{nf.MatchCompare{}, nf.MatchLookup{}, nf.VMap{}, nf.Counter{}}

func table(rule string) string { return "*filter\n:c - [0:0]\n:r - [0:0]\n-A r " + rule + "\nCOMMIT\n" }

// readRule reads one rule of chain r.
func readRule(t *testing.T, rule string, f packet.Family) nf.Rule {
	t.Helper()
	ts, diags := Parse("f", []byte(table(rule)), Options{Family: f})
	if diags.HasErrors() || len(ts) != 1 || len(ts[0].Chains[1].Rules) != 1 {
		t.Fatalf("%s: %v", rule, diags)
	}
	return ts[0].Chains[1].Rules[0]
}

func TestKinds_ReadAndWrite(t *testing.T) {
	for _, r := range rows {
		got := readRule(t, r.text, packet.IPv4)
		if !reflect.DeepEqual(got.Body, r.body) {
			t.Errorf("%s\nread  %#v\nwant %#v", r.text, got.Body, r.body)
		}
		if text, err := RuleTextFor(nf.Rule{Body: r.body}, packet.IPv4, true); err != nil || text != r.text {
			t.Errorf("%s\nwritten as %q, %v", r.text, text, err)
		}
	}
}

func TestKinds_EveryIptablesKindHasARow(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows {
		for _, s := range r.body {
			seen[nf.KindName(s)] = true
		}
	}
	for _, s := range notIptables {
		seen[nf.KindName(s)] = true
		if _, err := StmtTextFor(s, packet.IPv4); err == nil {
			t.Errorf("%s was written, iptables has no such statement", nf.KindName(s))
		}
	}
	for _, k := range nf.Kinds() {
		if !seen[nf.KindName(k)] {
			t.Errorf("kind %s has no row", nf.KindName(k))
		}
	}
}

// Spellings of people and of older tools, and what iptables-save makes of them.
func TestParse_OtherSpellings(t *testing.T) {
	for in, want := range map[string]string{
		"-p tcp --dport 80 -j ACCEPT":                   "-p tcp -m tcp --dport 80 -j ACCEPT",
		"-p tcp -m tcp --dport ! 80":                    "-p tcp -m tcp ! --dport 80",
		"-m comment --comment x -p tcp -s 10.0.0.1":     "-s 10.0.0.1/32 -p tcp -m comment --comment x",
		"-s 10.1.2.3/255.0.0.0":                         "-s 10.0.0.0/8",
		"-p tcp -m tcp --syn":                           "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN",
		"--protocol=tcp --match tcp --dport=80":         "-p tcp -m tcp --dport 80",
		"-j MARK --set-mark 0x1/0x2":                    "-j MARK --set-xmark 0x1/0x3",
		"-j MARK --or-mark 4":                           "-j MARK --set-xmark 0x4/0x4",
		"-p icmp --icmp-type echo-request":              "-p icmp -m icmp --icmp-type 8",
		`-m comment --comment "a \"b\" \\ c"`:           `-m comment --comment "a \"b\" \\ c"`,
		"-m comment --comment a -m comment --comment b": "-m comment --comment a -m comment --comment b",
		"-m tcpmss --mss 5 -s 10.0.0.1":                 "-s 10.0.0.1/32 -m tcpmss --mss 5",
		"-m tcpmss --mss 5 ! -s 10.0.0.1":               "! -s 10.0.0.1/32 -m tcpmss --mss 5",
		"-j LOG --log-level debug":                      "-j LOG --log-level 7",
		"-m dscp --dscp-class af11":                     "-m dscp --dscp 0x0a",
	} {
		got, err := RuleTextFor(readRule(t, in, packet.IPv4), packet.IPv4, true)
		if err != nil || got != want {
			t.Errorf("%s\nwritten as %q, %v\nwant      %q", in, got, err, want)
		}
	}
}

func TestParse_IPv6(t *testing.T) {
	for _, text := range []string{
		"-s fd00::/8 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT", "-j REJECT --reject-with icmp6-adm-prohibited",
		"-p tcp -j DNAT --to-destination [fd00::1]:80", "-m hl ! --hl-eq 1", "-d fd00::1/128",
	} {
		got, err := RuleTextFor(readRule(t, text, packet.IPv6), packet.IPv6, true)
		if err != nil || got != text {
			t.Errorf("%s\nwritten as %q, %v", text, got, err)
		}
	}
}

func TestParse_UnreadableRules(t *testing.T) {
	for _, bad := range []string{
		"-s fd00::1 -j DROP", "-s nosuchhost", "-p nosuch", "-p tcp -m tcp --dport http", "-m tcp --dport 80", "-p udp -m tcp --dport 80",
		"-m mark --mark x", "! -m mark --mark 1", "-j ACCEPT -j DROP", "-g nosuch", "-m conntrack --ctstate NOSUCH", "-m limit ! --limit 5/sec",
		"-s 10.0.0.1 -s 10.0.0.2", "-m set --match-set s nowhere", "-m mark --mark 1 --mark 2", "-i averyverylongname", "-p", "!", "stray",
		"-m statistic --mode random --probability 2", "-j REJECT --reject-with nosuch", "-m comment --comment \"open", "-p tcp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16",
	} {
		ts, diags := Parse("f", []byte("*filter\n:r - [0:0]\n-A r "+bad+"\n-A r -j DROP\nCOMMIT\n"), Options{Family: packet.IPv4})
		if !diags.HasErrors() || diags[0].Span.Start.Line != 3 || diags[0].Span.Start.Col < 1 || !strings.Contains(diags[0].Message, "expected") {
			t.Errorf("%s: findings %v", bad, diags)
		}
		if len(ts) != 1 || len(ts[0].Chains[0].Rules) != 1 {
			t.Errorf("%s: the line behind it was not read", bad)
		}
	}
}

func TestWrite_NamesTheRuleThatIptablesCannotExpress(t *testing.T) {
	for _, s := range []nf.Stmt{nf.VMap{}, nf.MatchCompare{}, nf.MatchL4{Proto: packet.ProtoTCP}, nf.MatchLimit{Rate: 1, Unit: nf.PerWeek}, nf.NAT{}} {
		tb := nf.Table{Family: nf.FamilyIP, Name: "filter", Backend: nf.IptablesLegacy,
			Chains: []nf.Chain{{Name: "web", Rules: []nf.Rule{{Body: []nf.Stmt{s}}}}}}
		_, err := Write([]nf.Table{tb}, packet.IPv4, WriteOptions{})
		if err == nil || !strings.Contains(err.Error(), "chain web, rule 1") {
			t.Errorf("%s: error %v", nf.KindName(s), err)
		}
	}
}
