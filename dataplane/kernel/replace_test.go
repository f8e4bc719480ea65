package kernel

import (
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tortie/dataplane/ipset"
	"tortie/dataplane/iptables"
	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
)

// Rule sets of nftables replaced by one another, and by none: the kernel has the same
// expressions and elements as of a fresh load, and nothing is left behind.
func TestReplaceRuleset_NFTables(t *testing.T) {
	netns.Require(t, "nft")
	ns, all := netns.ForTest(t), captures(t)
	before := &nf.Ruleset{}
	for _, name := range []string{"felix-29-nat.nft", "kube-proxy-v4.nft", "kube-proxy-v4.nft", "felix-29-nat.nft", ""} {
		now := &nf.Ruleset{Tables: all[name]}
		if err := ReplaceRuleset(ns, before, now); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		fresh := netns.ForTest(t)
		if err := ApplyRuleset(fresh, now); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(numberless(programs(t, fresh)), numberless(programs(t, ns))); d != "" {
			t.Errorf("%s (-fresh +replaced):\n%.2000s", name, d)
		}
		before = now
	}
}

// numberless takes the handles off the rules' names in a list of programs.
func numberless(lines []string) []string {
	name := regexp.MustCompile(`^(\S+ \S+ \S+)( \d+)+$`)
	for i := range lines {
		lines[i] = name.ReplaceAllString(lines[i], "$1")
	}
	slices.Sort(lines)
	return lines
}

// The same of iptables, with both of its backends.
func TestReplaceRuleset_Iptables(t *testing.T) {
	netns.Require(t, "iptables-legacy-restore", "iptables-nft-restore", "ipset")
	parsed := func(name string, b nf.Backend) []nf.Table {
		text, err := os.ReadFile("../iptables/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		tables, findings := iptables.Parse(name, text, iptables.Options{Family: ipFamily(nf.FamilyIP), Backend: b})
		if findings.HasErrors() {
			t.Fatal(failed(findings))
		}
		return tables
	}
	for _, b := range []nf.Backend{nf.IptablesLegacy, nf.IptablesNFT} {
		ns, before := netns.ForTest(t), &nf.Ruleset{}
		for _, name := range []string{"felix-legacy-4wl.iptables-save", "felix-untracked.iptables-save", "felix-legacy-4wl.iptables-save"} {
			now := &nf.Ruleset{Tables: withoutSets(parsed(name, b))}
			if err := ReplaceRuleset(ns, before, now); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got, err := ReadBack(ns, now)
			if err != nil {
				t.Fatal(err)
			}
			for i := range now.Tables {
				want := &now.Tables[i]
				have := got.FindTable(b, nf.FamilyIP, want.Name)
				if have == nil || !sameChains(want, have) {
					t.Errorf("%s %s: table %s is not as it was written:\n%+v", b, name, want.Name, have)
				}
			}
			before = now
		}
	}
}

// IP sets that rules refer to change their elements and their options, and lists of sets
// with them.
func TestReplaceRuleset_IPSets(t *testing.T) {
	netns.Require(t, "iptables-legacy-restore", "ipset")
	ns, before := netns.ForTest(t), &nf.Ruleset{}
	rule := "*filter\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -m set --match-set one dst -j DROP\n-A OUTPUT -m set --match-set all dst -j DROP\nCOMMIT\n"
	for _, text := range []string{
		"create one hash:ip family inet hashsize 1024 maxelem 100\nadd one 192.0.2.1\ncreate all list:set size 8\nadd all one\n",
		"create one hash:ip family inet hashsize 1024 maxelem 200\nadd one 192.0.2.1\ncreate all list:set size 8\nadd all one\n",
		"create one hash:ip family inet hashsize 1024 maxelem 200\nadd one 192.0.2.2\ncreate two hash:ip family inet hashsize 1024 maxelem 9\nadd two 192.0.2.3\n" +
			"create all list:set size 9\nadd all one\nadd all two\n",
		"create one hash:ip family inet hashsize 1024 maxelem 200\ncreate all list:set size 9\nadd all one\n",
	} {
		sets, findings := ipset.Parse("sets", []byte(text))
		tables, more := iptables.Parse("rules", []byte(rule), iptables.Options{Family: ipFamily(nf.FamilyIP), Backend: nf.IptablesLegacy})
		if findings.HasErrors() || more.HasErrors() {
			t.Fatal(failed(append(findings, more...)))
		}
		now := &nf.Ruleset{Tables: tables, IPSets: sets}
		if err := ReplaceRuleset(ns, before, now); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		fresh := netns.ForTest(t)
		if err := ApplyRuleset(fresh, now); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(listed(t, fresh), listed(t, ns)); d != "" {
			t.Errorf("%s(-fresh +replaced):\n%s", text, d)
		}
		before = now
	}
}

// listed are a namespace's sets as ipset saves them, but for what is drawn.
func listed(t *testing.T, ns *netns.NS) []string {
	t.Helper()
	text, err := ns.Run("", "ipset", "save")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(regexp.MustCompile(` initval \S+`).ReplaceAllString(text, ""), "\n")
	slices.Sort(lines)
	return lines
}

// withoutSets leaves out rules that ask IP sets.
func withoutSets(tables []nf.Table) []nf.Table {
	for i := range tables {
		for j := range tables[i].Chains {
			c := &tables[i].Chains[j]
			c.Rules = slices.DeleteFunc(c.Rules, func(r nf.Rule) bool {
				return slices.ContainsFunc(r.Body, func(s nf.Stmt) bool { _, ok := s.(nf.MatchSet); return ok })
			})
		}
	}
	return tables
}

func sameChains(a, b *nf.Table) bool {
	if len(a.Chains) != len(b.Chains) {
		return false
	}
	for i := range a.Chains {
		c, o := &a.Chains[i], b.FindChain(a.Chains[i].Name)
		if o == nil || len(c.Rules) != len(o.Rules) {
			return false
		}
		for j := range c.Rules {
			if iptables.RuleText(c.Rules[j]) != iptables.RuleText(o.Rules[j]) {
				return false
			}
		}
	}
	return true
}

// stickyText is a table with a set that rules add to, and its rules.
func stickyText(rules string, set string) string {
	return fmt.Sprintf(`table ip t {
	%s
	map to {
		type ipv4_addr : verdict
		elements = { 192.0.2.1 : goto more }
	}
	chain more {
		counter accept
	}
	chain c {
		type filter hook output priority filter; policy accept;
		%s
	}
}
`, set, rules)
}

// What was added to a set stays when the table changes and the set goes on, with its
// time; with another type, or with the set, it goes.
func TestReplaceRuleset_KeepsElements(t *testing.T) {
	netns.Require(t, "nft")
	const set = "set s {\n\t\ttype ipv4_addr\n\t\tsize 65535\n\t\tflags dynamic,timeout\n\t\ttimeout %s\n\t}\n"
	ns := netns.ForTest(t)
	before := &nf.Ruleset{}
	for _, step := range []struct {
		text, want string
	}{
		{stickyText("counter update @s { ip daddr }", fmt.Sprintf(set, "3h")), "elements = { 192.0.2.9 expires 2h"},
		{stickyText("ip daddr vmap @to", fmt.Sprintf(set, "3h")), "elements = { 192.0.2.9 expires 2h"},
		{stickyText("ip daddr @s drop", fmt.Sprintf(set, "1h")), "elements = { 192.0.2.9 timeout 3h expires 2h"},
		{stickyText("meta time \"2001-01-01 00:00:00\" drop", fmt.Sprintf(set, "2h")), "elements = { 192.0.2.9 timeout 3h expires 2h"},
		{stickyText("drop", strings.Replace(fmt.Sprintf(set, "2h"), "ipv4_addr", "mark", 1)), ""},
		{stickyText("drop", ""), ""},
	} {
		tables, findings := nftables.Parse("text", []byte(step.text))
		if findings.HasErrors() {
			t.Fatal(failed(findings))
		}
		now := &nf.Ruleset{Tables: tables}
		if err := ReplaceRuleset(ns, before, now); err != nil {
			t.Fatalf("%v\n%s", err, step.text)
		}
		if len(before.Tables) == 0 {
			if _, err := ns.Run("add element ip t s { 192.0.2.9 timeout 3h expires 2h59m }\n", "nft", "-f", "-"); err != nil {
				t.Fatal(err)
			}
		}
		got, err := ns.Run("", "nft", "list", "table", "ip", "t")
		if err != nil {
			t.Fatal(err)
		}
		if step.want == "" && strings.Contains(got, "192.0.2.9") || !strings.Contains(got, step.want) {
			t.Errorf("want %q in\n%s", step.want, got)
		}
		before = now
	}
}

// A table that changes stays on the hooks where it is: what was registered behind it
// goes on to run first. What has to be before another one moves that.
func TestReplaceRuleset_KeepsTheOrderOfHooks(t *testing.T) {
	netns.Require(t, "nft", "iptables-nft-restore", "iptables-legacy-restore")
	table := func(b nf.Backend, name nf.TableName, body ...nf.Stmt) nf.Table {
		base, _ := nf.IptablesBase("filter", "OUTPUT")
		return nf.Table{Family: nf.FamilyIP, Backend: b, Name: name, Chains: []nf.Chain{{Name: "OUTPUT", Base: &base, Rules: []nf.Rule{{Body: body}}}}}
	}
	for _, b := range []nf.Backend{nf.IptablesLegacy, nf.IptablesNFT, nf.NFTables} {
		older := func(body ...nf.Stmt) nf.Table { return table(b, "filter", body...) }
		newer := table(nf.NFTables, "newer", nf.Counter{}, nf.Drop{})
		oldest := table(nf.NFTables, "oldest", nf.Counter{}, nf.Drop{})
		ns := netns.ForTest(t)
		before := &nf.Ruleset{}
		for i, tables := range [][]nf.Table{
			{older(nf.Counter{}, nf.Accept{}), newer},
			{older(nf.Counter{}, nf.Return{}), newer},
			{oldest, older(nf.Counter{}, nf.Drop{}), newer},
		} {
			if b == nf.IptablesLegacy && i == 2 {
				continue // its hooks stay where they are
			}
			for j := range tables {
				if tables[j].Backend.Iptables() {
					tables[j].Chains[0].Rules[0].Body = tables[j].Chains[0].Rules[0].Body[1:] // iptables counts by itself
				}
			}
			now := &nf.Ruleset{Tables: tables}
			if err := ReplaceRuleset(ns, before, now); err != nil {
				t.Fatal(err)
			}
			ns.Do(func() error { return ping127() })
			got, err := ReadBack(ns, now)
			if err != nil {
				t.Fatal(err)
			}
			for j, want := range tables {
				rule := got.FindTable(want.Backend, want.Family, want.Name).FindChain("OUTPUT").Rules[0]
				hit := rule.Packets > 0
				if c, ok := rule.Body[0].(nf.Counter); ok && !want.Backend.Iptables() {
					hit = c.Packets > 0
				}
				if last := j == len(tables)-1; hit != last {
					t.Errorf("%s, step %d: table %s was hit: %v", b, i+1, want.Name, hit)
				}
			}
			before = now
			newer = table(nf.NFTables, "newer", nf.Counter{}, nf.Drop{})
		}
	}
}

// ping127 sends a packet to the loopback address.
func ping127() error {
	c, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		return err
	}
	defer c.Close()
	c.Write([]byte{0})
	return nil
}
