package intent

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tortie/compiler/diag"
	"tortie/compiler/selector"
	"tortie/compiler/yamlpos"

	"github.com/google/go-cmp/cmp"
)

// intents are the texts of all examples that are without mistakes.
func intents(t *testing.T) []string {
	t.Helper()
	var out []string
	files, _ := filepath.Glob("../../examples/*/intent.yaml")
	cases, _ := filepath.Glob("../../cmd/tortie/testdata/intent/*.txtar")
	for _, name := range append(append(files, cases...), "../../docs/intent.md") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		if _, rest, ok := strings.Cut(text, "-- intent.yaml --\n"); ok {
			text, _, _ = strings.Cut(rest, "-- trace --")
		}
		if strings.HasSuffix(name, ".md") {
			for _, block := range strings.Split(text, "```yaml\n")[1:] {
				body, _, _ := strings.Cut(block, "```")
				out = append(out, body)
			}
			continue
		}
		out = append(out, text)
	}
	if len(out) < 25 {
		t.Fatalf("only %d texts", len(out))
	}
	return out
}

func parsedDocuments(t *testing.T, text string) []*Document {
	t.Helper()
	nodes, _ := yamlpos.Parse("a.yaml", []byte(text))
	var out []*Document
	for _, n := range nodes {
		if IsIntent(n) {
			d, diags := Parse(n)
			if diags.HasErrors() {
				t.Fatalf("%v\n%s", diags, text)
			}
			out = append(out, d)
		}
	}
	return out
}

// What is written is read as the same document.
func TestWriteYAML_IsReadAsTheSame(t *testing.T) {
	same := cmp.Options{
		cmp.Comparer(func(diag.Span, diag.Span) bool { return true }),
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b *selector.Selector) bool { return a.String() == b.String() }),
		cmp.Comparer(func(a, b *yamlpos.Node) bool {
			x, _ := a.JSON()
			y, _ := b.JSON()
			return string(x) == string(y)
		}),
		cmp.Comparer(func(a, b Guard) bool {
			return cmp.Equal(refTexts(a.Hosts), refTexts(b.Hosts)) && cmp.Equal(refTexts(a.Trust), refTexts(b.Trust))
		}),
	}
	for _, text := range intents(t) {
		docs := parsedDocuments(t, text)
		var b strings.Builder
		for _, d := range docs {
			b.WriteString("---\n")
			if err := d.WriteYAML(&b); err != nil {
				t.Fatal(err)
			}
		}
		again := parsedDocuments(t, b.String())
		if len(again) != len(docs) {
			t.Fatalf("%d documents became %d\n%s", len(docs), len(again), b.String())
		}
		for i := range docs {
			sortRules(docs[i])
			sortRules(again[i])
			if diff := cmp.Diff(docs[i], again[i], same); diff != "" {
				t.Errorf("%s\nwritten as\n%s", diff, b.String())
			}
		}
	}
}

// sortRules puts rules into the order in which they are written: by section,
// denies first. Within both the order is kept.
func sortRules(d *Document) {
	var out []Rule
	for _, s := range []Section{Normal, NodePorts, Forward, FastPath} {
		for _, deny := range []bool{true, false} {
			for _, r := range d.Rules {
				if r.Section == s && r.Deny == deny {
					out = append(out, r)
				}
			}
		}
	}
	d.Rules = out
}
