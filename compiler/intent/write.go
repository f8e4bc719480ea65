package intent

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"tortie/compiler/yamlpos"
)

// WriteYAML writes a document so that reading it gives the same document again.
// Comments and the way in which it was written are not kept.
func (d *Document) WriteYAML(w io.Writer) error {
	p := &printer{}
	p.line(0, "apiVersion: %s", APIVersion)
	p.line(0, "kind: %s", Kind)
	p.line(0, "metadata: {name: %s}", yamlpos.Quote(d.Name))
	p.line(0, "spec:")
	p.head(d)
	p.names(d)
	p.protect(d)
	for _, section := range []Section{Normal, NodePorts, Forward, FastPath} {
		p.section(d, section)
	}
	p.raws(d)
	p.guarantees(d)
	if len(p.lines) == 4 {
		p.lines[3] = "spec: {}"
	}
	_, err := io.WriteString(w, strings.Join(p.lines, "\n")+"\n")
	return err
}

type printer struct{ lines []string }

func (p *printer) line(indent int, format string, args ...any) {
	p.lines = append(p.lines, strings.Repeat("  ", indent)+fmt.Sprintf(format, args...))
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (p *printer) head(d *Document) {
	switch {
	case d.Tier.Order != nil:
		p.line(1, "tier: {name: %s, order: %s}", yamlpos.Quote(d.Tier.Name), number(*d.Tier.Order))
	case d.Tier.Name != "" && d.Tier.Name != DefaultTier:
		p.line(1, "tier: %s", yamlpos.Quote(d.Tier.Name))
	}
	if d.Order != nil {
		p.line(1, "order: %s", number(*d.Order))
	}
	if d.Stage {
		p.line(1, "mode: stage")
	}
	if d.Owner != "" {
		p.line(1, "owner: %s", yamlpos.Quote(d.Owner))
	}
}

func (p *printer) names(d *Document) {
	if len(d.Parties) > 0 {
		p.line(1, "parties:")
	}
	for i := range d.Parties {
		p.line(2, "%s: %s", yamlpos.Quote(d.Parties[i].Name), flow(d.Parties[i].entries()))
	}
	if len(d.Ports) > 0 {
		p.line(1, "ports:")
	}
	for _, g := range d.Ports {
		p.line(2, "%s: %s", yamlpos.Quote(g.Name), list(portTexts(g.Terms)))
	}
}

// entries are the fields of a party, in the order in which they are written.
func (y *Party) entries() []string {
	var out []string
	put := func(key, value string) {
		if value != "" {
			out = append(out, key+": "+value)
		}
	}
	quoted := func(s string) string {
		if s == "" {
			return ""
		}
		return yamlpos.Quote(s)
	}
	selected := func(s *Selector) string {
		if s == nil {
			return ""
		}
		return quoted(s.Text)
	}
	put("namespace", quoted(y.Namespace))
	put("namespaces", selected(y.Namespaces))
	put("pods", selected(y.Pods))
	put("serviceAccounts", list(y.Accounts))
	put("hosts", selected(y.Hosts))
	put("nets", list(prefixTexts(y.Nets)))
	put("except", list(prefixTexts(y.Except)))
	put("anyOf", list(refTexts(y.AnyOf)))
	put("service", quoted(y.Service))
	return out
}

func (p *printer) protect(d *Document) {
	if len(d.Protect) > 0 {
		p.line(1, "protect:")
	}
	for _, one := range d.Protect {
		switch {
		case one.In && one.Out:
			p.line(1, "- %s", yamlpos.Quote(one.Party.Name))
		case one.In:
			p.line(1, "- {party: %s, direction: in}", yamlpos.Quote(one.Party.Name))
		default:
			p.line(1, "- {party: %s, direction: out}", yamlpos.Quote(one.Party.Name))
		}
	}
}

// section writes the statements of a section, and the guard that closes it.
func (p *printer) section(d *Document, s Section) {
	indent := 1
	if s == NodePorts || s == Forward {
		indent = 2
		key := map[Section]string{NodePorts: "protect", Forward: "via"}[s]
		for _, g := range d.Guards {
			if g.Section != s {
				continue
			}
			p.line(1, "%s:", s)
			p.line(2, "%s: %s", key, list(refTexts(g.Hosts)))
			if len(g.Trust) > 0 {
				p.line(2, "trust: %s", list(refTexts(g.Trust)))
			}
		}
	}
	for _, deny := range []bool{true, false} {
		first := true
		for i := range d.Rules {
			r := &d.Rules[i]
			if r.Section != s || r.Deny != deny {
				continue
			}
			if first {
				p.line(indent, "%s:", sectionKey(s, deny))
			}
			first = false
			p.line(indent, "- %s", flow(r.entries()))
		}
	}
}

func sectionKey(s Section, deny bool) string {
	switch {
	case s == FastPath:
		return s.String()
	case deny:
		return "deny"
	}
	return "allow"
}

func (r *Rule) entries() []string {
	out := []string{"from: " + one(refTexts(r.From)), "to: " + one(refTexts(r.To))}
	if len(r.On) > 0 {
		out = append(out, "on: "+one(portTexts(r.On)))
	}
	switch r.At {
	case In:
		out = append(out, "at: to")
	case Out:
		out = append(out, "at: from")
	}
	if r.Log {
		out = append(out, "log: true")
	}
	for _, f := range [][2]string{{"because", r.Because}, {"owner", r.Owner}, {"until", r.Until}} {
		if f[1] != "" {
			out = append(out, f[0]+": "+yamlpos.Quote(f[1]))
		}
	}
	return out
}

func (p *printer) raws(d *Document) {
	if len(d.Raw) > 0 {
		p.line(1, "raw:")
	}
	for _, r := range d.Raw {
		direction := Out
		if r.In {
			direction = In
		}
		text := "{}"
		if data, err := r.Rule.JSON(); err == nil {
			text = string(data)
		}
		p.line(1, "- party: %s", yamlpos.Quote(r.Party.Name))
		p.line(1, "  direction: %s", direction)
		p.line(1, "  rule: %s", text)
	}
}

func (p *printer) guarantees(d *Document) {
	if len(d.Guarantees) > 0 {
		p.line(1, "guarantee:")
	}
	for i := range d.Guarantees {
		g := &d.Guarantees[i]
		key := "always"
		if g.Never {
			key = "never"
		}
		p.line(1, "- {%s: %s}", key, flow(g.Rule.entries()))
	}
}

func flow(entries []string) string { return "{" + strings.Join(entries, ", ") + "}" }

// list writes words in brackets, "" for none; one leaves them out around a single
// word.
func list(words []string) string {
	if len(words) == 0 {
		return ""
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = yamlpos.Quote(w)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func one(words []string) string {
	if len(words) == 1 {
		return yamlpos.Quote(words[0])
	}
	return list(words)
}

func refTexts(refs []Ref) []string {
	var out []string
	for _, r := range refs {
		out = append(out, r.Name)
	}
	return out
}

func portTexts(refs []PortRef) []string {
	var out []string
	for _, r := range refs {
		out = append(out, r.Text)
	}
	return out
}

func prefixTexts(nets []netip.Prefix) []string {
	var out []string
	for _, n := range nets {
		out = append(out, n.String())
	}
	return out
}
