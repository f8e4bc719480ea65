package link

import (
	"testing"

	"tortie/compiler/cluster"
)

const selectedPods = `
apiVersion: v1
kind: Service
metadata: {name: s, namespace: a}
spec: {clusterIP: 172.20.0.1, selector: {app: web, tier: front}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: none, namespace: a}
spec: {clusterIP: 172.20.0.2, selector: {app: web, tier: back}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: a, labels: {app: web, tier: front}}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: other-tier, namespace: a, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.0.0.2}
---
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: a, labels: {app: web, tier: front}}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
status: {phase: Succeeded, podIP: 10.0.0.3}
---
apiVersion: v1
kind: Pod
metadata: {name: elsewhere, namespace: b, labels: {app: web, tier: front}}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.0.0.4}
---
apiVersion: v1
kind: Pod
metadata: {name: two, namespace: a, labels: {app: web, tier: front, more: label}}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.0.0.5}
`

// A service without slices leads to the running pods of its namespace that have
// all of its labels, in the order of the pods.
func TestMakeSlices(t *testing.T) {
	s, findings := cluster.Read([]cluster.File{{Name: "f", Data: []byte(selectedPods)}}, cluster.Options{})
	if findings.HasErrors() {
		t.Fatal(findings)
	}
	if !makeSlices(s) || len(s.EndpointSlices) != 1 {
		t.Fatalf("%d slices", len(s.EndpointSlices))
	}
	var got []string
	for _, e := range s.EndpointSlices[0].Object.Endpoints {
		got = append(got, e.Addresses...)
	}
	if len(got) != 2 || got[0] != "10.0.0.1" || got[1] != "10.0.0.5" {
		t.Errorf("endpoints %v", got)
	}
}
