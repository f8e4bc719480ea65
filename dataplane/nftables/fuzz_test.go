package nftables

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tortie/dataplane/nf"
)

// checkRoundTrip is the oracle of both fuzz targets: what was read without a
// finding can be written, reads back to the same value, and is written the same.
func checkRoundTrip(t *testing.T, tables []nf.Table) {
	t.Helper()
	clearLines(tables)
	out, err := Write(tables)
	if err != nil {
		t.Fatalf("cannot write what was read: %v", err)
	}
	back, found := Parse("written", out)
	if len(found) > 0 {
		t.Fatalf("%s: %s\n%s", found[0].Span, found[0].Message, out)
	}
	clearLines(back)
	if !reflect.DeepEqual(tables, back) {
		t.Fatalf("%s\n%s", cmp.Diff(tables, back, sameAddr), out)
	}
	again, err := Write(back)
	if err != nil || !bytes.Equal(out, again) {
		t.Fatalf("written twice: %v\n%s\n%s", err, out, again)
	}
}

func FuzzNFT(f *testing.F) {
	for _, rule := range seedRules(f) {
		f.Add([]byte("table ip t {\n\tchain c {\n\t\t" + rule + "\n\t}\n}\n"))
	}
	f.Add([]byte("table inet t {\n\tset s {\n\t\ttype ipv4_addr . inet_service\n\t\tflags interval,timeout\n" +
		"\t\telements = { 10.0.0.0/8 . 80-90 timeout 1h expires 5m counter packets 1 bytes 2 comment \"x\",\n\t\t 1.2.3.4 . 5 }\n\t}\n}\n"))
	f.Add([]byte("table ip t { chain c {\n tcp dport 80 accept # handle 4\n}\n}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tables, found := Parse("fuzz", text)
		if len(found) == 0 {
			checkRoundTrip(t, tables)
		}
	})
}

func FuzzNFTJSON(f *testing.F) {
	for _, expr := range seedExprs(f) {
		f.Add(fmt.Appendf(nil, `{"nftables": [{"table": {"family": "ip", "name": "t"}}, {"chain": {"family": "ip", "table": "t", `+
			`"name": "c"}}, {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": %s}}]}`, expr))
	}
	f.Add([]byte(`{"nftables": [{"table": {"family": "ip", "name": "t"}}, {"map": {"family": "ip", "table": "t", "name": "m", ` +
		`"type": ["ipv4_addr", "inet_service"], "map": "verdict", "flags": ["interval"], "timeout": 60, "elem": ` +
		`[[{"elem": {"val": {"concat": ["1.2.3.4", {"range": [1, 2]}]}, "timeout": 5, "comment": "x"}}, {"drop": null}]]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		tables, found := ParseJSON("fuzz", data)
		if len(found) == 0 {
			checkRoundTrip(t, tables)
		}
	})
}

// seedRules are small seeds: each rule of the spellings on its own.
func seedRules(f *testing.F) []string {
	text, err := os.ReadFile("testdata/spellings.nft")
	if err != nil {
		f.Fatal(err)
	}
	var out []string
	for _, l := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(l, "\t\t") {
			out = append(out, strings.TrimSpace(l))
		}
	}
	return out
}

// seedExprs are the expression lists of the rules of the spellings.
func seedExprs(f *testing.F) []string {
	data, err := os.ReadFile("testdata/spellings.json")
	if err != nil {
		f.Fatal(err)
	}
	var out []string
	for _, l := range strings.Split(string(data), "\n") {
		if _, expr, ok := strings.Cut(l, `"expr":`); ok {
			out = append(out, strings.TrimSuffix(strings.TrimSuffix(l[len(l)-len(expr):], ","), "}}"))
		}
	}
	return out
}
