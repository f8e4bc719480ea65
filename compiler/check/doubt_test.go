package check

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tortie/compiler/diag"
	"tortie/compiler/selector"
)

// doubtful are the cases that the server and the validator accept and that are
// surely not meant, with the warning each gets.
var doubtful = map[string]string{
	"010-types-missing-egress":     "policy/unused-direction",
	"022-http-bad-method":          "rule/http-method",
	"043-rule-global-with-sa":      "rule/global-accounts",
	"075-svc-ingress-source-ports": "rule/services-source-ports",
	"076-tier-nonexistent":         "policy/unknown-tier",
	"081-ns-missing":               "meta/namespace-elsewhere",
	"093-tier-order-negative":      "tier/negative-order",
	"109-felix-iface-bad":          "felix/dies",
}

func TestCorpus_DoubtfulObjectsGetAWarningAndControlsNone(t *testing.T) {
	for name := range verdicts(t) {
		data, err := os.ReadFile(filepath.Join(corpus, name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		found := all(name+".yaml", string(data))
		if want := doubtful[name]; want != "" && !slices.ContainsFunc(found, func(f diag.Finding) bool { return f.Code == want && f.Hint != "" }) {
			t.Errorf("%s: no %s, but\n%s", name, want, render(found, string(data)))
		}
		if strings.Contains(name, "-ok-") && slices.ContainsFunc(found, func(f diag.Finding) bool { return f.Severity <= diag.Warning && f.Code != "policy/unknown-tier" }) {
			t.Errorf("%s: a valid control gets\n%s", name, render(found, string(data)))
		}
	}
}

func TestPossible(t *testing.T) {
	for text, want := range map[string]bool{
		"all()":                                       true,
		"!all()":                                      false,
		"a == 'x' && a == 'y'":                        false,
		"a == 'x' && b == 'y'":                        true,
		"a == 'x' && a != 'x'":                        false,
		"a in {'x','y'} && a not in {'x'}":            true,
		"a in {'x','y'} && a not in {'x', 'y'}":       false,
		"has(a) && !has(a)":                           false,
		"a == 'x' && !has(a)":                         false,
		"a != 'x' && !has(a)":                         true,
		"a starts with 'x' && a == 'y'":               false,
		"a starts with 'x' && a == 'xy'":              true,
		"a starts with 'x' && a != 'x'":               true,
		"!(a contains 'x') && a == 'axb'":             false,
		"a starts with 'x' && a ends with 'y'":        true,
		"a starts with 'x' && !(a starts with 'x')":   true, // two parts of one label: not judged
		"(a == 'x' || b == 'y') && a == 'z'":          true,
		"(a == 'x' || a == 'y') && a == 'z'":          false,
		"!(a == 'x' || a != 'x')":                     false,
		"!(a != 'x' || a != 'y')":                     false,
		"a not in {'x'} && a in {'x'} && has(b)":      false,
		"b == '1' && (a == 'x' && a == 'y' || c=='')": true,
	} {
		s, err := selector.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got := possible(s.Root); got != want {
			t.Errorf("%s: possible %v, want %v", text, got, want)
		}
	}
}

func TestDoubts(t *testing.T) {
	gnp := func(spec string) string { return globalHead + spec }
	for name, c := range map[string]struct {
		text string
		code string // "" for none
	}{
		"tier named in both":         {"apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata:\n  name: sec\nspec:\n  order: 5\n---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: sec.a\nspec:\n  tier: sec\n  selector: all()\n  types: [Ingress]\n", ""},
		"same ports, both excluded":  {gnp("  types: [Ingress]\n  ingress:\n  - action: Allow\n    protocol: TCP\n    destination:\n      ports: [80]\n      notPorts: [80]\n"), "rule/never"},
		"a port of two excluded":     {gnp("  types: [Ingress]\n  ingress:\n  - action: Allow\n    protocol: TCP\n    destination:\n      ports: [80, 81]\n      notPorts: [80]\n"), ""},
		"part of nets excluded":      {gnp("  types: [Ingress]\n  ingress:\n  - action: Allow\n    source:\n      nets: [10.0.0.0/8]\n      notNets: [10.1.0.0/16]\n"), ""},
		"ICMP to IPv6":               {gnp("  types: [Egress]\n  egress:\n  - action: Allow\n    protocol: ICMP\n    destination:\n      nets: ['fd00::/8']\n"), "rule/never"},
		"one rule logs":              {gnp("  types: [Ingress]\n  ingress:\n  - action: Log\n    protocol: TCP\n  - action: Allow\n    protocol: TCP\n"), ""},
		"mirrored untracked":         {gnp("  selector: has(host)\n  types: [Ingress, Egress]\n  doNotTrack: true\n  applyOnForward: true\n  ingress:\n  - action: Allow\n    protocol: UDP\n    destination:\n      ports: [53]\n  egress:\n  - action: Allow\n    protocol: UDP\n    source:\n      ports: [53]\n"), ""},
		"preDNAT with a deny":        {gnp("  selector: has(host)\n  types: [Ingress]\n  preDNAT: true\n  applyOnForward: true\n  ingress:\n  - action: Allow\n    protocol: TCP\n  - action: Deny\n"), ""},
		"preDNAT on a namespace":     {gnp("  selector: projectcalico.org/namespace == 'a'\n  types: [Ingress]\n  preDNAT: true\n  applyOnForward: true\n  ingress:\n  - action: Deny\n"), "policy/host-only"},
		"tie that cannot meet":       {gnp("  order: 1\n  selector: a == 'x'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n") + "---\n" + strings.Replace(gnp("  order: 1\n  selector: a == 'y'\n  types: [Ingress]\n  ingress:\n  - action: Deny\n"), "example", "other", 1), ""},
		"notSelector of all":         {gnp("  types: [Ingress]\n  ingress:\n  - action: Allow\n    source:\n      selector: a == 'x'\n      notSelector: has(a)\n"), "selector/never"},
		"failsafe of usual ports":    {felixExample("  failsafeInboundHostPorts:\n  - protocol: TCP\n    port: 22\n  - protocol: UDP\n    port: 68\n"), ""},
		"two interface prefixes":     {felixExample("  interfacePrefix: cali,tap\n"), ""},
		"mark of one bit":            {felixExample("  iptablesMarkMask: 16\n"), "felix/dies"},
		"replaced by a better one":   {gnp("  types: [Ingress]\n  ingress:\n  - action: allow\n") + "---\n" + gnp("  types: [Ingress]\n"), "value/not-one-of"},
		"kubernetes, unused egress":  {kubernetesExample("  policyTypes: [Ingress]\n  egress:\n  - {}\n"), "policy/unused-direction"},
		"kubernetes, host bits":      {kubernetesExample("  ingress:\n  - from:\n    - ipBlock:\n        cidr: 10.0.0.1/8\n"), "value/host-bits"},
		"kubernetes, nothing unused": {kubernetesExample("  policyTypes: [Ingress, Egress]\n  egress:\n  - {}\n"), ""},
	} {
		var got []string
		for _, f := range all(name, c.text) {
			if f.Severity <= diag.Warning && f.Code != "cluster/duplicate-object" {
				got = append(got, f.Code)
			}
		}
		if c.code == "" && len(got) > 0 || c.code != "" && !slices.Contains(got, c.code) {
			t.Errorf("%s: %v, want %q", name, got, c.code)
		}
	}
}
