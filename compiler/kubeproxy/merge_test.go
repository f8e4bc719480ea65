package kubeproxy

import (
	"strings"
	"testing"

	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
	"tortie/dataplane/nftables"
	"tortie/dataplane/packet"
)

// splitFelix takes kube-proxy's chains and rules out of a node's tables and
// counts Felix's rules in front of them.
func splitFelix(tables []nf.Table) ([]nf.Table, Front) {
	type place struct {
		t nf.TableName
		c nf.ChainName
	}
	fronts := map[place]int{}
	var out []nf.Table
	for _, t := range tables {
		left := t
		left.Chains = nil
		for _, c := range t.Chains {
			if strings.HasPrefix(string(c.Name), "KUBE-") {
				continue
			}
			var rules []nf.Rule
			seen := false
			for _, r := range c.Rules {
				if strings.Contains(iptables.RuleText(r), "-j KUBE-") {
					seen = true
					continue
				}
				if !seen {
					fronts[place{t.Name, c.Name}]++
				}
				rules = append(rules, r)
			}
			c.Rules = rules
			left.Chains = append(left.Chains, c)
		}
		out = append(out, left)
	}
	return out, func(_ nf.Family, t nf.TableName, c nf.ChainName) int { return fronts[place{t, c}] }
}

// The node's tables were recorded with Calico v3.32.1 and kube-proxy v1.36.3 on
// Linux 6.18, 2026-11-23; the rules of Calico's own chains are left out.
func TestMerge_MatchesRecordedNode(t *testing.T) {
	const name = "node-legacy.iptables-save"
	want, found := iptables.Parse(name, readCapture(t, name), iptables.Options{Backend: nf.IptablesLegacy, Family: packet.IPv4})
	if len(found) > 0 {
		t.Fatal(found[0])
	}
	opt := captureOptions(Iptables)
	opt.Family = packet.IPv4
	res, err := Program(readSixteen(t, 0), opt)
	if err != nil {
		t.Fatal(err)
	}
	felix, front := splitFelix(want)
	got := Merge(felix, res.Ruleset.Tables, front)
	n := compareListings(t, listing(got, nf.FamilyIP), listing(want, nf.FamilyIP))
	t.Logf("%d rules compared", n)
}

func TestMerge_KeepsTablesOfDifferentBackendsApart(t *testing.T) {
	chain := func(rules int) []nf.Chain {
		base, _ := nf.IptablesBase("filter", "INPUT")
		return []nf.Chain{{Name: "INPUT", Base: &base, Rules: make([]nf.Rule, rules)}}
	}
	felix := []nf.Table{{Family: nf.FamilyIP, Name: "filter", Backend: nf.IptablesNFT, Chains: chain(1)}}
	kube := []nf.Table{{Family: nf.FamilyIP, Name: "filter", Backend: nf.IptablesLegacy, Chains: chain(2)}}
	got := Merge(felix, kube, func(nf.Family, nf.TableName, nf.ChainName) int { return 1 })
	if len(got) != 2 || got[0].Backend != nf.IptablesLegacy || len(got[0].Chains[0].Rules) != 2 || len(got[1].Chains[0].Rules) != 1 {
		t.Errorf("merged %+v", got)
	}
}

func TestProgram_NFTablesMatchesRecordedNodeWithCalico(t *testing.T) {
	const name = "node-nft-v4.nft"
	want, found := nftables.Parse(name, readCapture(t, name))
	if len(found) > 0 {
		t.Fatal(found[0])
	}
	opt := captureOptions(NFTables)
	opt.Family = packet.IPv4
	opt.Local = LocalDetector{InterfacePrefix: "cali"}
	res, err := Program(readSixteen(t, 0), opt)
	if err != nil {
		t.Fatal(err)
	}
	n := compareListings(t, listing(res.Ruleset.Tables, nf.FamilyIP), listing(want, nf.FamilyIP))
	t.Logf("%d rules and elements compared", n)
}
