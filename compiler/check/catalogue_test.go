package check

import (
	"strings"
	"testing"

	"tortie/compiler/diag"
)

// Every example yields its code, at its severity, and no error of another code.
func TestCatalogue_ExamplesYieldTheirCode(t *testing.T) {
	for _, e := range Catalogue() {
		if e.Title == "" || e.Text == "" || e.Fix == "" || e.Severity == 0 {
			t.Errorf("%s: incomplete entry", e.Code)
		}
		if e.Example == "" {
			if !withoutExample[e.Code] {
				t.Errorf("%s: no example", e.Code)
			}
			continue
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

// withoutExample are codes of the readers whose own tests show them.
var withoutExample = map[string]bool{
	"yaml/boolean-word": true, "yaml/key": true, "yaml/merge": true, "yaml/alias-loop": true, "yaml/no-separator": true,
	"yaml/too-large": true, "cluster/namespace-made-up": true, "cluster/pods-made-up": true, "cluster/nothing-staged": true, "cluster/service-addresses-made-up": true, "cluster/bad-template": true,
	"calico/stored-without-types": true, "calico/invalid-object": true, "calico/bad-cidr": true, "calico/bad-endpoint": true,
	"calico/bad-qos": true, "calico/not-enforced": true, "calico/unconvertible-pod": true, "calico/unconvertible-rule": true,
}
