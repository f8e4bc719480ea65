package main

import (
	"fmt"
	"strings"
)

// tierName is one of the tiers that are there, mostly default.
func (g *oracleGen) tierName() string {
	var names []string
	for _, d := range g.docs {
		if strings.Contains(d, "kind: Tier\n") {
			names = append(names, d[strings.Index(d, "name: ")+6:strings.Index(d, "}")])
		}
	}
	if g.chance(3) {
		return "nowhere" // a tier that is not defined
	}
	return g.oneOf(append(names, "default", "kube-admin")...)
}

func (g *oracleGen) policyHead(kind, ns string) string {
	tier := g.tierName()
	name := g.name("gnp")
	if tier != "default" {
		name = tier + "." + name
	}
	if g.chance(15) { // as stored in a cluster
		ns += ", uid: 5e5f5b0e-0000-4000-8000-000000000000"
	}
	s := fmt.Sprintf("apiVersion: projectcalico.org/v3\nkind: %s\nmetadata: {name: %s%s}\nspec:\n  tier: %s\n", kind, name, ns, tier)
	if g.chance(70) {
		s += "  order: " + g.oneOf("1", "10", "10", "1000", "2000.5") + "\n"
	}
	return s
}

func (g *oracleGen) selector() string {
	return g.oneOf("all()", "app == 'web'", "app != 'db'", "has(env)", "!has(env)", "env in {'prod', 'dev'}", "env not in {'prod'}",
		"app == 'api' || env == 'dev'", "host == 'edge'", "has(host)", "zone == 'open'", "app starts with 'w'",
		"app contains 'e' && !has(host)", "projectcalico.org/namespace == 'shop'", "projectcalico.org/orchestrator == 'k8s'")
}

func (g *oracleGen) namespaceSelector() string {
	return g.oneOf("all()", "global()", "team == 'a'", "team != 'a'", "has(team)", "projectcalico.org/name == 'lab'")
}

func (g *oracleGen) globalPolicy() {
	kind := "GlobalNetworkPolicy"
	if g.chance(10) {
		kind = "StagedGlobalNetworkPolicy"
	}
	s := g.policyHead(kind, "")
	if g.chance(85) {
		s += fmt.Sprintf("  selector: %q\n", g.selector())
	}
	if g.chance(15) {
		s += fmt.Sprintf("  namespaceSelector: %q\n", g.oneOf("all()", "team == 'a'", "has(team)"))
	}
	if g.chance(10) {
		s += fmt.Sprintf("  serviceAccountSelector: %q\n", g.oneOf("all()", "kind == 'bot'", "projectcalico.org/name == 'robot'"))
	}
	ingressOnly := false
	switch g.IntN(10) {
	case 0, 1:
		s += "  doNotTrack: true\n  applyOnForward: true\n"
	case 2, 3:
		s, ingressOnly = s+"  preDNAT: true\n  applyOnForward: true\n", true
	case 4, 5, 6:
		s += "  applyOnForward: true\n"
	}
	g.docs = append(g.docs, s+g.body("", ingressOnly))
}

func (g *oracleGen) namespacedPolicy() {
	ns := g.oneOf("shop", "lab")
	kind := "NetworkPolicy"
	if g.chance(10) {
		kind = "StagedNetworkPolicy"
	}
	s := g.policyHead(kind, ", namespace: "+ns)
	if g.chance(80) {
		s += fmt.Sprintf("  selector: %q\n", g.selector())
	}
	if g.chance(15) {
		s += fmt.Sprintf("  serviceAccountSelector: %q\n", g.oneOf("all()", "kind == 'bot'"))
	}
	g.docs = append(g.docs, s+g.body(ns, false))
}

// body is types and rules.
func (g *oracleGen) body(ns string, ingressOnly bool) string {
	types := g.oneOf("[Ingress]", "[Ingress, Egress]", "[Egress]", "")
	if ingressOnly {
		types = "[Ingress]"
	}
	s := ""
	if types != "" {
		s += "  types: " + types + "\n"
	}
	if types == "" || strings.Contains(types, "Ingress") {
		s += g.ruleList("ingress", ns)
	}
	if !ingressOnly && (types == "" || strings.Contains(types, "Egress")) {
		s += g.ruleList("egress", ns)
	}
	return s
}

func (g *oracleGen) ruleList(direction, ns string) string {
	n := g.IntN(4)
	if n == 0 {
		return ""
	}
	s := "  " + direction + ":\n"
	for range n {
		s += g.rule(direction, ns)
	}
	return s
}

func (g *oracleGen) rule(direction, ns string) string {
	s := "  - action: " + g.oneOf("Allow", "Allow", "Allow", "Allow", "Deny", "Deny", "Pass", "Log") + "\n"
	ports := false
	g.family = 4
	if g.v6 && g.chance(30) {
		g.family = 6
	}
	defer func() { g.family = 4 }()
	if g.chance(8) {
		return s + g.serviceRule(direction, ns)
	}
	switch g.IntN(8) {
	case 0, 1, 2:
		s, ports = s+"    protocol: "+g.oneOf("TCP", "TCP", "UDP", "SCTP")+"\n", true
	case 3:
		proto, typ := "ICMP", "8"
		if g.family == 6 {
			proto, typ = "ICMPv6", "128"
		}
		s += "    protocol: " + proto + "\n"
		if g.chance(60) {
			s += "    " + g.oneOf("icmp", "notICMP") + ": {type: " + typ + g.oneOf("", ", code: 0", ", code: 1") + "}\n"
		}
	case 5:
		s += "    protocol: " + g.oneOf("253", "UDPLite", "4", "132") + "\n"
	case 4:
		s += "    notProtocol: " + g.oneOf("TCP", "UDP", "17") + "\n"
	}
	if g.chance(10) {
		s += fmt.Sprintf("    ipVersion: %d\n", g.family)
	}
	if g.chance(50) {
		s += g.end("source", ports, ns)
	}
	if g.chance(50) {
		s += g.end("destination", ports, ns)
	}
	return s
}

// serviceRule names a service where the direction lets it.
func (g *oracleGen) serviceRule(direction, ns string) string {
	service := "{name: svc, namespace: " + g.oneOf("shop", "lab") + "}"
	if ns != "" && g.chance(50) {
		service = "{name: svc}"
	}
	if direction == "egress" {
		return "    destination: {services: " + service + "}\n"
	}
	s := "    source: {services: " + service + "}\n"
	if g.chance(50) {
		s = "    protocol: TCP\n" + s + "    destination: {ports: [80, main]}\n"
	}
	return s
}

func (g *oracleGen) end(which string, ports bool, ns string) string {
	s := "    " + which + ":\n"
	put := func(format string, args ...any) { s += "      " + fmt.Sprintf(format, args...) + "\n" }
	some := false
	if g.chance(35) {
		put("%s: [%s]", g.oneOf("nets", "nets", "notNets"), g.nets())
		some = true
	}
	if g.chance(35) {
		put("selector: %q", g.selector())
		some = true
	}
	if g.chance(20) {
		put("namespaceSelector: %q", g.namespaceSelector())
		some = true
	}
	if g.chance(10) {
		put("notSelector: %q", g.selector())
		some = true
	}
	if g.chance(10) {
		put("serviceAccounts: %s", g.oneOf("{names: [robot]}", "{selector: \"kind == 'bot'\"}", "{names: [robot, default], selector: \"kind == 'bot'\"}"))
		some = true
	}
	if ports && (which == "destination" || g.chance(20)) && g.chance(70) {
		put("%s: [%s]", g.oneOf("ports", "ports", "notPorts"), g.oneOf("80", "'53:443'", "main", "side, 8055", "80, main", "22, 53", "'1:65535'"))
		some = true
	}
	if !some {
		return ""
	}
	return s
}

func (g *oracleGen) kubernetesPolicy() {
	s := fmt.Sprintf("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: %s, namespace: %s}\nspec:\n", g.name("k"), g.oneOf("shop", "lab"))
	s += "  podSelector: " + g.labelSelector() + "\n"
	switch g.IntN(4) {
	case 0:
		s += "  policyTypes: [Ingress, Egress]\n"
	case 1:
		s += "  policyTypes: [Egress]\n"
	}
	for _, d := range [][2]string{{"ingress", "from"}, {"egress", "to"}} {
		n := g.IntN(3)
		if n == 0 {
			continue
		}
		s += "  " + d[0] + ":\n"
		for range n {
			s += g.kubeRule(d[1])
		}
	}
	g.docs = append(g.docs, s)
}

func (g *oracleGen) labelSelector() string {
	return g.oneOf("{}", "{matchLabels: {app: web}}", "{matchLabels: {app: db, env: prod}}",
		"{matchExpressions: [{key: env, operator: Exists}]}", "{matchExpressions: [{key: env, operator: DoesNotExist}]}",
		"{matchExpressions: [{key: app, operator: In, values: [web, api]}]}", "{matchExpressions: [{key: env, operator: NotIn, values: [dev]}]}")
}

func (g *oracleGen) kubeRule(word string) string {
	s := "  - ports:"
	if g.chance(50) {
		s += "\n    - " + g.oneOf("{port: 80}", "{port: 53, protocol: UDP}", "{port: main}", "{port: main, protocol: UDP}", "{protocol: SCTP}", "{port: 50, endPort: 9000}") + "\n"
	} else {
		s += " []\n"
	}
	if !g.chance(70) {
		return s
	}
	s += "    " + word + ":\n"
	for range 1 + g.IntN(2) {
		s += "    - " + g.oneOf("podSelector: "+g.labelSelector(),
			"namespaceSelector: "+g.oneOf("{}", "{matchLabels: {team: a}}", "{matchExpressions: [{key: team, operator: NotIn, values: [a]}]}"),
			"{namespaceSelector: {matchLabels: {team: b}}, podSelector: "+g.labelSelector()+"}",
			"ipBlock: {cidr: 10.65.0.0/16, except: [10.65.1.0/26]}", "ipBlock: {cidr: 203.0.113.0/24}", "ipBlock: {cidr: 0.0.0.0/0}", "ipBlock: {cidr: 'fd00:65::/48', except: ['fd00:65:0:1::/64']}") + "\n"
	}
	return s
}
