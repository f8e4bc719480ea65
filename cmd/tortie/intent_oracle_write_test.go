package main

import (
	"fmt"
	"strings"
)

// intent adds a random intent. All share the parties of the first.
func (g *intentGen) intent(i int) {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: tortie.dev/v1\nkind: Intent\nmetadata: {name: i%d}\nspec:\n", i)
	b.WriteString(g.oneOf("", "  tier: early\n", "  tier: {name: late, order: 900}\n", "  order: 3\n", "  mode: enforce\n"))
	if g.stages.IntN(10) < 4 && !strings.Contains(b.String(), "mode:") {
		b.WriteString("  mode: stage\n")
	}
	if i == 0 {
		b.WriteString("  ports: {group: [tcp/443, udp/53]}\n  parties:\n")
		for _, p := range intentParties {
			fmt.Fprintf(&b, "    %s\n", p)
		}
	}
	if g.chance(70) {
		b.WriteString("  protect:\n")
		g.list(&b, "  ", 1+g.IntN(3), func() string {
			return g.oneOf(g.subject(), g.subject(), fmt.Sprintf("{party: %s, direction: %s}", g.subject(), g.oneOf("in", "out", "both")))
		})
	}
	if g.chance(80) {
		b.WriteString("  allow:\n")
		g.list(&b, "  ", 1+g.IntN(6), g.statement)
	}
	if g.chance(40) {
		b.WriteString("  deny:\n")
		g.list(&b, "  ", 1+g.IntN(2), g.statement)
	}
	g.guardSection(&b, "nodePorts", "protect", func() string {
		from, to, on := g.peer(), g.oneOf("edge", "hostweb"), g.on()
		if g.more.IntN(2) == 0 {
			on = ", on: " + []string{"tcp/30080", "[tcp/30000-32767, udp/53]"}[g.more.IntN(2)]
		}
		return fmt.Sprintf("{from: %s, to: %s%s}", from, to, on)
	})
	g.guardSection(&b, "forward", "via", func() string {
		return fmt.Sprintf("{from: %s, to: %s%s}", g.peer(), g.peer(), g.on())
	})
	if g.chance(25) && !g.star { // Felix has no untracked policy for '*'
		b.WriteString("  fastPath:\n")
		g.list(&b, "  ", 1+g.IntN(2), func() string {
			return fmt.Sprintf("{from: %s, to: %s, on: %s}", g.peer(), g.oneOf("edge", "hostweb"), g.ports(true))
		})
	}
	text := b.String()
	if head, nothing := strings.CutSuffix(text, "spec:\n"); nothing {
		text = head + "spec: {}\n"
	}
	g.intents = append(g.intents, text)
}

func (g *intentGen) guardSection(b *strings.Builder, section, key string, statement func() string) {
	if !g.chance(25) {
		return
	}
	fmt.Fprintf(b, "  %s:\n    %s: %s\n", section, key, g.oneOf("edge", "hostweb", "[edge, hostweb]"))
	if g.chance(30) {
		fmt.Fprintf(b, "    trust: [%s]\n", g.oneOf("one", "office"))
	}
	if g.chance(80) {
		b.WriteString("    allow:\n")
		g.list(b, "    ", 1+g.IntN(3), statement)
	}
	if g.chance(30) {
		b.WriteString("    deny:\n")
		g.list(b, "    ", 1+g.IntN(2), statement)
	}
}

// list writes distinct items.
func (g *intentGen) list(b *strings.Builder, indent string, n int, item func() string) {
	seen := map[string]bool{}
	for range n {
		s := item()
		if !seen[s] {
			fmt.Fprintf(b, "%s- %s\n", indent, s)
		}
		seen[s] = true
	}
}

func (g *intentGen) on() string {
	if g.chance(20) {
		return ""
	}
	return ", on: " + g.ports(false)
}

// statement is a statement with a subject at one end at least.
func (g *intentGen) statement() string {
	if g.chance(8) {
		return fmt.Sprintf("{from: %s, to: svc}", g.subject())
	}
	if g.services.IntN(100) < 20 {
		return g.toSelected()
	}
	from, to, at := g.peer(), g.peer(), ""
	if g.chance(50) {
		from, at = g.subject(), ", at: from"
	} else {
		to, at = g.subject(), ", at: to"
	}
	if g.chance(80) {
		at = ""
	}
	if from == to {
		return fmt.Sprintf("{from: %s, to: %s%s%s}", from, to, g.on(), at)
	}
	return fmt.Sprintf("{from: [%s], to: %s%s%s%s}", from, to, g.on(), at, g.oneOf("", "", ", log: true"))
}
