package main

import (
	"fmt"
	"net/netip"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/link"
	"tortie/dataplane/host"
	"tortie/dataplane/lab"
	"tortie/dataplane/netns"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// selfCluster is a node with two pods of both families that are the only backends
// of a service each, and that only egress to the other, and ingress from it, is
// allowed to the first.
const selfCluster = `
apiVersion: v1
kind: Node
metadata:
  name: node1
  annotations: {projectcalico.org/IPv4Address: 192.0.2.1/24, projectcalico.org/IPv6Address: "2001:db8::1/64"}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}, {type: InternalIP, address: "2001:db8::1"}]}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: pods}
spec: {cidr: 10.244.0.0/16, natOutgoing: true}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: pods6}
spec: {cidr: "fd00:244::/48"}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: node1, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.244.1.10, podIPs: [{ip: 10.244.1.10}, {ip: "fd00:244::10"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {nodeName: node1, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.244.1.11, podIPs: [{ip: 10.244.1.11}, {ip: "fd00:244::11"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ipFamilyPolicy: PreferDualStack, clusterIP: 10.96.0.50, clusterIPs: [10.96.0.50, "fd96::50"], ipFamilies: [IPv4, IPv6], selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {ipFamilyPolicy: PreferDualStack, clusterIP: 10.96.0.51, clusterIPs: [10.96.0.51, "fd96::51"], ipFamilies: [IPv4, IPv6], selector: {app: db}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: app == 'web'
  types: [Ingress, Egress]
  ingress: [{action: Allow, protocol: TCP, source: {selector: app == 'db'}}]
  egress: [{action: Allow, protocol: TCP, destination: {selector: app == 'db'}}]
`

// A pod that asks for itself, by its own address, by loopback, or by a service that
// leads back to it, meets in the walk what it meets in the kernel.
func TestLab_PodsThatAskForThemselves(t *testing.T) {
	netns.Require(t, "nft", "iptables-legacy-restore", "ipset", "ip")
	for _, mode := range []link.Options{{Iptables: true, KubeProxy: link.KubeProxyIptables}, {NFTables: true, KubeProxy: link.KubeProxyNFTables}} {
		t.Run(fmt.Sprintf("nftables %t", mode.NFTables), func(t *testing.T) {
			f := fleetOf(t, []cluster.File{{Name: "self.yaml", Data: []byte(selfCluster)}}, mode)
			l, err := lab.Build(f, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			if err := l.Listen(packet.ProtoTCP, 8080); err != nil {
				t.Fatal(err)
			}
			w := walk.New(f, walk.Options{})
			var tries []*pairTest
			for _, e := range f.Endpoints {
				for _, to := range selfTargets(&e) {
					src := party{e.Name, walk.End{Addr: e.Addrs[to.family], Host: e.Host, Link: e.Link}, e.Addrs[to.family]}
					p := walked(w, src, party{name: to.addr.String(), addr: to.addr}, packet.ProtoTCP, to.port, uint16(20000+len(tries)))
					p.try.Src = netip.Addr{} // the kernel chooses
					tries = append(tries, p)
				}
			}
			openAll(t, l, tries)
			allowed := 0
			for _, p := range tries {
				if want := p.want.Verdict == trace.Allow; want != (p.got == lab.Answered) {
					t.Errorf("%s: the walk says %s (%s), the kernel met %s", p.name, p.want.Verdict, p.want.Reason.Text, p.got)
				} else if want {
					allowed++
				}
			}
			t.Logf("%d connections compared, %d of them allowed", len(tries), allowed)
		})
	}
}

// selfTarget is a destination that a pod may find itself behind.
type selfTarget struct {
	addr   netip.Addr
	port   uint16
	family int
}

func selfTargets(e *host.Endpoint) []selfTarget {
	a := netip.MustParseAddr
	return []selfTarget{{e.Addrs[0], 8080, 0}, {a("127.0.0.1"), 8080, 0}, {a("10.96.0.50"), 80, 0}, {a("10.96.0.51"), 80, 0},
		{e.Addrs[1], 8080, 1}, {a("::1"), 8080, 1}, {a("fd96::50"), 80, 1}, {a("fd96::51"), 80, 1}}
}
