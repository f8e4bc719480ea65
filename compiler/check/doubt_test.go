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
		"tier named in both":            {"apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata:\n  name: sec\nspec:\n  order: 5\n---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: sec.a\nspec:\n  tier: sec\n  selector: all()\n  types: [Ingress]\n", ""},
		"same ports, both excluded":     {gnp("  types: [Ingress]\n  ingress:\n  - action: Allow\n    protocol: TCP\n    destination:\n      ports: [80]\n      notPorts: [80]\n"), "rule/never"},
		"a port of two excluded":        {gnp("  types: [Ingress]\n  ingress:\n  - action: Allow\n    protocol: TCP\n    destination:\n      ports: [80, 81]\n      notPorts: [80]\n"), ""},
		"part of nets excluded":         {gnp("  types: [Ingress]\n  ingress:\n  - action: Allow\n    source:\n      nets: [10.0.0.0/8]\n      notNets: [10.1.0.0/16]\n"), ""},
		"ICMP to IPv6":                  {gnp("  types: [Egress]\n  egress:\n  - action: Allow\n    protocol: ICMP\n    destination:\n      nets: ['fd00::/8']\n"), "rule/never"},
		"one rule logs":                 {gnp("  types: [Ingress]\n  ingress:\n  - action: Log\n    protocol: TCP\n  - action: Allow\n    protocol: TCP\n"), ""},
		"mirrored untracked":            {gnp("  selector: has(host)\n  types: [Ingress, Egress]\n  doNotTrack: true\n  applyOnForward: true\n  ingress:\n  - action: Allow\n    protocol: UDP\n    destination:\n      ports: [53]\n  egress:\n  - action: Allow\n    protocol: UDP\n    source:\n      ports: [53]\n"), ""},
		"preDNAT with a deny":           {gnp("  selector: has(host)\n  types: [Ingress]\n  preDNAT: true\n  applyOnForward: true\n  ingress:\n  - action: Allow\n    protocol: TCP\n  - action: Deny\n"), ""},
		"preDNAT on a namespace":        {gnp("  selector: projectcalico.org/namespace == 'a'\n  types: [Ingress]\n  preDNAT: true\n  applyOnForward: true\n  ingress:\n  - action: Deny\n"), "policy/host-only"},
		"tie that cannot meet":          {gnp("  order: 1\n  selector: a == 'x'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n") + "---\n" + strings.Replace(gnp("  order: 1\n  selector: a == 'y'\n  types: [Ingress]\n  ingress:\n  - action: Deny\n"), "example", "other", 1), ""},
		"notSelector of all":            {gnp("  types: [Ingress]\n  ingress:\n  - action: Allow\n    source:\n      selector: a == 'x'\n      notSelector: has(a)\n"), "selector/never"},
		"failsafe of usual ports":       {felixExample("  failsafeInboundHostPorts:\n  - protocol: TCP\n    port: 22\n  - protocol: UDP\n    port: 68\n"), ""},
		"two interface prefixes":        {felixExample("  interfacePrefix: cali,tap\n"), ""},
		"mark of one bit":               {felixExample("  iptablesMarkMask: 16\n"), "felix/dies"},
		"replaced by a better one":      {gnp("  types: [Ingress]\n  ingress:\n  - action: allow\n") + "---\n" + gnp("  types: [Ingress]\n"), "value/not-one-of"},
		"In and NotIn":                  {kubernetesExample("  ingress:\n  - from:\n    - podSelector: {matchExpressions: [{key: a, operator: In, values: [x]}, {key: a, operator: NotIn, values: [x, z]}]}\n"), "selector/never"},
		"In with one left":              {kubernetesExample("  ingress:\n  - from:\n    - podSelector: {matchExpressions: [{key: a, operator: In, values: [x, w]}, {key: a, operator: NotIn, values: [x]}]}\n"), ""},
		"Exists and DoesNotExist":       {kubernetesExample("  egress:\n  - to:\n    - namespaceSelector: {matchExpressions: [{key: a, operator: Exists}, {key: a, operator: DoesNotExist}]}\n"), "selector/never"},
		"In another value":              {kubernetesExample("  ingress:\n  - from:\n    - podSelector: {matchLabels: {a: x}, matchExpressions: [{key: a, operator: In, values: [z]}]}\n"), "selector/never"},
		"NotIn and DoesNotExist":        {kubernetesExample("  ingress:\n  - from:\n    - podSelector: {matchExpressions: [{key: a, operator: NotIn, values: [x]}, {key: a, operator: DoesNotExist}]}\n"), ""},
		"a block without anything":      {kubernetesExample("  ingress:\n  - from:\n    - ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9, 10.128.0.0/9]}\n"), "rule/never"},
		"a block with a rest":           {kubernetesExample("  ingress:\n  - from:\n    - ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9, 10.128.0.0/10]}\n"), ""},
		"an open rule beside others":    {kubernetesExample("  ingress:\n  - from: []\n  - ports: [{port: 80}]\n"), "policy/redundant-rule"},
		"an open rule alone":            {kubernetesExample("  ingress:\n  - {}\n"), ""},
		"a rule within another":         {kubernetesExample("  ingress:\n  - from: [{podSelector: {matchLabels: {a: x, b: z}}}]\n    ports: [{port: 81}]\n  - from: [{podSelector: {matchLabels: {a: x}}}]\n    ports: [{port: 80, endPort: 90}]\n"), "policy/redundant-rule"},
		"rules that differ by port":     {kubernetesExample("  ingress:\n  - from: [{podSelector: {matchLabels: {a: x}}}]\n    ports: [{port: 80}]\n  - from: [{podSelector: {matchLabels: {a: x}}}]\n    ports: [{port: 80, protocol: UDP}, {port: http}]\n"), ""},
		"pods here and of a namespace":  {kubernetesExample("  ingress:\n  - from: [{podSelector: {}}, {podSelector: {}, namespaceSelector: {matchLabels: {a: x}}}]\n"), ""},
		"pods here and everywhere":      {kubernetesExample("  ingress:\n  - from: [{podSelector: {}}, {namespaceSelector: {}}]\n"), "policy/redundant-rule"},
		"a block in what one leaves":    {kubernetesExample("  ingress:\n  - from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}, {ipBlock: {cidr: 192.168.0.0/16}}]\n"), "policy/redundant-rule"},
		"a block in what one excludes":  {kubernetesExample("  ingress:\n  - from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}, {ipBlock: {cidr: 10.1.0.0/16}}]\n"), ""},
		"all ports beside one":          {kubernetesExample("  ingress:\n  - ports: [{protocol: TCP}, {port: 80}]\n"), "policy/redundant-rule"},
		"nets excluded by halves":       {gnp("  types: [Ingress]\n  ingress:\n  - action: Allow\n    source:\n      nets: [10.0.0.0/8, 10.2.0.0/16]\n      notNets: [10.0.0.0/9, 10.128.0.0/9]\n"), "rule/never"},
		"nets but for a part":           {gnp("  types: [Ingress]\n  ingress:\n  - action: Allow\n    source:\n      nets: ['fd00::/16']\n      notNets: ['fd00::/17', 'fd00:8000::/18']\n"), ""},
		"ranges excluded together":      {gnp("  types: [Ingress]\n  ingress:\n  - action: Allow\n    protocol: TCP\n    destination:\n      ports: ['80:90', 100]\n      notPorts: ['86:90', '80:85', '95:200']\n"), "rule/never"},
		"ranges with a gap":             {gnp("  types: [Ingress]\n  ingress:\n  - action: Allow\n    protocol: TCP\n    destination:\n      ports: ['80:90']\n      notPorts: ['80:85', '87:90']\n"), ""},
		"ping and its answer":           {untrackedHead + "  ingress:\n  - {action: Allow, protocol: ICMP, icmp: {type: 8}}\n  egress:\n  - {action: Allow, protocol: ICMP, icmp: {type: 0}}\n", ""},
		"ping in both directions":       {untrackedHead + "  ingress:\n  - {action: Allow, protocol: ICMP, icmp: {type: 8}}\n  egress:\n  - {action: Allow, protocol: ICMP, icmp: {type: 8}}\n", "policy/untracked-replies"},
		"ping without its answer":       {untrackedHead + "  ingress:\n  - {action: Allow, protocol: ICMPv6, icmp: {type: 128}}\n  egress:\n  - {action: Allow, protocol: ICMPv6, notICMP: {type: 129}}\n", "policy/untracked-replies"},
		"errors need no answer":         {untrackedHead + "  ingress:\n  - {action: Allow, protocol: ICMP, icmp: {type: 3}}\n  - {action: Allow, protocol: TCP}\n  egress:\n  - {action: Allow, protocol: TCP}\n", ""},
		"protocols that exclude":        {untrackedHead + "  ingress:\n  - {action: Allow, notProtocol: TCP}\n  egress:\n  - {action: Allow, protocol: TCP}\n", "policy/untracked-replies"},
		"protocols that may meet":       {untrackedHead + "  ingress:\n  - {action: Allow, notProtocol: TCP}\n  egress:\n  - {action: Allow, notProtocol: UDP}\n", ""},
		"replies to other networks":     {untrackedHead + "  ingress:\n  - {action: Allow, protocol: UDP, source: {nets: [10.0.0.0/8]}}\n  egress:\n  - {action: Allow, protocol: UDP, destination: {nets: [192.0.2.0/24]}}\n", "policy/untracked-replies"},
		"replies to some networks":      {untrackedHead + "  ingress:\n  - {action: Allow, protocol: UDP, source: {nets: [10.0.0.0/8]}}\n  egress:\n  - {action: Allow, protocol: UDP, destination: {nets: [192.0.2.0/24, 10.1.0.0/16]}}\n", ""},
		"another namespace's label":     {"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec:\n  selector: app == 'web'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    source: {selector: projectcalico.org/namespace == 'other'}\n", "selector/never"},
		"its own namespace's label":     {"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec:\n  selector: app == 'web'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    source: {selector: projectcalico.org/namespace == 'shop'}\n", ""},
		"a label in other namespaces":   {"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec:\n  selector: app == 'web'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    source: {selector: projectcalico.org/namespace == 'other', namespaceSelector: all()}\n", ""},
		"a pod that is in no namespace": {"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec:\n  selector: app == 'web'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    source: {selector: projectcalico.org/namespace == 'other', namespaceSelector: global()}\n", "selector/never"},
		"ingress to other pods":         {"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec:\n  selector: app == 'web'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    destination: {selector: app == 'db'}\n", "rule/never"},
		"ingress to some of its pods":   {"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec:\n  selector: app == 'web'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    destination: {selector: tier == 'db'}\n", ""},
		"egress from other pods":        {"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec:\n  selector: app == 'web'\n  types: [Egress]\n  egress:\n  - action: Allow\n    source: {selector: \"app in {'db', 'api'}\"}\n", "rule/never"},
		"egress from a set":             {"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec:\n  selector: app == 'web'\n  types: [Egress]\n  egress:\n  - action: Allow\n    source: {selector: app == 'db'}\n---\napiVersion: projectcalico.org/v3\nkind: NetworkSet\nmetadata: {name: db, namespace: shop, labels: {app: db}}\nspec: {nets: [10.0.0.0/8]}\n", ""},
		"a deletion of nothing":         {"apiVersion: projectcalico.org/v3\nkind: StagedKubernetesNetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec: {stagedAction: Delete}\n", "staged/delete-nothing"},
		"a deletion of its like":        {"apiVersion: projectcalico.org/v3\nkind: StagedKubernetesNetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec: {stagedAction: Delete}\n---\n" + kubernetesExample(""), ""},
		"a deletion of Calico's":        {"apiVersion: projectcalico.org/v3\nkind: StagedKubernetesNetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec: {stagedAction: Delete}\n---\napiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec: {types: [Ingress]}\n", "staged/delete-nothing"},
		"kubernetes, unused egress":     {kubernetesExample("  policyTypes: [Ingress]\n  egress:\n  - {}\n"), "policy/unused-direction"},
		"kubernetes, host bits":         {kubernetesExample("  ingress:\n  - from:\n    - ipBlock:\n        cidr: 10.0.0.1/8\n"), "value/host-bits"},
		"kubernetes, nothing unused":    {kubernetesExample("  policyTypes: [Ingress, Egress]\n  egress:\n  - {}\n"), ""},
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

// ClusterNetworkPolicies of one priority that contradict are told, if they can select
// the same pods.
func TestDoubts_ClusterPolicyTies(t *testing.T) {
	policy := func(name, tier, priority, env, action string) string {
		return "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: " + name + "}\nspec:\n  tier: " + tier + "\n  priority: " + priority +
			"\n  subject: {namespaces: {matchLabels: {env: " + env + "}}}\n  ingress: [{name: x, action: " + action + ", from: [{namespaces: {}}]}]\n"
	}
	first := policy("a", "Admin", "5", "prod", "Accept")
	for second, want := range map[string]bool{
		policy("b", "Admin", "5", "prod", "Deny"): true, policy("b", "Admin", "5", "dev", "Deny"): false, policy("b", "Admin", "6", "prod", "Deny"): false,
		policy("b", "Baseline", "5", "prod", "Deny"): false, policy("b", "Admin", "5", "prod", "Accept"): false,
	} {
		found := all("f.yaml", first+second)
		if got := slices.ContainsFunc(found, func(f diag.Finding) bool { return f.Code == "policy/order-tie" && f.Span.Start.Line == 16 }); got != want {
			t.Errorf("%s: a tie %v, want %v\n%s", second, got, want, render(found, first+second))
		}
	}
}
