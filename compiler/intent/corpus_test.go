package intent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// read parses and links a text of documents.
func read(name, text string) (*Program, diag.List) {
	nodes, diags := yamlpos.Parse(name, []byte(text))
	var docs []*Document
	for _, n := range nodes {
		if !IsIntent(n) {
			continue
		}
		d, found := Parse(n)
		docs, diags = append(docs, d), append(diags, found...)
		words := map[diag.Span]bool{}
		for _, w := range Words(n) {
			words[w] = true
		}
		kept := diags[:0]
		for _, f := range diags {
			if f.Code != "yaml/boolean-word" || !words[f.Span] {
				kept = append(kept, f)
			}
		}
		diags = kept
	}
	p, found := Link(docs, Options{Tiers: map[string]ClusterTier{"given": {Order: 70}}, Today: "2026-11-24"})
	return p, append(diags, found...)
}

// found writes findings as the corpus expects them.
func found(l diag.List) string {
	var b strings.Builder
	l.Sort()
	for _, f := range l {
		fmt.Fprintf(&b, "%d:%d %s %s: %s\n", f.Span.Start.Line, f.Span.Start.Col, f.Severity, f.Code, f.Message)
	}
	return b.String()
}

// corpus yields the cases of the files in testdata/bad: the name behind "== ", the
// lines of spec, and behind "--" what is found. A ␀ there stands for a NUL byte.
func corpus(t testing.TB, each func(name, text, want string)) int {
	files, err := filepath.Glob("testdata/bad/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no corpus: ", err)
	}
	n := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range strings.Split("\n"+string(data), "\n== ")[1:] {
			name, rest, _ := strings.Cut(c, "\n")
			text, want, ok := strings.Cut(rest+"\n", "\n--\n")
			if !ok {
				t.Fatalf("%s: case %q has no line --", file, name)
			}
			n++
			each(name, strings.ReplaceAll(text, "␀", "\x00")+"\n", strings.TrimSpace(want))
		}
	}
	return n
}

// TestCorpus_BadIntents holds that each mistake is found at its place, all of them
// and nothing else.
func TestCorpus_BadIntents(t *testing.T) {
	n := corpus(t, func(name, text, want string) {
		t.Run(name, func(t *testing.T) {
			_, diags := read("bad.yaml", exampleOf(text))
			if got := strings.TrimSpace(found(diags)); got != want {
				t.Errorf("got:\n%s\nwant:\n%s\nof:\n%s", got, want, exampleOf(text))
			}
		})
	})
	if n < 60 {
		t.Errorf("only %d cases", n)
	}
}

func FuzzRead(f *testing.F) {
	corpus(f, func(_, text, _ string) { f.Add(exampleOf(text)) })
	f.Fuzz(func(t *testing.T, text string) {
		p, diags := read("fuzz.yaml", text)
		for _, d := range diags {
			if d.Code == "" || d.Message == "" || d.Severity == 0 {
				t.Errorf("incomplete finding %+v", d)
			}
		}
		if !diags.HasErrors() {
			p.Judge(&World{}, Connection{})
		}
	})
}
