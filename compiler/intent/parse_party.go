package intent

import (
	"errors"
	"net/netip"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/selector"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/packet"
)

// AnyParty is the party of every end there is.
const AnyParty = "any"

func (p *parser) parties(n *yamlpos.Node) {
	if n.Kind != yamlpos.Map {
		p.wrongType(n, "spec.parties", "a mapping of names to parties")
		return
	}
	for _, f := range n.Fields {
		p.name(f.Key, f.KeySpan, "a party")
		if f.Key == AnyParty {
			p.errorf("intent/bad-name", f.KeySpan, "choose another name", "party any is built in: it is every end there is")
		}
		if p.given(f, "spec.parties") {
			p.party(f)
		} else {
			p.doc.Parties = append(p.doc.Parties, Party{Name: f.Key, Span: f.KeySpan, Wrong: true})
		}
	}
}

func (p *parser) party(f yamlpos.Field) {
	y := Party{Name: f.Key, Span: f.KeySpan}
	path, before := "party "+f.Key, errorsIn(p.diags)
	ok := p.fields(f.Value, path, fieldTable{
		"namespace": func(v *yamlpos.Node) {
			y.Namespace = p.text(v, path+": namespace")
			if v.Kind == yamlpos.String {
				p.name(v.Text, v.Span, "a namespace")
			}
		},
		"namespaces":      func(v *yamlpos.Node) { y.Namespaces = p.selector(v, path+": namespaces") },
		"pods":            func(v *yamlpos.Node) { y.Pods = p.selector(v, path+": pods") },
		"serviceAccounts": func(v *yamlpos.Node) { y.Accounts = p.accounts(v, path+": serviceAccounts") },
		"hosts":           func(v *yamlpos.Node) { y.Hosts = p.selector(v, path+": hosts") },
		"nets":            func(v *yamlpos.Node) { y.Nets = p.nets(v, path+": nets") },
		"except":          func(v *yamlpos.Node) { y.Except = p.nets(v, path+": except") },
		"anyOf":           func(v *yamlpos.Node) { y.AnyOf = p.refs(v, path+": anyOf") },
		"service":         func(v *yamlpos.Node) { y.Service = p.service(v, path) },
	})
	if ok {
		p.partyKinds(f, &y)
	}
	y.Wrong = errorsIn(p.diags) > before
	p.doc.Parties = append(p.doc.Parties, y)
}

// partyKinds checks that a party is of one kind.
func (p *parser) partyKinds(f yamlpos.Field, y *Party) {
	groups := [][]string{{"namespace", "namespaces", "pods", "serviceAccounts"}, {"hosts"}, {"nets", "except"}, {"anyOf"}, {"service"}}
	first := ""
	for _, g := range groups {
		for _, key := range g {
			if f.Value.Get(key) == nil {
				continue
			}
			if first != "" {
				p.errorf("intent/mixed-party", f.Value.Field(key).KeySpan, "make two parties and join them with anyOf",
					"party %s: %s cannot stand beside %s", f.Key, key, first)
				return
			}
			first = key
			break
		}
	}
	switch {
	case first == "":
		p.errorf("intent/empty-party", f.KeySpan, "give pods, hosts, nets, service or anyOf", "party %s says nothing of its ends", f.Key)
	case y.Namespace != "" && y.Namespaces != nil:
		p.errorf("intent/mixed-party", f.Value.Field("namespaces").KeySpan, "leave one out", "party %s: namespaces cannot stand beside namespace", f.Key)
	case first == "nets" || first == "except":
		p.partyNets(f, y)
	}
}

func (p *parser) partyNets(f yamlpos.Field, y *Party) {
	if f.Value.Get("nets") == nil {
		p.errorf("intent/missing-field", f.KeySpan, "write nets: [0.0.0.0/0, \"::/0\"] for all addresses", "party %s has except without nets", f.Key)
		return
	}
	for i, e := range y.Except {
		inside := false
		for _, n := range y.Nets {
			inside = inside || n.Overlaps(e)
			if e.Bits() <= n.Bits() && e.Overlaps(n) {
				p.errorf("intent/nothing-left", f.Value.Field("except").KeySpan, "leave the network out", "party %s: except %s leaves nothing of %s", f.Key, e, n)
			}
		}
		if !inside {
			p.errorf("intent/except-outside", itemSpan(f.Value.Get("except"), i), "leave it out", "party %s: %s is in none of its nets", f.Key, e)
		}
	}
}

func itemSpan(n *yamlpos.Node, i int) diag.Span {
	if item := n.Item(i); item != nil {
		return item.Span
	}
	return n.Span
}

func (p *parser) selector(n *yamlpos.Node, path string) *Selector {
	s := &Selector{Text: p.text(n, path), Span: n.Span}
	if n.Kind != yamlpos.String {
		s.Text = "all()"
	}
	if strings.TrimSpace(s.Text) == "" {
		p.errorf("intent/bad-selector", n.Span, "write all() for everything", "%s is an empty selector", path)
		s.Text = "all()"
	}
	sel, err := selector.Parse(s.Text)
	if err != nil {
		var e *selector.Error
		if errors.As(err, &e) {
			found := e.Finding(n.TextSpan)
			found.Code = "intent/bad-selector"
			p.diags.Add(found)
		}
		s.Text = "all()"
		sel, _ = selector.Parse(s.Text)
	}
	global := false
	sel.Root.Walk(func(e *selector.Expr) { global = global || e.Op == selector.Global })
	if global {
		p.errorf("intent/bad-selector", n.Span, "name hosts or nets by parties of their own", "%s: global() selects no pods or hosts", path)
	}
	s.Sel = sel
	return s
}

func (p *parser) accounts(n *yamlpos.Node, path string) []string {
	var out []string
	for _, item := range p.texts(n, path) {
		p.name(strings.ReplaceAll(item.Text, ".", "-"), item.Span, "a service account")
		out = append(out, item.Text)
	}
	return out
}

func (p *parser) service(n *yamlpos.Node, path string) string {
	text := p.text(n, path+": service")
	ns, name, ok := strings.Cut(text, "/")
	if n.Kind == yamlpos.String && (!ok || !nameForm.MatchString(ns) || !nameForm.MatchString(name)) {
		p.errorf("intent/bad-service", n.Span, "write namespace/name", "%s: %q is not a service", path, text)
	}
	return text
}

func (p *parser) nets(n *yamlpos.Node, path string) []netip.Prefix {
	var out []netip.Prefix
	for _, item := range p.texts(n, path) {
		net, ok := p.net(item, path)
		if !ok {
			continue
		}
		out = append(out, net)
	}
	return out
}

func (p *parser) net(item *yamlpos.Node, path string) (netip.Prefix, bool) {
	net, err := netip.ParsePrefix(item.Text)
	if err != nil {
		a, aerr := netip.ParseAddr(item.Text)
		if aerr != nil || a.Zone() != "" {
			p.errorf("intent/bad-net", item.Span, "write it as 10.0.0.0/8 or 2001:db8::/32", "%s: %q is neither a network nor an address", path, item.Text)
			return netip.Prefix{}, false
		}
		net = netip.PrefixFrom(a, a.BitLen())
	}
	if net.Addr().Is4In6() {
		p.errorf("intent/bad-net", item.Span, "write it as an IPv4 network", "%s: %q is an IPv4 address in IPv6", path, item.Text)
		return net, false
	}
	if net != net.Masked() {
		p.errorf("intent/host-bits", item.Span, "write "+net.Masked().String(), "%s: %q has bits set behind its prefix", path, item.Text)
		return net, false
	}
	return net, true
}

// family is the family that all nets have, 0 if they differ.
func family(nets []netip.Prefix) packet.Family {
	var f packet.Family
	for i, n := range nets {
		g := packet.FamilyOf(n.Addr())
		if i > 0 && g != f {
			return 0
		}
		f = g
	}
	return f
}
