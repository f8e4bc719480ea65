package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every example of docs/intent.md compiles, and what it becomes is valid.
func TestIntent_DocsCompile(t *testing.T) {
	atRoot(t)
	doc, err := os.ReadFile("docs/intent.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(doc), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		name := filepath.Join(t.TempDir(), "intent.yaml")
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprintf("example at line %d", strings.Count(string(doc[:strings.Index(string(doc), text)]), "\n")), func(t *testing.T) {
			objects := runFine(t, "compile", "-f", name)
			if i > 0 && !strings.Contains(objects, "kind: ") {
				t.Error("no objects")
			}
			holdCompiled(t, objects)
		})
	}
}

// The order of documents, files and flags changes no byte.
func TestIntent_OrderOfInputChangesNothing(t *testing.T) {
	for seed := uint64(1); seed < 20; seed++ {
		g := newIntentGen(seed)
		t.Chdir(t.TempDir())
		names := []string{"cluster.yaml"}
		write := func(name, text string) {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("cluster.yaml", strings.Join(g.cluster, "---\n"))
		for i, d := range g.intents {
			names = append(names, fmt.Sprintf("i%d.yaml", i))
			write(names[i+1], d)
		}
		first := ""
		for range 4 {
			args := []string{"compile"}
			for _, n := range names {
				args = append(args, "-f", n)
			}
			got := runFine(t, args...)
			if first == "" {
				first = got
			}
			if got != first {
				t.Fatalf("seed %d: another order of %v gives other objects", seed, names)
			}
			rand.New(rand.NewPCG(seed, 3)).Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			g.Shuffle(len(g.cluster), func(i, j int) { g.cluster[i], g.cluster[j] = g.cluster[j], g.cluster[i] })
			write("cluster.yaml", strings.Join(g.cluster, "---\n"))
		}
	}
}

// The ways of writing the objects hold the same ones.
func TestIntent_Outputs(t *testing.T) {
	atRoot(t)
	files := []string{"-f", "examples/bare-metal"}
	list := runFine(t, append([]string{"compile", "-o", "json"}, files...)...)
	var items struct{ Items []json.RawMessage }
	if err := json.Unmarshal([]byte(list), &items); err != nil {
		t.Fatal(err)
	}
	text := runFine(t, append([]string{"compile"}, files...)...)
	if n := strings.Count(text, "apiVersion: "); n != len(items.Items) || n < 6 {
		t.Errorf("%d objects as YAML, %d as JSON", n, len(items.Items))
	}
	dir := t.TempDir()
	runFine(t, append([]string{"compile", "--output-dir", dir}, files...)...)
	written, _ := os.ReadDir(dir)
	var all []string
	for _, f := range written {
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, string(data)) {
			t.Errorf("%s is not in what stdout shows", f.Name())
		}
		all = append(all, f.Name())
	}
	if len(all) != len(items.Items) {
		t.Errorf("files %v for %d objects", all, len(items.Items))
	}
	holdCompiled(t, list)
	explained := runFine(t, append([]string{"compile", "--explain"}, files...)...)
	if !strings.Contains(explained, "examples/bare-metal/intent.yaml:37\n  GlobalNetworkPolicy hosts.metal-edge-node-ports, ingress rule") {
		t.Errorf("the line of the node port is missing:\n%s", explained)
	}
}

// Exit codes and findings of the command.
func TestIntent_CommandFails(t *testing.T) {
	defer func(old func() time.Time) { clock = old }(clock)
	clock = func() time.Time { return time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC) }
	t.Chdir(t.TempDir())
	write := func(name, text string) { _ = os.WriteFile(name, []byte(text), 0o644) }
	write("none.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")
	write("bad.yaml", "apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: a}\nspec: {protect: [web]}\n")
	write("old.yaml", "apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: a}\nspec:\n  parties: {web: {pods: all()}}\n  protect: [web]\n  allow: [{from: any, to: web, until: 2029-12-31}]\n")
	write("gate.yaml", "apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: a}\nspec:\n  parties: {edge: {hosts: has(a)}}\n  nodePorts: {protect: edge}\n")
	write("hosts.yaml", "apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: n1, labels: {role: edge}}\nspec: {bgp: {ipv4Address: 192.0.2.1/24}}\n---\n"+
		"apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: a}\nspec:\n  parties: {edge: {hosts: role == 'edge'}}\n  protect: [edge]\n")
	write("all.yaml", "apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: a}\nspec:\n  parties: {edge: {hosts: has(a)}, net: {nets: [192.0.2.0/24]}}\n  protect: [nobody, net]\n"+
		"  nodePorts: {protect: edge}\n  raw:\n  - {party: edge, direction: in, rule: {action: allow}}\n  - {party: net, direction: in, rule: {action: deny}}\n")
	write("trust.yaml", "apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: a}\nspec:\n  parties: {edge: {hosts: has(a)}}\n  nodePorts: {protect: edge, trust: [nobody]}\n")
	write("many.yaml", "apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: a}\nspec:\n  protect:\n"+strings.Repeat("  - {party: nobody}\n", 60))
	long := strings.Repeat("a", 60)
	write("long.yaml", "apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: "+long+"}\nspec:\n  parties: {web: {namespace: shop}, net: {nets: [192.0.2.0/24, 198.51.100.0/24]}}\n  deny: [{from: net, to: web}]\n")
	rows := []struct {
		args string
		code int
		want string
	}{
		{"compile -f all.yaml", 1, "all.yaml:6:13: error: no party is called \"nobody\" [intent/unknown-party]"},
		{"compile -f all.yaml", 1, "all.yaml:7:24: error: without the cluster's networks this would cut pods and nodes off from each other [intent/no-cluster]"},
		{"compile -f all.yaml", 1, "all.yaml:9:49: error: spec.raw.rule.action: \"allow\" is not a value of this field [value/not-one-of]"},
		{"compile -f all.yaml", 1, "tortie: 5 errors in all.yaml; nothing was compiled"},
		{"compile -f trust.yaml", 1, "tortie: 1 error in trust.yaml; nothing was compiled"},
		{"compile -f many.yaml", 1, "many.yaml:65:13: error: no party is called \"nobody\""},
		{"compile -f long.yaml", 1, "hint: shorten the names of intent " + long + " (60 characters) and party net (3): together they may have 62"},
		{"compile", 2, "no input"},
		{"compile -f none.yaml", 2, "no documents of kind Intent"},
		{"compile -f bad.yaml", 1, "bad.yaml:4:18: error: no party is called \"web\" [intent/unknown-party]"},
		{"compile -f old.yaml", 0, "old.yaml:7:39: warning: the statement's last day was 2029-12-31; it still holds [intent/expired]"},
		{"compile -f gate.yaml", 1, "gate.yaml:6:24: error: without the cluster's networks this would cut pods and nodes off from each other [intent/no-cluster]"},
		{"compile -f hosts.yaml", 0, "warning: no host endpoint is in party edge, but the labels of nodes n1 fit"},
		{"compile -f hosts.yaml", 0, "cuts what no failsafe port and no statement leaves open to its hosts: the kubelet: logs, exec and metrics (tcp/10250)"},
		{"compile -f hosts.yaml -o toml", 2, "neither yaml nor json"},
		{"trace -f bad.yaml 10.0.0.1 10.0.0.2:80", 2, "no party is called \"web\""},
		{"validate -f bad.yaml", 1, ""},
	}
	for _, r := range rows {
		var out, errs bytes.Buffer
		if code := run(strings.Fields(r.args), strings.NewReader(""), &out, &errs); code != r.code || !strings.Contains(errs.String(), r.want) {
			t.Errorf("%s: exit %d, want %d with %q:\n%s", r.args, code, r.code, r.want, errs.String())
		}
	}
	if got := runFine(t, "compile", "-f", "hosts.yaml", "--host-endpoints"); !strings.Contains(got, "kind: HostEndpoint\nmetadata:\n  name: n1-host\n") {
		t.Errorf("no host endpoint in\n%s", got)
	}
}
