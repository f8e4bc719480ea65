package lower

import (
	"fmt"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/intent"
)

// large is an intent of 200 parties and 2,000 statements, and a cluster of 5,000
// pods on 100 nodes.
func large() []cluster.File {
	var b, c strings.Builder
	b.WriteString("apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: large}\nspec:\n  parties:\n")
	for i := range 200 {
		fmt.Fprintf(&b, "    p%d: {namespace: ns%d, pods: app == 'a%d'}\n", i, i%20, i)
	}
	b.WriteString("  protect:\n")
	for i := range 200 {
		fmt.Fprintf(&b, "  - p%d\n", i)
	}
	b.WriteString("  allow:\n")
	for i := range 2000 {
		fmt.Fprintf(&b, "  - {from: p%d, to: p%d, on: [tcp/%d, tcp/%d]}\n", i%200, (i*7+i/200)%200, 1000+i, 4000+i)
	}
	for i := range 20 {
		fmt.Fprintf(&c, "apiVersion: v1\nkind: Namespace\nmetadata: {name: ns%d}\n---\n", i)
	}
	for i := range 5000 {
		fmt.Fprintf(&c, "apiVersion: v1\nkind: Pod\nmetadata: {name: x%d, namespace: ns%d, labels: {app: a%d}}\nspec: {nodeName: n%d, containers: [{name: c, image: c}]}\nstatus: {phase: Running, podIP: 10.%d.%d.%d}\n---\n",
			i, i%20, i%200, i%100, 64+i/65536, i/256, i%256)
	}
	return []cluster.File{{Name: "intent.yaml", Data: []byte(b.String())}, {Name: "cluster.yaml", Data: []byte(c.String())}}
}

func BenchmarkCompile(b *testing.B) { benchmark(b, large(), 200) }

// One staged statement beside them: the enforced and the previewed world are compiled.
func BenchmarkCompile_Staged(b *testing.B) {
	staged := cluster.File{Name: "staged.yaml", Data: []byte("apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: next}\n" +
		"spec: {mode: stage, deny: [{from: p1, to: p0, on: tcp/22}]}\n")}
	benchmark(b, append(large(), staged), 201)
}

func benchmark(b *testing.B, files []cluster.File, policies int) {
	s, _ := cluster.Read(files, cluster.Options{})
	b.ReportAllocs()
	for b.Loop() {
		var docs []*intent.Document
		for _, o := range s.Others {
			d, _ := intent.Parse(o.Node)
			docs = append(docs, d)
		}
		p, diags := intent.Link(docs, intent.Options{})
		if diags.HasErrors() {
			b.Fatal(diags)
		}
		out, _ := Compile(p, s, Options{})
		if len(out.Policies) != policies {
			b.Fatal(len(out.Policies), "policies")
		}
	}
}
