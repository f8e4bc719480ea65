package link

import (
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
)

func problemsOf(t *testing.T, text string, opt Options) diag.List {
	t.Helper()
	s, findings := cluster.Read([]cluster.File{{Name: "in.yaml", Data: []byte(text)}}, cluster.Options{})
	if findings.HasErrors() {
		t.Fatal(findings)
	}
	l, _ := New(s, opt)
	return l.Problems()
}

const felixOf = "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {name: %NAME%}\nspec:\n"

// What Felix does not start with or breaks on is found without nodes, without
// endpoints, and in configurations that hold for no node; each with its line.
func TestProblems(t *testing.T) {
	felix := func(name, spec string) string { return strings.ReplaceAll(felixOf, "%NAME%", name) + spec }
	policy := "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\nspec:\n  selector: has(nobody)\n  types: [Ingress]\n  ingress:\n"
	pools := "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: a}\nspec: {cidr: 10.0.0.0/8, natOutgoing: true}\n---\n" +
		"apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: b}\nspec: {cidr: 10.1.0.0/16}\n"
	node := "---\napiVersion: v1\nkind: Node\nmetadata: {name: n1}\n"
	for name, c := range map[string]struct {
		text string
		nft  bool
		want diag.Severity
		code string
		line int
	}{
		"mark mask":                   {felix("default", "  iptablesMarkMask: 3\n"), false, diag.Error, "felix/bad-setting", 5},
		"mark mask of a node":         {felix("node.n1", "  iptablesMarkMask: 3\n") + node, false, diag.Error, "felix/bad-setting", 5},
		"mark mask of an absent node": {felix("node.n2", "  iptablesMarkMask: 3\n") + node, false, diag.Error, "felix/bad-setting", 5},
		"mark mask of no node":        {felix("edge", "  nodeSelector: has(edge)\n  iptablesMarkMask: 3\n") + node, false, diag.Error, "felix/bad-setting", 6},
		"unreadable":                  {felix("default", "  interfacePrefix: a b\n"), false, diag.Error, "felix/bad-setting", 5},
		"reject":                      {felix("default", "  iptablesFilterDenyAction: Reject\n"), false, diag.Warning, "felix/breaks", 5},
		"log rate":                    {felix("default", "  logActionRateLimit: 1/day\n") + "---\n" + policy + "  - {action: Log}\n", false, diag.Warning, "felix/breaks", 5},
		"log prefix":                  {felix("default", "  logPrefix: "+strings.Repeat("x", 130)+"\n") + "---\n" + policy + "  - {action: Log}\n", true, diag.Warning, "felix/breaks", 5},
		"two protocols":               {policy + "  - {action: Deny}\n  - {action: Allow, protocol: TCP, notProtocol: UDP}\n", false, diag.Warning, "felix/breaks", 9},
		"two excluded ports":          {policy + "  - {action: Allow, protocol: TCP, source: {notPorts: [1]}, destination: {notPorts: [2]}}\n", true, diag.Warning, "felix/breaks", 8},
		"nested pools":                {pools, true, diag.Warning, "felix/breaks", 9},
		"fine":                        {felix("default", "  iptablesMarkMask: 4294901760\n") + "---\n" + policy + "  - {action: Allow, protocol: TCP}\n" + node, false, 0, "", 0},
	} {
		found := problemsOf(t, c.text, Options{NFTables: c.nft})
		if c.code == "" {
			if len(found) > 0 {
				t.Errorf("%s: found %v", name, found)
			}
			continue
		}
		if len(found) != 1 {
			t.Errorf("%s: %d findings: %v", name, len(found), found)
			continue
		}
		if f := found[0]; f.Code != c.code || f.Severity != c.want || f.Span.Start.Line != c.line || f.Hint == "" {
			t.Errorf("%s: %+v, want %s %s in line %d with a hint", name, f, c.want, c.code, c.line)
		}
	}
}
