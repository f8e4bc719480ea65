package trace

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// TextOptions say how WriteText writes.
type TextOptions struct {
	// All writes every step, also rules that did not match, and every packet.
	All bool
	// Color paints for a terminal.
	Color bool
}

// WriteText writes the connection for a person: the verdict and what decided it
// first, then what policies had to say, then for each packet a few lines per
// node.
func (c Connection) WriteText(w io.Writer, o TextOptions) error {
	t := &textWriter{w: w, all: o.All, paint: painter{o.Color}, notes: map[string]bool{}}
	t.printf("%s  %s\n\n", t.paint.verdict(c.Verdict, strings.ToUpper(string(c.Verdict))), headline(c))
	t.reason(c)
	t.backends(c.Backends)
	t.explanation(c.Explanation, c.Verdict)
	answered, later := false, 0
	for _, p := range c.Packets {
		switch {
		case p.Refusal && !t.all:
			t.printf("\nrefusal of the answer, %s %s to %s: %s\n", p.Protocol, p.From, p.To, t.paint.verdict(p.Verdict, string(p.Verdict)))
		case answered && p.Verdict == Allow && !t.all:
			later++
		default:
			answered = answered || p.Direction == Reply
			t.packet(p)
		}
	}
	if later > 0 {
		t.printf("\nlater packets of the connection: %d, all allowed\n", later)
	}
	t.conntrack(c)
	for _, n := range c.Notes {
		t.note(n)
	}
	return t.err
}

// backends lists the outcome for every backend of a service.
func (t *textWriter) backends(list []Backend) {
	if len(list) < 2 {
		return
	}
	t.printf("\nservice with %d backends; shown is the first that is refused, or the first\n", len(list))
	for _, b := range list {
		t.printf("    %-21s %s\n", b.Address, b.Verdict)
	}
}

// headline names the ends, with the names of pods where they are known.
func headline(c Connection) string {
	if len(c.Packets) == 0 {
		return c.Reason.Text
	}
	p := c.Packets[0]
	s := withName(p.From, p.FromName) + " to " + withName(p.To, p.ToName)
	if p.Protocol != "" {
		s += " " + p.Protocol
	}
	return s
}

func withName(end, name string) string {
	if name == "" {
		return end
	}
	return end + " (" + name + ")"
}

// textWriter writes a connection and keeps the first error.
type textWriter struct {
	w     io.Writer
	all   bool
	paint painter
	node  string
	// from is the policy that the last step named.
	from  string
	notes map[string]bool
	err   error
}

func (t *textWriter) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// reason writes what decided: the policy if there is one, and the rule.
func (t *textWriter) reason(c Connection) {
	r := c.Reason
	rule := reasonPlace(r)
	if r.Line > 0 && r.Source == nil {
		rule += fmt.Sprintf(" (line %d of the capture)", r.Line)
	}
	lead := t.paint.verdict(c.Verdict, "==>")
	if r.Policy == nil {
		t.printf("%s %s\n", lead, t.paint.bold(rule))
		return
	}
	t.printf("%s %s\n", lead, t.paint.bold(policyText(r.Policy)))
	if s := r.Source; s != nil {
		t.printf("    %s:%d\n", s.File, s.Line)
	}
	t.printf("    %s\n", rule)
}

// reasonPlace writes the rule that decided: node, hook, table, chain, number,
// text.
func reasonPlace(r Reason) string {
	head := []string{r.Node, r.Hook}
	if r.Chain != "" {
		head = append(head, placeText(r.Table, r.Chain, r.Rule))
	}
	place := strings.Join(nonEmpty(head), " ")
	if place != "" && r.Text != "" {
		return place + ": " + r.Text
	}
	return place + r.Text
}

func placeText(table, chain string, rule int) string {
	if rule == 0 {
		return fmt.Sprintf("%s/%s policy", table, chain)
	}
	return fmt.Sprintf("%s/%s rule %d", table, chain, rule)
}

// policyText names what a rule was made from; the ends of tiers and of the list
// of profiles are named as such.
func policyText(p *Policy) string {
	switch p.Kind {
	case "Tier":
		return fmt.Sprintf("end of tier %s, %s: no policy of it decided", p.Name, p.Direction)
	case "Profiles":
		return fmt.Sprintf("end of the profiles, %s: none allowed it", p.Direction)
	}
	s := policyName(p)
	if p.Tier != "" {
		s += " in tier " + p.Tier
	}
	if p.Rule > 0 {
		s += fmt.Sprintf(", %s rule %d", p.Direction, p.Rule)
	} else if p.Direction != "" {
		s += ", " + p.Direction
	}
	return s
}

func policyName(p *Policy) string {
	if p.Namespace != "" {
		return p.Kind + " " + p.Namespace + "/" + p.Name
	}
	return p.Kind + " " + p.Name
}

func nonEmpty(in []string) []string {
	out := in[:0]
	for _, s := range in {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// note writes a note once.
func (t *textWriter) note(n string) {
	if !t.notes[n] {
		t.notes[n] = true
		t.printf("note: %s\n", n)
	}
}

// conntrack writes the entries that are left; of a connection that was not let
// through none is.
func (t *textWriter) conntrack(c Connection) {
	var lines [][]string
	for _, e := range c.Conntrack {
		switch {
		case e.Tracked:
			lines = append(lines, []string{e.Node, e.State, "original " + e.Original, "reply " + e.Reply})
		case c.Verdict == Allow:
			lines = append(lines, []string{e.Node, "not tracked"})
		}
	}
	if len(lines) > 0 {
		t.printf("\nconntrack\n")
		t.table("  ", lines)
	}
}

// table writes lines with aligned columns.
func (t *textWriter) table(indent string, lines [][]string) {
	var width []int
	for _, l := range lines {
		for i, cell := range l {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, l := range lines {
		var b strings.Builder
		for i, cell := range l {
			b.WriteString(cell)
			if i < len(l)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		t.printf("%s%s\n", indent, strings.TrimRight(b.String(), " "))
	}
}
