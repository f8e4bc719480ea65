package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// outsideCluster is three nodes with a pod of floating addresses on the second, out of
// pools that BIRD exports, keeps, and does not know; and a service whose only ready pod
// is on the third.
const outsideCluster = `apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: InternalIP, address: "2001:db8::1"}]}}
- {apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{type: InternalIP, address: 192.0.2.2}, {type: InternalIP, address: "2001:db8::2"}]}}
- {apiVersion: v1, kind: Node, metadata: {name: n3}, status: {addresses: [{type: InternalIP, address: 192.0.2.3}, {type: InternalIP, address: "2001:db8::3"}]}}
- {apiVersion: v1, kind: Namespace, metadata: {name: a}}
- {apiVersion: projectcalico.org/v3, kind: FelixConfiguration, metadata: {name: default}, spec: {floatingIPs: FLOATING}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: pods}, spec: {cidr: 10.65.0.0/16}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: pods6}, spec: {cidr: "fd65::/48"}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: f1}, spec: {cidr: 172.16.1.0/24, nodeSelector: "!all()"}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: f2}, spec: {cidr: 172.16.2.0/24, nodeSelector: "!all()", disableBGPExport: true}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: f3}, spec: {cidr: 172.16.3.0/24, nodeSelector: "!all()", vxlanMode: Always}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: f6}, spec: {cidr: "fd16:1::/64", nodeSelector: "!all()"}}
- {apiVersion: v1, kind: Pod, metadata: {name: one, namespace: a}, spec: {nodeName: n1}, status: {podIP: 10.65.1.1, podIPs: [{ip: 10.65.1.1}, {ip: "fd65::1:1"}], phase: Running}}
- apiVersion: v1
  kind: Pod
  metadata: {name: two, namespace: a, labels: {app: two}, annotations: {cni.projectcalico.org/floatingIPs: '["172.16.1.5","172.16.2.5","172.16.3.5","172.16.4.5","fd16:1::5"]'}}
  spec: {nodeName: n2}
  status: {podIP: 10.65.2.1, podIPs: [{ip: 10.65.2.1}, {ip: "fd65::2:1"}], phase: Running}
- {apiVersion: v1, kind: Pod, metadata: {name: new, namespace: a, labels: {app: web}}, spec: {nodeName: n2}, status: {podIP: 10.65.2.2, phase: Running, conditions: [{type: Ready, status: "False"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: a, labels: {app: web}}, spec: {nodeName: n3}, status: {podIP: 10.65.3.1, phase: Running, conditions: [{type: Ready, status: "True"}]}}
- {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: two, namespace: a}, spec: {podSelector: {matchLabels: {app: two}}, policyTypes: [Ingress], ingress: [{ports: [{port: 80}]}]}}
- apiVersion: v1
  kind: Service
  metadata: {name: web, namespace: a}
  spec: {type: LoadBalancer, clusterIP: 10.96.0.1, externalTrafficPolicy: TRAFFIC, externalIPs: [7.7.7.8], selector: {app: web}, ports: [{port: 80, nodePort: 30080}]}
  status: {loadBalancer: {ingress: [{ip: 7.7.7.7}]}}
`

// What comes from outside, or from another node, to an address that no node has of its own
// goes where Calico's routes and a load balancer's choice lead.
func TestTrace_FromOutside(t *testing.T) {
	const in2, in3 = "come in by node n2: 172.16.1.5 is a floating IP", "come in by node n3: 7.7.7.7 is the load balancer's address of Service a/web (externalTrafficPolicy Local: a node with a ready"
	for _, c := range []struct{ floating, traffic, ends, verdict, want string }{
		{"Enabled", "Local", "8.8.8.8 172.16.1.5:80", "ALLOW", in2},
		{"Enabled", "Local", "8.8.8.8 172.16.1.5:81", "DENY", in2},
		{"Enabled", "Local", "a/one 172.16.1.5:80", "ALLOW", "translated 10.65.1.1:40000 to 10.65.2.1:80"},
		{"Enabled", "Local", "a/one 172.16.1.5:81", "DENY", "policies select a/two"},
		{"Enabled", "Local", "a/one [fd16:1::5]:80", "ALLOW", "translated [fd65::1:1]:40000 to [fd65::2:1]:80"},
		{"Enabled", "Local", "a/one [fd16:1::5]:81", "DENY", "policies select a/two"},
		{"Enabled", "Local", "a/two 172.16.2.5:80", "ALLOW", "to 10.65.2.1:80"},
		{"Enabled", "Local", "a/one 172.16.2.5:80", "UNKNOWN", "routed on node n2 only: disableBGPExport"},
		{"Enabled", "Local", "a/one 172.16.3.5:80", "UNKNOWN", "routed on node n2 only: its IPPool has VXLAN"},
		{"Enabled", "Local", "a/one 172.16.4.5:80", "UNKNOWN", "routed on node n2 only: BIRD exports no"},
		{"Disabled", "Local", "a/one 172.16.1.5:80", "DENY", "172.16.1.5 is an address that no pod has, of IPPool f1"},
		{"Disabled", "Local", "8.8.8.8 7.7.7.7:80", "ALLOW", in3},
		{"Disabled", "Local", "8.8.8.8 7.7.7.8:80", "ALLOW", "come in by node n3: 7.7.7.8 is an external IP"},
		{"Disabled", "Cluster", "8.8.8.8 7.7.7.7:80", "ALLOW", "come in by node n1: 7.7.7.7 is the load balancer's address of Service a/web (externalTrafficPolicy Cluster"},
	} {
		file := filepath.Join(t.TempDir(), "cluster.yaml")
		text := strings.NewReplacer("FLOATING", c.floating, "TRAFFIC", c.traffic).Replace(outsideCluster)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errs, code := tortie(t, append([]string{"trace", "-f", file}, strings.Fields(c.ends)...)...)
		if code != exitFine || !strings.HasPrefix(out, c.verdict+" ") || !strings.Contains(out, c.want) {
			t.Errorf("%s (%s, %s): exit %d, want %s with %q\n%s%s", c.ends, c.floating, c.traffic, code, c.verdict, c.want, out, errs)
		}
	}
}

// hostPortPods are pods of which the first node has ports to translate.
const hostPortPods = `---
apiVersion: v1
kind: Pod
metadata: {name: door, namespace: a}
spec:
  nodeName: n1
  initContainers:
  - {name: gone, ports: [{containerPort: 8001, hostPort: 8001}]}
  - {name: side, restartPolicy: Always, ports: [{containerPort: 8002, hostPort: 8002, protocol: UDP}]}
  containers: [{name: c, ports: [{containerPort: 8080, hostPort: 80}, {containerPort: 9, hostPort: 9009, hostIP: 192.0.2.1}, {containerPort: 9}, {containerPort: 10, hostPort: 9010, hostIP: "::"}]}]
status: {podIP: 10.65.1.9, podIPs: [{ip: 10.65.1.9}, {ip: "fd65::1:9"}], phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: process, namespace: a}
spec: {nodeName: n2, hostNetwork: true, containers: [{name: c, ports: [{containerPort: 80, hostPort: 80}]}]}
status: {podIP: 192.0.2.2, phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: over, namespace: a}
spec: {nodeName: n2, containers: [{name: c, ports: [{containerPort: 8080, hostPort: 8080}]}]}
status: {podIP: 10.65.2.9, phase: Succeeded}
`

// What portmap translates for a pod is not for a process of its node, in both dataplanes.
func TestTrace_HostPort(t *testing.T) {
	const off = "---\n{apiVersion: operator.tigera.io/v1, kind: Installation, metadata: {name: default}, spec: {calicoNetwork: {hostPorts: Disabled}}}\n"
	for _, c := range []struct{ extra, ends, verdict, want string }{
		{"", "8.8.8.8 node:n1:80", "UNKNOWN", "192.0.2.1:80 is hostPort 80/tcp of pod a/door (port 8080)"},
		{"", "8.8.8.8 node:n1:80/udp", "ALLOW", ""},
		{"", "2001:db8:9::9 [2001:db8::1]:80", "UNKNOWN", "hostPort 80/tcp of pod a/door"},
		{"", "a/two node:n1:80", "UNKNOWN", "hostPort 80/tcp"},
		{"", "node:n1 192.0.2.1:80", "UNKNOWN", "hostPort 80/tcp"},
		{"", "node:n1 192.0.2.2:80", "ALLOW", ""},
		{"", "8.8.8.8 node:n2:80", "ALLOW", ""},
		{"", "8.8.8.8 node:n2:8080", "ALLOW", ""},
		{"", "8.8.8.8 10.65.1.9:80", "ALLOW", ""},
		{"", "8.8.8.8 node:n1:8001", "ALLOW", ""},
		{"", "8.8.8.8 node:n1:8002/udp", "UNKNOWN", "hostPort 8002/udp of pod a/door"},
		{"", "8.8.8.8 node:n1:9009", "UNKNOWN", "hostPort 9009/tcp"},
		{"", "2001:db8:9::9 [2001:db8::1]:9009", "ALLOW", ""},
		{"", "8.8.8.8 node:n1:9010", "ALLOW", ""},
		{"", "2001:db8:9::9 [2001:db8::1]:9010", "UNKNOWN", "hostPort 9010/tcp"},
		{off, "8.8.8.8 node:n1:80", "ALLOW", ""},
	} {
		text := strings.NewReplacer("FLOATING", "Disabled", "TRAFFIC", "Cluster").Replace(outsideCluster) + hostPortPods + c.extra
		file := filepath.Join(t.TempDir(), "cluster.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, dataplane := range []string{"iptables", "nftables"} {
			out, errs, code := tortie(t, append([]string{"trace", "-f", file, "--dataplane", dataplane}, strings.Fields(c.ends)...)...)
			if code != exitFine || !strings.HasPrefix(out, c.verdict+" ") || !strings.Contains(out, c.want) {
				t.Errorf("%s (%s, %s): exit %d, want %s with %q\n%s%s", c.ends, dataplane, c.extra, code, c.verdict, c.want, out, errs)
			}
		}
	}
}
