package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/link"
	"tortie/dataplane/host"
	"tortie/simulator/walk"
)

// withNodePorts gives the services of a random cluster node ports.
func withNodePorts(docs []string) []cluster.File {
	text := strings.Join(docs, "---\n")
	for ns, port := range map[string]string{"shop": "30080", "lab": "30081"} {
		text = strings.Replace(text, "namespace: "+ns+"}\nspec: {clusterIP", "namespace: "+ns+"}\nspec: {type: NodePort, clusterIP", 1)
		ip := map[string]string{"shop": "10.96.0.4", "lab": "10.96.0.3"}[ns]
		text = strings.Replace(text, ip+", ports: [{port: 80}]", ip+", ports: [{port: 80, nodePort: "+port+"}]", 1)
	}
	for node := 1; node <= 3; node++ {
		for _, net := range []string{"10.65.%d.", "fd00:65:0:%d::"} {
			prefix := fmt.Sprintf(net, node)
			text = regexp.MustCompile(`addresses: \['`+regexp.QuoteMeta(prefix)+`[^']*'\]`).ReplaceAllString(text, fmt.Sprintf("$0, nodeName: n%d", node))
		}
	}
	text = clusterIP4.ReplaceAllString(text, "clusterIP: $1, ipFamilies: [IPv4, IPv6], clusterIPs: [$1, 'fd00:96::$2']")
	return []cluster.File{{Name: "cluster.yaml", Data: []byte(text)}}
}

var clusterIP4 = regexp.MustCompile(`clusterIP: (10\.96\.0\.(\d+))`)

// partiesV6 are the pods and nodes that have IPv6.
func partiesV6(f *host.Fleet) (out []party) {
	for _, e := range f.Endpoints {
		if len(e.Addrs) > 1 && !e.HostNetwork {
			out = append(out, party{e.Name, walk.End{Addr: e.Addrs[1], Host: e.Host, Link: e.Link}, e.Addrs[1]})
		}
	}
	for i := range f.Hosts {
		if own := f.Hosts[i].FindLink("eth0").Addrs; len(own) > 1 {
			out = append(out, party{"node:" + string(f.Hosts[i].Name), walk.End{Host: f.Hosts[i].Name}, own[1].Prefix.Addr()})
		}
	}
	return out
}

// refusals makes one word of deny and reject: in one mode the answer of REJECT
// may be lost where in the other it is not.
func refusals(list []string) []string {
	out := slices.Clone(list)
	for i := range out {
		out[i] = strings.ReplaceAll(out[i], "reject", "deny")
	}
	return out
}

// enter lets the outside in by the node whose address it writes to; false for
// addresses of services, which nothing outside is routed to.
func enter(f *host.Fleet, v host.VirtualServer, from *party) bool {
	for i := range f.Hosts {
		for _, l := range f.Hosts[i].Links {
			for _, a := range l.Addrs {
				if a.Prefix.Addr() == v.Addr && l.Name == "eth0" {
					from.at = walk.End{Addr: outside, Host: f.Hosts[i].Name, Link: l.Name}
					return true
				}
			}
		}
	}
	return false
}

// preDNATAllow is the cluster in which both modes differ: a preDNAT policy allows
// packets that a policy of forwarded traffic at the same host endpoint denies. In
// iptables mode Felix's FORWARD skips the latter by the mark of the former; in
// IPVS mode its raw OUTPUT clears that mark before OUTPUT asks.
const preDNATAllow = 8

// In random clusters both modes lead to the same pods and refuse the same.
func TestIPVS_RandomClusters(t *testing.T) {
	compared := 0
	for seed := range uint64(30) {
		if seed == preDNATAllow {
			continue
		}
		files := withNodePorts(oracleCluster(seed))
		nftables := seed%3 == 2 // Felix's dataplane
		plain := fleetOf(t, files, link.Options{Iptables: !nftables, NFTables: nftables, KubeProxy: link.KubeProxyIptables})
		ipvs := fleetOf(t, files, link.Options{Iptables: !nftables, NFTables: nftables, KubeProxy: link.KubeProxyIPVS})
		for _, v := range virtualServers(ipvs) {
			for _, from := range append(parties(walk.New(plain, walk.Options{}), plain), partiesV6(plain)...) {
				if from.addr.Is4() != v.Addr.Is4() || len(v.Servers) == 0 {
					continue
				}
				if from.name == "outside" && !enter(ipvs, v, &from) {
					continue
				}
				a, b := verdicts(plain, from, v), verdicts(ipvs, from, v)
				if compared++; !slices.Equal(refusals(a), refusals(b)) {
					t.Errorf("cluster %d, %s to %s:%d: iptables mode %q, IPVS mode %q", seed, from.name, v.Addr, v.Port, a, b)
				}
			}
		}
	}
	t.Logf("%d connections compared", compared)
}
