package store

import (
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/yamlpos"
)

const twoNodes = `# nodes
apiVersion: v1
kind: Node
metadata: {name: a}
---
apiVersion: v1
kind: Node
metadata: {name: b}
`

// names are the nodes that cluster.Read finds, with their lines.
func names(t *testing.T, s *Store) string {
	t.Helper()
	snap, findings := cluster.Read(s.Files(), cluster.Options{})
	if findings.HasErrors() {
		t.Fatal(findings)
	}
	var out []string
	for _, n := range snap.Nodes {
		out = append(out, n.Object.Name+" "+n.Source.Span().String())
	}
	return strings.Join(out, ", ")
}

func TestStore_PlacesStay(t *testing.T) {
	var s Store
	s.Add("nodes.yaml", []byte(twoNodes))
	if !s.Remove(Ref{"Node", "", "a"}) {
		t.Fatal("a is not there")
	}
	if got := names(t, &s); got != "b nodes.yaml:6:1" {
		t.Error(got)
	}
	if s.Remove(Ref{"Node", "", "a"}) {
		t.Error("a is there after it was removed")
	}
	s.Add("again.yaml", []byte("apiVersion: v1\nkind: Node\nmetadata: {name: b}\n"))
	if got := names(t, &s); got != "b again.yaml:1:1" {
		t.Error(got)
	}
}

// An item of a list is deleted wherever the list may be: in block style, in flow
// style, in JSON, with kinds of its own or of the list.
func TestStore_ItemsOfLists(t *testing.T) {
	for name, text := range map[string]string{
		"block": "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Node\n  metadata: {name: a}\n- apiVersion: v1\n  kind: Node\n  metadata:\n    name: b\n",
		"flow":  "apiVersion: v1\nkind: NodeList\nitems: [{metadata: {name: a}},\n {metadata: {name: b}}]\n",
		"json":  `{"apiVersion": "v1", "kind": "NodeList", "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]}`,
		"bare":  "- {apiVersion: v1, kind: Node, metadata: {name: a}}\n- {apiVersion: v1, kind: Node, metadata: {name: b}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			for gone, stays := range map[string]string{"a": "b", "b": "a"} {
				var s Store
				s.Add("f", []byte(text))
				before := names(t, &s)
				if err := s.Delete(Ref{"Node", "", gone}); err != nil {
					t.Fatal(err)
				}
				if got := names(t, &s); !strings.HasPrefix(got, stays+" ") || !strings.Contains(before, got) {
					t.Errorf("without %s: %q, before %q", gone, got, before)
				}
			}
		})
	}
}

func TestDelete_SaysWhatIsThere(t *testing.T) {
	var s Store
	s.Add("nodes.yaml", []byte(twoNodes+"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: frontend, namespace: shop}\n"))
	for ref, want := range map[Ref]string{
		{"NetworkPolicy", "shop", "frontent"}:  "no NetworkPolicy shop/frontent in the input\ndid you mean NetworkPolicy shop/frontend?",
		{"NetworkPolicy", "other", "frontend"}: "there is NetworkPolicy shop/frontend",
		{"Pod", "x", "y"}:                      "no Pod x/y in the input",
	} {
		if err := s.Delete(ref); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", ref, err, want)
		}
	}
}

// A file that cannot be read is kept, so that it is reported.
func TestAdd_KeepsWhatCannotBeRead(t *testing.T) {
	var s Store
	s.Add("bad.yaml", []byte("a: [\n"))
	if _, findings := cluster.Read(s.Files(), cluster.Options{}); !findings.HasErrors() {
		t.Error("no finding")
	}
}

// An object within another document has its own places there. One with an alias
// has the line on which it begins.
func TestAddNode(t *testing.T) {
	const text = `kind: Scenario
---
spec:
- {kind: Node, apiVersion: v1, metadata: {name: a, labels: &l {x: "y"}}}
- kind: Node
  apiVersion: v1
  metadata: {name: b}
- kind: Node
  apiVersion: v1
  metadata: {labels: *l, name: c}
`
	docs, diags := yamlpos.Parse("scenario.yaml", []byte(text))
	if diags.HasErrors() || len(docs) != 2 {
		t.Fatal(diags)
	}
	var s Store
	for i := range 3 {
		if err := s.AddNode(docs[1].Lookup("spec", i), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	snap, findings := cluster.Read(s.Files(), cluster.Options{})
	if findings.HasErrors() {
		t.Fatal(findings)
	}
	var got []string
	for _, n := range snap.Nodes {
		got = append(got, n.Object.Name+" "+n.Source.At("metadata", "name").String()+" "+n.Object.Labels["x"])
	}
	want := "a scenario.yaml:4:43 y, b scenario.yaml:7:14 , c scenario.yaml:8:"
	if text := strings.Join(got, ", "); !strings.HasPrefix(text, want) || !strings.HasSuffix(text, " y") {
		t.Errorf("got %s, want %s…", text, want)
	}
}
