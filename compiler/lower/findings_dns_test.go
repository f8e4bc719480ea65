package lower

import (
	"fmt"
	"strings"
	"testing"
)

// dnsCluster has a DNS whose pod is asked at another port than its service.
const dnsCluster = `
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1}
spec: {bgp: {ipv4Address: 192.0.2.1/24}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: shop, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: c}]}
status: {phase: Running, podIP: 10.65.0.2, podIPs: [{ip: 10.65.0.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bot-0, namespace: ops, labels: {app: bot}}
spec: {nodeName: n1, containers: [{name: c, image: c}]}
status: {phase: Running, podIP: 10.65.1.2, podIPs: [{ip: 10.65.1.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: dns-0, namespace: kube-system, labels: {k8s-app: dns}}
spec: {nodeName: n1, containers: [{name: c, image: c, ports: [{name: dns, containerPort: 5353, protocol: UDP}, {name: dns-tcp, containerPort: 5354, protocol: TCP}]}]}
status: {phase: Running, podIP: 10.65.2.2, podIPs: [{ip: 10.65.2.2}]}
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], selector: {k8s-app: dns}, ports: [{name: dns, port: 53, protocol: UDP, targetPort: dns}, {name: dns-tcp, port: 53, protocol: TCP, targetPort: 5354}]}
`

// What cuts the cluster's DNS off is told by the ports of its pods, whoever is
// denied and in whichever words; what leaves it open is not.
func TestCompile_CutsDNS(t *testing.T) {
	const (
		denied = "this denies all pods the cluster's DNS"
		closed = "protecting dns cuts the cluster's DNS off: no statement lets udp/5353 and tcp/5354 in"
		mute   = "web may call others and cannot ask for their names: no statement lets it reach DNS"
	)
	deny := func(what string) []string { return []string{"deny: [{" + what + "}]"} }
	protect := func(what string) []string {
		return []string{"protect: [{party: dns, direction: in}], allow: [{" + what + "}]"}
	}
	calls := func(what string) []string {
		return []string{"protect: [{party: web, direction: out}], allow: [{from: web, to: bot}, {" + what + "}]"}
	}
	for _, row := range []struct {
		docs []string
		want string
	}{
		{deny("from: any, to: dns, on: udp/5353"), denied},
		{deny("from: any, to: dns, on: udp/dns"), denied},
		{deny("from: any, to: dns, on: udp/53"), ""},
		{deny("from: any, to: svc, on: udp/53"), denied},
		{deny("from: any, to: svc, on: tcp/53"), ""},
		{deny("from: all, to: any"), denied},
		{deny("from: all, to: any, on: udp/5000-6000"), denied},
		{deny("from: all, to: any, on: udp/53"), ""},
		{deny("from: all, to: podnet"), denied},
		{deny("from: all, to: few"), ""},
		{deny("from: podnet, to: dns"), denied},
		{deny("from: podnet, to: dns, on: proto/17"), denied},
		{deny("from: podnet, to: dns, on: tcp"), ""},
		{deny("from: few, to: dns"), ""},
		{deny("from: all, to: dns, at: from"), denied},
		{deny("from: any, to: dns, at: to"), denied},
		{deny("from: [web, bot], to: dns"), denied},
		{deny("from: web, to: dns"), ""},
		{[]string{"order: 1, allow: [{from: all, to: dns, on: udp/dns}]", "order: 2, deny: [{from: all, to: any}]"}, ""},
		{[]string{"order: 1, allow: [{from: web, to: dns, on: udp/dns}]", "order: 2, deny: [{from: all, to: any}]"}, denied},
		{protect("from: any, to: dns, on: [udp/53, tcp/53]"), closed},
		{protect("from: any, to: dns, on: [udp/5353, tcp/5354]"), ""},
		{protect("from: any, to: svc, on: udp/53"), ""},
		{calls("from: web, to: any, on: udp/53"), mute},
		{calls("from: web, to: any, on: udp/5353"), ""},
		{calls("from: web, to: dns, on: udp/53"), mute},
		{calls("from: web, to: resolver, on: udp/53"), ""},
		{calls("from: web, to: resolver, on: udp/5353"), mute},
	} {
		const parties = "parties: {all: {pods: all()}, web: {namespace: shop}, bot: {namespace: ops}, dns: {namespace: kube-system}, svc: {service: kube-system/kube-dns}, " +
			"podnet: {nets: [10.65.0.0/16]}, few: {nets: [10.65.0.0/24]}, resolver: {nets: [198.51.100.53/32]}}, "
		docs := [][2]string{}
		for i, d := range row.docs {
			more := ""
			if i == 0 {
				more = parties
			}
			docs = append(docs, [2]string{fmt.Sprintf("i%d", i), "{" + more + d + "}"})
		}
		_, found := compileNamed(t, dnsCluster, docs...)
		var got []string
		for _, f := range found {
			if f.Code == "intent/lock-out" || f.Code == "intent/no-dns" {
				got = append(got, f.Message)
			}
		}
		if s := strings.Join(got, "\n"); s != row.want {
			t.Errorf("%q: got %q, want %q", row.docs, s, row.want)
		}
	}
}
