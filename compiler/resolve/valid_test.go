package resolve_test

import (
	"slices"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/resolve"
)

// A policy with one invalid part is ignored whole, and a profile denies.
func TestNode_InvalidPolicies(t *testing.T) {
	rule := map[string]string{
		"good":          "{action: Allow, protocol: TCP, source: {selector: has(x)}, destination: {ports: [80]}}",
		"named":         "{action: Allow, destination: {ports: [http]}}",
		"selector":      "{action: Allow, source: {selector: 'a = b'}}",
		"namespaces":    "{action: Allow, source: {namespaceSelector: 'a = b'}}",
		"accounts":      "{action: Allow, source: {serviceAccounts: {selector: 'a = b'}}}",
		"not-selector":  "{action: Allow, source: {notSelector: 'a = b'}}",
		"no-protocol":   "{action: Allow, destination: {ports: [80]}}",
		"icmp-ports":    "{action: Allow, protocol: ICMP, destination: {ports: [80]}}",
		"port-zero":     "{action: Allow, protocol: TCP, destination: {ports: [0]}}",
		"icmp-255":      "{action: Allow, protocol: ICMP, icmp: {type: 255}}",
		"protocol-zero": "{action: Allow, protocol: 0}",
	}
	for name, text := range rule {
		objects := `
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: ` + name + `}
spec:
  types: [Ingress]
  ingress: [{action: Deny}, ` + text + `]
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec: {nodeName: n1, containers: [{name: c, image: c}]}
status: {podIP: 10.65.0.2}
`
		snap, _ := cluster.Read([]cluster.File{{Name: "in.yaml", Data: []byte(objects)}}, cluster.Options{})
		model, _ := snap.Model()
		view, findings := resolve.New(snap, model).Node("n1", resolve.NodeOptions{})
		valid := name == "good" || name == "named"
		if len(view.Workloads) != 1 || (len(view.Workloads[0].Tiers) == 1) != valid {
			t.Errorf("%s: %+v", name, view.Workloads)
		}
		if got := slices.ContainsFunc(findings, func(f diag.Finding) bool { return f.Code == "calico/invalid-object" }); got == valid {
			t.Errorf("%s: findings %v", name, findings)
		}
	}
}
