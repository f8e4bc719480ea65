package link

import (
	"slices"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/dataplane/host"
	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
)

const foreignCluster = `apiVersion: v1
kind: Node
metadata: {name: n1, annotations: {projectcalico.org/IPv4Address: 192.0.2.1/24}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.50, ports: [{port: 80}]}
`

// foreignNode is n1 with what other programs have had on it so far.
func foreignNode(t *testing.T, opt Options, had ...Foreign) host.State {
	t.Helper()
	snap, findings := cluster.Read([]cluster.File{{Name: "x.yaml", Data: []byte(foreignCluster)}}, cluster.Options{})
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	opt.NodeRules = map[host.Name][][]Foreign{}
	for _, f := range had {
		opt.NodeRules["n1"] = append(opt.NodeRules["n1"], []Foreign{f})
	}
	l, _ := New(snap, opt)
	s, _, _, err := l.Node("n1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// native is a table that only nftables' own programs have.
func native(name nf.TableName) nf.Table {
	return nf.Table{Family: nf.FamilyInet, Name: name, Backend: nf.NFTables}
}

// docker is a filter table with a rule in FORWARD, whose policy it makes DROP.
func docker(t *testing.T, b nf.Backend) nf.Table {
	t.Helper()
	tables, findings := iptables.Parse("docker.rules", []byte("*filter\n:FORWARD DROP [0:0]\n-A FORWARD -i docker0 -j ACCEPT\nCOMMIT\n"), iptables.Options{Backend: b})
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	return tables[0]
}

// Tables of others that were there from the beginning come before kube-proxy's and
// Felix's, those that came later behind them, as often as they come; what iptables-legacy
// has registered once stays where it was.
func TestForeign_OrderOfTables(t *testing.T) {
	a, b, nft, legacy := native("a"), native("b"), docker(t, nf.IptablesNFT), docker(t, nf.IptablesLegacy)
	of := func(tables ...nf.Table) Foreign { return Foreign{Tables: tables} }
	for name, row := range map[string]struct {
		had  []Foreign
		want string
	}{
		"from the beginning":          {[]Foreign{of(a, nft)}, "a filter own"},
		"later":                       {[]Foreign{{}, of(a, nft)}, "own a filter"},
		"one more":                    {[]Foreign{of(a), of(b, a)}, "a own b"},
		"and one more, in its place":  {[]Foreign{of(a), of(b, a), of(nft, a, b)}, "a own b filter"},
		"away":                        {[]Foreign{of(a, b), of(b)}, "b own"},
		"away and back":               {[]Foreign{of(a, b), of(b), of(a, b)}, "b own a"},
		"of iptables-legacy":          {[]Foreign{of(legacy), of(b), of(legacy, b)}, "filter own b"},
		"of iptables-legacy and away": {[]Foreign{{}, of(b), of(legacy, b), {}}, "own filter"},
	} {
		s := foreignNode(t, Options{NFTables: true, KubeProxy: KubeProxyNFTables}, row.had...)
		var order []string
		for _, table := range s.Ruleset.Tables {
			if name := string(table.Name); slices.Contains([]string{"kube-proxy", "calico", "calico-arp"}, name) {
				order = append(order, "own")
			} else {
				order = append(order, name)
			}
		}
		if got := strings.Join(slices.Compact(order), " "); got != row.want {
			t.Errorf("%s: %s, want %s", name, got, row.want)
		}
		if f := s.Ruleset.FindTable(nf.IptablesLegacy, nf.FamilyIP, "filter"); name == "of iptables-legacy and away" &&
			(len(f.FindChain("FORWARD").Rules) > 0 || f.FindChain("FORWARD").Base.Policy != nf.PolicyAccept) {
			t.Errorf("%s: the table is not empty: %+v", name, f)
		}
	}
}

// In a chain that all use, other programs' rules have the same place whether they came
// before Felix or later, and the policy goes with them.
func TestForeign_PlaceInSharedChain(t *testing.T) {
	table := docker(t, nf.IptablesLegacy)
	for mode, want := range map[string][]string{
		"Insert": {"cali-FORWARD", "KUBE-FORWARD", "docker0", "--mark"},
		"Append": {"KUBE-FORWARD", "docker0", "cali-FORWARD", "--mark"},
	} {
		for when, had := range map[string][]Foreign{
			"before":       {{Tables: []nf.Table{table}}},
			"later":        {{}, {Tables: []nf.Table{table}}},
			"of any":       {{}, {Tables: []nf.Table{docker(t, nf.IptablesNFT)}, AnyBackend: true}},
			"away, and on": {{Tables: []nf.Table{table}}, {}, {Tables: []nf.Table{table}}},
		} {
			s := foreignNode(t, Options{Iptables: true, KubeProxy: KubeProxyIptables, Env: map[string]string{"chaininsertmode": mode}}, had...)
			c := s.Ruleset.FindTable(nf.IptablesLegacy, nf.FamilyIP, "filter").FindChain("FORWARD")
			var order []string
			for _, r := range c.Rules {
				for _, w := range want {
					if strings.Contains(iptables.RuleText(r), w) {
						order = append(order, w)
						break
					}
				}
			}
			if order = slices.Compact(order); !slices.Equal(order, want) || c.Base.Policy != nf.PolicyDrop {
				t.Errorf("%s, %s: %q and policy %v, want %q and drop", mode, when, order, c.Base.Policy, want)
			}
		}
		s := foreignNode(t, Options{Iptables: true, KubeProxy: KubeProxyIptables}, Foreign{Tables: []nf.Table{table}}, Foreign{})
		if c := s.Ruleset.FindTable(nf.IptablesLegacy, nf.FamilyIP, "filter").FindChain("FORWARD"); c.Base.Policy != nf.PolicyAccept {
			t.Errorf("behind docker the policy is %v", c.Base.Policy)
		}
	}
}
