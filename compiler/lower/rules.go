package lower

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
	"tortie/compiler/selector"
	"tortie/dataplane/packet"
)

// match is what a rule asks of protocol and ports.
type match struct {
	protocol   string
	family     packet.Family
	typ, code  *int
	ports      []string
	everything bool // all ports of the protocol
}

// matches merges terms into one match per protocol and ICMP type.
func matches(terms []intent.PortTerm) []match {
	if len(terms) == 0 {
		return []match{{everything: true}}
	}
	var out []match
	for _, t := range terms {
		m := match{protocol: protocolName(t.Proto), everything: !t.HasPorts && t.Name == ""}
		switch t.Proto {
		case packet.ProtoICMP:
			m.family = packet.IPv4
		case packet.ProtoICMPv6:
			m.family = packet.IPv6
		}
		if t.HasType {
			m.typ = ptr(int(t.Type))
		}
		if t.HasCode {
			m.code = ptr(int(t.Code))
		}
		if text := portText(t); text != "" {
			m.ports = []string{text}
		}
		out = mergeMatch(out, m)
	}
	return out
}

func mergeMatch(out []match, m match) []match {
	for i := range out {
		o := &out[i]
		if o.protocol != m.protocol || number(o.typ) != number(m.typ) || number(o.code) != number(m.code) {
			continue
		}
		switch {
		case o.everything || m.everything:
			o.everything, o.ports = true, nil
		default:
			o.ports = addPort(o.ports, m.ports[0])
		}
		return out
	}
	return append(out, m)
}

// addPort adds a port or a range to a list in which ranges that overlap or touch
// are one.
func addPort(list []string, port string) []string {
	if slices.Contains(list, port) {
		return list
	}
	low, high, ok := portRange(port)
	at := len(list)
	out := make([]string, 0, at+1)
	for _, have := range list {
		l, h, numbered := portRange(have)
		if !ok || !numbered || !join(low, high, l, h) {
			out = append(out, have)
			continue
		}
		low, high, at = min(low, l), max(high, h), min(at, len(out))
	}
	if ok {
		port = portText(intent.PortTerm{HasPorts: true, First: uint16(low), Last: uint16(high)})
	}
	return slices.Insert(out, min(at, len(out)), port)
}

// join reports whether two ranges are one. Two single ports stay what they are.
func join(low, high, l, h int) bool {
	touch := 0
	if low < high || l < h {
		touch = 1
	}
	return l <= high+touch && low <= h+touch
}

func ptr[T any](v T) *T { return &v }

func portText(t intent.PortTerm) string {
	switch {
	case t.Name != "":
		return t.Name
	case !t.HasPorts:
		return ""
	case t.First == t.Last:
		return fmt.Sprint(t.First)
	}
	return fmt.Sprintf("%d:%d", t.First, t.Last)
}

// protocolName is a protocol as Calico's API spells it.
func protocolName(p packet.Proto) string {
	names := map[packet.Proto]string{packet.ProtoTCP: "TCP", packet.ProtoUDP: "UDP", packet.ProtoSCTP: "SCTP",
		packet.ProtoUDPLite: "UDPLite", packet.ProtoICMP: "ICMP", packet.ProtoICMPv6: "ICMPv6"}
	if name, ok := names[p]; ok {
		return name
	}
	return fmt.Sprint(uint8(p))
}

// rules are the rules of a statement in the policy of an atom.
func (u *unit) rules(s *intent.Statement, at *intent.Atom, peers []*intent.Atom, dir intent.Direction) []Rule {
	return u.rulesAt(s, hold{atom: at, on: s.On}, peers, dir)
}

// rulesAt are the rules of a statement where it holds.
func (u *unit) rulesAt(s *intent.Statement, h hold, peers []*intent.Atom, dir intent.Direction) []Rule {
	ns := policyNamespace(h.atom)
	var out []Rule
	for _, peer := range peers {
		on, family, part := matches(h.on), h.family, false
		if peer.Kind == intent.Service {
			on, part = u.servicePorts(s, peer)
		}
		for _, m := range on {
			ends := u.entities(peer, ns, cmp.Or(m.family, family))
			if part {
				svc := u.facts.services[peer.Party.Service]
				ends, family = []Entity{u.podsOfService(svc, ns)}, u.facts.familyOf(svc)
			}
			for _, e := range ends {
				r := u.rule(s, m)
				r.IPVersion = family
				if dir == intent.In {
					r.Source = e
				} else {
					r.Destination = e
				}
				r.Destination.Ports = m.ports
				r.Why = fmt.Sprintf("%s %s %s", h.atom.Party.Name, map[intent.Direction]string{intent.In: "from", intent.Out: "to"}[dir], peer.Party.Name)
				out = appendNew(out, u.logged(s, r)...)
			}
		}
	}
	return out
}

// logged puts a Log rule before a rule that is to be logged.
func (u *unit) logged(s *intent.Statement, r Rule) []Rule {
	if !s.Rule.Log {
		return []Rule{r}
	}
	l := r
	l.Action = "Log"
	return []Rule{l, r}
}

func (u *unit) rule(s *intent.Statement, m match) Rule {
	r := Rule{Action: "Allow", Protocol: m.protocol, ICMPType: m.typ, ICMPCode: m.code,
		Span: s.Rule.Span, Because: s.Rule.Because, Owner: s.Rule.Owner, Until: s.Rule.Until}
	if r.Owner == "" {
		r.Owner = s.Doc.Owner
	}
	if s.Rule.Deny {
		r.Action = "Deny"
	}
	return r
}

// policyNamespace is the namespace of the policy for an atom, "" for a global one.
func policyNamespace(a *intent.Atom) string {
	if a.Kind == intent.Pods {
		return a.Party.Namespace
	}
	return ""
}

// entities are an atom as an end of rules in a policy of a namespace; several,
// when one rule cannot say it; none, when it has no address of the family.
func (u *unit) entities(a *intent.Atom, ns string, f packet.Family) []Entity {
	switch a.Kind {
	case intent.Pods:
		return []Entity{podEntity(a.Party, ns)}
	case intent.Hosts:
		return []Entity{{Selector: a.Party.Hosts.Text, NamespaceSelector: "global()"}}
	case intent.Nets:
		return u.netEntities(a, f)
	case intent.Service:
		namespace, name, _ := strings.Cut(a.Party.Service, "/")
		return []Entity{{Service: name, ServiceNamespace: namespace}}
	}
	return []Entity{{}}
}

func podEntity(p *intent.Party, ns string) Entity {
	e := Entity{Accounts: p.Accounts}
	if p.Pods != nil {
		e.Selector = p.Pods.Text
	}
	switch {
	case p.Namespace != "" && p.Namespace == ns:
		if e.Selector == "" && len(e.Accounts) == 0 {
			e.Selector = "all()"
		}
	case p.Namespace != "":
		e.NamespaceSelector = "projectcalico.org/name == '" + p.Namespace + "'"
	case p.Namespaces != nil:
		e.NamespaceSelector = p.Namespaces.Text
	default:
		e.NamespaceSelector = "all()"
	}
	return e
}

// netEntities: one network stands in the rule, exceptions too; else it is a set.
func (u *unit) netEntities(a *intent.Atom, f packet.Family) []Entity {
	p := a.Party
	if len(p.Except) == 0 && len(p.Nets) > 1 {
		return []Entity{u.set(a)}
	}
	var out []Entity
	for _, fam := range []packet.Family{packet.IPv4, packet.IPv6} {
		if f != 0 && f != fam {
			continue
		}
		e := Entity{Nets: ofFamily(p.Nets, fam), NotNets: ofFamily(p.Except, fam)}
		if len(e.Nets) > 0 {
			out = append(out, e)
		}
	}
	return out
}

func ofFamily(nets []netip.Prefix, f packet.Family) []string {
	var out []string
	for _, n := range nets {
		if packet.FamilyOf(n.Addr()) == f && !slices.Contains(out, n.String()) {
			out = append(out, n.String())
		}
	}
	return out
}

// longestLabel is how many characters the value of a label may have.
const longestLabel = 63

// set makes the network set of an atom, once.
func (u *unit) set(a *intent.Atom) Entity {
	name := a.Doc.Name + "-" + a.Party.Name
	if len(name) > longestLabel {
		u.diags.Add(diag.Finding{Code: "intent/bad-name", Severity: diag.Error, Span: a.Party.Span,
			Hint: fmt.Sprintf("shorten the names of intent %s (%d characters) and party %s (%d): together they may have %d",
				a.Doc.Name, len(a.Doc.Name), a.Party.Name, len(a.Party.Name), longestLabel-len("-")),
			Message: fmt.Sprintf("the names of the intent and the party, which a label of the party's network set joins, have %d characters", len(a.Doc.Name)+len(a.Party.Name))})
	}
	u.addSet(NetworkSet{Name: name, Intent: a.Doc.Name, Nets: append(ofFamily(a.Party.Nets, packet.IPv4), ofFamily(a.Party.Nets, packet.IPv6)...), Span: a.Party.Span})
	return setEntity(name)
}

func setEntity(name string) Entity {
	return Entity{Selector: netsLabel + " == '" + name + "'", NamespaceSelector: "global()"}
}

// addSet adds a network set, once. Two of one name would be one object, with the
// networks of one of them.
func (c *compiler) addSet(s NetworkSet) {
	for _, have := range c.out.Sets {
		switch {
		case have.Name != s.Name:
		case have.Intent == "" && s.Intent == "" || have.Span == s.Span:
			return
		default:
			c.setCollision(have, s)
			return
		}
	}
	c.out.Sets = append(c.out.Sets, s)
}

func (c *compiler) setCollision(a, b NetworkSet) {
	if a.Intent > b.Intent {
		a, b = b, a
	}
	f := diag.Finding{Code: "intent/name-collision", Severity: diag.Error, Span: b.Span, Hint: "rename one of the parties",
		Message: "two parties would give network sets the name " + b.Name, Related: []diag.Related{{Span: a.Span, Message: "the other"}}}
	if a.Intent == "" {
		f.Hint, f.Related = "rename the party", nil
		f.Message = "the party would give a network set the name " + b.Name + ", which the set of the cluster's own networks has"
	}
	if !slices.ContainsFunc(c.diags, func(have diag.Finding) bool { return have.Code == f.Code && have.Span == f.Span }) {
		c.diags.Add(f)
	}
}

// ruleFamily is the family that a rule's protocol or networks imply.
func ruleFamily(r Rule) packet.Family {
	switch {
	case r.Protocol == "ICMP":
		return packet.IPv4
	case r.Protocol == "ICMPv6":
		return packet.IPv6
	}
	return 0
}

// and joins a selector with another condition.
func and(s *intent.Selector, more string) string {
	if s.Sel.Root.Op == selector.All {
		return more
	}
	if s.Sel.Root.Op == selector.Or {
		return "(" + s.Text + ") && " + more
	}
	return s.Text + " && " + more
}

func quoted(words []string) string {
	return "{'" + strings.Join(words, "', '") + "'}"
}
