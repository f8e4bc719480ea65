package lower

import (
	"testing"

	"tortie/compiler/diag"
)

// A rule that decides all that a later one could match takes its place; whatever a
// later one matches beyond it keeps it.
func TestAppendNew_Covers(t *testing.T) {
	tcp := func(src Entity, ports ...string) Rule {
		return Rule{Action: "Allow", Protocol: "TCP", Source: src, Destination: Entity{Ports: ports}}
	}
	office, lab := Entity{Nets: []string{"203.0.113.0/24"}}, Entity{Nets: []string{"203.0.113.128/25"}}
	web, webOf := Entity{Selector: "app == 'web'"}, Entity{Selector: "app == 'web'", NamespaceSelector: "all()"}
	echo := 8
	for name, c := range map[string]struct {
		earlier, later Rule
		covered        bool
	}{
		"a network within":                     {tcp(office, "80"), tcp(lab, "80"), true},
		"a network around":                     {tcp(lab, "80"), tcp(office, "80"), false},
		"a port within a range":                {tcp(office, "80", "8000:8100"), tcp(office, "8080"), true},
		"a port beside":                        {tcp(office, "80"), tcp(office, "80", "443"), false},
		"a name among ports":                   {tcp(office, "80", "http"), tcp(lab, "http"), true},
		"all ports":                            {tcp(office), tcp(office, "443"), true},
		"any protocol":                         {Rule{Action: "Deny", Source: office}, tcp(lab, "443"), true},
		"another protocol":                     {tcp(office), Rule{Action: "Allow", Protocol: "UDP", Source: office}, false},
		"one type of ICMP":                     {Rule{Action: "Allow", Protocol: "ICMP", ICMPType: &echo}, Rule{Action: "Allow", Protocol: "ICMP"}, false},
		"every type of ICMP":                   {Rule{Action: "Allow", Protocol: "ICMP"}, Rule{Action: "Allow", Protocol: "ICMP", ICMPType: &echo}, true},
		"the same labels in another namespace": {tcp(web), tcp(webOf), false},
		"a network with exceptions":            {tcp(Entity{Nets: office.Nets, NotNets: lab.Nets}), tcp(office), false},
		"a rule that only logs":                {Rule{Action: "Log"}, tcp(lab, "80"), false},
	} {
		c.later.Span = diag.Span{File: "intent.yaml", Start: diag.Pos{Line: 2}}
		got := appendNew([]Rule{c.earlier}, c.later)
		if (len(got) == 1) != c.covered {
			t.Errorf("%s: %d rules", name, len(got))
		}
		if c.covered && (len(got[0].Also) != 1 || got[0].Also[0] != c.later.Span) {
			t.Errorf("%s: the later rule's place is lost: %v", name, got[0].Also)
		}
	}
}
