package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/lab"
	"tortie/dataplane/netns"
	"tortie/dataplane/packet"
	"tortie/simulator/perform"
	"tortie/simulator/walk"
)

// A large cluster: three nodes with four pods each, host endpoints with policies in all
// stages, and as many services of all kinds as asked for.
const (
	largeNodes = 3
	largePods  = 4
	largeNets  = 4000 // of a deny list
)

// largeGen writes a large cluster.
type largeGen struct {
	*rand.Rand
	docs     []string
	services []largeService
}

// largeService is what a service can be reached by.
type largeService struct {
	cluster, external, balancer netip.Addr
	port, nodePort              uint16
	proto                       packet.Proto
	sticky                      bool
}

func (g *largeGen) doc(format string, args ...any) {
	g.docs = append(g.docs, fmt.Sprintf(format, args...)+"\n")
}

func largePodAddr(node, pod int) string { return fmt.Sprintf("10.65.%d.%d", node, 2+pod) }

func (g *largeGen) cluster(services int) {
	g.doc("apiVersion: v1\nkind: Namespace\nmetadata: {name: a}")
	g.doc("apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: p}\nspec: {cidr: 10.65.0.0/16, blockSize: 26, natOutgoing: true, ipipMode: Never, vxlanMode: Never}")
	for n := range largeNodes {
		g.doc("apiVersion: v1\nkind: Node\nmetadata: {name: node%d, annotations: {projectcalico.org/IPv4Address: 172.31.0.%d/24}}\n"+
			"spec: {podCIDR: 10.65.%d.0/24}\nstatus: {addresses: [{type: InternalIP, address: 172.31.0.%d}]}", n, n+1, n, n+1)
		g.doc("apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: node%d, labels: {role: edge, node: n%d}}\n"+
			"spec: {node: node%d, interfaceName: eth0, expectedIPs: [172.31.0.%d]}", n, n, n, n+1)
		for p := range largePods {
			g.doc("apiVersion: v1\nkind: Pod\nmetadata: {name: p%d-%d, namespace: a, labels: {app: a%d}}\nspec: {nodeName: node%d, containers: [{name: c, image: i}]}\n"+
				"status: {phase: Running, podIP: %s, podIPs: [{ip: %s}]}", n, p, p, n, largePodAddr(n, p), largePodAddr(n, p))
		}
	}
	g.policies()
	for i := range services {
		g.service(i)
	}
}

// policies are in every stage, and some of them ask large sets.
func (g *largeGen) policies() {
	var nets []string
	for i := range largeNets {
		nets = append(nets, fmt.Sprintf("100.%d.%d.0/24", 64+i/250, i%250))
	}
	g.doc("apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: bad, labels: {list: bad}}\nspec: {nets: [%s, 198.51.100.9/32]}", strings.Join(nets, ", "))
	policy := func(name, spec string) {
		g.doc("apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: %s}\nspec: {%s}", name, spec)
	}
	policy("raw", "selector: role == 'edge', doNotTrack: true, applyOnForward: true, types: [Ingress, Egress], "+
		"ingress: [{action: Deny, source: {selector: list == 'bad'}, destination: {ports: [30000:30099]}, protocol: TCP}], "+
		"egress: [{action: Deny, protocol: UDP, destination: {ports: [9999]}}]")
	policy("before", "selector: role == 'edge', order: 10, preDNAT: true, applyOnForward: true, types: [Ingress], ingress: ["+
		"{action: Deny, source: {selector: list == 'bad'}, protocol: TCP, destination: {ports: [30100:30999]}}, "+
		"{action: Allow, source: {nets: [203.0.113.7/32]}, protocol: TCP, destination: {ports: [30000:31499]}}, "+
		"{action: Deny, source: {nets: [203.0.113.0/24]}, protocol: TCP, destination: {ports: [31500:32767]}}]")
	policy("forward", "selector: role == 'edge', order: 20, applyOnForward: true, types: [Ingress, Egress], ingress: ["+
		"{action: Allow, source: {nets: [10.65.0.0/16, 172.31.0.0/24]}}, {action: Allow, source: {notSelector: list == 'bad'}, protocol: TCP}], "+
		"egress: [{action: Deny, destination: {selector: app == 'a3'}, protocol: UDP}, {action: Allow}]")
	policy("host", "selector: node == 'n0', order: 30, types: [Ingress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]")
	g.doc("apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: a2, namespace: a}\nspec: {selector: app == 'a2', types: [Ingress], " +
		"ingress: [{action: Deny, protocol: TCP, source: {selector: app == 'a1'}}, {action: Allow}]}")
}

// service writes a service with up to three endpoints.
func (g *largeGen) service(i int) {
	s := largeService{cluster: netip.AddrFrom4([4]byte{10, 96, byte(i / 250), byte(1 + i%250)}), port: 80, proto: packet.ProtoTCP, sticky: g.IntN(5) == 0}
	proto, target := "TCP", 8055
	if g.IntN(4) == 0 {
		s.proto, s.port, proto, target = packet.ProtoUDP, 53, "UDP", 53
	}
	spec := fmt.Sprintf("clusterIP: %s, clusterIPs: [%s]", s.cluster, s.cluster)
	status, nodePort := "", ""
	if g.IntN(3) > 0 {
		s.nodePort = uint16(30000 + i)
		nodePort = fmt.Sprintf(", nodePort: %d", s.nodePort)
		spec += ", externalTrafficPolicy: " + []string{"Cluster", "Local"}[g.IntN(2)]
		if g.IntN(2) == 0 {
			s.balancer = netip.AddrFrom4([4]byte{192, 0, byte(8 + i/250), byte(1 + i%250)})
			spec += ", type: LoadBalancer"
			status = fmt.Sprintf("\nstatus: {loadBalancer: {ingress: [{ip: %s}]}}", s.balancer)
			if g.IntN(3) == 0 {
				spec += ", loadBalancerSourceRanges: [203.0.113.0/28]"
			}
		} else {
			spec += ", type: NodePort"
		}
	}
	if g.IntN(4) == 0 {
		s.external = netip.AddrFrom4([4]byte{192, 0, byte(16 + i/250), byte(1 + i%250)})
		spec += fmt.Sprintf(", externalIPs: [%s]", s.external)
	}
	if g.IntN(6) == 0 {
		spec += ", internalTrafficPolicy: Local"
	}
	if s.sticky {
		spec += ", sessionAffinity: ClientIP"
	}
	g.doc("apiVersion: v1\nkind: Service\nmetadata: {name: s%d, namespace: a}\nspec: {%s, ports: [{port: %d, targetPort: %d, protocol: %s%s}]}%s",
		i, spec, s.port, target, proto, nodePort, status)
	slice := fmt.Sprintf("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s%d-x, namespace: a, labels: {kubernetes.io/service-name: s%d}}\n"+
		"addressType: IPv4\nports: [{name: \"\", port: %d, protocol: %s}]\nendpoints:", i, i, target, proto)
	endpoints := g.Perm(largeNodes * largePods)[:g.IntN(4)]
	for _, e := range endpoints {
		slice += fmt.Sprintf("\n- {addresses: [%s], nodeName: node%d, conditions: {ready: true, serving: true, terminating: false}}", largePodAddr(e/largePods, e%largePods), e/largePods)
	}
	if len(endpoints) == 0 {
		slice += " []"
	}
	g.doc("%s", slice)
	g.services = append(g.services, s)
}

// tries are connections of every kind; to a service with session affinity two.
func (g *largeGen) tries(f *host.Fleet, n int) []fleetTry {
	var out []fleetTry
	for i := 0; len(out) < n; i++ {
		s := &g.services[g.IntN(len(g.services))]
		r := walk.Request{From: g.from(f), SrcPort: uint16(20000 + 2*i), DstPort: s.port, Proto: s.proto}
		switch g.IntN(5) {
		case 0, 1:
			r.Dst, r.DstPort = netip.AddrFrom4([4]byte{172, 31, 0, byte(1 + g.IntN(largeNodes))}), s.nodePort
		case 2:
			r.Dst = s.external
		case 3:
			r.Dst = s.balancer
		default:
			r.Dst = s.cluster
		}
		if !r.Dst.IsValid() || r.DstPort == 0 {
			continue
		}
		if r.From.Link == "eth0" { // who is outside comes in by the node itself, or by the first
			r.From.Host = fleetGateway(f).Host
			if r.Dst.As4()[0] == 172 {
				r.From.Host = f.Hosts[r.Dst.As4()[3]-1].Name
			}
		}
		out = append(out, fleetTry{request: r})
		if s.sticky {
			r.SrcPort++
			out = append(out, fleetTry{request: r})
		}
	}
	return out
}

// from is a pod, a process of a node, or someone outside.
func (g *largeGen) from(f *host.Fleet) walk.End {
	switch g.IntN(5) {
	case 0, 1:
		e := &f.Endpoints[g.IntN(len(f.Endpoints))]
		return walk.End{Addr: e.Addrs[0], Host: e.Host, Link: e.Link}
	case 2:
		return walk.End{Host: f.Hosts[g.IntN(len(f.Hosts))].Name}
	}
	return walk.End{Addr: fleetOutside[false][g.IntN(len(fleetOutside[false]))], Link: "eth0"}
}

// largeLab builds the cluster; who is outside reaches services by the first node.
func largeLab(f *host.Fleet) (*lab.Lab, error) {
	l, err := fleetLab(f)
	if err != nil {
		return nil, err
	}
	for _, p := range []string{"10.96.0.0/16", "192.0.8.0/21", "192.0.16.0/21"} {
		if err := l.Lead(netip.MustParsePrefix(p), fleetGateway(f)); err != nil {
			l.Close()
			return nil, err
		}
	}
	for i := range f.Hosts {
		if err := kernel.Sysctls(l.Node(f.Hosts[i].Name), largeTimeouts); err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}

// largeTimeouts let no entry expire before the comparison: connections are opened one
// after the other.
var largeTimeouts = map[string]string{
	"net.netfilter.nf_conntrack_udp_timeout":                "3600",
	"net.netfilter.nf_conntrack_udp_timeout_stream":         "3600",
	"net.netfilter.nf_conntrack_tcp_timeout_close":          "3600",
	"net.netfilter.nf_conntrack_tcp_timeout_syn_sent":       "3600",
	"net.netfilter.nf_conntrack_tcp_timeout_syn_recv":       "3600",
	"net.netfilter.nf_conntrack_tcp_timeout_unacknowledged": "3600",
}

// TestFleet_Large compares connections of every kind in a cluster with many services,
// in each mode. It takes minutes, and TORTIE_FLEET_SERVICES to say how many services;
// TORTIE_FLEET_N says how many connections.
func TestFleet_Large(t *testing.T) {
	services := int(oracleEnv("TORTIE_FLEET_SERVICES", 0))
	if services == 0 {
		t.Skip("TORTIE_FLEET_SERVICES says how many services; make fleet-large")
	}
	netns.Require(t, "iptables-legacy-restore", "iptables-legacy-save", "ipset", "nft", "ip", "conntrack")
	seed := oracleEnv("TORTIE_FLEET_SEED", 1)
	for _, nftables := range []bool{false, true} {
		t.Run(fmt.Sprintf("nftables %v", nftables), func(t *testing.T) {
			g := &largeGen{Rand: rand.New(rand.NewPCG(seed, 7))}
			g.cluster(services)
			f, err := (&fleetCase{docs: g.docs, nftables: nftables}).fleet()
			if err != nil {
				t.Fatal(err)
			}
			f = perform.PinAll(f, g.IntN)
			l, err := largeLab(f)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			var sum fleetSummary
			run := newFleetRun(f, l, &sum)
			run.atOnce = 1 // for session affinity
			diffs, err := run.play(g.tries(f, int(oracleEnv("TORTIE_FLEET_N", 300))))
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range diffs {
				t.Error(d)
			}
			t.Logf("%d services, seed %d: %s", services, seed, sum.String())
		})
	}
}
