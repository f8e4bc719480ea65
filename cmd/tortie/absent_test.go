package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// absentPods is a cluster with pods that are no ends of a connection, or not alone.
const absentPods = `apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: InternalIP, address: "2001:db8::1"}]}}
- {apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{type: InternalIP, address: 192.0.2.2}, {type: InternalIP, address: "2001:db8::2"}]}}
- {apiVersion: v1, kind: Namespace, metadata: {name: a}}
- {apiVersion: v1, kind: Pod, metadata: {name: ok, namespace: a}, spec: {nodeName: n1}, status: {podIP: 10.65.0.1, phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {name: twin, namespace: a}, spec: {nodeName: n1}, status: {podIP: 10.65.0.2, phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {name: twin2, namespace: a}, spec: {nodeName: n2}, status: {podIP: 10.65.0.2, phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {name: pending, namespace: a}, spec: {}, status: {phase: Pending}}
- {apiVersion: v1, kind: Pod, metadata: {name: creating, namespace: a}, spec: {nodeName: n1}, status: {phase: Pending}}
- {apiVersion: v1, kind: Pod, metadata: {name: done, namespace: a}, spec: {nodeName: n1}, status: {podIP: 10.65.0.9, phase: Succeeded}}
- {apiVersion: v1, kind: Pod, metadata: {name: lost, namespace: a}, spec: {nodeName: n9}, status: {podIP: 10.65.0.10, phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {name: hostpod, namespace: a}, spec: {nodeName: n2, hostNetwork: true}, status: {phase: Running}}
- {apiVersion: v1, kind: Pod, metadata: {name: hostlost, namespace: a}, spec: {nodeName: n9, hostNetwork: true}, status: {phase: Running, podIP: 192.0.2.9}}
- {apiVersion: v1, kind: Pod, metadata: {name: d-1-x, namespace: a, ownerReferences: [{kind: ReplicaSet, name: d-1, apiVersion: apps/v1, uid: x}]}, spec: {}, status: {phase: Pending}}
`

// A pod of the input that is no end is told with its reason and place; one whose
// address others have, too, with theirs. In a cluster of many nodes as in a small one.
func TestTrace_AbsentPods(t *testing.T) {
	var many strings.Builder
	for i := range smallCluster + 1 {
		fmt.Fprintf(&many, "- {apiVersion: v1, kind: Node, metadata: {name: m%02d}, status: {addresses: [{type: InternalIP, address: 192.0.2.%d}]}}\n", i, 100+i)
	}
	for _, text := range []string{absentPods, absentPods + many.String()} {
		file := filepath.Join(t.TempDir(), "pods.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			to   string
			code int
			want string
		}{
			{"a/pending:80", exitUsage, "pod a/pending (" + file + ":10) is not on a node yet (phase Pending)"},
			{"a/creating:80", exitUsage, "pod a/creating (" + file + ":11) has no address yet (phase Pending)"},
			{"a/done:80", exitUsage, "pod a/done (" + file + ":12) has ended (phase Succeeded)"},
			{"a/lost:80", exitUsage, "pod a/lost (" + file + ":13) is on node n9, which is not in the input"},
			{"a/hostlost:80", exitUsage, "is on node n9, which is not in the input"},
			{"a/deploy/d:80", exitUsage, "pod a/d-1-x (" + file + ":16) is not on a node yet"},
			{"a/dome:80", exitUsage, `no pod "a/dome" in the input; did you mean`},
			{"a/hostpod:80", exitFine, "192.0.2.2:80 (node n2)"},
			{"a/twin:80", exitFine, "10.65.0.2 is the address of a/twin on n1 (" + file + ":8) and of a/twin2 on n2 (" + file + ":9)"},
			{"10.65.0.2:80", exitFine, "10.65.0.2 is the address of a/twin on n1"},
			{"10.65.0.10:80", exitFine, "UNKNOWN  "},
			{"10.65.0.10:80", exitFine, "10.65.0.10 is the address of a/lost on node n9, which is not in the input: it leaves by eth0, and whoever"},
			{"10.65.0.10:80", exitFine, "10.65.0.10 is the address of a/lost on n9 (" + file + ":13), a node that is not in the input"},
		} {
			out, errs, code := tortie(t, "trace", "-f", file, "a/ok", row.to)
			if code != row.code || !strings.Contains(out+errs, row.want) {
				t.Errorf("to %s: exit %d, want %d and %q\n%s%s", row.to, code, row.code, row.want, out, errs)
			}
		}
		if out, errs, code := tortie(t, "trace", "-f", file, "--family", "6", "node:n1", "a/hostpod:80"); code != exitFine || !strings.Contains(out, "[2001:db8::2]:80") {
			t.Errorf("a pod on the host's network by IPv6: exit %d\n%s%s", code, out, errs)
		}
	}
}

// Templates on the host's network stand for processes of their nodes.
func TestTrace_HostNetworkTemplates(t *testing.T) {
	file := filepath.Join(t.TempDir(), "workloads.yaml")
	text := `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: a}
spec: {selector: {matchLabels: {app: agent}}, template: {metadata: {labels: {app: agent}}, spec: {hostNetwork: true, containers: [{name: c, image: x}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: a}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: x}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: agent, namespace: a}
spec: {clusterIP: 10.96.0.9, selector: {app: agent}, ports: [{port: 80, targetPort: 9100}]}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range [][3]string{
		{"a/deploy/web", "a/ds/agent:80", "to 172.31.0.1:80 (node node1)"}, {"a/agent-1", "a/deploy/web:80", "172.31.0.2:40000 (node node2)"},
		{"a/ds/agent", "a/agent-1:80", "172.31.0.1:40000 (node node1) to 172.31.0.2:80 (node node2)"},
		{"a/deploy/web", "svc:a/agent:80", "172.31.0.1:9100       allow"},
	} {
		out, errs, code := tortie(t, "trace", "-f", file, row[0], row[1])
		if code != exitFine || !strings.HasPrefix(out, "ALLOW ") || !strings.Contains(out, row[2]) {
			t.Errorf("%s to %s: exit %d, want %q\n%s%s", row[0], row[1], code, row[2], out, errs)
		}
	}
}
