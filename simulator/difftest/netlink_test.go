package difftest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tortie/dataplane/kernel"
	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
)

// Loads of payload that nft joins, because it reads two neighbouring fields at
// once, are the one thing in which its expressions differ from ours; so rule sets
// are compared as nft lists them.
var (
	anonymous = regexp.MustCompile(`__(set|map)[0-9]+`)
	running   = regexp.MustCompile(` expires [0-9dhms]+`)
)

func nftListing(t *testing.T, ns *netns.NS) []string {
	t.Helper()
	out, err := ns.Run("", "nft", "list", "ruleset")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(running.ReplaceAllString(anonymous.ReplaceAllString(out, "__$1"), ""), "\n")
}

// Random nftables rule sets programmed by netlink are listed by nft as those that
// nft programs.
func TestNetlink_RandomRulesets(t *testing.T) {
	netns.Require(t, "nft")
	rulesets, rules := 0, 0
	for seed := uint64(1); rulesets < 60; seed++ {
		m := newMaker(seed)
		rs := m.Ruleset()
		native := slices.DeleteFunc(rs.Tables, func(t nf.Table) bool { return t.Backend != nf.NFTables })
		if len(native) == 0 {
			continue
		}
		rulesets++
		byText, byNetlink := loadBoth(t, seed, native)
		if d := cmp.Diff(nftListing(t, byText), nftListing(t, byNetlink)); d != "" {
			t.Errorf("seed %d (-text +netlink):\n%s", seed, d)
		}
		for _, table := range native {
			for _, c := range table.Chains {
				rules += len(c.Rules)
			}
		}
		byText.Close()
		byNetlink.Close()
	}
	t.Logf("%d rule sets with %d rules", rulesets, rules)
}

func loadBoth(t *testing.T, seed uint64, tables []nf.Table) (byText, byNetlink *netns.NS) {
	t.Helper()
	text, err := kernel.Text(tables)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	byText, byNetlink = netns.ForTest(t), netns.ForTest(t)
	if _, err := byText.Run(text, "nft", "-f", "-"); err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, text)
	}
	if err := kernel.LoadNFT(byNetlink, tables); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	return byText, byNetlink
}
