package nftables

import (
	"bytes"
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
	if d := cmp.Diff(tables, back, sameAddr); d != "" {
		t.Fatalf("%s\n%s", d, out)
	}
	again, err := Write(back)
	if err != nil || !bytes.Equal(out, again) {
		t.Fatalf("written twice: %v\n%s\n%s", err, out, again)
	}
}

func FuzzNFT(f *testing.F) {
	for _, text := range corpus(f, "spellings.nft") {
		f.Add(text)
	}
	for _, text := range corpus(f, "corpus/kube-proxy-v4.nft") {
		f.Add(text)
	}
	f.Add([]byte("table ip t { chain c {\n tcp dport 80 accept # handle 4\n}\n}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tables, found := Parse("fuzz", text)
		if len(found) == 0 {
			checkRoundTrip(t, tables)
		}
	})
}

func FuzzNFTJSON(f *testing.F) {
	for _, data := range corpus(f, "spellings.json") {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tables, found := ParseJSON("fuzz", data)
		if len(found) == 0 {
			checkRoundTrip(t, tables)
		}
	})
}
