package main

import (
	"fmt"
	"slices"
	"strings"
)

// step adds a step.
func (g *scriptGen) step() {
	switch n := g.IntN(100); {
	case n < 38, n < 50 && len(g.standing) == 0:
		g.openStep()
	case n < 66 && len(g.standing) > 0:
		g.goOn()
	case n < 69:
		g.say("forget: %s", g.oneOf("n1", "n2", "'*'"))
	case n < 74:
		// Whether UDP lives for 30 or for 120 seconds depends on how long steps take.
		g.say("idle: %s", g.oneOf("11s", "121s", "181s", "601s"))
	case n < 100:
		g.changeStep()
	}
}

func (g *scriptGen) say(format string, args ...any) {
	g.steps = append(g.steps, fmt.Sprintf(format, args...))
}

// goOn goes on with a connection that stands.
func (g *scriptGen) goOn() {
	i := g.IntN(len(g.standing))
	c := g.standing[i]
	switch g.IntN(6) {
	case 0:
		g.say("close: %s", c.name)
		g.standing = slices.Delete(g.standing, i, i+1)
	case 1:
		g.say("reset: %s", c.name)
		g.standing = slices.Delete(g.standing, i, i+1)
		if c.proto == "tcp" { // its entries live for ten seconds: a step may take a second in the kernel
			g.say("idle: 11s")
		}
	case 2:
		g.say("reply: %s", c.name)
	default:
		g.say("send: %s", c.name)
	}
}

// openStep opens connections.
func (g *scriptGen) openStep() {
	v6 := g.v6 && g.chance(30)
	c := scriptConn{proto: g.oneOf("tcp", "tcp", "udp")}
	from := g.opener(v6)
	to := g.target(from, v6, &c)
	extra := ""
	if c.proto != "icmp" && strings.HasSuffix(to, ":9000/"+c.proto) {
		extra += ", closed: true"
	}
	if v6 {
		extra += ", family: 6"
	}
	switch n := g.IntN(20); {
	case extra != "" && !v6, c.proto == "icmp":
	case n < 2:
		extra += fmt.Sprintf(", count: %d", 2+g.IntN(8))
	case n < 4:
		extra += fmt.Sprintf(", count: %d, close: true", 1+g.IntN(3))
	case n < 6 && !strings.Contains(extra, "closed"):
		extra += ", halfOpen: true"
	case !strings.Contains(extra, "closed"):
		g.conns++
		c.name = fmt.Sprintf("c%d", g.conns)
		extra += ", as: " + c.name
		g.standing = append(g.standing, c)
	}
	g.say("open: {from: '%s', to: '%s'%s}", from, to, extra)
}

// opener is who opens a connection: mostly a pod.
func (g *scriptGen) opener(v6 bool) string {
	switch n := g.IntN(10); {
	case n < 5:
		return g.podNames[g.IntN(len(g.podNames))]
	case n < 7:
		return g.oneOf("node:n1", "node:n2")
	}
	list := fleetOutside[v6]
	return list[g.IntN(len(list))].String()
}

// target is where a connection goes.
func (g *scriptGen) target(from string, v6 bool, c *scriptConn) string {
	port := g.oneOf("80", "80", "8055", "53", "443", "22")
	if g.chance(5) {
		port = "9000"
	}
	outside := !strings.Contains(from, "/") && !strings.HasPrefix(from, "node:")
	end := func(host, port string) string {
		if strings.Contains(host, ":") && !strings.HasPrefix(host, "node:") {
			host = "[" + host + "]"
		}
		return host + ":" + port + "/" + c.proto
	}
	switch n := g.IntN(20); {
	case n < 1:
		c.proto = "icmp"
		return g.podNames[g.IntN(len(g.podNames))] + "/icmp"
	case n < 2:
		c.proto = "icmp"
		return g.oneOf("node:n1", "node:n2") + "/icmp"
	case n < 6:
		return end(g.podNames[g.IntN(len(g.podNames))], port)
	case n < 8:
		return end(g.oneOf("node:n1", "node:n2"), port)
	case n < 9 && !outside:
		list := fleetOutside[v6]
		return end(list[g.IntN(len(list))].String(), port)
	}
	s := g.services[g.IntN(len(g.services))]
	p := s.ports[g.IntN(len(s.ports))]
	c.proto = strings.ToLower(p.proto)
	if p.nodePort > 0 && g.chance(50) {
		return end(g.oneOf("node:n1", "node:n2"), fmt.Sprint(p.nodePort))
	}
	addrs := s.addrs(v6)
	return end(addrs[g.IntN(len(addrs))], fmt.Sprint(p.port))
}

// changeStep changes one to three objects.
func (g *scriptGen) changeStep() {
	before := slices.Clone(g.docs)
	var set []string
	var gone []ref
	for range g.oneTo(3) {
		docs, r := g.change()
		set = append(set, docs...)
		if r.kind != "" && !slices.Contains(gone, r) {
			gone = append(gone, r)
		}
	}
	// What is deleted after all is not set, and what is there after all or never was is
	// not deleted.
	set = slices.DeleteFunc(set, func(d string) bool { return g.find(docRef(d)) < 0 })
	gone = slices.DeleteFunc(gone, func(r ref) bool {
		return g.find(r) >= 0 || !slices.ContainsFunc(before, func(d string) bool { return docRef(d) == r })
	})
	var parts []string
	switch {
	case len(set) > 0 && g.chance(25):
		file := fmt.Sprintf("step-%d.yaml", len(g.steps))
		g.files[file] = strings.Join(set, "---\n")
		parts = append(parts, "apply: ["+file+"]")
	case len(set) > 0:
		parts = append(parts, "objects:")
		for _, d := range set {
			parts = append(parts, "- "+strings.ReplaceAll(strings.TrimSpace(d), "\n", "\n  "))
		}
	}
	if len(gone) > 0 {
		parts = append(parts, "delete:")
		for _, r := range gone {
			parts = append(parts, fmt.Sprintf("- {kind: %s, namespace: %q, name: %s}", r.kind, r.namespace, r.name))
		}
	}
	if len(parts) > 0 {
		g.say("%s", strings.Join(parts, "\n"))
	}
}

// oneTo is a number from 1 to n, mostly small.
func (g *scriptGen) oneTo(n int) int { return 1 + g.IntN(1+g.IntN(n)) }

// put takes an object in place of the one of its name.
func (g *scriptGen) put(doc string) []string {
	if i := g.find(docRef(doc)); i >= 0 {
		g.docs[i] = doc
	} else {
		g.docs = append(g.docs, doc)
	}
	return []string{doc}
}

// drop deletes an object.
func (g *scriptGen) drop(i int) ref {
	r := docRef(g.docs[i])
	g.docs = slices.Delete(g.docs, i, i+1)
	return r
}
