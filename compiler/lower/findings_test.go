package lower

import (
	"fmt"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/intent"
)

const findingsCluster = `
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: i1-taken, namespace: shop}
spec: {selector: app == 'nobody', order: 7}
---
apiVersion: projectcalico.org/v3
kind: StagedNetworkPolicy
metadata: {name: i1-proposed, namespace: shop}
spec: {selector: app == 'nobody', order: 7}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1}
spec: {bgp: {ipv4Address: 192.0.2.1/24}}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: n1-eth0, labels: {role: edge}}
spec: {node: n1, interfaceName: eth0}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, namespace: shop, labels: {app: web, tier: front}}
spec: {nodeName: n1, containers: [{name: c, image: c, ports: [{name: http, containerPort: 8080}]}]}
status: {phase: Running, podIP: 10.65.0.2, podIPs: [{ip: 10.65.0.2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: db-0, namespace: shop, labels: {app: db}}
spec: {nodeName: n1, containers: [{name: c, image: c}]}
status: {phase: Running, podIP: 10.65.0.3, podIPs: [{ip: 10.65.0.3}]}
---
apiVersion: v1
kind: Pod
metadata: {name: dns-0, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec: {nodeName: n1, containers: [{name: c, image: c}]}
status: {phase: Running, podIP: 10.65.0.4, podIPs: [{ip: 10.65.0.4}]}
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], selector: {k8s-app: kube-dns}, ports: [{name: dns, port: 53, protocol: UDP}]}
---
apiVersion: v1
kind: Service
metadata: {name: out, namespace: shop}
spec: {type: ExternalName, externalName: db.example.com}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n9}
spec: {bgp: {ipv4Address: 192.0.2.9/24}}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: n9-eth0, labels: {own: ""}}
spec: {node: n9, interfaceName: eth0, expectedIPs: [192.0.2.9]}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: node.n9}
spec: {failsafeInboundHostPorts: [{protocol: tcp, port: 10250}]}
---
apiVersion: v1
kind: Service
metadata: {name: front, namespace: shop}
spec: {type: NodePort, clusterIP: 10.96.0.11, clusterIPs: [10.96.0.11], selector: {app: web}, ports: [{port: 80, targetPort: http, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: old, namespace: shop}
spec: {clusterIP: 10.96.0.12, clusterIPs: [10.96.0.12], ports: [{port: 5432}]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: n2-eth0, labels: {role: core}}
spec: {node: n2, interfaceName: eth0, expectedIPs: [192.0.2.2]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: n3-star, labels: {role: star}}
spec: {node: n3, interfaceName: '*', expectedIPs: [192.0.2.3]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {clusterIP: 10.96.0.13, clusterIPs: [10.96.0.13], ports: [{port: 443, targetPort: 8443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: api-1, namespace: shop, labels: {kubernetes.io/service-name: api}}
addressType: IPv4
ports: [{port: 8443}]
endpoints: [{addresses: [192.0.2.2]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: old-1, namespace: shop, labels: {kubernetes.io/service-name: old}}
addressType: IPv4
ports: [{port: 5432}]
endpoints: [{addresses: [10.65.0.3]}]
`

// compileText compiles documents, each given by name and the lines of its spec,
// with the cluster above.
func compileText(t *testing.T, docs ...string) diag.List {
	t.Helper()
	var b strings.Builder
	for i, spec := range docs {
		fmt.Fprintf(&b, "apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: i%d}\nspec:\n%s\n---\n", i, spec)
	}
	s, diags := cluster.Read([]cluster.File{{Name: "intent.yaml", Data: []byte(b.String())}, {Name: "cluster.yaml", Data: []byte(findingsCluster)}}, cluster.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var parsed []*intent.Document
	for _, o := range s.Others {
		d, found := intent.Parse(o.Node)
		if found.HasErrors() {
			t.Fatal(found)
		}
		parsed = append(parsed, d)
	}
	p, found := intent.Link(parsed, intent.Options{})
	if found.HasErrors() {
		t.Fatal(found)
	}
	_, found = Compile(p, s, Options{})
	return found
}

// What the cluster shows is wrong with an intent is found at its line, and
// nothing else.
func TestCompile_FindingsFromTheCluster(t *testing.T) {
	const web, db, dns = "    web: {namespace: shop, pods: app == 'web'}\n", "    db: {namespace: shop, pods: app == 'db'}\n", "    dns: {namespace: kube-system, pods: k8s-app == 'kube-dns'}\n"
	for name, row := range map[string]struct {
		docs []string
		want string
	}{
		"fine": {[]string{"  parties:\n" + web + db + "  protect: [{party: db, direction: in}]\n  allow: [{from: web, to: db}]"}, ""},
		"nobody": {[]string{"  parties:\n    x: {namespace: shop, pods: app == 'wbe'}\n  protect: [{party: x, direction: in}]"},
			"6:5 intent/selects-nothing: party x selects no pod of the cluster"},
		"no such port": {[]string{"  parties:\n" + web + "  protect: [{party: web, direction: in}]\n  allow:\n  - {from: any, to: web, on: tcp/metrics}"},
			"9:5 intent/no-such-port: nobody in to has a port called \"metrics\" (tcp)"},
		"a port that no container declares": {[]string{"  parties:\n" + web + "  protect: [{party: web, direction: in}]\n  allow:\n  - {from: any, to: web, on: [tcp/8000-9000, tcp/80]}"},
			"9:5 intent/undeclared-port: no container of the pods in to declares port tcp/80"},
		"a port where not all containers declare any": {[]string{"  parties:\n    all: {namespace: shop}\n  protect: [{party: all, direction: in}]\n  allow:\n  - {from: any, to: all, on: tcp/80}"}, ""},
		"no such service": {[]string{"  parties:\n" + web + "    s: {service: shop/x}\n  protect: [{party: web, direction: out}]\n  allow: [{from: web, to: s}]"},
			"7:5 intent/no-service: the cluster has no service shop/x\n8:13 intent/no-dns: web may call others and cannot ask for their names: no statement lets it reach DNS"},
		"closed by nobody": {[]string{"  parties:\n" + web + db + "  allow: [{from: web, to: db}]"},
			"8:11 intent/no-effect: no intent closes db or web, so this allows what is allowed anyway"},
		"closed at the other end": {[]string{"  parties:\n" + web + db + "  protect: [{party: db, direction: in}]\n  allow: [{from: web, to: db, at: from}]"},
			"9:11 intent/no-effect: no intent closes web, so this allows what is allowed anyway"},
		"a staged one of the same name": {[]string{"  parties:\n" + db + "  protect: [{party: db, direction: in}]", "  parties:\n    proposed: {namespace: shop, pods: app == 'web'}\n  protect: [{party: proposed, direction: in}]"},
			"14:5 intent/name-taken: the input has a StagedNetworkPolicy shop/i1-proposed that is not made of intents: once it is enforced it takes the place of the policy that this becomes"},
		"somebody else's policy, to be replaced later": {[]string{"  parties:\n" + db + "  protect: [{party: db, direction: in}]", "  mode: stage\n  parties:\n    taken: {namespace: shop, pods: app == 'web'}\n  protect: [{party: taken, direction: in}]"},
			"15:5 intent/name-taken: the input has a NetworkPolicy shop/i1-taken that is not made of intents, and this would take its place once it is enforced"},
		"somebody else's policy": {[]string{"  parties:\n" + db + "  protect: [{party: db, direction: in}]", "  parties:\n    taken: {namespace: shop, pods: app == 'web'}\n  protect: [{party: taken, direction: in}]"},
			"14:5 intent/name-taken: the input has a NetworkPolicy shop/i1-taken that is not made of intents, and this would take its place"},
		"all ports of a service": {[]string{"  parties:\n" + web + "    dns: {service: kube-system/kube-dns}\n  protect: [{party: web, direction: out}]\n  allow: [{from: web, to: dns, on: udp/53}]"}, ""},
		"a port that the service lacks": {[]string{"  parties:\n" + web + "    dns: {service: kube-system/kube-dns}\n  protect: [{party: web, direction: out}]\n  allow: [{from: web, to: dns, on: [udp/53, tcp/53]}]"},
			"9:11 intent/no-such-port: service kube-system/kube-dns has no port tcp/53"},
		"a service opens its pods":                 {[]string{"  parties:\n" + dns + web + "    vip: {service: kube-system/kube-dns}\n  protect: [{party: dns, direction: in}]\n  allow: [{from: web, to: vip}]"}, ""},
		"a service opens its pods and its callers": {[]string{"  parties:\n" + dns + web + "    vip: {service: kube-system/kube-dns}\n  protect: [{party: dns, direction: in}, {party: web, direction: out}]\n  allow: [{from: web, to: vip}]"}, ""},
		"a service that opens its callers only": {[]string{"  parties:\n" + dns + web + "    vip: {service: kube-system/kube-dns}\n  protect: [{party: dns, direction: in}, {party: web, direction: out}]\n  allow: [{from: web, to: vip, at: from}]"},
			"9:13 intent/lock-out: protecting dns cuts the cluster's DNS off: no statement lets udp/53 in"},
		"a service that nobody closes": {[]string{"  parties:\n" + web + "    vip: {service: kube-system/kube-dns}\n  allow: [{from: web, to: vip}]"},
			"8:11 intent/no-effect: no intent closes vip or web, so this allows what is allowed anyway"},
		"a service without a selector": {[]string{"  parties:\n" + db + web + "    old: {service: shop/old}\n    vip: {service: kube-system/kube-dns}\n  protect: [{party: db, direction: in}, {party: web, direction: out}]\n  allow: [{from: web, to: [old, vip]}]"},
			"11:11 intent/service-behind-protected: service shop/old selects no pods, so this opens the way out of its callers only; the protection of party db may close what is behind it"},
		"a service without a selector, opened": {[]string{"  parties:\n" + db + web + "    old: {service: shop/old}\n    vip: {service: kube-system/kube-dns}\n  protect: [{party: db, direction: in}, {party: web, direction: out}]\n  allow: [{from: web, to: [old, vip]}, {from: any, to: db, on: tcp/5432}]"}, ""},
		"from outside to a service without a selector": {[]string{"  parties:\n" + db + "    o: {nets: [203.0.113.0/24]}\n    old: {service: shop/old}\n  protect: [{party: db, direction: in}]\n  allow: [{from: o, to: old}]"},
			"10:11 intent/no-subject: service shop/old selects no pods, so nobody knows at which pods this holds"},
		"a service that is another name": {[]string{"  parties:\n" + web + "    out: {service: shop/out}\n    vip: {service: kube-system/kube-dns}\n  protect: [{party: web, direction: out}]\n  allow: [{from: web, to: [vip, out]}]"},
			"10:11 intent/external-name: service shop/out is another name for db.example.com and has no addresses, so the statement meets no connection"},
		"a service that leads to hosts": {[]string{"  parties:\n" + web + "    edge: {hosts: role == 'core'}\n    api: {service: shop/api}\n    vip: {service: kube-system/kube-dns}\n  protect: [{party: edge, direction: in}, {party: web, direction: out}]\n  allow: [{from: any, to: edge, on: tcp/10250}, {from: web, to: [api, vip]}]"},
			"11:49 intent/service-behind-protected: service shop/api selects no pods, so this opens the way out of its callers only; the protection of party edge may close what is behind it"},
		"a fast path at every interface": {[]string{"  parties:\n    star: {hosts: role == 'star'}\n    o: {nets: [203.0.113.0/24]}\n  fastPath:\n  - {from: o, to: star, on: udp/7}"},
			"9:5 intent/no-untracked: host endpoint n3-star of party star is of every interface ('*'), where Felix has no untracked policy: there this has no effect"},
		"node ports of a closed gateway": {[]string{"  parties:\n    core: {hosts: role == 'core'}\n  protect: [{party: core, direction: out}]\n  allow: [{from: core, to: core}]\n  forward: {via: core, allow: [{from: any, to: any}]}"},
			"9:18 intent/node-ports-cut: party core is closed for what its hosts send: with Felix in iptables mode that includes what comes to node ports, of service shop/front for one, and goes on to pods of other nodes"},
		"node ports of a closed gateway, opened": {[]string{"  parties:\n    core: {hosts: role == 'core'}\n    front: {service: shop/front}\n  protect: [{party: core, direction: out}]\n  allow: [{from: core, to: [core, front]}]\n  forward: {via: core, allow: [{from: any, to: any}]}"}, ""},
		"node ports of a closed host":            {[]string{"  parties:\n    core: {hosts: role == 'core'}\n  protect: [{party: core, direction: out}]\n  allow: [{from: core, to: core}]"}, ""},
		"from outside by node ports": {[]string{"  parties:\n" + web + "    o: {nets: [203.0.113.0/24]}\n    front: {service: shop/front}\n  protect: [{party: web, direction: in}]\n  allow: [{from: o, to: front}]"},
			"10:11 intent/service-source: whoever comes by a node port of service shop/front has, at pods of other nodes, the address of the node that it came by"},
		"from outside and the nodes": {[]string{"  parties:\n" + web + "    o: {nets: [203.0.113.0/24]}\n    nodes: {hosts: role == 'edge'}\n    front: {service: shop/front}\n  protect: [{party: web, direction: in}]\n  allow: [{from: [o, nodes], to: front}]"},
			"11:11 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party nodes"},
		"ports of a service that is not there": {[]string{"  parties:\n" + web + "    s: {service: shop/x}\n  protect: [{party: web, direction: out}]\n  allow: [{from: web, to: s, on: tcp/80}]"},
			"7:5 intent/no-service: the cluster has no service shop/x\n8:13 intent/no-dns: web may call others and cannot ask for their names: no statement lets it reach DNS\n9:34 intent/service-ports: service shop/x is not in the input, so nobody knows which ports are behind these"},
		"locked out": {[]string{"  parties:\n    edge: {hosts: role == 'edge'}\n  protect: [{party: edge, direction: in}]"},
			"7:13 intent/lock-out: protecting edge cuts what no failsafe port and no statement leaves open to its hosts: the kubelet: logs, exec and metrics (tcp/10250)"},
		"denied to a host": {[]string{"  parties:\n    edge: {hosts: role == 'edge'}\n  deny: [{from: any, to: edge, on: tcp/10000-11000}]"},
			"7:10 intent/lock-out: this cuts what has to come to the hosts of edge and no failsafe port leaves open: the kubelet: logs, exec and metrics (tcp/10250)\n7:10 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party edge"},
		"denied to a host without ports": {[]string{"  parties:\n    edge: {hosts: role == 'edge'}\n    world: {nets: [0.0.0.0/0]}\n  deny: [{from: world, to: edge}]"},
			"8:10 intent/lock-out: this cuts what has to come to the hosts of edge and no failsafe port leaves open: the kubelet: logs, exec and metrics (tcp/10250)\n8:10 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party edge"},
		"denied to others than nodes": {[]string{"  parties:\n    edge: {hosts: role == 'edge'}\n    bad: {nets: [198.51.100.0/24]}\n  deny: [{from: bad, to: edge}]"},
			"8:10 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party edge"},
		"denied to what a host sends": {[]string{"  parties:\n    edge: {hosts: role == 'edge'}\n  deny: [{from: edge, to: any, at: from}]"},
			"7:10 intent/lock-out: this cuts what has to leave the hosts of edge and no failsafe port leaves open: kubelets of other nodes (tcp/10250)\n7:10 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party edge"},
		"denied behind an allow": {[]string{"  order: 1\n  parties:\n    all: {hosts: has(role)}\n  protect: [{party: all, direction: in}]\n  allow: [{from: all, to: all, on: tcp/10250}]", "  parties:\n    edge: {hosts: role == 'edge'}\n  order: 2\n  deny: [{from: any, to: edge, on: tcp/10250}]"},
			"9:11 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party all\n18:10 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party edge"},
		"denied before the translation": {[]string{"  parties:\n    edge: {hosts: role == 'edge'}\n  nodePorts: {protect: [edge], deny: [{from: any, to: edge, on: tcp/10250}]}"},
			"7:39 intent/lock-out: this cuts what has to come to the hosts of edge and no failsafe port leaves open: the kubelet: logs, exec and metrics (tcp/10250)\n7:39 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party edge"},
		"the API server opened for one laptop": {[]string{"  parties:\n    own: {hosts: has(own)}\n    laptop: {nets: [203.0.113.7/32]}\n  protect: [{party: own, direction: in}]\n  allow:\n  - {from: laptop, to: own, on: [tcp/22, tcp/179, tcp/6443]}\n  - {from: own, to: own, on: [tcp/2379-2380, tcp/5473]}"},
			"8:13 intent/lock-out: protecting own cuts what no failsafe port and no statement leaves open to its hosts: the API server (tcp/6443)"},
		"denied at failsafe ports": {[]string{"  parties:\n    edge: {hosts: role == 'edge'}\n    o: {nets: [203.0.113.0/24]}\n  deny: [{from: o, to: edge, on: [tcp/22, tcp/2379-2380]}, {from: edge, to: o, on: [tcp/179, tcp/2378-2380], at: from}]"},
			"8:10 intent/failsafe: failsafe ports come first: at the hosts of edge this denies nothing on tcp/22, tcp/2379-2380\n8:10 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party edge\n8:60 intent/failsafe: failsafe ports come first: at the hosts of edge this denies nothing on tcp/179\n8:60 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party edge"},
		"failsafe ports of some of the hosts": {[]string{"  parties:\n    many: {hosts: \"role == 'edge' || has(own)\"}\n    own: {hosts: has(own)}\n    o: {nets: [203.0.113.0/24]}\n  protect: [{party: own, direction: in}]\n  deny: [{from: o, to: many, on: [tcp/22, tcp/179]}, {from: o, to: own, on: tcp/10250}]"},
			"9:13 intent/lock-out: protecting own cuts what no failsafe port and no statement leaves open to its hosts: SSH (tcp/22), the API server (tcp/6443), etcd (tcp/2379), etcd's peers (tcp/2380), BGP (tcp/179), Typha (tcp/5473)\n10:10 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party many\n10:54 intent/failsafe: failsafe ports come first: at the hosts of own this denies nothing on tcp/10250"},
		"allowed at a failsafe port": {[]string{"  parties:\n    edge: {hosts: role == 'edge'}\n    o: {nets: [203.0.113.0/24]}\n  protect: [{party: edge, direction: in}]\n  allow: [{from: o, to: edge, on: [tcp/22, tcp/10250]}]"},
			"8:13 intent/lock-out: protecting edge cuts what no failsafe port and no statement leaves open to its hosts: the kubelet: logs, exec and metrics (tcp/10250)\n9:11 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party edge\n9:11 intent/failsafe: failsafe ports come first: the hosts of edge are open to everybody on tcp/22"},
		"left open to networks with a node": {[]string{"  parties:\n    edge: {hosts: role == 'edge'}\n    lan: {nets: [192.0.2.0/24]}\n  protect: [{party: edge, direction: in}]\n  allow: [{from: lan, to: edge, on: tcp/10250}]"},
			"9:11 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party edge"},
		"left open by a wider party": {[]string{"  parties:\n    edge: {hosts: role == 'edge'}\n    nodes: {hosts: has(role)}\n  protect: [{party: edge, direction: in}]\n  allow: [{from: nodes, to: nodes}]"},
			"9:11 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party nodes"},
		"left open in a later tier": {[]string{"  parties:\n    edge: {hosts: role == 'edge'}\n  tier: {name: first, order: 10}\n  protect: [{party: edge, direction: in}]", "  parties:\n    e: {hosts: role == 'edge'}\n  protect: [{party: e, direction: in}]\n  allow: [{from: any, to: e}]"},
			"8:13 intent/lock-out: protecting edge cuts what no failsafe port and no statement leaves open to its hosts: the kubelet: logs, exec and metrics (tcp/10250)\n16:13 intent/protected-differently: intent i0 in tier first protects party e already and is asked first: what only intent i1 in tier default allows is denied\n17:11 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party e"},
		"everybody's DNS": {[]string{"  parties:\n" + dns + "  deny: [{from: any, to: dns, on: udp/53}]"},
			"7:10 intent/lock-out: this denies all pods the cluster's DNS"},
		"no expected addresses": {[]string{"  parties:\n    edge: {hosts: role == 'edge'}\n    o: {nets: [203.0.113.0/24]}\n  fastPath:\n  - {from: o, to: edge, on: udp/7}"},
			"9:5 intent/no-expected-ips: rules cannot know the addresses of host endpoint n1-eth0 of party edge"},
		"DNS cut off": {[]string{"  parties:\n" + dns + web + "  protect: [{party: dns, direction: in}]\n  allow: [{from: web, to: dns, on: tcp/8080}]"},
			"8:13 intent/lock-out: protecting dns cuts the cluster's DNS off: no statement lets udp/53 in"},
		"DNS left open": {[]string{"  parties:\n" + dns + "  protect: [{party: dns, direction: in}]\n  allow: [{from: any, to: dns, on: [udp/53, tcp/53]}]"}, ""},
		"no names": {[]string{"  parties:\n" + web + db + "  protect:\n  - web\n  allow: [{from: web, to: db, on: tcp/5432}]"},
			"9:5 intent/no-dns: web may call others and cannot ask for their names: no statement lets it reach DNS"},
		"names by the service": {[]string{"  parties:\n" + web + db + "    dns: {service: kube-system/kube-dns}\n  protect: [web]\n  allow: [{from: web, to: db, on: tcp/5432}, {from: web, to: dns}]"}, ""},
		"calls nobody":         {[]string{"  parties:\n" + db + "  protect: [db]"}, ""},
		"two directions": {[]string{"  parties:\n" + web + "  protect: [{party: web, direction: in}]", "  parties:\n    front: {namespace: shop, pods: tier == 'front'}\n  protect: [{party: front, direction: out}]"},
			"15:13 intent/protected-differently: intent i0 protects pod shop/web-0 from what comes in, this one from going out: both count together"},
		"two tiers": {[]string{"  tier: {name: first, order: 10}\n  parties:\n" + web + "  protect: [{party: web, direction: in}]", "  protect: [{party: web, direction: in}]"},
			"14:13 intent/protected-differently: intent i0 in tier first protects party web already and is asked first: what only intent i1 in tier default allows is denied"},
		"in the same way": {[]string{"  parties:\n" + web + "  protect: [web]", "  protect: [web]"}, ""},
		"a staged successor": {[]string{"  parties:\n" + web + "  protect: [web]", "  mode: stage\n  protect: [{party: web, direction: in}]"},
			"14:13 intent/protected-differently: intent i0 protects party web in both directions, this one from what comes in: both count together"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range compileText(t, row.docs...) {
				got = append(got, fmt.Sprintf("%d:%d %s: %s", f.Span.Start.Line, f.Span.Start.Col, f.Code, f.Message))
			}
			if s := strings.Join(got, "\n"); s != row.want {
				t.Errorf("got\n%s\nwant\n%s", s, row.want)
			}
		})
	}
}
