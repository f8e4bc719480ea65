package check

import (
	"fmt"
	"strings"
	"testing"

	"tortie/compiler/cluster"
)

// BenchmarkRefused is what the commands that use policies pay for asking whether
// they would be refused: 2,000 policies of four rules.
func BenchmarkRefused(b *testing.B) {
	var text strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&text, "---\n%s", strings.Replace(ruleExample("ingress", strings.Repeat(
			"  - action: Allow\n    protocol: TCP\n    source:\n      selector: app in {'web', 'api'} && has(tier)\n      nets: [10.0.0.0/8, 192.0.2.0/24]\n    destination:\n      ports: [80, '8000:8010', http]\n", 4)), "example", fmt.Sprintf("p%d", i), 1))
	}
	s, diags := cluster.Read([]cluster.File{{Name: "policies.yaml", Data: []byte(text.String())}}, cluster.Options{})
	if diags.HasErrors() || len(s.GlobalNetworkPolicies) != 2000 {
		b.Fatal(diags)
	}
	for b.Loop() {
		if found := Refused(s, Options{}); len(found) > 0 {
			b.Fatal(found)
		}
	}
}
