package nftables

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"tortie/dataplane/nf"
)

// listAfterLoad loads a text with nft in a network namespace of its own, and
// returns what nft lists then.
func listAfterLoad(t *testing.T, text []byte, list string) []byte {
	t.Helper()
	cmd := exec.Command("unshare", "-n", "sh", "-c", "nft -f - && "+list)
	cmd.Stdin = bytes.NewReader(text)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %.2000s", err, stderr.String())
	}
	return out
}

func needKernel(t *testing.T) {
	t.Helper()
	_, errNFT := exec.LookPath("nft")
	_, errUnshare := exec.LookPath("unshare")
	if os.Getuid() == 0 && errNFT == nil && errUnshare == nil {
		return
	}
	if os.Getenv("TORTIE_REQUIRE_KERNEL") != "" {
		t.Fatal("needs root, nft and unshare")
	}
	t.Skip("needs root, nft and unshare")
}

// The kernel keeps what Write says: loaded, listed and read again it is the same,
// from the text and from the JSON.
func TestKernel_KeepsWhatWriteSays(t *testing.T) {
	needKernel(t)
	files := corpus(t, "corpus/*.nft")
	for name, text := range corpus(t, "spellings.nft") {
		files[name] = text
	}
	for name, text := range files {
		t.Run(name, func(t *testing.T) {
			tables, _ := Parse(name, text)
			out, err := Write(tables)
			if err != nil {
				t.Fatal(err)
			}
			fromText, _ := Parse(name, listAfterLoad(t, out, "nft -a list ruleset"))
			fromJSON, _ := ParseJSON(name, listAfterLoad(t, out, "nft -j list ruleset"))
			for _, l := range [][]nf.Table{tables, fromText, fromJSON} {
				clearLines(l)
				sortElements(l)
			}
			if d := gocmp.Diff(tables, fromText, sameAddr); d != "" {
				t.Errorf("(-written +listed):\n%s", d)
			}
			clearWhatJSONLacks(tables)
			clearWhatJSONLacks(fromJSON)
			if d := gocmp.Diff(tables, fromJSON, sameAddr); d != "" {
				t.Errorf("(-written +listed as JSON):\n%s", d)
			}
		})
	}
}

// sortElements gives the elements of sets an order; the kernel's is that of its
// hash. Times that run are taken away.
func sortElements(tables []nf.Table) {
	for i := range tables {
		for _, c := range tables[i].Chains {
			sortValues(c.Rules)
		}
		for j := range tables[i].Sets {
			es := tables[i].Sets[j].Elements
			for k := range es {
				es[k].Expires = 0
			}
			slices.SortFunc(es, func(a, b nf.Element) int {
				return cmp.Compare(fmt.Sprint(a.Key), fmt.Sprint(b.Key))
			})
		}
	}
}

// sortValues gives the values of anonymous sets an order.
func sortValues(rules []nf.Rule) {
	for _, r := range rules {
		for _, s := range r.Body {
			if m, ok := s.(nf.MatchCompare); ok {
				slices.SortFunc(m.Values, func(a, b []nf.Datum) int {
					return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
				})
			}
		}
	}
}
