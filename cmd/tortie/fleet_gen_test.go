package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
)

// fleetCluster returns the documents of a random cluster for the kernel: the
// oracle's, with services that kube-proxy leads to one pod each.
func fleetCluster(seed uint64) []string {
	g := &oracleGen{Rand: rand.New(rand.NewPCG(seed, 3)), kernel: true}
	return g.cluster(50, 4)
}

// kernelConfig are settings of Felix that change where and how rules stand, not
// what the documentation says of policy.
func (g *oracleGen) kernelConfig() string {
	s := ""
	if g.chance(25) {
		s += "  chainInsertMode: Append\n"
	}
	for _, table := range []string{"Filter", "Mangle"} {
		if g.chance(25) {
			s += "  iptables" + table + "AllowAction: Return\n  nftables" + table + "AllowAction: Return\n"
		}
	}
	if g.chance(20) {
		s += "  iptablesMarkMask: 0xffc00000\n  nftablesMarkMask: 0xffc00000\n"
	}
	if g.chance(20) {
		s += "  natPortRange: 20000:20999\n"
	}
	if g.chance(20) {
		s += "  serviceLoopPrevention: " + g.oneOf("Drop", "Reject", "Disabled") + "\n"
	}
	if g.chance(20) {
		s += "  vxlanPort: 4790\n  vxlanVNI: 77\n"
	}
	return s
}

// proxied adds a service with one pod behind it: to every address of the service
// there is one way only.
func (g *oracleGen) proxied(i int) {
	pod := g.pods[g.IntN(len(g.pods))]
	proto, target := g.oneOf("TCP", "TCP", "UDP"), g.oneOf("80", "8055", "53")
	spec := fmt.Sprintf("clusterIP: 10.96.0.%d", 100+i)
	if g.v6 {
		spec += fmt.Sprintf(", clusterIPs: [10.96.0.%d, 'fd00:96::%d'], ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack", 100+i, 100+i)
	} else {
		spec += fmt.Sprintf(", clusterIPs: [10.96.0.%d], ipFamilies: [IPv4]", 100+i)
	}
	status := ""
	switch g.IntN(4) {
	case 0:
		spec += ", type: ClusterIP"
	case 1:
		spec += ", type: LoadBalancer"
		status = fmt.Sprintf("status: {loadBalancer: {ingress: [{ip: 192.0.2.%d}]}}\n", 200+i)
		if g.chance(40) {
			spec += ", loadBalancerSourceRanges: [203.0.113.0/24]"
		}
	default:
		spec += ", type: NodePort"
	}
	local := ""
	if !strings.Contains(spec, "ClusterIP,") && !strings.HasSuffix(spec, "type: ClusterIP") {
		local = fmt.Sprintf(", nodePort: %d", 30080+i)
		spec += ", externalTrafficPolicy: " + g.oneOf("Cluster", "Local")
	}
	if g.chance(20) {
		spec += ", internalTrafficPolicy: Local"
	}
	if g.chance(40) {
		spec += fmt.Sprintf(", externalIPs: [192.0.2.%d]", 100+i)
	}
	if g.chance(20) {
		spec += ", sessionAffinity: ClientIP"
	}
	g.add("apiVersion: v1\nkind: Service\nmetadata: {name: web%d, namespace: %s}\nspec: {%s, ports: [{port: 80, protocol: %s, targetPort: %s%s}]}\n%s",
		i, pod[0], spec, proto, target, local, status)
	node := strings.Split(pod[1], ".")[2]
	for f, family := range []string{"IPv4", "IPv6"} {
		if pod[1+f] != "" {
			g.add("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: %s\nmetadata: {name: web%d-%d, namespace: %s, labels: {kubernetes.io/service-name: web%d}}\n"+
				"ports: [{name: '', port: %s, protocol: %s}]\nendpoints: [{addresses: ['%s'], nodeName: n%s, conditions: {ready: true}}]\n",
				family, i, f, pod[0], i, target, proto, pod[1+f], node)
		}
	}
}

// fleetOutside are addresses that no node has.
var fleetOutside = map[bool][]netip.Addr{
	false: {netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("198.51.100.9"), netip.MustParseAddr("192.168.56.99")},
	true:  {netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("fd00:56::99")},
}

// fleetServed are the addresses of services that are nobody's: whoever is outside
// reaches them by the first node.
var fleetServed = map[bool][]netip.Addr{
	false: {netip.MustParseAddr("10.96.0.100"), netip.MustParseAddr("10.96.0.101"), netip.MustParseAddr("192.0.2.100"), netip.MustParseAddr("192.0.2.101"),
		netip.MustParseAddr("192.0.2.200"), netip.MustParseAddr("192.0.2.201")},
	true: {netip.MustParseAddr("fd00:96::100"), netip.MustParseAddr("fd00:96::101")},
}
