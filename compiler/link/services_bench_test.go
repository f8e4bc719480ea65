package link

import (
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// manyServices writes a cluster of two nodes with a pod on each, and services
// with endpoints. The endpoints of the last service are the second pod, those of
// the others are pods of nodes that are not in the input.
func manyServices(services, endpoints int) []byte {
	var b strings.Builder
	doc := func(format string, args ...any) { fmt.Fprintf(&b, format, args...); b.WriteString("\n---\n") }
	for i := range 2 {
		doc("apiVersion: v1\nkind: Node\nmetadata:\n  name: n%d\n  annotations: {projectcalico.org/IPv4Address: 172.16.0.%d/16}\n"+
			"status: {addresses: [{type: InternalIP, address: 172.16.0.%d}]}", i, i+1, i+1)
		doc("apiVersion: v1\nkind: Pod\nmetadata: {name: p%d, namespace: default, labels: {app: a}}\nspec: {nodeName: n%d, containers: [{name: c, image: i}]}\n"+
			"status: {phase: Running, podIP: 10.0.%d.2, podIPs: [{ip: 10.0.%d.2}]}", i, i, i, i)
	}
	doc("apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: p}\nspec: {cidr: 10.0.0.0/8, blockSize: 26, natOutgoing: true}")
	doc("apiVersion: v1\nkind: Namespace\nmetadata: {name: default}")
	for i := range services {
		doc("apiVersion: v1\nkind: Service\nmetadata: {name: s%d, namespace: default}\nspec: {clusterIP: 172.20.%d.%d, clusterIPs: [172.20.%d.%d], ports: [{name: http, port: 80, protocol: TCP, targetPort: 8080}]}",
			i, i/250, i%250+1, i/250, i%250+1)
		fmt.Fprintf(&b, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s%d-x, namespace: default, labels: {kubernetes.io/service-name: s%d}}\n"+
			"addressType: IPv4\nports: [{name: http, port: 8080, protocol: TCP}]\nendpoints:\n", i, i)
		for j := range endpoints {
			addr := fmt.Sprintf("10.%d.%d.%d", 1+j, i/250, i%250+2)
			if i == services-1 {
				addr = "10.0.1.2"
			}
			fmt.Fprintf(&b, "- {addresses: [%s], conditions: {ready: true}}\n", addr)
		}
		b.WriteString("---\n")
	}
	return []byte(b.String())
}

// serviceModes are the two ways of kube-proxy to write rules.
var serviceModes = []string{KubeProxyIptables, KubeProxyNFTables}

func readServices(tb testing.TB, services, endpoints int) *cluster.Snapshot {
	tb.Helper()
	s, findings := cluster.Read([]cluster.File{{Name: "services.yaml", Data: manyServices(services, endpoints)}}, cluster.Options{})
	if findings.HasErrors() {
		tb.Fatal(findings[0])
	}
	return s
}

// optionsFor are the options of a cluster whose Felix and kube-proxy are of one
// kind.
func optionsFor(mode string) Options {
	return Options{KubeProxy: mode, NFTables: mode == KubeProxyNFTables, Iptables: mode == KubeProxyIptables}
}

func countRules(rs *nf.Ruleset) int {
	n := 0
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			n += len(c.Rules)
		}
	}
	return n
}

// The rules of a node in a cluster of 5,000 services with ten endpoints each; the
// heap is what they keep.
func BenchmarkNode_5000Services(b *testing.B) {
	snapshot := readServices(b, 5000, 10)
	for _, mode := range serviceModes {
		b.Run(mode, func(b *testing.B) {
			l, _ := New(snapshot, optionsFor(mode))
			b.ReportAllocs()
			var s host.State
			for b.Loop() {
				var err error
				if s, _, _, err = l.Node("n0"); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(countRules(&s.Ruleset)), "rules")
			b.ReportMetric(kept(&s), "MB-kept")
		})
	}
}

// The walk made ready for such a fleet (its rules compiled), and one connection
// from a pod through the last service to a pod of another node, with its trace.
func BenchmarkTrace_5000Services(b *testing.B) {
	snapshot := readServices(b, 5000, 10)
	for _, mode := range serviceModes {
		l, _ := New(snapshot, optionsFor(mode))
		fleet, _, err := l.Fleet([]host.Name{"n0", "n1"})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(mode+"/ready", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				walk.New(fleet, walk.Options{})
			}
		})
		b.Run(mode+"/connection", func(b *testing.B) {
			w := walk.New(fleet, walk.Options{})
			w.Record(&trace.Recorder{})
			port := uint16(1024)
			b.ReportAllocs()
			for b.Loop() {
				port++
				c := w.Connect(lastService(fleet, 5000, port))
				if c.Verdict != trace.Allow {
					b.Fatalf("%s: %+v", c.Verdict, c.Reason)
				}
			}
		})
	}
}

func lastService(f *host.Fleet, services int, port uint16) walk.Request {
	from := f.Endpoints[0]
	last := services - 1
	return walk.Request{
		From: walk.End{Addr: from.Addrs[0], Host: from.Host, Link: from.Link},
		Dst:  netip.AddrFrom4([4]byte{172, 20, byte(last / 250), byte(last%250 + 1)}), Proto: packet.ProtoTCP, SrcPort: port, DstPort: 80,
	}
}

// The same node's rules loaded into the kernel: text by iptables-legacy-restore
// and ipset, or netlink.
func BenchmarkKernel_5000Services(b *testing.B) {
	netns.Require(b, "iptables-legacy-restore", "ipset", "nft")
	snapshot := readServices(b, 5000, 10)
	for _, mode := range serviceModes {
		l, _ := New(snapshot, optionsFor(mode))
		s, _, _, err := l.Node("n0")
		if err != nil {
			b.Fatal(err)
		}
		b.Run(mode, func(b *testing.B) {
			for b.Loop() {
				ns, err := netns.New()
				if err != nil {
					b.Fatal(err)
				}
				if err := kernel.ApplyRuleset(ns, &s.Ruleset); err != nil {
					b.Fatal(err)
				}
				ns.Close()
			}
		})
	}
}

// kept is how many megabytes the heap shrinks by when the state is given up.
func kept(s *host.State) float64 {
	var with, without runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&with)
	*s = host.State{}
	runtime.GC()
	runtime.ReadMemStats(&without)
	return float64(with.HeapAlloc-without.HeapAlloc) / 1e6
}
