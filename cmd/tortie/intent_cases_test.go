package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tortie/compiler/check"
	"tortie/compiler/cluster"
	"tortie/dataplane/golden"
)

// intentCase is a file of testdata/intent: an intent, the objects that it becomes
// with the cluster of that folder, and connections with verdict and line.
type intentCase struct {
	title, intent, trace, objects string
}

func readIntentCase(t *testing.T, name string) intentCase {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var c intentCase
	rest := string(data)
	part := func(mark string) string {
		before, after, _ := strings.Cut(rest, "-- "+mark+" --\n")
		rest = after
		return before
	}
	c.title, c.intent, c.trace, c.objects = part("intent.yaml"), part("trace"), part("objects.yaml"), rest
	return c
}

func (c intentCase) String() string {
	return c.title + "-- intent.yaml --\n" + c.intent + "-- trace --\n" + c.trace + "-- objects.yaml --\n" + c.objects
}

// TestIntent_Cases goes from each construct of the language to objects and on to
// verdicts.
func TestIntent_Cases(t *testing.T) {
	atRoot(t)
	names, err := filepath.Glob("cmd/tortie/testdata/intent/*.txtar")
	if err != nil || len(names) < 16 {
		t.Fatal(names, err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("cmd/tortie/testdata/intent")); err != nil {
		t.Fatal(err)
	}
	root, _ := os.Getwd()
	t.Chdir(dir)
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			c := readIntentCase(t, filepath.Base(name))
			if err := os.WriteFile("intent.yaml", []byte(c.intent), 0o644); err != nil {
				t.Fatal(err)
			}
			objects := runFine(t, "compile", "-f", "intent.yaml", "-f", "cluster.yaml")
			holdCompiled(t, objects)
			got := c
			got.objects = objects
			golden.Check(t, filepath.Join(root, name), []byte(got.String()))
			holdTraces(t, c.trace)
		})
	}
}

// What docs/intent.md says of its example of hosts is so.
func TestIntent_DocsHosts(t *testing.T) {
	atRoot(t)
	doc, err := os.ReadFile("docs/intent.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "\n## Hosts\n")
	_, section, _ = strings.Cut(section, "```yaml\n")
	text, _, _ := strings.Cut(section, "```")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("cmd/tortie/testdata/intent")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := os.WriteFile("intent.yaml", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	protect := strings.Count(text[:strings.Index(text, "protect: [edge]")], "\n") + 1
	holdTraces(t, fmt.Sprintf(`203.0.113.5@n1/eth0 shop/web-0:8080 allow
198.51.100.5@n1/eth0 shop/web-0:80 allow
203.0.113.5@n1/eth0 shop/web-0:80 deny %d
192.168.7.7@n1/eth0 shop/web-0:8080 deny %d
203.0.113.5@n1/eth0 node:n1:8080 deny %d`, protect, protect, protect))
}

// runFine runs the program in the working directory; it has to succeed.
func runFine(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(args, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("%v: exit %d\n%s", args, code, errs.String())
	}
	return out.String()
}

// holdCompiled holds that objects are read and validated without a word.
func holdCompiled(t *testing.T, objects string) {
	t.Helper()
	s, diags := cluster.Read([]cluster.File{{Name: "objects.yaml", Data: []byte(objects)}}, cluster.Options{})
	diags = append(diags, check.Run(s, check.Options{ErrorsOnly: true})...)
	for _, d := range diags {
		t.Errorf("%s: %s", d.Span, d.Message)
	}
}

// holdTraces follows lines of [--staged] FROM TO VERDICT [LINE].
func holdTraces(t *testing.T, lines string) {
	t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		rest, staged := strings.CutPrefix(line, "--staged ")
		f := strings.Fields(rest)
		where := ""
		if len(f) == 4 {
			where = "intent.yaml:" + f[3]
		}
		for _, dataplane := range []string{"iptables", "nftables"} {
			out := runFine(t, "trace", "-f", "intent.yaml", "-f", "cluster.yaml", "--dataplane", dataplane, "-o", "json", fmt.Sprintf("--staged=%v", staged), f[0], f[1])
			t.Run(fmt.Sprintf("%s %s", line, dataplane), func(t *testing.T) { holdReason(t, out, f[2], where) })
		}
	}
}
