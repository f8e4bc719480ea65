package lower

import (
	"testing"

	"tortie/compiler/cluster"
)

// The failsafe ports of a node are those of the FelixConfigurations that hold for it:
// of all, of the one that selects it, of its own.
func TestFacts_FailsafesByNode(t *testing.T) {
	const text = `apiVersion: v1
kind: Node
metadata: {name: n1, labels: {role: edge}}
---
apiVersion: v1
kind: Node
metadata: {name: n2, labels: {role: core}}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec: {failsafeInboundHostPorts: [{protocol: tcp, port: 1}], failsafeOutboundHostPorts: [{protocol: tcp, port: 9}]}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: edges}
spec: {nodeSelector: role == 'edge', failsafeInboundHostPorts: [{protocol: tcp, port: 2}]}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: node.n3}
spec: {failsafeInboundHostPorts: [{protocol: tcp, port: 3}]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: h}
spec: {node: n3, interfaceName: eth0}
`
	s, diags := cluster.Read([]cluster.File{{Name: "f", Data: []byte(text)}}, cluster.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	f := factsOf(s)
	if _, own := f.failsafes["n2"]; own || f.failsafe[0][0].Port != 1 {
		t.Errorf("of all: %v, n2 has its own: %v", f.failsafe, own)
	}
	for node, port := range map[string]uint16{"n1": 2, "n3": 3} {
		if got := f.failsafes[node]; len(got[0]) != 1 || got[0][0].Port != port || got[1][0].Port != 9 {
			t.Errorf("%s has %v", node, got)
		}
	}
}
