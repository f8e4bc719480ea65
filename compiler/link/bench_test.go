package link

import (
	"fmt"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/walk"
)

// largeCluster writes a cluster as YAML: nodes, pods on them in 200 namespaces,
// and policies: a quarter Kubernetes NetworkPolicies, a quarter
// GlobalNetworkPolicies in two tiers, half Calico NetworkPolicies.
func largeCluster(nodes, pods, policies int) []byte {
	var b strings.Builder
	doc := func(format string, args ...any) { fmt.Fprintf(&b, format, args...); b.WriteString("\n---\n") }
	for i := range nodes {
		doc("apiVersion: v1\nkind: Node\nmetadata:\n  name: n%d\n  annotations: {projectcalico.org/IPv4Address: 172.16.%d.%d/16}", i, i/250, i%250+1)
	}
	doc("apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: p}\nspec: {cidr: 10.0.0.0/8, blockSize: 26, natOutgoing: true}")
	doc("apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: sec}\nspec: {order: 10, defaultAction: Pass}")
	for i := range 200 {
		doc("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ns%d\n  labels: {team: t%d}", i, i%20)
	}
	for i := range pods {
		node, slot := i%nodes, i/nodes
		ip := fmt.Sprintf("10.%d.%d.%d", node/250, node%250, slot+1)
		doc("apiVersion: v1\nkind: Pod\nmetadata:\n  name: p%d\n  namespace: ns%d\n  labels: {app: a%d, tier: x%d}\n  annotations: {cni.projectcalico.org/podIP: %s/32}\n"+
			"spec:\n  nodeName: n%d\n  containers:\n  - name: c\n    image: i\n    ports:\n    - {name: http, containerPort: 8080, protocol: TCP}\n"+
			"status: {phase: Running, podIP: %s, podIPs: [{ip: %s}]}", i, i%200, i%97, i%5, ip, node, ip, ip)
	}
	for i := range policies {
		ns := i % 200
		switch i % 4 {
		case 0:
			doc("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: k%d, namespace: ns%d}\nspec:\n  podSelector: {matchLabels: {app: a%d}}\n"+
				"  policyTypes: [Ingress]\n  ingress:\n  - from:\n    - podSelector: {matchLabels: {app: a%d}}\n    ports:\n    - {protocol: TCP, port: %d}", i, ns, i%97, (i+1)%97, 8000+i%10)
		case 1:
			doc("apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: sec.g%d}\nspec:\n  tier: sec\n  order: %d\n  selector: tier == 'x%d' && app == 'a%d'\n"+
				"  types: [Ingress]\n  ingress:\n  - {action: Deny, protocol: TCP, source: {selector: app == 'a%d'}, destination: {ports: [%d]}}", i, i, i%5, i%97, (i+7)%97, 9000+i%10)
		default:
			doc("apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: c%d, namespace: ns%d}\nspec:\n  order: %d\n  selector: app == 'a%d'\n  types: [Ingress, Egress]\n"+
				"  ingress:\n  - {action: Allow, protocol: TCP, source: {namespaceSelector: team == 't%d', selector: \"app in {'a%d', 'a%d'}\"}, destination: {ports: [8080, 8081]}}\n"+
				"  egress:\n  - {action: Allow}", i, ns, i, i%97, i%20, (i+1)%97, (i+2)%97)
		}
	}
	return []byte(b.String())
}

func readLarge(tb testing.TB, nodes, pods, policies int) *cluster.Snapshot {
	tb.Helper()
	s, findings := cluster.Read([]cluster.File{{Name: "large.yaml", Data: largeCluster(nodes, pods, policies)}}, cluster.Options{})
	if findings.HasErrors() {
		tb.Fatal(findings[0])
	}
	return s
}

// One node of a cluster of 1,000 nodes, 20,000 pods and 2,000 policies, when the
// objects are read and indexed.
func BenchmarkNode_1000Nodes(b *testing.B) {
	l, _ := New(readLarge(b, 1000, 20000, 2000), Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, _, _, err := l.Node("n17"); err != nil {
			b.Fatal(err)
		}
	}
}

// One connection across two nodes of that cluster, from the bytes of the files.
func BenchmarkTraceCold_1000Nodes(b *testing.B) {
	data := largeCluster(1000, 20000, 2000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s, _ := cluster.Read([]cluster.File{{Name: "large.yaml", Data: data}}, cluster.Options{})
		l, _ := New(s, Options{})
		f, _, err := l.Fleet([]host.Name{"n17", "n18"})
		if err != nil {
			b.Fatal(err)
		}
		w := walk.New(f, walk.Options{})
		from, to := f.Endpoints[0], f.Endpoints[len(f.Endpoints)-1]
		w.Connect(walk.Request{
			From: walk.End{Addr: from.Addrs[0], Host: from.Host, Link: from.Link},
			Dst:  to.Addrs[0], Proto: packet.ProtoTCP, SrcPort: 40000, DstPort: 8080,
		})
	}
}
