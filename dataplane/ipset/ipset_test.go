package ipset

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

const sample = `create ips hash:ip family inet hashsize 1024 maxelem 65536 timeout 300 counters comment bucketsize 12 initval 0x1
add ips 10.0.0.1 timeout 250 packets 3 bytes 180 comment "a web server"
create nets hash:net family inet6 hashsize 1024 maxelem 65536
add nets fd00::/8
add nets fd00:1::/32 nomatch
add nets fd00::1
create ipport hash:ip,port family inet hashsize 1024 maxelem 65536
add ipport 10.0.0.1,tcp:80
add ipport 10.0.0.1,udp:53
add ipport 10.0.0.1,icmp:echo-request
add ipport 10.0.0.1,50:0
create netport hash:net,port family inet6 hashsize 1024 maxelem 65536
add netport fd00::/8,icmpv6:echo-reply
create netnet hash:net,net family inet hashsize 1024 maxelem 65536
add netnet 10.0.0.0/8,192.168.0.0/16
create ipportip hash:ip,port,ip family inet hashsize 1024 maxelem 65536
add ipportip 10.0.0.1,tcp:80,10.0.0.2
create ipportnet hash:ip,port,net family inet hashsize 1024 maxelem 65536
add ipportnet 10.0.0.1,sctp:80,10.0.0.0/24
create netportnet hash:net,port,net family inet hashsize 1024 maxelem 65536
add netportnet 10.0.0.0/8,tcp:80,10.0.0.0/24
create netiface hash:net,iface family inet hashsize 1024 maxelem 65536
add netiface 10.0.0.0/8,eth0
create macs hash:mac hashsize 1024 maxelem 65536
add macs 01:23:45:67:89:AB
create ipmark hash:ip,mark family inet hashsize 1024 maxelem 65536
add ipmark 10.0.0.1,0x000000ff
create ports bitmap:port range 0-1023
add ports 22
create addrs bitmap:ip range 10.0.0.0-10.0.0.255
add addrs 10.0.0.7
create all list:set size 8
add all ips
add all ports
`

func mustParse(t *testing.T, text string) []nf.Set {
	t.Helper()
	sets, diags := Parse("f", []byte(text))
	if len(diags) != 0 {
		t.Fatalf("finding %v in\n%s", diags[0], text)
	}
	return sets
}

func checkRoundTrip(t *testing.T, sets []nf.Set) {
	t.Helper()
	text := Write(sets)
	again := mustParse(t, string(text))
	byName := func(s []nf.Set) []nf.Set {
		s = append([]nf.Set(nil), s...)
		sort.Slice(s, func(i, j int) bool { return s[i].Name < s[j].Name })
		return s
	}
	if a, b := byName(sets), byName(again); !reflect.DeepEqual(a, b) {
		t.Fatalf("sets differ after writing and reading:\n%+v\n%+v", a, b)
	}
	if second := Write(again); string(second) != string(text) {
		t.Fatalf("a written text is no fixed point:\n%s\n%s", text, second)
	}
}

func TestParse_Elements(t *testing.T) {
	sets := mustParse(t, sample)
	addr := netip.MustParseAddr
	one := nf.AddrDatum(addr("10.0.0.1"))
	want := map[nf.SetName]nf.Element{
		"ips":    {Key: []nf.Datum{one}, Timeout: 250 * time.Second, Packets: 3, Bytes: 180, HasCounter: true, Comment: "a web server"},
		"ipport": {Key: []nf.Datum{one, {Proto: packet.ProtoTCP, Num: 80, NumTo: 80}}},
		"netport": {Key: []nf.Datum{{Addr: addr("fd00::"), AddrTo: addr("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")},
			{Proto: packet.ProtoICMPv6, Num: 0x8100, NumTo: 0x8100}}},
		"netiface": {Key: []nf.Datum{{Addr: addr("10.0.0.0"), AddrTo: addr("10.255.255.255")}, {Name: "eth0"}}},
		"macs":     {Key: []nf.Datum{{MAC: "01:23:45:67:89:AB"}}},
		"ipmark":   {Key: []nf.Datum{one, nf.NumDatum(255)}},
		"ports":    {Key: []nf.Datum{nf.NumDatum(22)}},
		"all":      {Key: []nf.Datum{nf.NameDatum("ips")}},
	}
	for _, s := range sets {
		if w, ok := want[s.Name]; ok && !reflect.DeepEqual(s.Elements[0], w) {
			t.Errorf("%s: first element\n%+v, want\n%+v", s.Name, s.Elements[0], w)
		}
	}
	if e := sets[1].Elements[1]; !e.Nomatch {
		t.Errorf("nomatch was lost: %+v", e)
	}
	if d := sets[2].Elements[2].Key[1]; d.Proto != packet.ProtoICMP || d.Num != 0x800 {
		t.Errorf("echo-request is %+v", d)
	}
}

func TestRoundTrip(t *testing.T) {
	checkRoundTrip(t, mustParse(t, sample))
	files, _ := filepath.Glob("testdata/*.ipset-save")
	if len(files) == 0 {
		t.Fatal("no captures in testdata")
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		checkRoundTrip(t, mustParse(t, string(text)))
	}
}

func TestParse_DefaultProtocolIsTCP(t *testing.T) {
	s := mustParse(t, "create s hash:ip,port\nadd s 10.0.0.1,80\n")
	if d := s[0].Elements[0].Key[1]; d.Proto != packet.ProtoTCP || d.Num != 80 {
		t.Errorf("port dimension %+v", d)
	}
}

func TestParse_Findings(t *testing.T) {
	const head = "create s hash:ip,port family inet\n"
	for _, bad := range []string{
		"add t 10.0.0.1,tcp:80", "add s 10.0.0.1", "add s fd00::1,tcp:80", "add s 10.0.0.1,tcp:99999", "add s 10.0.0.1,nosuch:1",
		"add s 10.0.0.1,icmp:nosuch", "add s 10.0.0.1,tcp:80 nomatch", "add s 10.0.0.1,tcp:80 timeout 5", "junk", "create s hash:ip",
		"create t hash:nosuch", "create t hash:ip family inet9", "create t hash:ip nosuch 5", `add s 10.0.0.1,tcp:80 comment "open`,
	} {
		sets, diags := Parse("f", []byte(head+bad+"\nadd s 10.0.0.9,tcp:1\n"))
		if len(diags) != 1 || diags[0].Span.Start.Line != 2 || !strings.Contains(diags[0].Message, "expected") {
			t.Errorf("%q: findings %v", bad, diags)
		}
		if len(sets[0].Elements) != 1 {
			t.Errorf("%q: the line behind it was not read", bad)
		}
	}
}

// TestKernel_RestoreAndSave loads written text into a network namespace of its
// own and compares what ipset saves.
func TestKernel_RestoreAndSave(t *testing.T) {
	required := os.Getenv("TORTIE_REQUIRE_KERNEL") == "1"
	if !required {
		if _, err := exec.LookPath("ipset"); err != nil || os.Geteuid() != 0 {
			t.Skip("needs root and ipset")
		}
	}
	for _, s := range mustParse(t, sample) {
		if s.Type == "list:set" {
			continue
		}
		t.Run(s.Type, func(t *testing.T) { checkKernel(t, []nf.Set{s}) })
	}
}

func checkKernel(t *testing.T, sets []nf.Set) {
	cmd := exec.Command("unshare", "-n", "sh", "-c", "ipset restore && ipset save")
	cmd.Stdin = strings.NewReader(string(Write(sets)))
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "set type not supported") {
		t.Skip("this kernel has no sets of this type")
	}
	if err != nil {
		t.Fatalf("ipset: %v\n%s", err, out)
	}
	if got, want := normal(mustParse(t, string(out))), normal(sets); !reflect.DeepEqual(got, want) {
		t.Errorf("the kernel's sets\n%+v\nwant\n%+v", got, want)
	}
}

// normal orders sets and elements, and drops what the kernel chooses or counts.
func normal(sets []nf.Set) []nf.Set {
	sets = append([]nf.Set(nil), sets...)
	sort.Slice(sets, func(i, j int) bool { return sets[i].Name < sets[j].Name })
	for i := range sets {
		s := &sets[i]
		s.Options = nil
		s.Elements = append([]nf.Element(nil), s.Elements...)
		for j := range s.Elements {
			s.Elements[j].Timeout = 0
		}
		sort.Slice(s.Elements, func(a, b int) bool { return keyText(s, s.Elements[a].Key) < keyText(s, s.Elements[b].Key) })
	}
	return sets
}

func FuzzIPSetSave(f *testing.F) {
	f.Add(sample)
	f.Add("create s hash:ip,port\nadd s 10.0.0.1-10.0.0.9,udp:1-5\nadd s 10.0.0.1,icmp:3/1\n")
	f.Fuzz(func(t *testing.T, text string) {
		sets, _ := Parse("f", []byte(text))
		checkRoundTrip(t, sets)
	})
}
