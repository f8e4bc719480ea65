package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"

	"tortie/compiler/intent"
	"tortie/dataplane/packet"
)

// intentGen writes a random cluster, the same as ends for the meaning, and random
// intents.
type intentGen struct {
	*rand.Rand
	more     *rand.Rand // what was added later, so that seeds keep what they had
	services *rand.Rand // services with selectors
	stages   *rand.Rand // which intents are staged
	world    intent.World
	nodes    int
	star     bool // some host endpoints are of every interface
	nftables bool // the mode of the cluster's nodes
	cluster  []string
	intents  []string
}

func (g *intentGen) oneOf(words ...string) string { return words[g.IntN(len(words))] }

func (g *intentGen) chance(p int) bool { return g.IntN(100) < p }

func (g *intentGen) add(format string, args ...any) {
	g.cluster = append(g.cluster, fmt.Sprintf(format, args...))
}

var intentNamespaces = map[string]map[string]string{
	"shop": {"team": "a", "projectcalico.org/name": "shop"},
	"lab":  {"team": "b", "projectcalico.org/name": "lab"},
}

func newIntentGen(seed uint64) *intentGen {
	g := &intentGen{Rand: rand.New(rand.NewPCG(seed, 7)), more: rand.New(rand.NewPCG(seed, 8)),
		services: rand.New(rand.NewPCG(seed, 9)), stages: rand.New(rand.NewPCG(seed, 10)), nftables: seed%2 == 0}
	g.star = g.more.IntN(2) == 0
	for _, ns := range []string{"lab", "shop"} {
		g.add("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: {team: %s}}\n", ns, intentNamespaces[ns]["team"])
		g.add("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: robot, namespace: %s}\n", ns)
		g.add("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: %s}\n", ns)
	}
	g.add("apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: v4}\nspec: {cidr: 10.65.0.0/16, natOutgoing: false}\n")
	g.add("apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: v6}\nspec: {cidr: 'fd00:65::/48', natOutgoing: false}\n")
	nd := "{action: Allow, protocol: ICMPv6, icmp: {type: 135}}, {action: Allow, protocol: ICMPv6, icmp: {type: 136}}"
	g.add("apiVersion: projectcalico.org/v3\nkind: Profile\nmetadata: {name: neighbours}\nspec:\n  ingress: [%s]\n  egress: [%s]\n", nd, nd)
	g.world.Cluster = []netip.Prefix{netip.MustParsePrefix("10.65.0.0/16"), netip.MustParsePrefix("fd00:65::/48")}
	for i := 1; i <= 2+g.IntN(2); i++ {
		g.node(i)
		g.nodes = i
	}
	g.service()
	g.selectorService()
	g.nodePort()
	g.failsafes()
	for i := range 1 + g.IntN(3) {
		g.intent(i)
	}
	return g
}

func (g *intentGen) failsafes() {
	tcp := func(ports ...uint16) (out []intent.PortTerm) {
		for _, p := range ports {
			out = append(out, intent.PortTerm{Proto: packet.ProtoTCP, HasPorts: true, First: p, Last: p})
		}
		return out
	}
	udp := func(p uint16) intent.PortTerm {
		return intent.PortTerm{Proto: packet.ProtoUDP, HasPorts: true, First: p, Last: p}
	}
	g.world.FailsafeIn = append(tcp(22, 179, 2379, 2380, 5473, 6443, 6666, 6667), udp(68))
	g.world.FailsafeOut = append(tcp(179, 2379, 2380, 5473, 6443, 6666, 6667), udp(53), udp(67))
}

func (g *intentGen) node(i int) {
	name := fmt.Sprintf("n%d", i)
	v4, v6 := fmt.Sprintf("192.168.56.1%d", i), fmt.Sprintf("fd00:56::1%d", i)
	g.add("apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: %s}\nspec:\n  bgp: {ipv4Address: %s/24, ipv6Address: '%s/64'}\n", name, v4, v6)
	g.add("apiVersion: crd.projectcalico.org/v1\nkind: BlockAffinity\nmetadata: {name: %s-v4}\nspec: {state: confirmed, node: %s, cidr: 10.65.%d.0/26, deleted: \"false\"}\n", name, name, i)
	g.add("apiVersion: crd.projectcalico.org/v1\nkind: BlockAffinity\nmetadata: {name: %s-v6}\nspec: {state: confirmed, node: %s, cidr: 'fd00:65:0:%d::/122', deleted: \"false\"}\n", name, name, i)
	for _, a := range []string{v4, v6} {
		addr := netip.MustParseAddr(a)
		g.world.Cluster = append(g.world.Cluster, netip.PrefixFrom(addr, addr.BitLen()))
	}
	if g.chance(75) {
		g.host(name, v4, v6)
	}
	for p := range 1 + g.IntN(3) {
		g.pod(name, i, p+2)
	}
}

func (g *intentGen) host(node, v4, v6 string) {
	labels := map[string]string{"host": g.oneOf("edge", "core"), "app": g.oneOf("web", "node")}
	open := g.chance(60)
	profile := "neighbours"
	if open {
		profile = "projectcalico-default-allow"
	}
	iface := "eth0"
	if g.star && g.more.IntN(3) > 0 {
		iface = "'*'"
	}
	g.add("apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: %s-eth0, labels: {host: %s, app: %s}}\nspec:\n  node: %s\n  interfaceName: %s\n  expectedIPs: [%s, '%s']\n  ports: [{name: main, port: 9000, protocol: TCP}]\n  profiles: [%s]\n",
		node, labels["host"], labels["app"], node, iface, v4, v6, profile)
	g.world.Ends = append(g.world.Ends, intent.End{Name: node, Node: node, Host: true, Labels: labels, Open: open,
		Addrs: []netip.Addr{netip.MustParseAddr(v4), netip.MustParseAddr(v6)}, Ports: []intent.NamedPort{{Name: "main", Proto: packet.ProtoTCP, Port: 9000}}})
}

func (g *intentGen) pod(node string, i, last int) {
	ns, name := g.oneOf("shop", "lab"), fmt.Sprintf("p%d%d", i, last)
	labels := map[string]string{"app": g.oneOf("web", "db", "api"), "env": g.oneOf("prod", "dev"), "name": name}
	account := g.oneOf("default", "robot")
	v4, v6 := fmt.Sprintf("10.65.%d.%d", i, last), fmt.Sprintf("fd00:65:0:%d::%d", i, last)
	port := []uint16{80, 8055}[g.IntN(2)]
	g.add("apiVersion: v1\nkind: Pod\nmetadata: {name: %[1]s, namespace: %[2]s, labels: {app: %[3]s, env: %[4]s, name: %[1]s}}\nspec:\n  nodeName: %[5]s\n  serviceAccountName: %[6]s\n  containers: [{name: c, image: c, ports: [{name: main, containerPort: %[7]d}]}]\nstatus: {phase: Running, podIP: %[8]s, podIPs: [{ip: %[8]s}, {ip: '%[9]s'}]}\n",
		name, ns, labels["app"], labels["env"], node, account, port, v4, v6)
	g.world.Ends = append(g.world.Ends, intent.End{Name: ns + "/" + name, Node: node, Namespace: ns, Labels: labels,
		NamespaceLabels: intentNamespaces[ns], Account: account, Open: true,
		Addrs: []netip.Addr{netip.MustParseAddr(v4), netip.MustParseAddr(v6)}, Ports: []intent.NamedPort{{Name: "main", Proto: packet.ProtoTCP, Port: port}}})
}

// service puts some pods behind a service, by their addresses of either family or
// of both; clients know its port by another number than the pods.
func (g *intentGen) service() {
	g.world.Services = map[string][]intent.Backend{}
	var list [2][]string
	for _, e := range g.world.Ends {
		if e.Host || !g.chance(40) {
			continue
		}
		families := []int{0}
		if n := g.more.IntN(3); n > 0 {
			families = [][]int{1: {1}, 2: {0, 1}}[n]
		}
		for _, f := range families {
			list[f] = append(list[f], fmt.Sprintf("{addresses: ['%s']}", e.Addrs[f]))
			g.world.Services["lab/svc"] = append(g.world.Services["lab/svc"],
				intent.Backend{Addr: e.Addrs[f], Proto: packet.ProtoTCP, Port: 8055, ServicePort: 80, Name: "main"})
		}
	}
	if len(list[0])+len(list[1]) == 0 {
		return
	}
	g.add("apiVersion: v1\nkind: Service\nmetadata: {name: svc, namespace: lab}\nspec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10, 'fd00:96::10'], ipFamilies: [IPv4, IPv6], ipFamilyPolicy: PreferDualStack, ports: [{name: main, protocol: TCP, port: 80, targetPort: 8055}]}\n")
	for f, addresses := range list {
		if len(addresses) > 0 {
			g.add("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: svc-%d, namespace: lab, labels: {kubernetes.io/service-name: svc}}\naddressType: IPv%d\nports: [{name: main, protocol: TCP, port: 8055}]\nendpoints: [%s]\n",
				f+1, 4+2*f, strings.Join(addresses, ", "))
		}
	}
}

// nodePort puts one pod of each family behind a service with node ports: of several
// the kernel would draw one.
func (g *intentGen) nodePort() {
	var pods []intent.End
	for _, e := range g.world.Ends {
		if !e.Host {
			pods = append(pods, e)
		}
	}
	if g.more.IntN(100) < 30 {
		return
	}
	to := [2]intent.End{pods[g.more.IntN(len(pods))], pods[g.more.IntN(len(pods))]}
	selector := g.nodePortSelector(to)
	g.add("apiVersion: v1\nkind: Service\nmetadata: {name: np, namespace: lab}\nspec: {type: NodePort, clusterIP: 10.96.0.11, clusterIPs: [10.96.0.11, 'fd00:96::11'], ipFamilies: [IPv4, IPv6], ipFamilyPolicy: PreferDualStack, ports: [{protocol: TCP, port: 443, targetPort: 8055, nodePort: 30080}]%s}\n", selector)
	for f, clusterIP := range []string{"10.96.0.11", "fd00:96::11"} {
		to := to[f].Addrs[f]
		g.world.Services["lab/np"] = append(g.world.Services["lab/np"],
			intent.Backend{Addr: to, Proto: packet.ProtoTCP, Port: 8055, ServicePort: 443, Selected: selector != ""})
		g.add("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: np-%d, namespace: lab, labels: {kubernetes.io/service-name: np}}\naddressType: IPv%d\nports: [{protocol: TCP, port: 8055}]\nendpoints: [{addresses: ['%s']}]\n", f+1, 4+2*f, to)
		a := intent.Address{Addr: netip.MustParseAddr(clusterIP), Proto: packet.ProtoTCP, Port: 443, To: to, ToPort: 8055}
		g.world.Addresses = append(g.world.Addresses, a)
		for i := 1; i <= g.nodes; i++ {
			a.Node, a.Port = fmt.Sprintf("n%d", i), 30080
			a.Addr = netip.MustParseAddr([]string{fmt.Sprintf("192.168.56.1%d", i), fmt.Sprintf("fd00:56::1%d", i)}[f])
			g.world.Addresses = append(g.world.Addresses, a)
		}
	}
}

var intentParties = []string{
	"web: {namespace: shop, pods: app == 'web'}",
	"db: {namespace: lab, pods: app == 'db'}",
	"prod: {pods: env == 'prod'}",
	"teama: {namespaces: team == 'a'}",
	"robots: {serviceAccounts: [robot], namespaces: has(team)}",
	"notapi: {namespace: shop, pods: app != 'api' || env == 'dev'}",
	"labrobots: {namespace: lab, serviceAccounts: [robot]}",
	"edge: {hosts: host == 'edge'}",
	"hostweb: {hosts: \"app == 'web' || host == 'core'\"}",
	"office: {nets: [203.0.113.0/24, '2001:db8::/32']}",
	"one: {nets: [203.0.113.0/25]}",
	"world: {nets: [0.0.0.0/0, '::/0'], except: [10.65.1.0/24, 198.51.100.0/24, 'fd00:65::/48']}",
	"six: {nets: ['::/0']}",
	"mixed: {anyOf: [web, office, edge]}",
	"pair: {anyOf: [web, db]}",
	"svc: {service: lab/svc}",
	"sel: {service: lab/sel}",
	"np: {service: lab/np}",
}

func (g *intentGen) subject() string {
	return g.oneOf("web", "db", "prod", "teama", "robots", "notapi", "labrobots", "edge", "hostweb", "pair")
}

func (g *intentGen) peer() string {
	return g.oneOf("web", "db", "prod", "teama", "notapi", "edge", "hostweb", "office", "one", "world", "six", "mixed", "pair", "any")
}

func (g *intentGen) ports(numbered bool) string {
	list := []string{"tcp/80", "tcp/8055", "udp/53", "udp/67", "tcp/8000-9000", "sctp/80", "tcp/22"}
	if !numbered {
		list = append(list, "tcp", "icmp", "icmp/echo-request", "icmp/13", "tcp/main", "udp", "proto/132", "group")
	}
	out := g.oneOf(list...)
	if g.chance(40) {
		if more := g.oneOf(list...); more != out {
			out += ", " + more
		}
	}
	return "[" + out + "]"
}
