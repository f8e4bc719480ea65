package intent

import (
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// ports resolves a list of ports; nil stands for every packet.
func (l *linker) ports(d *Document, refs []PortRef) []PortTerm {
	var out []PortTerm
	for _, r := range refs {
		if len(r.Terms) > 0 {
			out = append(out, r.Terms...)
			continue
		}
		if g := l.portGroup(d, r); g != nil {
			for _, t := range g.Terms {
				if len(t.Terms) == 0 {
					l.report("intent/nested-ports", diag.Error, t.Span, "write the ports out", "a list of ports cannot name another list (%q)", t.Text)
				}
				out = append(out, t.Terms...)
			}
		}
	}
	return out
}

// portGroup looks a list of ports up as find does a party.
func (l *linker) portGroup(d *Document, r PortRef) *PortGroup {
	var owners []*Document
	var names []string
	if owner, name, qualified := strings.Cut(r.Text, "."); qualified {
		for _, o := range l.program.Docs {
			if g := o.ports(name); o.Name == owner && g != nil {
				l.used[g] = true
				return g
			}
		}
	}
	if g := d.ports(r.Text); g != nil {
		l.used[g] = true
		return g
	}
	for _, o := range l.program.Docs {
		if o.ports(r.Text) != nil {
			owners = append(owners, o)
		}
		for _, g := range o.Ports {
			names = append(names, g.Name)
		}
	}
	switch len(owners) {
	case 1:
		g := owners[0].ports(r.Text)
		l.used[g] = true
		return g
	case 0:
		hint := "give it under ports, or write tcp/80"
		if near := yamlpos.Nearest(r.Text, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		l.report("intent/unknown-ports", diag.Error, r.Span, hint, "no list of ports is called %q", r.Text)
	default:
		l.report("intent/ambiguous-ports", diag.Error, r.Span, "write "+owners[0].Name+"."+r.Text+" or "+owners[1].Name+"."+r.Text,
			"the list of ports %q is given by more than one intent", r.Text)
	}
	return nil
}

func (d *Document) ports(name string) *PortGroup {
	for i := range d.Ports {
		if d.Ports[i].Name == name {
			return &d.Ports[i]
		}
	}
	return nil
}
