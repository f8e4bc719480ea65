package nftables

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tortie/compiler/diag"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// parseBody reads one rule of a table of that family.
func parseBody(t *testing.T, fam nf.Family, rule string) []nf.Stmt {
	t.Helper()
	tables, found := Parse("rule", []byte("table "+fam.String()+" t {\n\tchain c {\n\t\t"+rule+"\n\t}\n}\n"))
	for _, f := range found {
		t.Fatalf("%s: %s", f.Span, f.Message)
	}
	return tables[0].Chains[0].Rules[0].Body
}

func compare(f nf.KeyField, mask uint64, op nf.Op, d ...nf.Datum) nf.MatchCompare {
	return nf.MatchCompare{Key: []nf.Key{{Field: f}}, Mask: mask, Op: op, Values: [][]nf.Datum{d}}
}

func TestParse_MeaningOfStatements(t *testing.T) {
	all := ^uint32(0)
	for rule, want := range map[string]nf.Stmt{
		"meta mark 0x00800000/11":                        compare(nf.KeyMark, 0xffe00000, nf.OpEqual, nf.NumDatum(0x800000)),
		"meta mark != 0x00010000/16":                     compare(nf.KeyMark, 0xffff0000, nf.OpNotEqual, nf.NumDatum(0x10000)),
		"meta mark & 0x00010000 == 0x00010000":           compare(nf.KeyMark, 0x10000, nf.OpEqual, nf.NumDatum(0x10000)),
		"ct state established,related":                   compare(nf.KeyCtState, 0, nf.OpHasAny, nf.NumDatum(uint64(nf.CtEstablished|nf.CtRelated))),
		"ct state == established":                        compare(nf.KeyCtState, 0, nf.OpEqual, nf.NumDatum(uint64(nf.CtEstablished))),
		"ct status dnat":                                 compare(nf.KeyCtStatus, 0, nf.OpHasAny, nf.NumDatum(uint64(nf.CtStatusDNAT))),
		"ct status != dnat":                              compare(nf.KeyCtStatus, 0, nf.OpNotEqual, nf.NumDatum(uint64(nf.CtStatusDNAT))),
		"tcp flags syn / fin,syn,rst,ack":                compare(nf.KeyTCPFlags, 0x17, nf.OpEqual, nf.NumDatum(2)),
		"tcp flags & (fin | syn) == syn":                 compare(nf.KeyTCPFlags, 3, nf.OpEqual, nf.NumDatum(2)),
		"tcp flags ! syn":                                compare(nf.KeyTCPFlags, 2, nf.OpEqual, nf.NumDatum(0)),
		"tcp dport != 1-1023":                            compare(nf.KeyTCPDPort, 0, nf.OpNotEqual, nf.RangeDatum(1, 1023)),
		"iifname \"cali*\"":                              compare(nf.KeyIIFName, 0, nf.OpEqual, nf.Datum{Name: "cali", Wildcard: true}),
		"ip daddr 10.0.0.4/31":                           compare(nf.KeyDAddr, 0, nf.OpEqual, nf.PrefixDatum(netip.MustParsePrefix("10.0.0.4/31"))),
		"meta mark set meta mark & 0xfffeffff":           nf.SetMark{Mask: 0x10000},
		"meta mark set meta mark | 0x00004000":           nf.SetMark{Value: 0x4000, Mask: 0x4000},
		"meta mark set meta mark ^ 0x00004000":           nf.SetMark{Value: 0x4000},
		"meta mark set 0x00000005":                       nf.SetMark{Value: 5, Mask: all},
		"meta mark set meta mark & 0xffefffff | 0x80000": nf.SetMark{Value: 0x80000, Mask: 0x180000},
		"meta mark set ct mark & 0x000000ff":             nf.SetCtMark{Op: "restore", NfMask: all, CtMask: 0xff},
		"ct mark set meta mark & 0x000000ff":             nf.SetCtMark{Op: "save", NfMask: 0xff, CtMask: all},
		"limit rate over 10/second":                      nf.MatchLimit{Rate: 10, Unit: nf.PerSecond, Burst: 5, Over: true},
		"ct count over 45":                               nf.MatchConnLimit{Limit: 45, NoGroup: true},
		"reject with icmp admin-prohibited":              nf.Reject{With: nf.RejectAdminProhib},
		"reject with icmp port-unreachable":              nf.Reject{With: nf.RejectDefault},
		"ip dscp set af22":                               nf.SetDSCP{DSCP: 0x14},
		"log prefix \"a b\" level info":                  nf.Log{Prefix: "a b", Level: 6},
		"log prefix \"x\" group 2":                       nf.NFLog{Group: 2, Prefix: "x"},
		"dnat to 10.0.0.1:80":                            nf.NAT{Kind: nf.DNAT, Addr: netip.MustParseAddr("10.0.0.1"), AddrTo: netip.MustParseAddr("10.0.0.1"), Port: 80, PortTo: 80},
		"masquerade to :1024-65535 fully-random":         nf.NAT{Kind: nf.Masquerade, Port: 1024, PortTo: 65535, FullyRandom: true},
		"fib saddr . mark . iif oif 0": nf.MatchCompare{Key: []nf.Key{{Field: nf.KeyFib, Fib: &nf.Fib{Saddr: true, Mark: true, IIF: true, Result: nf.FibOIF}}},
			Op: nf.OpEqual, Values: [][]nf.Datum{{nf.NumDatum(0)}}},
	} {
		got := parseBody(t, nf.FamilyIP, rule)
		if d := cmp.Diff([]nf.Stmt{want}, got, sameAddr); d != "" {
			t.Errorf("%s (-want +got):\n%s", rule, d)
		}
	}
}

func TestParse_InetKeysKnowTheirHeader(t *testing.T) {
	got := parseBody(t, nf.FamilyInet, "ip6 saddr != fd00::1")[0].(nf.MatchCompare)
	if got.Key[0].Family != packet.IPv6 {
		t.Errorf("key %+v has no family", got.Key[0])
	}
	if k := parseBody(t, nf.FamilyIP6, "ip6 saddr @s")[0].(nf.MatchLookup).Key[0]; k.Family != 0 {
		t.Errorf("key %+v of an ip6 table has a family", k)
	}
}

// more are spellings that the nft of the test data does not list.
var more = []string{
	"meta nfproto ipv4", "ct original ip daddr 1.2.3.4", "ct original proto-src 1-5", "ct reply ip saddr 1.2.3.4", "ct reply proto-src 80",
	"ct reply proto-dst { 80, 90 }", "numgen random mod 5 3", "udplite dport 9", "sctp dport 9", "dccp sport 9", "icmp checksum 9", "icmpv6 checksum 9", "igmp checksum 9", "ah reserved 9", "comp cpi 9", "iif 3",
	"th sport 7", "udp sport 7", "ip protocol != gre", "meta skgid 7",
}

// Every key and every kind of statement that nftables has is read and written in
// the tests; every other kind is refused.
func TestCodec_CoversEveryKindAndKey(t *testing.T) {
	kinds, keys := map[string]bool{}, map[nf.KeyField]bool{}
	note := func(s nf.Stmt, fam nf.Family) {
		kinds[nf.KindName(s)] = true
		for _, k := range keysOf(s) {
			keys[k.Field] = true
		}
	}
	for _, rule := range more {
		body := parseBody(t, nf.FamilyIP, rule)
		if got := StmtText(body[0], nf.FamilyIP); got != rule {
			t.Errorf("read %q, wrote %q", rule, got)
		}
		note(body[0], nf.FamilyIP)
	}
	for _, pattern := range []string{"spellings.nft", "corpus/*.nft"} {
		for name, text := range corpus(t, pattern) {
			tables, _ := Parse(name, text)
			for _, tb := range tables {
				for _, c := range tb.Chains {
					for _, r := range c.Rules {
						for _, s := range r.Body {
							note(s, tb.Family)
						}
					}
				}
			}
		}
	}
	for _, k := range nf.Kinds() {
		_, err := stmtText(k, nf.FamilyIP)
		foreign := err != nil && strings.Contains(err.Error(), "no statement of nftables")
		if kinds[nf.KindName(k)] == foreign {
			t.Errorf("%s: in the tests %v, refused %v", nf.KindName(k), kinds[nf.KindName(k)], foreign)
		}
	}
	for f := nf.KeySAddr; f <= nf.KeyARPSAddrIP; f++ {
		if !keys[f] {
			t.Errorf("key %d is in no test", f)
		}
	}
}

func keysOf(s nf.Stmt) []nf.Key {
	switch s := s.(type) {
	case nf.MatchCompare:
		return s.Key
	case nf.MatchLookup:
		return s.Key
	case nf.VMap:
		return s.Key
	case nf.SetElement:
		return s.Key
	case nf.NAT:
		if s.Map != nil {
			return s.Map.Key
		}
	}
	return nil
}

func TestParse_KeepsWhatItCannotRead(t *testing.T) {
	text := `table ip t {
	chain c {
		tcp dport { 80, accept
		ct label 5 counter packets 0 bytes 0 accept
		queue to 1
		frobnicate 3
		tcp dport 443 accept
	}
	chain d {
		drop
	}
}
`
	tables, found := Parse("f", []byte(text))
	c := tables[0].Chains[0]
	if len(c.Rules) != 5 || len(tables[0].Chains) != 2 {
		t.Fatalf("%d rules, %d chains", len(c.Rules), len(tables[0].Chains))
	}
	want := []nf.Stmt{nf.OpaqueMatch{Text: "ct label 5"}, nf.Counter{}, nf.Accept{}}
	if d := cmp.Diff(want, c.Rules[1].Body, sameAddr); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]nf.Stmt{nf.OpaqueTarget{Text: "queue to 1"}}, c.Rules[2].Body, sameAddr); d != "" {
		t.Error(d)
	}
	places := []string{"f:3:19 error", "f:4:3 warning", "f:5:3 warning", "f:6:3 error"}
	for i, f := range found {
		if got := f.Span.String() + " " + f.Severity.String(); i >= len(places) || got != places[i] {
			t.Errorf("%s: %s", got, f.Message)
		}
	}
	if len(found) != len(places) {
		t.Errorf("%d findings, want %d", len(found), len(places))
	}
}

// Listings of rules of iptables-nft ask for a connection's address without its family.
func TestParse_CtAddressWithoutFamily(t *testing.T) {
	for fam, addr := range map[nf.Family]string{nf.FamilyIP: "10.96.0.1", nf.FamilyIP6: "fd00::1"} {
		got := parseBody(t, fam, "ct original daddr "+addr)
		if d := cmp.Diff(parseBody(t, fam, "ct original "+fam.String()+" daddr "+addr), got, sameAddr); d != "" {
			t.Error(d)
		}
	}
}

// What is not modelled ends where a match begins that is: a packet that this one
// does not take is decided.
func TestParse_ReadsBehindWhatIsNotModelled(t *testing.T) {
	text := "table ip t {\n\tchain c {\n\t\tmeta hour \"08:00\"-\"17:00\" tcp dport 81 drop\n\t\tether saddr 00:11:22:33:44:55 ip saddr . tcp dport @s drop\n\t}\n}\n"
	tables, _ := Parse("f", []byte(text))
	for i, want := range []string{"meta hour \"08:00\"-\"17:00\"", "ether saddr 00:11:22:33:44:55"} {
		body := tables[0].Chains[0].Rules[i].Body
		if len(body) != 3 || body[0] != nf.Stmt(nf.OpaqueMatch{Text: want}) {
			t.Errorf("rule %d: %v", i+1, body)
		}
	}
}

func TestParse_MarksIptablesTables(t *testing.T) {
	for name, text := range map[string]string{
		"warning": "# Warning: table ip filter is managed by iptables-nft, do not touch!\ntable ip filter {\n\tchain INPUT {\n\t\tcounter packets 0 bytes 0 drop\n\t}\n}\n",
		"xt":      "table ip filter {\n\tchain INPUT {\n\t\txt match \"comment\" counter packets 0 bytes 0 drop\n\t}\n}\n",
	} {
		tables, found := Parse(name, []byte(text))
		if len(tables) != 1 || tables[0].Backend != nf.IptablesNFT || len(found) != 1 || found[0].Severity != diag.Note {
			t.Errorf("%s: %d tables, findings %v", name, len(tables), found)
		}
	}
}

// iptables-nft has no tables of these families: they stay, and an xt expression
// is one unknown part of them.
func TestParse_KeepsNativeTablesWithXT(t *testing.T) {
	for _, family := range []string{"inet", "bridge", "netdev"} {
		text := "table " + family + " f {\n\tchain c {\n\t\txt match \"comment\" drop\n\t\tcounter packets 0 bytes 0 xt target \"TCPMSS\"\n\t\tdrop\n\t}\n}\n"
		tables, found := Parse("f", []byte(text))
		if len(tables) != 1 || tables[0].Backend != nf.NFTables || len(tables[0].Chains[0].Rules) != 3 {
			t.Fatalf("%s: %v", family, tables)
		}
		if len(found) != 2 || !strings.HasPrefix(found[0].Span.String(), "f:3:") || !strings.HasPrefix(found[1].Span.String(), "f:4:") || found[0].Severity != diag.Warning {
			t.Errorf("%s: findings %v", family, found)
		}
	}
}

// In a table of both families nft shows the answer in the words of the family
// that the rule asks for.
func TestParse_RejectInTheWordsOfAFamily(t *testing.T) {
	for rule, want := range map[string]nf.Stmt{
		"ip saddr 10.0.0.1 reject with icmp port-unreachable":            nf.Reject{With: nf.RejectDefault},
		"ip saddr 10.0.0.1 reject with icmp net-unreachable":             nf.Reject{With: nf.RejectNoRoute},
		"icmpv6 type echo-request reject with icmpv6 no-route":           nf.Reject{With: nf.RejectNoRoute},
		"meta nfproto ipv6 reject with icmpv6 addr-unreachable":          nf.Reject{With: nf.RejectHostUnreach},
		"ip saddr 10.0.0.1 reject with icmp prot-unreachable":            nf.OpaqueTarget{Text: "reject with icmp prot-unreachable"},
		"ip saddr 10.0.0.1 reject with icmpv6 no-route":                  nf.OpaqueTarget{Text: "reject with icmpv6 no-route"},
		"ct original ip saddr 10.0.0.1 reject with icmp net-unreachable": nf.OpaqueTarget{Text: "reject with icmp net-unreachable"},
	} {
		tables, _ := Parse("f", []byte("table inet t {\n\tchain c {\n\t\t"+rule+"\n\t}\n}\n"))
		body := tables[0].Chains[0].Rules[0].Body
		if d := cmp.Diff(want, body[len(body)-1], sameAddr); d != "" {
			t.Errorf("%s: %s", rule, d)
		}
	}
}
