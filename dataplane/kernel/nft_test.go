package kernel

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// programs are the expressions of all rules and the elements of all sets, sorted,
// because the kernel keeps elements in the order of a random hash.
func programs(t *testing.T, ns *netns.NS) []string {
	t.Helper()
	lines := listing(t, ns, "--debug=netlink", "list", "ruleset")
	slices.Sort(lines)
	return lines
}

// sameListings loads tables by text and by netlink, and compares what nft lists
// as text and as JSON.
func sameListings(t *testing.T, tables []nf.Table) (byText, byNetlink *netns.NS) {
	t.Helper()
	byText, byNetlink = netns.ForTest(t), netns.ForTest(t)
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
	return byText, byNetlink
}

// What netlink programs is, to nft and to the kernel, the same as what nft
// programs.
func TestLoadNFT_SameAsText(t *testing.T) {
	netns.Require(t, "nft")
	rules := 0
	for name, tables := range captures(t) {
		t.Run(name, func(t *testing.T) {
			byText, byNetlink := sameListings(t, tables)
			if d := cmp.Diff(programs(t, byText), programs(t, byNetlink)); d != "" {
				t.Errorf("expressions (-text +netlink):\n%.3000s", d)
			}
			for i := range tables {
				for j := range tables[i].Chains {
					rules += len(tables[i].Chains[j].Rules)
				}
			}
		})
	}
	t.Logf("%d rules programmed by text and by netlink, expression by expression the same", rules)
}

// unsaid are the statements of the hand-written spellings that netlink cannot
// say; all of them are kept as text by the model.
const unsaid = `table ip t: not modelled: counter c1 {
table ip t chain p rule 5: OpaqueTarget cannot be said by netlink: {Text:snat ip prefix to ip saddr map { 10.0.0.0/24 : 10.1.0.0/24 }}
table ip t chain x rule 104: OpaqueMatch cannot be said by netlink: {Text:ct label 5}
table ip t chain x rule 105: OpaqueMatch cannot be said by netlink: {Text:ether saddr 00:11:22:33:44:55}
table ip t chain x rule 106: OpaqueMatch cannot be said by netlink: {Text:meta priority 1:2}
table inet ti chain x rule 11: OpaqueTarget cannot be said by netlink: {Text:reject with icmp host-unreachable}
table inet ti chain x rule 12: OpaqueTarget cannot be said by netlink: {Text:reject with icmp port-unreachable}
table inet ti chain x rule 16: OpaqueTarget cannot be said by netlink: {Text:ip dscp set af12}
table inet ti chain x rule 22: OpaqueMatch cannot be said by netlink: {Text:meta protocol ip}`

// Every spelling that the codec knows goes by netlink, and what does not is named
// and nothing of it is loaded; without it the listings are the same.
func TestLoadNFT_Spellings(t *testing.T) {
	netns.Require(t, "nft")
	const file = "../nftables/testdata/spellings.nft"
	tables, _ := nftables.Parse(file, readCapture(t, file))
	ns := netns.ForTest(t)
	err := LoadNFT(ns, tables)
	if err == nil || err.Error() != unsaid {
		t.Fatalf("got %v", err)
	}
	if got := listing(t, ns, "list", "ruleset"); len(got) != 1 {
		t.Errorf("something was loaded: %q", got)
	}
	if err := ApplyRuleset(ns, &nf.Ruleset{Tables: tables}); err != nil {
		t.Errorf("not loaded as text either: %v", err)
	}
	for i := range tables {
		tables[i].Opaque = nil
		for j := range tables[i].Chains {
			tables[i].Chains[j].Rules = slices.DeleteFunc(tables[i].Chains[j].Rules, opaque)
		}
	}
	sameListings(t, tables)
}

func opaque(r nf.Rule) bool {
	return slices.ContainsFunc(r.Body, func(s nf.Stmt) bool {
		return strings.HasPrefix(nf.KindName(s), "Opaque")
	})
}

// The kernel's refusal names the rule.
func TestLoadNFT_Refused(t *testing.T) {
	netns.Require(t, "nft")
	table := nf.Table{Family: nf.FamilyIP, Name: "t", Backend: nf.NFTables, Chains: []nf.Chain{
		{Name: "c", Rules: []nf.Rule{{Body: []nf.Stmt{nf.Accept{}}}, {Body: []nf.Stmt{nf.Jump{Chain: "gone"}}}}},
	}}
	err := LoadNFT(netns.ForTest(t), []nf.Table{table})
	if err == nil || !strings.Contains(err.Error(), "table ip t chain c rule 2: no such file") {
		t.Errorf("got %v", err)
	}
}

// Devices of chains and dormant tables: netlink programs what nft's text says,
// and the text that is listed then says the same.
func TestLoadNFT_DevicesAndDormantTables(t *testing.T) {
	netns.Require(t, "nft")
	text := `table netdev t {
	chain i {
		type filter hook ingress devices = { "v0", "v1" } priority filter; policy drop;
	}
	chain e {
		type filter hook egress device "v0" priority filter; policy accept;
	}
}
table ip u {
	flags dormant
	chain i {
		type filter hook input priority filter; policy drop;
	}
}
`
	ns := netns.ForTest(t)
	if _, err := ns.Run("", "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"); err != nil {
		t.Fatal(err)
	}
	want, findings := nftables.Parse("text", []byte(text))
	if len(findings) != 0 {
		t.Fatal(findings)
	}
	if err := LoadNFT(ns, want); err != nil {
		t.Fatal(err)
	}
	listed, err := ns.Run("", "nft", "list", "ruleset")
	if err != nil {
		t.Fatal(err)
	}
	got, findings := nftables.Parse("listed", []byte(listed))
	if len(findings) != 0 {
		t.Fatal(findings)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-text +listed):\n%s", d)
	}
	written, err := nftables.Write(got)
	if err != nil {
		t.Fatal(err)
	}
	if back, _ := nftables.Parse("written", written); !cmp.Equal(got, back) {
		t.Errorf("written and read:\n%s", written)
	}
}
