package nftables

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tortie/dataplane/nf"
)

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// corpus returns the rule sets under testdata by file name.
func corpus(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files match %s: %v", pattern, err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		if out[f], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestParse_CorpusHasNothingUnmodelled(t *testing.T) {
	for name, text := range corpus(t, "corpus/*.nft") {
		tables, found := Parse(name, text)
		for _, f := range found {
			t.Errorf("%s: %s", f.Span, f.Message)
		}
		if got, want := countRules(tables), ruleLines(text); got != want {
			t.Errorf("%s: %d rules, the text has %d", name, got, want)
		}
	}
}

func countRules(tables []nf.Table) int {
	n := 0
	for _, t := range tables {
		for _, c := range t.Chains {
			n += len(c.Rules)
		}
	}
	return n
}

// ruleLines counts the lines with rules by their indent, without the parser.
func ruleLines(text []byte) int {
	n, inChain := 0, false
	for _, l := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasPrefix(l, "\tchain "):
			inChain = true
		case l == "\t}":
			inChain = false
		case inChain && strings.HasPrefix(l, "\t\t") && !strings.HasPrefix(l, "\t\ttype ") && strings.TrimSpace(l) != "":
			n++
		}
	}
	return n
}

func TestWrite_ParsesBackToTheSameValue(t *testing.T) {
	files := corpus(t, "corpus/*.nft")
	for name, text := range corpus(t, "spellings.nft") {
		files[name] = text
	}
	for name, text := range files {
		tables, _ := Parse(name, text)
		out, err := Write(tables)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		back, _ := Parse(name, out)
		clearLines(tables)
		clearLines(back)
		if d := cmp.Diff(tables, back, sameAddr); d != "" {
			t.Errorf("%s (-read +written and read):\n%s", name, d)
		}
	}
}

var handleRE = regexp.MustCompile(` # handle \d+`)

// samePortRange is the one spelling of the corpus that Write shortens: nft prints
// an interval of one port as it was loaded.
var samePortRange = strings.NewReplacer(":40000-40000", ":40000")

// Write must print each line as nft does. Lines with elements are left out: their
// order and their line breaks are free.
func TestWrite_IsNFTsSpelling(t *testing.T) {
	files := corpus(t, "corpus/*.nft")
	for name, text := range corpus(t, "spellings.nft") {
		files[name] = text
	}
	spelt := map[string]bool{ // two spellings of one condition
		"fib saddr . iif oif 0 accept": true, "fib saddr . iif oif != 0 accept": true,
		"type ipv4_addr": true, // typeof
	}
	for name, text := range files {
		want := map[string]int{}
		for _, l := range strings.Split(samePortRange.Replace(handleRE.ReplaceAllString(string(text), "")), "\n") {
			want[strings.TrimSpace(l)]++
		}
		tables, _ := Parse(name, text)
		out, _ := Write(tables)
		inElements := false
		for _, l := range strings.Split(string(out), "\n") {
			l = strings.TrimSpace(l)
			inElements = inElements && !strings.HasSuffix(l, " }") || strings.HasPrefix(l, "elements = ")
			if want[l]--; want[l] < 0 && !inElements && !strings.HasSuffix(l, " }") && !spelt[l] {
				t.Errorf("%s: wrote %q, which nft does not", name, l)
			}
		}
	}
}

func TestParseJSON_EqualsParse(t *testing.T) {
	files := corpus(t, "corpus/*.json")
	for name, text := range corpus(t, "spellings.json") {
		files[name] = text
	}
	for name, data := range files {
		text, err := os.ReadFile(strings.TrimSuffix(name, ".json") + ".nft")
		if err != nil {
			t.Fatal(err)
		}
		fromText, _ := Parse(name, text)
		fromJSON, _ := ParseJSON(name, data)
		for _, tables := range [][]nf.Table{fromText, fromJSON} {
			clearLines(tables)
			clearWhatJSONLacks(tables)
		}
		if d := cmp.Diff(fromText, fromJSON, sameAddr); d != "" {
			t.Errorf("%s (-text +json):\n%s", name, d)
		}
	}
}

// clearWhatJSONLacks takes away what nft 1.0.6 does not print in JSON (comments of
// tables and chains, devices, auto-merge, parts of seconds), and the texts of
// what is opaque.
func clearWhatJSONLacks(tables []nf.Table) {
	for i := range tables {
		tables[i].Comment = ""
		for j := range tables[i].Sets {
			s := &tables[i].Sets[j]
			s.AutoMerge = false
			for k := range s.Elements {
				s.Elements[k].Expires = s.Elements[k].Expires.Truncate(time.Second)
			}
		}
		for j := range tables[i].Opaque {
			tables[i].Opaque[j] = ""
		}
		for j := range tables[i].Chains {
			c := &tables[i].Chains[j]
			c.Comment = ""
			if c.Base != nil {
				c.Base.Devices = nil
			}
			for _, r := range c.Rules {
				for k, s := range r.Body {
					switch s.(type) {
					case nf.OpaqueMatch:
						r.Body[k] = nf.OpaqueMatch{}
					case nf.OpaqueTarget:
						r.Body[k] = nf.OpaqueTarget{}
					}
				}
			}
		}
	}
}
