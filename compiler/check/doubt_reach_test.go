package check

import (
	"slices"
	"strings"
	"testing"

	"tortie/compiler/diag"
)

// What is judged against a cluster's pods, namespaces and services.
func TestDoubts_AgainstACluster(t *testing.T) {
	cluster := strings.Replace(clusterExample, "containers: []", "containers:\n  - name: c\n    image: x\n    ports:\n    - name: http\n      containerPort: 8080", 1)
	gnp := func(rule string) string {
		return globalHead + "  selector: app == 'web'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n" + rule
	}
	knp := func(spec string) string { return kubernetesExample(spec) }
	for name, c := range map[string]struct {
		text string
		code string // "" for none
	}{
		"a selector of pods":                   {gnp("    source:\n      selector: app == 'web'\n"), ""},
		"a misspelt selector":                  {gnp("    source:\n      selector: app == 'wbe'\n"), "rule/matches-nobody"},
		"the namespace's label as the pod's":   {gnp("    source:\n      selector: kubernetes.io/metadata.name == 'shop'\n"), "rule/matches-nobody"},
		"a service account that nobody has":    {gnp("    source:\n      serviceAccounts:\n        names: [nobody]\n"), "rule/matches-nobody"},
		"a misspelt port":                      {gnp("    protocol: TCP\n    destination:\n      ports: [htpp]\n"), "rule/no-such-port"},
		"a named port of another protocol":     {gnp("    protocol: UDP\n    destination:\n      ports: [http]\n"), "rule/no-such-port"},
		"a named port":                         {gnp("    protocol: TCP\n    destination:\n      ports: [http]\n"), ""},
		"kubernetes, misspelt peer":            {knp("  ingress:\n  - from:\n    - podSelector:\n        matchLabels: {app: wbe}\n"), "rule/matches-nobody"},
		"kubernetes, misspelt namespace":       {knp("  ingress:\n  - from:\n    - namespaceSelector:\n        matchLabels: {team: shp}\n"), "rule/matches-nobody"},
		"kubernetes, misspelt port":            {knp("  ingress:\n  - ports:\n    - port: htpp\n"), "rule/no-such-port"},
		"kubernetes, in order":                 {knp("  ingress:\n  - from:\n    - podSelector:\n        matchLabels: {app: web}\n    ports:\n    - port: http\n"), ""},
		"a namespace that is not there":        {strings.Replace(knp(""), "namespace: shop", "namespace: shp", 1), "meta/no-namespace"},
		"a namespace that is always there":     {strings.Replace(strings.Replace(knp(""), "namespace: shop", "namespace: kube-system", 1), "podSelector: {}", "podSelector: {}", 1), "policy/selects-nothing"},
		"pre-DNAT for pods":                    {globalHead + "  selector: app == 'web'\n  types: [Ingress]\n  preDNAT: true\n  applyOnForward: true\n  ingress:\n  - action: Deny\n", "policy/host-only"},
		"networks that an earlier rule covers": {gnp("    source:\n      nets: [10.0.0.0/8]\n  - action: Deny\n    protocol: TCP\n    source:\n      nets: [10.1.0.0/16]\n"), "policy/dead-rule"},
		"networks that it covers in part":      {gnp("    source:\n      nets: [10.0.0.0/8]\n  - action: Deny\n    source:\n      nets: [10.1.0.0/16, 192.0.2.0/24]\n"), ""},
		"the same pods of another namespace":   {"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: example, namespace: shop}\nspec:\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    source: {selector: app == 'web'}\n  - action: Allow\n    source: {selector: app == 'web', namespaceSelector: all()}\n", ""},
		"a service to a named port":            {"apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec:\n  clusterIP: 10.96.0.9\n  selector: {app: web}\n  ports: [{port: 80, targetPort: http}]\n", ""},
		"a service to a misspelt port":         {"apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec:\n  clusterIP: 10.96.0.9\n  selector: {app: web}\n  ports: [{port: 80, targetPort: htpp}]\n", "service/no-such-port"},
		"a service to a port of another kind":  {"apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec:\n  clusterIP: 10.96.0.9\n  selector: {app: web}\n  ports: [{port: 80, targetPort: http, protocol: UDP}]\n", "service/no-such-port"},
		"kubernetes, a port of other pods":     {"apiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: shop, labels: {app: db}}\nspec:\n  nodeName: node-1\n  containers: [{name: c, image: x, ports: [{name: pg, containerPort: 5432}]}]\nstatus: {phase: Running, podIP: 10.65.0.3, podIPs: [{ip: 10.65.0.3}]}\n---\n" + strings.Replace(knp("  ingress:\n  - ports: [{port: pg}]\n"), "podSelector: {}", "podSelector: {matchLabels: {app: web}}", 1), "rule/no-such-port"},
		"kubernetes, a port of the peer":       {"apiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: shop, labels: {app: db}}\nspec:\n  nodeName: node-1\n  containers: [{name: c, image: x, ports: [{name: pg, containerPort: 5432}]}]\nstatus: {phase: Running, podIP: 10.65.0.3, podIPs: [{ip: 10.65.0.3}]}\n---\n" + strings.Replace(knp("  policyTypes: [Egress]\n  egress:\n  - to: [{podSelector: {matchLabels: {app: db}}}]\n    ports: [{port: pg}]\n"), "podSelector: {}", "podSelector: {matchLabels: {app: web}}", 1), ""},
		"kubernetes, a port the peer lacks":    {"apiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: shop, labels: {app: db}}\nspec:\n  nodeName: node-1\n  containers: [{name: c, image: x, ports: [{name: pg, containerPort: 5432}]}]\nstatus: {phase: Running, podIP: 10.65.0.3, podIPs: [{ip: 10.65.0.3}]}\n---\n" + strings.Replace(knp("  policyTypes: [Egress]\n  egress:\n  - to: [{podSelector: {matchLabels: {app: db}}}]\n    ports: [{port: http}]\n"), "podSelector: {}", "podSelector: {matchLabels: {app: web}}", 1), "rule/no-such-port"},
		"kubernetes, a port of any":            {"apiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: shop, labels: {app: db}}\nspec:\n  nodeName: node-1\n  containers: [{name: c, image: x, ports: [{name: pg, containerPort: 5432}]}]\nstatus: {phase: Running, podIP: 10.65.0.3, podIPs: [{ip: 10.65.0.3}]}\n---\n" + strings.Replace(knp("  policyTypes: [Egress]\n  egress:\n  - ports: [{port: pg}]\n"), "podSelector: {}", "podSelector: {matchLabels: {app: web}}", 1), ""},
		"ports within others":                  {gnp("    protocol: TCP\n    destination:\n      ports: ['8000:8100', 22]\n  - action: Deny\n    protocol: TCP\n    destination:\n      ports: [22, 8080]\n"), "policy/dead-rule"},
	} {
		var got []string
		for _, f := range all(name, cluster+c.text) {
			if f.Severity <= diag.Warning {
				got = append(got, f.Code)
			}
		}
		if c.code == "" && len(got) > 0 || c.code != "" && !slices.Contains(got, c.code) {
			t.Errorf("%s: %v, want %q", name, got, c.code)
		}
	}
}

// What is judged against the nodes, profiles and other host endpoints of the input.
func TestDoubts_HostEndpoints(t *testing.T) {
	byAddress := strings.Replace(hostExample, "  interfaceName: eth0\n", "", 1)
	second := "---\n" + strings.Replace(byAddress, "name: edge", "name: edge-2", 1)
	for name, c := range map[string]struct {
		text  string
		codes []string
	}{
		"its node's address":           {nodesExample + byAddress, nil},
		"the other node's address":     {nodesExample + strings.Replace(byAddress, "192.0.2.1", "192.0.2.2", 1), []string{"endpoint/other-node"}},
		"nobody's address":             {nodesExample + strings.Replace(byAddress, "192.0.2.1", "192.0.2.9", 1), []string{"endpoint/unknown-address"}},
		"nobody's, with interface":     {nodesExample + strings.Replace(hostExample, "192.0.2.1", "192.0.2.9", 1), nil},
		"its node's and nobody's":      {nodesExample + strings.Replace(byAddress, "[192.0.2.1]", "[192.0.2.9, 192.0.2.1]", 1), nil},
		"an address that it also has":  {nodesExample + strings.Replace(byAddress, "192.0.2.1", "198.51.100.1", 1) + "---\napiVersion: tortie.dev/v1\nkind: HostNetwork\nmetadata: {name: node-1}\nspec:\n  interfaces: [{name: eth1, addresses: [198.51.100.1/24]}]\n", nil},
		"a node that is not there":     {nodesExample + strings.Replace(hostExample, "node-1", "node-11", 1), []string{"endpoint/unknown-node"}},
		"no nodes":                     {hostExample, nil},
		"the same address":             {nodesExample + byAddress + second, []string{"endpoint/same-interface"}},
		"the same address, other node": {byAddress + strings.Replace(second, "node-1", "node-2", 1), nil},
		"a profile of no profiles":     {hostExample + "  profiles: [hosts]\n", nil},
		"a profile that always is":     {hostExample + "  profiles: [projectcalico-default-allow]\n---\napiVersion: projectcalico.org/v3\nkind: Profile\nmetadata: {name: other}\nspec: {}\n", nil},
		"a profile that is not there":  {hostExample + "  profiles: [hosts]\n---\napiVersion: projectcalico.org/v3\nkind: Profile\nmetadata: {name: other}\nspec: {}\n", []string{"endpoint/unknown-profile"}},
	} {
		var got []string
		for _, f := range all(name, c.text) {
			if f.Code != "endpoint/cut-off" {
				got = append(got, f.Code)
			}
		}
		if !slices.Equal(got, c.codes) {
			t.Errorf("%s: %q, want %q", name, got, c.codes)
		}
	}
}

// A folder of policies need not have their namespaces: one note for each that is
// missing, and an error only where the input is a cluster's.
func TestNamespace_MissingOnes(t *testing.T) {
	here, always := kubernetesExample(""), strings.Replace(kubernetesExample(""), "namespace: shop", "namespace: kube-system", 1)
	there := strings.Replace(kubernetesExample(""), "namespace: shop", "namespace: nowhere", 1)
	again := strings.Replace(here, "name: example", "name: other", 1)
	stored := strings.Replace(here, "metadata:\n", "metadata:\n  uid: a-1\n", 1)
	for name, c := range map[string]struct {
		text  string
		notes []string
	}{
		"none":               {here, []string{"NetworkPolicy shop/example"}},
		"twice, and another": {here + "---\n" + again + "---\n" + there, []string{"NetworkPolicy shop/example and 1 more", "NetworkPolicy nowhere/example"}},
		"beside another":     {"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n---\n" + here + "---\n" + there, []string{"NetworkPolicy nowhere/example"}},
		"always there":       {always, nil},
		"stored by a server": {stored, nil},
	} {
		var got []string
		for _, f := range all(name, c.text) {
			if f.Code != "meta/namespace-elsewhere" || f.Severity != diag.Note {
				t.Errorf("%s: %+v", name, f)
			}
			_, what, _ := strings.Cut(f.Message, "refuses ")
			got = append(got, what)
		}
		if !slices.Equal(got, c.notes) {
			t.Errorf("%s: %q, want %q", name, got, c.notes)
		}
	}
}
