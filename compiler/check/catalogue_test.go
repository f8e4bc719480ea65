package check

import (
	"strings"
	"testing"

	"tortie/compiler/diag"
)

// Every example yields its code, at its severity, and no error of another code.
func TestCatalogue_ExamplesYieldTheirCode(t *testing.T) {
	for _, e := range Catalogue() {
		if elsewhere[e.Code] || strings.HasPrefix(e.Code, "calico/") {
			continue
		}
		if e.Title == "" || e.Text == "" || e.Fix == "" || e.Severity == 0 {
			t.Errorf("%s: incomplete entry", e.Code)
		}
		found := all("example.yaml", e.Example)
		has := false
		for _, f := range found {
			has = has || f.Code == e.Code && f.Severity == e.Severity
			if f.Severity == diag.Error && f.Code != e.Code {
				t.Errorf("%s: its example also yields\n%s", e.Code, render(diag.List{f}, e.Example))
			}
		}
		if !has {
			t.Errorf("%s: its example does not yield it, but\n%s", e.Code, render(found, e.Example))
		}
	}
}

func TestCatalogue_CodesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range Catalogue() {
		if seen[e.Code] || strings.Count(e.Code, "/") != 1 {
			t.Errorf("code %q", e.Code)
		}
		seen[e.Code] = true
	}
}

// elsewhere are codes whose examples cmd/tortie judges, which also converts
// objects; those of calico/ are such, too.
var elsewhere = map[string]bool{
	"yaml/too-large": true, "yaml/boolean-word": true, "yaml/key": true,
	"cluster/nothing-staged": true, "cluster/bad-template": true, "cluster/namespace-made-up": true,
}
