package walk_test

import (
	"fmt"
	"strings"
	"testing"

	"tortie/simulator/trace"
)

// A packet that meets a chain outside the hooks of IP has an unknown fate, which
// names the chain. Other links, empty chains and dormant tables are not concerned.
func TestConnect_ChainsOfDevices(t *testing.T) {
	const drop = "policy drop;"
	for _, c := range []struct{ family, flags, hook, body, unknown string }{
		{"netdev", "", `ingress device "eth0"`, "policy accept;\ntcp dport 8055 drop", "c of table netdev t at INGRESS of eth0"},
		{"inet", "", `ingress device "eth0"`, drop, "c of table inet t at INGRESS of eth0"},
		{"netdev", "", `egress devices = { "x", "cali0" }`, drop, "c of table netdev t at EGRESS of cali0"},
		{"netdev", "", `ingress device "cali1"`, drop, ""},
		{"netdev", "", `ingress device "eth0"`, "policy accept;", ""},
		{"netdev", "flags dormant", `ingress device "eth0"`, drop, ""},
		{"ip", "flags dormant", "forward", drop, ""},
		{"bridge", "", "forward", drop, "c of table bridge t, which the bridge cali0 runs"},
	} {
		s := nft(t, state(), fmt.Sprintf("table %s t {\n%s\nchain c {\ntype filter hook %s priority 0; %s\n}\n}\n", c.family, c.flags, c.hook, c.body))
		if c.family == "bridge" {
			s.Links[2].Kind = "bridge"
		}
		got := connect(t, s, tcp(outside, "10.65.0.2", 8055))
		if c.unknown == "" {
			want(t, got, trace.Allow)
			continue
		}
		want(t, got, trace.Unknown)
		if !strings.Contains(got.Reason.Text, c.unknown) {
			t.Errorf("reason %q, want %q", got.Reason.Text, c.unknown)
		}
	}
}
