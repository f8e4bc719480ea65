package trace

import (
	"fmt"
	"io"
	"strings"
)

// WriteMermaid writes the connection as a Mermaid sequence diagram: the two
// ends, the nodes in between, and what mattered on each.
func (c Connection) WriteMermaid(w io.Writer) error {
	m := &mermaidWriter{textWriter: textWriter{w: w}}
	m.printf("sequenceDiagram\n")
	if len(c.Packets) == 0 {
		m.printf("  participant nobody as nothing was sent\n  Note over nobody: %s\n", mermaidText(c.Reason.Text))
		return m.err
	}
	first := &c.Packets[0]
	m.printf("  participant from as %s\n", mermaidText(withName(first.From, first.FromName)))
	for _, n := range nodesOf(c.Packets) {
		m.ids = append(m.ids, n)
		m.printf("  participant n%d as %s\n", len(m.ids), mermaidText(n))
	}
	m.printf("  participant to as %s\n", mermaidText(withName(first.To, first.ToName)))
	for i := range c.Packets {
		m.packet(&c.Packets[i])
	}
	m.printf("  Note over from,to: %s\n", mermaidText(strings.ToUpper(string(c.Verdict))+": "+reasonLine(c.Reason)))
	return m.err
}

// reasonLine is a reason in one line, by its policy if it has one.
func reasonLine(r Reason) string {
	if r.Policy == nil {
		return reasonPlace(r)
	}
	s := policyText(r.Policy)
	if r.Source != nil {
		s += fmt.Sprintf(" (%s:%d)", r.Source.File, r.Source.Line)
	}
	return s
}

// nodesOf lists the nodes that packets met, in order of first appearance.
func nodesOf(packets []Packet) []string {
	seen := map[string]bool{}
	var out []string
	for _, p := range packets {
		for _, s := range p.Steps {
			if s.Node != "" && !seen[s.Node] {
				seen[s.Node] = true
				out = append(out, s.Node)
			}
		}
	}
	return out
}

type mermaidWriter struct {
	textWriter
	ids []string
}

// id is the participant of a node.
func (m *mermaidWriter) id(node string) string {
	for i, n := range m.ids {
		if n == node {
			return fmt.Sprintf("n%d", i+1)
		}
	}
	return "from"
}

func (m *mermaidWriter) packet(p *Packet) {
	at, end := "from", "to"
	if p.Direction == Reply {
		at, end = "to", "from"
	}
	label := fmt.Sprintf("%s %s to %s", p.Direction, p.From, p.To)
	for i := range p.Steps {
		s := &p.Steps[i]
		if id := m.id(s.Node); s.Node != "" && id != at {
			m.printf("  %s->>%s: %s\n", at, id, mermaidText(label))
			at = id
		}
		if decided := s.decided(p); decided || m.wants(s) {
			m.printf("  Note over %s: %s\n", at, mermaidText(s.summary(decided)))
		}
	}
	if p.Verdict == Allow {
		m.printf("  %s->>%s: %s\n", at, end, mermaidText(label))
		return
	}
	m.printf("  %s--x%s: %s\n", at, end, mermaidText(string(p.Verdict)))
}

// decided says whether a step decided about its packet: it ended it, or is the
// rule that let it through.
func (s *Step) decided(p *Packet) bool { return s.Deciding || p.Verdict == Allow && s.is(&p.Reason) }

// summary is a step in one line.
func (s *Step) summary(decided bool) string {
	text := strings.Join(nonEmpty([]string{s.Hook, string(s.Kind), s.line()}), " ")
	if s.Policy != nil {
		text += ", from " + policyText(s.Policy)
	}
	if decided {
		return "DECIDES: " + text
	}
	return text
}

// mermaidText escapes what Mermaid would read as its own.
func mermaidText(s string) string {
	return strings.NewReplacer("#", "#35;", ";", "#59;", "<", "#lt;", ">", "#gt;", "\n", " ", "\r", " ", "%%", "%#37;").Replace(s)
}
