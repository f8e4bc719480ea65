package tortie

import (
	"os"
	"strings"
	"testing"

	"tortie/dataplane/nf"
)

// docs/modelled.md has every kind of statement that the walk knows.
func TestDocs_KindsOfStatements(t *testing.T) {
	text, err := os.ReadFile("docs/modelled.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range nf.Kinds() {
		if name := nf.KindName(k); !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/modelled.md lacks %s", name)
		}
	}
}
