package check

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzValidate asks that checking never panics, that every finding stands within
// the text, has a code of the catalogue and that a second run says the same.
func FuzzValidate(f *testing.F) {
	files, err := filepath.Glob(filepath.Join(corpus, "*.yaml"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no corpus: %v", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	known := map[string]bool{}
	for _, e := range Catalogue() {
		known[e.Code] = true
		if e.Example != "" {
			f.Add(e.Example)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := all("fuzz.yaml", text)
		for _, x := range found {
			if !known[x.Code] {
				t.Errorf("code %q is not in the catalogue", x.Code)
			}
			at := x.Span
			if at.File != "" && (at.Start.Line < 1 || at.Start.Byte < 0 || at.End.Byte > len(text) || at.Start.Byte > at.End.Byte) {
				t.Errorf("%s stands outside of the text of %d bytes: %+v", x.Code, len(text), at)
			}
		}
		if again := all("fuzz.yaml", text); render(again, text) != render(found, text) {
			t.Errorf("two runs differ:\n%s\n%s", render(found, text), render(again, text))
		}
	})
}
