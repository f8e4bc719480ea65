package main

import (
	"encoding/json"
	"strings"
	"testing"

	"tortie/simulator/trace"
)

// What a node sends to a pod of its own passes no policy, and says so; it does not
// name a chain of kube-proxy that comes before filtering. A pod of another node is
// governed.
func TestTrace_NodeToItsOwnPod(t *testing.T) {
	atRoot(t)
	for _, mode := range []string{"iptables", "nftables"} {
		ask := func(to string) trace.Connection {
			var c trace.Connection
			out := runFine(t, "trace", "-f", "examples/online-shop", "--dataplane", mode, "--kube-proxy", mode, "-o", "json", "node:node1", to)
			if err := json.Unmarshal([]byte(out), &c); err != nil {
				t.Fatal(err)
			}
			return c
		}
		c := ask("shop/web-0:8080")
		if c.Verdict != trace.Allow || !strings.HasSuffix(c.Reason.Chain, "OUTPUT") || c.Reason.Table == "kube-proxy" || c.Reason.Text != "policy accept" {
			t.Errorf("%s: %s by %+v", mode, c.Verdict, c.Reason)
		}
		if s := c.Explanation.Sides; len(s) != 1 || s[0].Endpoint != "shop/web-0" || s[0].Policy != nil || !strings.Contains(s[0].Text, "no policy applies") {
			t.Errorf("%s: sides %+v", mode, s)
		}
		if s := ask("shop/catalog-0:8082").Explanation.Sides; len(s) != 1 || s[0].Outcome != "denied" {
			t.Errorf("%s: another node's pod: %+v", mode, s)
		}
	}
}
