package link

import (
	"fmt"
	"slices"
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
	if note := makeSlices(s); note == "" || len(s.EndpointSlices) != 1 {
		t.Fatalf("%d slices, %q", len(s.EndpointSlices), note)
	}
	var got []string
	for _, e := range s.EndpointSlices[0].Object.Endpoints {
		got = append(got, e.Addresses...)
	}
	if len(got) != 2 || got[0] != "10.0.0.1" || got[1] != "10.0.0.5" {
		t.Errorf("endpoints %v", got)
	}
}

// Slices are made of both families of a service, with the number that a named port
// has in each pod, and say which pods are ready.
func TestMakeSlices_FamiliesAndPorts(t *testing.T) {
	const text = `apiVersion: v1
kind: Service
metadata: {name: s, namespace: a}
spec: {clusterIP: 172.20.0.1, clusterIPs: [172.20.0.1, "fd20::1"], selector: {app: web}, ports: [{name: w, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: a, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: i, ports: [{name: http, containerPort: 8080}]}]}
status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: three, namespace: a, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: i, ports: [{name: http, containerPort: 8080}]}]}
status: {phase: Running, podIP: 10.0.0.3, conditions: [{type: Ready, status: "False"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: two, namespace: a, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: i, ports: [{name: http, containerPort: 9090}]}]}
status: {phase: Running, podIP: 10.0.0.2}
---
apiVersion: v1
kind: Pod
metadata: {name: without, namespace: a, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.0.0.4}
`
	s, findings := cluster.Read([]cluster.File{{Name: "f", Data: []byte(text)}}, cluster.Options{})
	if findings.HasErrors() || makeSlices(s) == "" {
		t.Fatal(findings)
	}
	var got []string
	for _, o := range s.EndpointSlices {
		for _, e := range o.Object.Endpoints {
			got = append(got, fmt.Sprint(o.Object.AddressType, " ", e.Addresses[0], " ", *o.Object.Ports[0].Port, " ", *e.Conditions.Ready))
		}
	}
	want := []string{"IPv4 10.0.0.1 8080 true", "IPv4 10.0.0.3 8080 false", "IPv4 10.0.0.2 9090 true", "IPv6 fd00::1 8080 true"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// A slice counts for its own service: others lead to their pods as before, unless a
// server that stored slices has none of theirs.
func TestMakeSlices_OfOneService(t *testing.T) {
	const slice = `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: none-x, namespace: a, labels: {kubernetes.io/service-name: none}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.9]}]
`
	for _, c := range []struct {
		stored bool
		slices int
		note   string
	}{
		{false, 2, "EndpointSlices in the input, but none of Service a/s, taken to lead to the pods that the selector selects"},
		{true, 1, "no EndpointSlice of Service a/s among those stored in the cluster, so it leads nowhere although its selector selects pods"},
	} {
		s, findings := cluster.Read([]cluster.File{{Name: "f", Data: []byte(selectedPods + slice)}}, cluster.Options{Stored: c.stored})
		if findings.HasErrors() {
			t.Fatal(findings)
		}
		if note := makeSlices(s); note != c.note || len(s.EndpointSlices) != c.slices {
			t.Errorf("%d slices, %q", len(s.EndpointSlices), note)
		}
	}
}

// Sidecars have named ports as other containers do, init containers that end have not;
// trafficDistribution gives the endpoints hints, as far as zones and nodes are known.
func TestMakeSlices_SidecarsAndHints(t *testing.T) {
	const text = `apiVersion: v1
kind: Node
metadata: {name: n1, labels: {topology.kubernetes.io/zone: west}}
---
apiVersion: v1
kind: Service
metadata: {name: s, namespace: a}
spec: {clusterIP: 172.20.0.1, selector: {app: web}, trafficDistribution: PreferSameNode, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: far, namespace: a}
spec: {clusterIP: 172.20.0.2, selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: ended, namespace: a}
spec: {clusterIP: 172.20.0.3, selector: {app: web}, ports: [{port: 80, targetPort: once}]}
---
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: a, labels: {app: web}}
spec:
  nodeName: n1
  initContainers:
  - {name: i, image: i, ports: [{name: once, containerPort: 9000}]}
  - {name: p, image: i, restartPolicy: Always, ports: [{name: http, containerPort: 8080}]}
  containers: [{name: c, image: i}]
status: {phase: Running, podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: two, namespace: a, labels: {app: web}}
spec: {nodeName: n2, containers: [{name: c, image: i, ports: [{name: http, containerPort: 8080}]}]}
status: {phase: Running, podIP: 10.0.0.2}
`
	s, findings := cluster.Read([]cluster.File{{Name: "f", Data: []byte(text)}}, cluster.Options{})
	if findings.HasErrors() {
		t.Fatal(findings)
	}
	makeSlices(s)
	var got []string
	for _, slice := range s.EndpointSlices {
		for _, e := range slice.Object.Endpoints {
			hint := ""
			if e.Hints != nil {
				hint = fmt.Sprint(" ", e.Hints.ForZones, e.Hints.ForNodes)
			}
			got = append(got, fmt.Sprintf("%s %s:%d%s", slice.Object.Labels["kubernetes.io/service-name"], e.Addresses[0], *slice.Object.Ports[0].Port, hint))
		}
	}
	slices.Sort(got)
	want := []string{"far 10.0.0.1:8080", "far 10.0.0.2:8080", "s 10.0.0.1:8080 [{west}] [{n1}]", "s 10.0.0.2:8080 [] [{n2}]"}
	if !slices.Equal(got, want) {
		t.Errorf("endpoints\n%q, want\n%q", got, want)
	}
}
