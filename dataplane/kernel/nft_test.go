package kernel

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
)

// captures are the listings of Felix's and of kube-proxy's nftables mode that
// the repository has.
func captures(t *testing.T) map[string][]nf.Table {
	t.Helper()
	out := map[string][]nf.Table{}
	for _, pattern := range []string{"../nftables/testdata/corpus/*.nft", "../../compiler/kubeproxy/testdata/captures/*.nft.gz"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, f := range files {
			tables, findings := nftables.Parse(f, readCapture(t, f))
			if findings.HasErrors() {
				t.Fatalf("%s: %v", f, failed(findings))
			}
			out[filepath.Base(f)] = tables
		}
	}
	return out
}

func readCapture(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Times that run, and handles, which count what was made and depend on the order
// of making.
var (
	expires = regexp.MustCompile(` expires [0-9dhms]+|, "expires": [0-9]+`)
	handles = regexp.MustCompile(`"handle": [0-9]+(, )?`)
)

func listing(t *testing.T, ns *netns.NS, args ...string) []string {
	t.Helper()
	out, err := ns.Run("", "nft", args...)
	if err != nil {
		t.Fatal(err)
	}
	out = handles.ReplaceAllString(expires.ReplaceAllString(out, ""), "")
	return strings.Split(strings.ReplaceAll(out, `}}, {"`, "}}, \n{\""), "\n")
}

// What netlink programs is, to nft, the same as what nft programs itself.
func TestLoadNFT_SameAsText(t *testing.T) {
	netns.Require(t, "nft")
	rules := 0
	for name, tables := range captures(t) {
		t.Run(name, func(t *testing.T) {
			byText, byNetlink := netns.ForTest(t), netns.ForTest(t)
			if err := loadText(byText, tables); err != nil {
				t.Fatal(err)
			}
			if err := LoadNFT(byNetlink, tables); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"list", "ruleset"}, {"-j", "list", "ruleset"}} {
				if d := cmp.Diff(listing(t, byText, args...), listing(t, byNetlink, args...)); d != "" {
					t.Errorf("nft %v (-text +netlink):\n%.3000s", args, d)
				}
			}
			for i := range tables {
				for j := range tables[i].Chains {
					rules += len(tables[i].Chains[j].Rules)
				}
			}
		})
	}
	t.Logf("%d rules programmed by text and by netlink", rules)
}
