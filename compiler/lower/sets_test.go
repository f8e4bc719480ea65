package lower

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/intent"
)

// compileNamed compiles documents, each given by name and the line of its spec, with
// a cluster.
func compileNamed(t *testing.T, cl string, docs ...[2]string) (*Output, diag.List) {
	t.Helper()
	var b strings.Builder
	for _, d := range docs {
		fmt.Fprintf(&b, "apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: %s}\nspec: %s\n---\n", d[0], d[1])
	}
	s, diags := cluster.Read([]cluster.File{{Name: "intent.yaml", Data: []byte(b.String())}, {Name: "cluster.yaml", Data: []byte(cl)}}, cluster.Options{})
	var parsed []*intent.Document
	for _, o := range s.Others {
		d, found := intent.Parse(o.Node)
		parsed, diags = append(parsed, d), append(diags, found...)
	}
	p, found := intent.Link(parsed, intent.Options{})
	if diags = append(diags, found...); diags.HasErrors() {
		t.Fatal(diags)
	}
	return Compile(p, s, Options{})
}

func collisions(l diag.List) string {
	var out []string
	for _, f := range l {
		if f.Code == "intent/name-collision" {
			out = append(out, fmt.Sprintf("%d: %s: %s", f.Span.Start.Line, f.Severity, f.Message))
		}
	}
	return strings.Join(out, "\n")
}

// Two network sets of one name would be one object with the networks of one of
// them; in whichever order the documents come, the same one is told.
func TestCompile_NetworkSetsHaveNamesOfTheirOwn(t *testing.T) {
	one := [2]string{"shop", "{parties: {web: {namespace: shop}, eu-office: {nets: [203.0.113.0/25, 203.0.114.0/24]}}, protect: [{party: web, direction: in}], allow: [{from: eu-office, to: web}]}"}
	two := [2]string{"shop-eu", "{parties: {db: {namespace: db}, office: {nets: [198.51.100.0/25, 198.51.101.0/24]}}, protect: [{party: db, direction: in}], allow: [{from: office, to: db}]}"}
	const same = ": error: two parties would give network sets the name shop-eu-office"
	_, found := compileNamed(t, "", one, two)
	if got := collisions(found); got != "9"+same {
		t.Errorf("got %q", got)
	}
	_, found = compileNamed(t, "", two, one)
	if got := collisions(found); got != "4"+same {
		t.Errorf("the other way round: got %q", got)
	}
	own := [2]string{"tortie", "{parties: {edge: {hosts: role == 'edge'}, cluster: {nets: [198.51.100.0/25, 198.51.101.0/24]}}, nodePorts: {protect: edge, allow: [{from: cluster, to: edge, on: tcp/30080}]}}"}
	_, found = compileNamed(t, findingsCluster, own)
	if got := collisions(found); got != "4: error: the party would give a network set the name tortie-cluster, which the set of the cluster's own networks has" {
		t.Errorf("the cluster's own: got %q", got)
	}
	if _, found = compileNamed(t, "", one); collisions(found) != "" {
		t.Errorf("one alone: %s", collisions(found))
	}
}

// A node's annotation has the length of its network; the set of the cluster has the
// node's own address.
func TestCompile_ClusterSetHasTheNodesThemselves(t *testing.T) {
	const nodes = `
apiVersion: v1
kind: Node
metadata: {name: e1, annotations: {projectcalico.org/IPv4Address: 192.0.2.11/24, projectcalico.org/IPv6Address: "2001:db8::11/64"}}
status: {addresses: [{type: InternalIP, address: 192.0.2.11}]}
`
	out, _ := compileNamed(t, nodes, [2]string{"g", "{parties: {edge: {hosts: all()}}, nodePorts: {protect: edge}}"})
	if len(out.Sets) != 1 || !slices.Equal(out.Sets[0].Nets, []string{"192.0.2.11/32", "2001:db8::11/128"}) {
		t.Errorf("got %+v", out.Sets)
	}
}
