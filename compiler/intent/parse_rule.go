package intent

import (
	"time"

	"tortie/compiler/yamlpos"
)

func (p *parser) protect(n *yamlpos.Node, path string) {
	if n.Kind == yamlpos.String {
		p.doc.Protect = append(p.doc.Protect, Protect{Party: Ref{n.Text, n.Span}, In: true, Out: true, Span: n.Span})
		return
	}
	p.items(n, path, func(item *yamlpos.Node) {
		one := Protect{In: true, Out: true, Span: item.Span}
		if item.Kind == yamlpos.String {
			one.Party = Ref{item.Text, item.Span}
			p.doc.Protect = append(p.doc.Protect, one)
			return
		}
		ok := p.fields(item, path, fieldTable{
			"party":     func(v *yamlpos.Node) { one.Party = Ref{p.text(v, path+".party"), v.Span} },
			"direction": func(v *yamlpos.Node) { p.directions(v, path, &one) },
		})
		if ok && item.Get("party") == nil {
			p.errorf("intent/missing-field", item.Span, "write {party: …, direction: in}", "%s: no party", path)
		}
		if item.Get("party") == nil || !ok && one.Party.Name == "" {
			return
		}
		p.doc.Protect = append(p.doc.Protect, one)
	})
}

func (p *parser) directions(v *yamlpos.Node, path string, one *Protect) {
	switch p.text(v, path+".direction") {
	case "in":
		one.Out = false
	case "out":
		one.In = false
	case "both", "":
	default:
		p.errorf("intent/bad-direction", v.Span, "write in, out or both", "%s: %q is no direction", path, v.Text)
	}
}

// rules reads a list of statements.
func (p *parser) rules(s Section, deny bool, path string) func(*yamlpos.Node) {
	return func(n *yamlpos.Node) {
		p.items(n, path, func(item *yamlpos.Node) {
			r, ok := p.rule(item, s, path)
			if !ok {
				p.doc.Unread = append(append(p.doc.Unread, r.From...), r.To...)
				return
			}
			r.Deny = deny
			p.doc.Rules = append(p.doc.Rules, r)
		})
	}
}

func (p *parser) rule(n *yamlpos.Node, s Section, path string) (Rule, bool) {
	r := Rule{Section: s, Span: n.Span}
	table := fieldTable{
		"from":    func(v *yamlpos.Node) { r.From = p.refs(v, path+".from") },
		"to":      func(v *yamlpos.Node) { r.To = p.refs(v, path+".to") },
		"on":      func(v *yamlpos.Node) { r.On = p.portRefs(v, path+".on") },
		"log":     func(v *yamlpos.Node) { r.Log = p.boolean(v, path+".log") },
		"because": func(v *yamlpos.Node) { r.Because = p.text(v, path+".because") },
		"owner":   func(v *yamlpos.Node) { r.Owner = p.text(v, path+".owner") },
		"until": func(v *yamlpos.Node) {
			r.UntilSpan, r.Until = v.Span, v.Text
			if _, err := time.Parse(time.DateOnly, v.Text); err != nil {
				r.Until = ""
				p.errorf("intent/bad-date", v.Span, "write it as 2027-03-31", "%s.until: %q is no date", path, v.Text)
			}
		},
	}
	if s == Normal {
		table["at"] = func(v *yamlpos.Node) { r.At = p.at(v, path) }
	}
	ok := p.fields(n, path, table)
	if n.Kind != yamlpos.Map {
		return r, false
	}
	for _, key := range []string{"from", "to"} {
		if n.Get(key) == nil {
			p.errorf("intent/missing-field", n.Span, "name a party, or any", "%s: the statement has no %s", path, key)
			ok = false
		}
	}
	if on := get(n, "on"); on != nil && len(r.On) == 0 {
		ok = false // reported; without ports the statement would say more than was meant
	}
	return r, ok
}

// at reads at which end a statement holds.
func (p *parser) at(v *yamlpos.Node, path string) Direction {
	switch p.text(v, path+".at") {
	case "to":
		return In
	case "from":
		return Out
	case "both", "":
	default:
		p.errorf("intent/bad-direction", v.Span, "write from, to or both", "%s.at: %q is no end of a connection", path, v.Text)
	}
	return 0
}

func (p *parser) hosts(n *yamlpos.Node) {
	p.fields(n, "spec.hosts", fieldTable{
		"protect": func(v *yamlpos.Node) { p.protect(v, "spec.hosts.protect") },
		"allow":   p.rules(Normal, false, "spec.hosts.allow"),
		"deny":    p.rules(Normal, true, "spec.hosts.deny"),
	})
}

func (p *parser) nodePorts(n *yamlpos.Node) { p.guarded(n, NodePorts, "spec.nodePorts", "protect") }
func (p *parser) forward(n *yamlpos.Node)   { p.guarded(n, Forward, "spec.forward", "via") }

// guarded reads a section that closes hosts but for its statements.
func (p *parser) guarded(n *yamlpos.Node, s Section, path, key string) {
	g := Guard{Section: s, Span: n.Span}
	ok := p.fields(n, path, fieldTable{
		key:     func(v *yamlpos.Node) { g.Hosts = p.refs(v, path+"."+key); g.Span = v.Span },
		"trust": func(v *yamlpos.Node) { g.Trust = p.refs(v, path+".trust") },
		"allow": p.rules(s, false, path+".allow"),
		"deny":  p.rules(s, true, path+".deny"),
	})
	if ok && len(g.Hosts) == 0 {
		p.errorf("intent/missing-field", n.Span, "name a party of hosts", "%s has no %s", path, key)
		return
	}
	p.doc.Guards = append(p.doc.Guards, g)
}

func (p *parser) raws(n *yamlpos.Node) {
	p.items(n, "spec.raw", func(item *yamlpos.Node) {
		r := Raw{Span: item.Span, In: true}
		ok := p.fields(item, "spec.raw", fieldTable{
			"party": func(v *yamlpos.Node) { r.Party = Ref{p.text(v, "spec.raw.party"), v.Span} },
			"direction": func(v *yamlpos.Node) {
				one := Protect{In: true, Out: true}
				p.directions(v, "spec.raw", &one)
				r.In = one.In
				if one.In && one.Out {
					p.errorf("intent/bad-direction", v.Span, "write in or out", "spec.raw: a rule has one direction")
				}
			},
			"rule": func(v *yamlpos.Node) {
				switch {
				case v.Kind != yamlpos.Map:
					p.wrongType(v, "spec.raw.rule", "a rule of Calico's")
				case p.allGiven(v, "spec.raw.rule"):
					r.Rule = v
				}
			},
		})
		for _, key := range []string{"party", "direction", "rule"} {
			if ok && item.Get(key) == nil {
				p.errorf("intent/missing-field", item.Span, "write {party: …, direction: in, rule: {action: …}}", "spec.raw: no %s", key)
				return
			}
		}
		if ok && r.Rule != nil {
			p.doc.Raw = append(p.doc.Raw, r)
		}
	})
}

func (p *parser) guarantees(n *yamlpos.Node) {
	p.items(n, "spec.guarantee", func(item *yamlpos.Node) {
		add := func(never bool) func(*yamlpos.Node) {
			return func(v *yamlpos.Node) {
				if r, ok := p.rule(v, Normal, "spec.guarantee"); ok {
					p.doc.Guarantees = append(p.doc.Guarantees, Guarantee{Never: never, Rule: r})
				}
			}
		}
		p.fields(item, "spec.guarantee", fieldTable{"never": add(true), "always": add(false)})
	})
}
