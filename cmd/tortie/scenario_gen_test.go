package main

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
)

// scriptGen writes random scenarios: a small cluster as the oracle makes it, with
// services that lead to several pods, and steps that open connections, go on with them,
// and change everything but nodes, links and routes.
type scriptGen struct {
	*oracleGen
	podNames []string // namespace/name, as pods
	services []*scriptService
	steps    []string          // items of a list in YAML
	files    map[string]string // that steps apply
	standing []scriptConn
	conns    int
}

// scriptConn is a connection that stands.
type scriptConn struct{ name, proto string }

// script is a scenario and the cluster that it begins with.
type script struct {
	seed                 uint64
	dataplane, kubeProxy string
	docs                 []string
	foreign              bool // the first node has rules of another program
	steps                []string
	files                map[string]string
}

// scriptOf returns the scenario of a seed.
func scriptOf(seed uint64) *script {
	g := &scriptGen{oracleGen: &oracleGen{Rand: rand.New(rand.NewPCG(seed, 5)), kernel: true, prefixed: true, nodes: 2, family: 4}, files: map[string]string{}}
	s := &script{seed: seed, dataplane: g.oneOf("iptables", "nftables"), kubeProxy: g.oneOf("iptables", "nftables")}
	g.v6, s.foreign = g.chance(30), g.chance(25)
	g.files["foreign.rules"] = g.foreignRules()
	g.scriptCluster()
	s.docs = slices.Clone(g.docs)
	for range 10 + g.IntN(6) {
		g.step()
	}
	s.steps, s.files = g.steps, g.files
	return s
}

func (g *scriptGen) scriptCluster() {
	g.base()
	for i := range g.nodes {
		g.node(i + 1)
	}
	for _, d := range g.docs {
		if r := docRef(d); r.kind == "Pod" {
			g.podNames = append(g.podNames, r.namespace+"/"+r.name)
		}
	}
	for range g.IntN(3) {
		g.hostEndpoint()
	}
	for range 1 + g.IntN(2) {
		g.networkSet()
	}
	g.service()
	for i := range 2 + g.IntN(2) {
		g.newService(i)
	}
	g.tiers()
	for range g.IntN(4) {
		g.globalPolicy()
	}
	for range g.IntN(3) {
		g.namespacedPolicy()
	}
	for range g.IntN(2) {
		g.kubernetesPolicy()
	}
}

// foreignRules are those of another program, as iptables-save writes them.
func (g *scriptGen) foreignRules() string {
	s := "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD " + g.oneOf("ACCEPT", "DROP") + " [0:0]\n:OUTPUT ACCEPT [0:0]\n:OTHER - [0:0]\n-A INPUT -j OTHER\n-A FORWARD -j OTHER\n"
	for range 1 + g.IntN(3) {
		s += "-A OTHER " + g.oneOf("-p udp", "-p tcp -m tcp --dport 80", "-p tcp -m tcp --dport 8055", "-s 10.65.1.0/26", "-m conntrack --ctstate ESTABLISHED", "-m conntrack --ctstate INVALID") +
			" -j " + g.oneOf("ACCEPT", "ACCEPT", "DROP", "REJECT --reject-with icmp-port-unreachable", "RETURN") + "\n"
	}
	return s + "COMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n" +
		g.oneOf("", "-A POSTROUTING -s 10.65.0.0/16 ! -d 10.65.0.0/16 -j MASQUERADE\n", "-A PREROUTING -d 192.168.56.11/32 -p tcp -m tcp --dport 22 -j REDIRECT --to-ports 8055\n") + "COMMIT\n"
}

// ref names an object.
type ref struct{ kind, namespace, name string }

var (
	refKind      = regexp.MustCompile(`(?m)^kind: (\S+)`)
	refName      = regexp.MustCompile(`\bname: ([^,}\s]+)`)
	refNamespace = regexp.MustCompile(`\bnamespace: ([^,}\s]+)`)
)

// docRef is the name of an object that the generators wrote.
func docRef(doc string) (r ref) {
	r.kind = refKind.FindStringSubmatch(doc)[1]
	_, meta, _ := strings.Cut(doc, "\nmetadata:")
	for _, end := range []string{"\nspec:", "\ndata:", "\nendpoints:", "\nports:"} {
		meta, _, _ = strings.Cut(meta, end)
	}
	r.name = refName.FindStringSubmatch(meta)[1]
	if m := refNamespace.FindStringSubmatch(meta); m != nil {
		r.namespace = m[1]
	}
	return r
}

// find is the index of the object of that name, -1 without.
func (g *scriptGen) find(r ref) int {
	return slices.IndexFunc(g.docs, func(d string) bool { return docRef(d) == r })
}

// some is the index of one of the objects of these kinds, -1 without any.
func (g *scriptGen) some(kinds ...string) int {
	var all []int
	for i, d := range g.docs {
		if slices.Contains(kinds, docRef(d).kind) {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return -1
	}
	return all[g.IntN(len(all))]
}

// written is what an object's writer adds, which is not kept.
func (g *scriptGen) written(write func()) string {
	n := len(g.docs)
	write()
	doc := g.docs[n]
	g.docs = g.docs[:n]
	return doc
}
