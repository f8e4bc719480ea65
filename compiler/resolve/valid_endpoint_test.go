package resolve_test

import (
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/resolve"
)

// endpointsOf resolves node n1 of one workload and one host endpoint, with a part
// of each replaced.
func endpointsOf(workload, host string) *resolve.View {
	objects := strings.NewReplacer("WORKLOAD", workload, "HOST", host).Replace(`
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata: {name: n1-k8s-p-eth0, namespace: shop}
spec: {node: n1, orchestrator: k8s, pod: p, endpoint: eth0, ipNetworks: [10.65.0.2/32], WORKLOAD}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: h}
spec: {node: n1, HOST}
`)
	snap, _ := cluster.Read([]cluster.File{{Name: "in.yaml", Data: []byte(objects)}}, cluster.Options{})
	model, _ := snap.Model()
	view, _ := resolve.New(snap, model).Node("n1", resolve.NodeOptions{})
	return view
}

// An endpoint with one invalid part is not there.
func TestNode_InvalidEndpoints(t *testing.T) {
	const goodWorkload, goodHost = "interfaceName: cali1", "interfaceName: eth0"
	for text, valid := range map[string]bool{
		goodWorkload: true,
		"interfaceName: cali1, ports: [{name: a, port: 80, protocol: SCTP}]":    true,
		"interfaceName: cali1, ports: [{name: a, port: 80, protocol: 6}]":       false,
		"interfaceName: cali1, ports: [{name: a, port: 80, protocol: UDPLite}]": false,
		"mac: 'ca:fe:00:00:00:01'": false,
	} {
		if v := endpointsOf(text, goodHost); (len(v.Workloads) == 1) != valid || len(v.Hosts) != 1 {
			t.Errorf("%s: %+v", text, v.Workloads)
		}
	}
	for text, valid := range map[string]bool{
		goodHost:             true,
		"interfaceName: '*'": true,
		"interfaceName: a-name-of-16-byte, ports: []":                   false,
		"interfaceName: eth0, profiles: ['a b']":                        false,
		"interfaceName: eth0, ports: [{name: a, port: 1, protocol: 6}]": false,
	} {
		if v := endpointsOf(goodWorkload, text); (len(v.Hosts) == 1) != valid || len(v.Workloads) != 1 {
			t.Errorf("%s: %+v", text, v.Hosts)
		}
	}
}
