package cluster

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkRead reads a list of pods as kubectl prints it.
func BenchmarkRead(b *testing.B) {
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: List\nitems:\n")
	const pods = 2000
	for i := range pods {
		fmt.Fprintf(&text, `- apiVersion: v1
  kind: Pod
  metadata:
    name: web-%d
    namespace: ns-%d
    uid: u%d
    labels: {app: web, tier: front, version: "%d"}
    annotations:
      cni.projectcalico.org/podIP: 10.%d.%d.%d/32
  spec:
    nodeName: node-%d
    serviceAccountName: default
    containers:
    - name: c
      image: registry/web:1
      ports:
      - {name: http, containerPort: 8080, protocol: TCP}
  status:
    phase: Running
    podIP: 10.%d.%d.%d
`, i, i%50, i, i%7, i>>16, i>>8&255, i&255, i%100, i>>16, i>>8&255, i&255)
	}
	data := []byte(text.String())
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		snap, diags := Read([]File{{"pods.yaml", data}}, Options{})
		if len(diags) > 0 || len(snap.Pods) != pods {
			b.Fatal(diags)
		}
		if m, _ := snap.Model(); len(m.Endpoints) != pods {
			b.Fatal("endpoints missing")
		}
	}
}
