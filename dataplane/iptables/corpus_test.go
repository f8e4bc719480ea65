package iptables

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// captures are the names and texts of the recorded rule sets.
func captures(t testing.TB) map[string][]byte {
	t.Helper()
	files, _ := filepath.Glob("testdata/*tables-save")
	if len(files) == 0 {
		t.Fatal("no captures in testdata")
	}
	out := map[string][]byte{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[f] = text
	}
	return out
}

// TestCaptures_FullyModelled reads every capture without a finding, and reads
// every rule line of it.
func TestCaptures_FullyModelled(t *testing.T) {
	for name, text := range captures(t) {
		ts, diags := Parse(name, text, Options{})
		if len(diags) != 0 {
			t.Errorf("%s: %v", name, diags[0])
		}
		rules := 0
		for _, tb := range ts {
			for _, c := range tb.Chains {
				rules += len(c.Rules)
			}
		}
		if want := strings.Count(string(text), "-A "); rules != want {
			t.Errorf("%s: %d rules read, want %d", name, rules, want)
		}
		wantFamily, wantBackend := nf.FamilyIP, nf.IptablesLegacy
		if strings.Contains(name, "ip6tables") {
			wantFamily = nf.FamilyIP6
		}
		if strings.Contains(name, "nft") {
			wantBackend = nf.IptablesNFT
		}
		if ts[0].Family != wantFamily || ts[0].Backend != wantBackend {
			t.Errorf("%s: read as %s of %s", name, ts[0].Family, ts[0].Backend)
		}
	}
}

func TestCaptures_RoundTrip(t *testing.T) {
	for name, text := range captures(t) {
		ts, _ := Parse(name, text, Options{})
		checkRoundTrip(t, name, ts)
		// The two line endings and repetition of a text mean the same rules.
		crlf, diags := Parse(name, []byte(strings.ReplaceAll(string(text), "\n", "\r\n")), Options{})
		if len(diags) != 0 || !reflect.DeepEqual(crlf, ts) {
			t.Errorf("%s: CRLF changes the rules: %v", name, diags)
		}
		if twice, _ := Parse(name, append(append([]byte{}, text...), text...), Options{}); len(twice) != 2*len(ts) {
			t.Errorf("%s: %d tables in two texts, want %d", name, len(twice), 2*len(ts))
		}
	}
}

// checkRoundTrip writes and reads each table, which must give the same table,
// and whose text must stay as it is.
func checkRoundTrip(t *testing.T, name string, tables []nf.Table) {
	t.Helper()
	for i := range tables {
		tb := tables[i]
		text, err := Write([]nf.Table{tb}, famOf(tb), WriteOptions{Counters: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		again, diags := Parse(name, text, Options{Family: famOf(tb), Backend: tb.Backend})
		if diags.HasErrors() || len(again) != 1 {
			t.Fatalf("%s: own text is not read: %v\n%s", name, diags, text)
		}
		if !reflect.DeepEqual(strip(tb), strip(again[0])) {
			t.Fatalf("%s: table %s differs after writing and reading:\n%#v\n%#v\n%s", name, tb.Name, tb, again[0], text)
		}
		second, err := Write(again, famOf(tb), WriteOptions{Counters: true})
		if err != nil || string(second) != string(text) {
			t.Fatalf("%s: a written text is no fixed point: %v\n%s\n%s", name, err, text, second)
		}
	}
}

func TestParse_Counters(t *testing.T) {
	ts, diags := Parse("f", []byte("*filter\n:INPUT DROP [3:180]\n:r - [0:0]\n[7:420] -A INPUT -j r\n-A r -c 1 2\nCOMMIT\n"), Options{})
	if len(diags) != 0 {
		t.Fatal(diags)
	}
	in, r := ts[0].Chains[0], ts[0].Chains[1].Rules[0]
	if in.Packets != 3 || in.Bytes != 180 || in.Base.Policy != nf.PolicyDrop || in.Base.Hook != nf.LocalIn {
		t.Errorf("chain %+v", in)
	}
	if in.Rules[0].Packets != 7 || in.Rules[0].Bytes != 420 || in.Rules[0].Line != 4 || r.Packets != 1 || r.Bytes != 2 {
		t.Errorf("rules %+v %+v", in.Rules[0], r)
	}
}

func TestParse_LinesAroundTables(t *testing.T) {
	for text, code := range map[string]string{
		"junk\n*filter\nCOMMIT\n":                      "import/unreadable-line",
		"*filter\nCOMMIT\ntrailing junk\n":             "import/unreadable-line",
		"*filter\n:INPUT ACCEPT [0:0]\n":               "import/missing-commit",
		"*filter\n*nat\nCOMMIT\n":                      "import/missing-commit",
		"*nosuch\n:x - [0:0]\n-A x -j DROP\nCOMMIT\n":  "import/unknown-table",
		"*filter\n-A nosuch -j DROP\nCOMMIT\n":         "import/unknown-chain",
		"*filter\n:x - [0:0]\n:x - [0:0]\nCOMMIT\n":    "import/duplicate-chain",
		"*filter\n:x ACCEPT [0:0]\nCOMMIT\n":           "import/unreadable-line",
		"*filter\n:INPUT ACCEPT [x:0]\nCOMMIT\n":       "import/unreadable-line",
		"*filter\n[1] -A INPUT\nCOMMIT\n":              "import/unreadable-line",
		"*filter\n-A INPUT -m nosuch --x 1\nCOMMIT\n":  "import/unmodelled-match",
		"*filter\n-A INPUT -j NOSUCH --x 1\nCOMMIT\n":  "import/unmodelled-target",
		"*filter\n-A INPUT -m mark --nosuch\nCOMMIT\n": "import/unmodelled-match",
	} {
		_, diags := Parse("f", []byte(text), Options{})
		if len(diags) != 1 || diags[0].Code != code || diags[0].Span.Start.Line == 0 {
			t.Errorf("%q: findings %v, want %s", text, diags, code)
		}
	}
}

func FuzzIPTablesSave(f *testing.F) {
	for _, r := range rows {
		f.Add(table(r.text), false)
	}
	f.Add("*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -d fd00::1/128 -j SNAT --to-source [fd00::2]:80\nCOMMIT\n", true)
	f.Add("*raw\r\n-P OUTPUT DROP\r\n-N x\r\n[1:2] -A x -p tcp --dport ! 80 -m foo ! --bar \"a b\" -j CT --zone 1\r\n", false)
	f.Fuzz(func(t *testing.T, text string, v6 bool) {
		opt := Options{Family: packet.IPv4}
		if v6 {
			opt.Family = packet.IPv6
		}
		ts, _ := Parse("f", []byte(text), opt)
		checkRoundTrip(t, "f", ts)
	})
}
