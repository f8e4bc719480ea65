package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tortie/compiler/diag"

	"github.com/google/go-cmp/cmp"
)

func read(t *testing.T, text string, opt Options) (*Snapshot, diag.List) {
	t.Helper()
	return Read([]File{{Name: "f.yaml", Data: []byte(text)}}, opt)
}

func codes(l diag.List) []string {
	var out []string
	for _, f := range l {
		out = append(out, strings.TrimPrefix(f.Span.String(), "f.yaml:")+" "+f.Severity.String()+" "+f.Code)
	}
	return out
}

const goodNP = `apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: a, namespace: x}
spec:
  egress:
  - action: Deny
`

func TestRead_Findings(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"good":        {goodNP, nil},
		"not a map":   {"just text\n", []string{"1:1 error cluster/not-an-object"}},
		"no kind":     {"apiVersion: v1\nmetadata: {}\n", []string{"1:1 error cluster/no-kind"}},
		"no name":     {"apiVersion: v1\nkind: Pod\nmetadata: {labels: {}}\n", []string{"3:1 error cluster/no-name"}},
		"other kinds": {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: 1}\n", nil},
		"misspelt kind": {"apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolice\n",
			[]string{"2:1 warning cluster/unknown-kind"}},
		"unknown kind of tortie.dev":   {"apiVersion: tortie.dev/v1\nkind: Intents\n", []string{"2:1 error cluster/unknown-kind"}},
		"unknown version of an intent": {"apiVersion: tortie.dev/v1alpha1\nkind: Intent\n", []string{"1:1 error cluster/unknown-version"}},
		"unknown version of a network": {"apiVersion: tortie.dev/v2\nkind: HostNetwork\n", []string{"1:1 error cluster/unknown-version"}},
		"unknown version":              {"apiVersion: apps/v1beta1\nkind: Deployment\n", []string{"1:1 warning cluster/unknown-version"}},
		"namespace of a global kind": {"apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: a, namespace: b}\n",
			[]string{"3:21 warning cluster/namespace-ignored"}},
		"bad items in a list": {"apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n- 5\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: 5}\n" +
			"- apiVersion: v1\n  kind: Namespace\n  metadata: {name: ns}\n",
			[]string{"4:3 error cluster/no-kind", "5:3 error cluster/not-an-object", "8:20 error yaml/wrong-type"}},
		"unknown field":           {goodNP + "  selectr: all()\n", []string{"7:3 error yaml/unknown-field"}},
		"unknown field, stored":   {strings.Replace(goodNP, "name: a,", "uid: u, name: a,", 1) + "  types: [Egress]\n  selectr: all()\n", []string{"8:3 warning yaml/unknown-field"}},
		"stored without types":    {strings.Replace(goodNP, "name: a,", "resourceVersion: '1', name: a,", 1), []string{"4:1 warning calico/stored-without-types"}},
		"raw without types":       {strings.Replace(goodNP, "projectcalico.org/v3", "crd.projectcalico.org/v1", 1), []string{"4:1 warning calico/stored-without-types"}},
		"field newer than module": {"apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {name: default}\nspec: {istioAmbientMode: Enabled}\n", nil},
		"bad port":                {goodNP + "    protocol: TCP\n    destination: {ports: [70000]}\n", []string{"8:27 error yaml/bad-value"}},
		"twice, differing":        {goodNP + "---\n" + goodNP + "  selector: all()\n", []string{"8:1 warning cluster/duplicate-object"}},
		"twice, alike":            {goodNP + "---\n" + goodNP, nil},
		"twice, with noise": {goodNP + "  types: [Egress]\n---\n" + strings.Replace(goodNP, "name: a,", "uid: u, resourceVersion: '7', generation: 2, name: a,", 1) +
			"  types: [Egress]\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, diags := read(t, c.text, Options{})
			if diff := cmp.Diff(c.want, codes(diags)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Of an object that is given several times the one counts that is to be applied, else
// the one that was stored last, in whatever order they come.
func TestRead_NewestOfSeveral(t *testing.T) {
	version := func(v, order string) string {
		return "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: a" + v + "}\nspec: {types: [Ingress], order: " + order + "}\n"
	}
	older, newer, plain := version(", resourceVersion: '9'", "9"), version(", resourceVersion: '10'", "10"), version("", "5")
	for _, c := range []struct {
		text, says string
		order      float64
	}{
		{older + newer, "this one is newer (resourceVersion) and counts", 10}, {newer + older, "this one is newer (resourceVersion) and counts", 10},
		{plain + newer + older, "this one counts, because the other is what a server has stored", 5}, {older + plain + newer, "because the other", 5},
		{newer + older + plain, "because the other", 5}, {plain + version("", "6"), "this one counts", 6},
	} {
		s, diags := read(t, c.text, Options{})
		if got := s.GlobalNetworkPolicies; len(got) != 1 || *got[0].Object.Spec.Order != c.order || !strings.Contains(fmt.Sprint(diags), c.says) {
			t.Errorf("%s: order %v, want %v and %q\n%v", c.text, *got[0].Object.Spec.Order, c.order, c.says, diags)
		}
	}
}

func TestRead_LenientUnknownField(t *testing.T) {
	s, diags := read(t, goodNP+"  selectr: all()\n", Options{Lenient: true})
	if diags.HasErrors() || len(diags) != 1 || len(s.NetworkPolicies) != 1 {
		t.Errorf("%v", diags)
	}
}

// A policy without types gets them from its rules when it is applied, and has
// none when it is stored.
func TestRead_Types(t *testing.T) {
	for _, c := range []struct{ rules, applied string }{
		{"", "[Ingress]"}, {"ingress: [{action: Deny}]", "[Ingress]"}, {"egress: [{action: Deny}]", "[Egress]"},
		{"ingress: [{action: Deny}], egress: [{action: Deny}]", "[Ingress Egress]"},
	} {
		text := "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: a}\nspec: {" + c.rules + "}\n"
		s, _ := read(t, text, Options{})
		var got []string
		for _, ty := range s.GlobalNetworkPolicies[0].Object.Spec.Types {
			got = append(got, string(ty))
		}
		if g := "[" + strings.Join(got, " ") + "]"; g != c.applied {
			t.Errorf("%s: applied types %s, want %s", c.rules, g, c.applied)
		}
		s, _ = read(t, text, Options{Stored: true})
		if n := len(s.GlobalNetworkPolicies[0].Object.Spec.Types); n != 0 {
			t.Errorf("%s: a stored policy got %d types", c.rules, n)
		}
	}
}

func TestSource_Places(t *testing.T) {
	s, _ := read(t, "# c\n---\n"+goodNP+"  - action: Allow\n    source: {selector: a == 'b'}\n", Options{})
	src := s.NetworkPolicies[0].Source
	if src.Line() != 3 || src.Rule("egress", 1).String() != "f.yaml:9:5" {
		t.Errorf("object on line %d, rule at %s", src.Line(), src.Rule("egress", 1))
	}
	if got := src.Text(2, 4, "spec", "egress", 1, "source", "selector").String(); got != "f.yaml:10:26" {
		t.Errorf("operator at %s", got)
	}
	if got := src.At("spec", "ingress", 7).String(); got != "f.yaml:6:1" {
		t.Errorf("missing field at %s, want its parent", got)
	}
}

// The order of files and of documents in them changes nothing.
func TestRead_OrderIndependent(t *testing.T) {
	dirs, _ := filepath.Glob("testdata/felix-k8s/k*")
	for _, dir := range dirs {
		data, err := os.ReadFile(filepath.Join(dir, "cluster.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		docs := strings.Split(string(data), "\n---\n")
		forward := modelJSON(t, docs)
		slices.Reverse(docs)
		if diff := cmp.Diff(forward, modelJSON(t, docs)); diff != "" {
			t.Errorf("%s: %s", dir, diff)
		}
	}
}

// modelJSON reads each document as a file of its own and renders the model
// without places.
func modelJSON(t *testing.T, docs []string) string {
	var files []File
	for i, d := range docs {
		files = append(files, File{Name: string(rune('a' + i)), Data: []byte(d)})
	}
	snap, _ := Read(files, Options{})
	m, _ := snap.Model()
	strip(m.Policies)
	strip(m.Tiers)
	strip(m.Profiles)
	strip(m.NetworkSets)
	strip(m.Endpoints)
	strip(m.HostEndpoints)
	strip(m.Nodes)
	out, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func strip[T any](list []Sourced[T]) {
	for i := range list {
		list[i].Source = Source{}
	}
}

func TestRead_WorkloadsStandForPods(t *testing.T) {
	const text = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: i, ports: [{name: http, containerPort: 80}]}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: ops}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: []}
`
	s, diags := read(t, text, Options{})
	if !s.MadeUpPods || len(diags) != 1 || diags[0].Code != "cluster/pods-made-up" {
		t.Fatalf("%v", diags)
	}
	m, _ := s.Model()
	var got []string
	for _, e := range m.Endpoints {
		got = append(got, e.Value.Workload+" "+e.Value.Node+" "+e.Value.Nets[0].String())
	}
	want := []string{"ops/agent-0 node1 10.65.0.2/32", "ops/agent-1 node2 10.65.1.2/32", "shop/web-0 node2 10.65.1.3/32"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s, _ = read(t, text+"---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\n", Options{})
	if s.MadeUpPods || len(s.Pods) != 1 {
		t.Error("workloads stand for pods although there are pods")
	}
}

func TestModel_AutoHostEndpoints(t *testing.T) {
	const text = `apiVersion: projectcalico.org/v3
kind: KubeControllersConfiguration
metadata: {name: default}
spec:
  controllers:
    node:
      hostEndpoint:
        autoCreate: Enabled
        templates:
        - {generateName: eth, interfaceCIDRs: [172.31.0.0/24], nodeSelector: has(edge), labels: {kind: edge}}
        - {generateName: none, interfaceCIDRs: [10.0.0.0/8], nodeSelector: all()}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1, labels: {edge: ""}}
spec: {bgp: {ipv4Address: 172.31.0.1/24}, addresses: [{address: 172.31.0.1, type: InternalIP}, {address: 10.9.9.9, type: ExternalIP}]}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n2}
spec: {bgp: {ipv4Address: 172.31.0.2/24}}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: n2-auto-hep}
spec: {node: n2, interfaceName: eth9}
`
	s, diags := read(t, text, Options{})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	m, _ := s.Model()
	var got []string
	for _, h := range m.HostEndpoints {
		got = append(got, strings.Join([]string{h.Value.Name, h.Value.InterfaceName, join(h.Value.ExpectedIPs), join(h.Value.Profiles), h.Value.Labels["kind"]}, " "))
	}
	want := []string{
		"n1-auto-hep * 172.31.0.1 projectcalico-default-allow ",
		"n1-eth-auto-hep  172.31.0.1 projectcalico-default-allow edge",
		"n2-auto-hep eth9   ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Reading never panics, every place is in the file, and reading twice gives the
// same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(goodNP))
	f.Add([]byte("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {nodeName: n, containers: [{ports: [{name: p, containerPort: 1}]}]}, status: {podIP: 1.2.3.4}}\n"))
	f.Add([]byte("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a}\nspec:\n  podSelector: {}\n  ingress: [{ports: [{port: 80, endPort: 90}, {port: x}], from: [{ipBlock: {cidr: 1.2.3.4/8, except: [x]}}]}]\n"))
	f.Add([]byte("apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: a}\nspec:\n  tier: Admin\n  subject: {namespaces: {}}\n  egress: [{action: Deny, to: [{networks: [x]}], protocols: [{tcp: {destinationPort: {range: {start: 5, end: 1}}}}]}]\n"))
	f.Add([]byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {}}}\n"))
	f.Add([]byte("apiVersion: v1\nkind: Node\nmetadata: {name: n, annotations: {projectcalico.org/IPv4Address: 1.2.3.4/24, projectcalico.org/Interfaces: '[{\"name\":\"e\",\"addresses\":[\"x\"]}]'}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		snap, diags := Read([]File{{"f", data}}, Options{})
		m, more := snap.Model()
		for _, d := range append(diags, more...) {
			if d.Span.Start.Byte > len(data) || d.Span.End.Byte > len(data) || d.Code == "" || d.Message == "" {
				t.Fatalf("finding %+v", d)
			}
		}
		again, _ := Read([]File{{"f", data}}, Options{})
		m2, _ := again.Model()
		a, errA := json.Marshal(m)
		b, errB := json.Marshal(m2)
		if errA == nil && errB == nil && string(a) != string(b) {
			t.Fatalf("reading twice differs:\n%s\n%s", a, b)
		}
	})
}
