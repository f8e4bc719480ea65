package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// oracleGen writes random clusters as the YAML a user would hand in.
type oracleGen struct {
	*rand.Rand
	nodes  int
	docs   []string
	seq    int
	v6     bool        // the cluster is dual stack
	family int         // of the networks of the rule that is being written
	pods   [][3]string // namespace, addresses
	// kernel says that the cluster is to be built in the kernel, which has VXLAN but
	// no IP-in-IP, with more of Felix's configuration.
	kernel bool
	// prefixed says that networks have prefix lengths, as servers ask for.
	prefixed bool
}

// oracleCluster returns the documents of a random cluster.
func oracleCluster(seed uint64) []string {
	g := &oracleGen{Rand: rand.New(rand.NewPCG(seed, 1))}
	return g.cluster(40, 3)
}

// cluster writes a cluster that is dual stack dual times of a hundred, with less
// than this many host endpoints.
func (g *oracleGen) cluster(dual, endpoints int) []string {
	g.nodes, g.v6, g.family = 2+g.IntN(2), g.chance(dual), 4
	g.base()
	for i := range g.nodes {
		g.node(i + 1)
	}
	for range g.IntN(endpoints) {
		g.hostEndpoint()
	}
	for range g.IntN(3) {
		g.networkSet()
	}
	g.service()
	if g.kernel {
		for i := range 2 {
			g.proxied(i)
		}
	}
	g.tiers()
	for range g.IntN(6) {
		g.globalPolicy()
	}
	for range g.IntN(4) {
		g.namespacedPolicy()
	}
	for range g.IntN(3) {
		g.kubernetesPolicy()
	}
	return g.docs
}

func (g *oracleGen) add(format string, args ...any) {
	g.docs = append(g.docs, fmt.Sprintf(format, args...))
}

func (g *oracleGen) oneOf(words ...string) string { return words[g.IntN(len(words))] }

// chance is true p times of a hundred.
func (g *oracleGen) chance(p int) bool { return g.IntN(100) < p }

func (g *oracleGen) name(prefix string) string {
	g.seq++
	return fmt.Sprintf("%s%d", prefix, g.seq)
}

func (g *oracleGen) base() {
	for ns, team := range []string{"a", "b"} {
		name := []string{"shop", "lab"}[ns]
		g.add("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: %s\n  labels: {team: %s, kubernetes.io/metadata.name: %s}\n", name, team, name)
		g.add("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default, namespace: %s}\n", name)
		g.add("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: robot, namespace: %s, labels: {kind: bot}}\n", name)
	}
	mode := g.oneOf("", "", "  vxlanMode: Always\n", "  ipipMode: Always\n", "  vxlanMode: CrossSubnet\n", "  ipipMode: CrossSubnet\n")
	if g.kernel {
		mode = g.oneOf("", "  vxlanMode: Always\n", "  vxlanMode: CrossSubnet\n")
	}
	if g.v6 {
		mode6 := ""
		if g.kernel {
			mode6 = g.oneOf("", "  vxlanMode: Always\n", "  vxlanMode: CrossSubnet\n")
		}
		g.add("apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: pool6}\nspec:\n  cidr: fd00:65::/48\n  natOutgoing: %v\n%s", g.chance(50), mode6)
	}
	g.add("apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: pool}\nspec:\n  cidr: 10.65.0.0/16\n  natOutgoing: %v\n%s", g.chance(50), mode)
	if g.chance(50) {
		g.config()
	}
	g.add("apiVersion: projectcalico.org/v3\nkind: Profile\nmetadata: {name: open}\nspec:\n  labelsToApply: {zone: open}\n  ingress: [{action: Allow}]\n  egress: [{action: Allow}]\n")
	g.add("apiVersion: projectcalico.org/v3\nkind: Profile\nmetadata: {name: tcp-in}\nspec:\n  labelsToApply: {zone: half}\n  ingress: [{action: Allow, protocol: TCP}, {action: Deny}]\n  egress: [{action: Log}]\n")
}

func (g *oracleGen) config() {
	s := "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {name: default}\nspec:\n"
	s += "  defaultEndpointToHostAction: " + g.oneOf("Accept", "Drop", "Return") + "\n"
	if g.chance(30) {
		s += "  failsafeInboundHostPorts: [{protocol: tcp, port: 8055, net: 192.168.56.0/24}, {protocol: udp, port: 53}]\n"
	}
	if g.chance(30) {
		s += "  failsafeOutboundHostPorts: []\n"
	}
	if g.chance(20) {
		s += "  disableConntrackInvalidCheck: true\n"
	}
	if g.chance(20) {
		s += "  iptablesFilterDenyAction: Reject\n  nftablesFilterDenyAction: Reject\n"
	}
	if g.chance(30) {
		s += "  allowVXLANPacketsFromWorkloads: true\n  allowIPIPPacketsFromWorkloads: true\n"
	}
	if g.chance(20) {
		s += "  natOutgoingExclusions: IPPoolsAndHostIPs\n"
	}
	if g.kernel {
		s += g.kernelConfig()
	}
	g.docs = append(g.docs, s)
}

func (g *oracleGen) node(i int) {
	v6 := ""
	if g.v6 {
		v6 = fmt.Sprintf(", ipv6Address: 'fd00:56::1%d/64'", i)
		g.add("apiVersion: crd.projectcalico.org/v1\nkind: BlockAffinity\nmetadata: {name: n%d-v6}\nspec: {state: confirmed, node: n%d, cidr: 'fd00:65:0:%d::/122', deleted: \"false\"}\n", i, i, i)
	}
	vxlan6 := ""
	if g.v6 && g.kernel {
		vxlan6 = fmt.Sprintf("  ipv6VXLANTunnelAddr: 'fd00:65:0:%d::1'\n", i)
	}
	g.add("apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: n%d}\nspec:\n  bgp: {ipv4Address: 192.168.%d.1%d/24, ipv4IPIPTunnelAddr: 10.65.%d.1%s}\n  ipv4VXLANTunnelAddr: 10.65.%d.1\n%s", i, 56+i/3, i, i, v6, i, vxlan6)
	g.add("apiVersion: crd.projectcalico.org/v1\nkind: BlockAffinity\nmetadata: {name: n%d-10-65-%d-0-26}\nspec: {state: confirmed, node: n%d, cidr: 10.65.%d.0/26, deleted: \"false\"}\n", i, i, i, i)
	for p := range 1 + g.IntN(3) {
		g.pod(i, p+2)
	}
}

func (g *oracleGen) labels() string {
	l := []string{"app: " + g.oneOf("web", "db", "api")}
	if g.chance(60) {
		l = append(l, "env: "+g.oneOf("prod", "dev"))
	}
	return "{" + strings.Join(l, ", ") + "}"
}

func (g *oracleGen) pod(node, last int) {
	ns, more := g.oneOf("shop", "lab"), ""
	pod := [3]string{ns, fmt.Sprintf("10.65.%d.%d", node, last), ""}
	if g.v6 {
		pod[2] = fmt.Sprintf("fd00:65:0:%d::%d", node, last)
		more = ", {ip: '" + pod[2] + "'}"
	}
	g.pods = append(g.pods, pod)
	g.add(`apiVersion: v1
kind: Pod
metadata:
  name: %s
  namespace: %s
  labels: %s
spec:
  nodeName: n%d
  serviceAccountName: %s
  containers:
  - name: c
    image: c
    ports: [{name: main, containerPort: %s, protocol: %s}, {name: side, containerPort: %s}]
status: {phase: Running, podIP: 10.65.%d.%d, podIPs: [{ip: 10.65.%d.%d}%s]}
`, g.name("p"), ns, g.labels(), node, g.oneOf("default", "robot"),
		g.oneOf("80", "8055", "53"), g.oneOf("TCP", "UDP", "SCTP"), g.oneOf("443", "9000"), node, last, node, last, more)
}

func (g *oracleGen) hostEndpoint() {
	i := 1 + g.IntN(g.nodes)
	s := fmt.Sprintf("apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: %s\n  labels: {host: %s, app: %s}\nspec:\n  node: n%d\n",
		g.name("h"), g.oneOf("edge", "core"), g.oneOf("web", "node"), i)
	iface := g.oneOf("eth0", "eth0", "'*'", "", "vxlan.calico", "tunl0")
	if iface != "" {
		s += "  interfaceName: " + iface + "\n"
	}
	if iface == "" || g.chance(50) {
		s += fmt.Sprintf("  expectedIPs: [192.168.%d.1%d]\n", 56+i/3, i)
		if g.v6 && g.chance(60) {
			s = strings.TrimSuffix(s, "]\n") + fmt.Sprintf(", 'fd00:56::1%d']\n", i)
		}
	}
	if g.chance(50) {
		s += "  profiles: [" + g.oneOf("open", "tcp-in", "projectcalico-default-allow", "tcp-in, open") + "]\n"
	}
	if g.chance(40) {
		s += "  ports: [{name: main, protocol: TCP, port: 80}]\n"
	}
	g.docs = append(g.docs, s)
}

func (g *oracleGen) networkSet() {
	kind, ns := "GlobalNetworkSet", ""
	if g.chance(40) {
		kind, ns = "NetworkSet", ", namespace: "+g.oneOf("shop", "lab")
	}
	g.add("apiVersion: projectcalico.org/v3\nkind: %s\nmetadata: {name: %s%s, labels: %s}\nspec:\n  nets: [%s]\n",
		kind, g.name("s"), ns, g.labels(), g.nets())
}

// service adds services of one port and their endpoints.
func (g *oracleGen) service() {
	for _, ns := range []string{"shop", "lab"} {
		g.add("apiVersion: v1\nkind: Service\nmetadata: {name: svc, namespace: %s}\nspec: {clusterIP: 10.96.0.%d, ports: [{port: 80}]}\n", ns, len(ns))
		port, proto := g.oneOf("80", "8055", "53"), g.oneOf("TCP", "TCP", "UDP", "SCTP")
		for i, family := range []string{"IPv4", "IPv6"} {
			s := ""
			for _, p := range g.pods {
				if p[0] == ns && p[1+i] != "" && g.chance(60) {
					s += fmt.Sprintf("- {addresses: ['%s'], conditions: {ready: true}}\n", p[1+i])
				}
			}
			if s != "" {
				g.add("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: %s\nmetadata: {name: svc-%d, namespace: %s, labels: {kubernetes.io/service-name: svc}}\nports: [{name: '', port: %s, protocol: %s}]\nendpoints:\n%s",
					family, i, ns, port, proto, s)
			}
		}
	}
}

func (g *oracleGen) nets() string {
	nets := []string{"10.65.0.0/16", "10.65.1.0/26", "10.65.2.2", "203.0.113.0/24", "203.0.113.7/32", "192.168.56.0/24", "192.168.56.12/32", "0.0.0.0/1", "128.0.0.0/1"}
	if g.family == 6 {
		nets = []string{"'fd00:65::/48'", "'fd00:65:0:1::/122'", "'fd00:65:0:2::2'", "'2001:db8::/32'", "'2001:db8::7/128'", "'fd00:56::/64'", "'fd00:56::12'", "'::/1'", "'8000::/1'"}
	}
	g.Shuffle(len(nets), func(i, j int) { nets[i], nets[j] = nets[j], nets[i] })
	for i, n := range nets {
		if g.prefixed && !strings.Contains(n, "/") {
			nets[i] = map[int]string{4: n + "/32", 6: strings.TrimSuffix(n, "'") + "/128'"}[g.family]
		}
	}
	return strings.Join(nets[:1+g.IntN(2)], ", ")
}

func (g *oracleGen) tiers() {
	for i := range g.IntN(3) {
		s := fmt.Sprintf("apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: tier%d}\nspec:\n", i)
		s += "  order: " + g.oneOf("100", "200", "2000000") + "\n"
		if g.chance(50) {
			s += "  defaultAction: " + g.oneOf("Pass", "Deny") + "\n"
		}
		g.docs = append(g.docs, s)
	}
}
