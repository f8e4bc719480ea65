package lower

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
	"tortie/compiler/selector"
	"tortie/dataplane/packet"

	corev1 "k8s.io/api/core/v1"
)

// A service as destination stands for the pods that it selects: callers may reach
// them, and they let the callers in, at their own ports.

// hold is where a statement holds, and what it is about there.
type hold struct {
	atom   *intent.Atom
	on     []intent.PortTerm
	family packet.Family // 0 for both
}

// holds are the ends at which a statement holds in a direction.
func (c *compiler) holds(s *intent.Statement, dir int) []hold {
	if s.Rule.At != 0 && s.Rule.At != directions[dir] {
		return nil
	}
	var out []hold
	for _, a := range subjects(s, dir) {
		h := hold{atom: c.subject(a), on: s.On}
		if a.Kind == intent.Service && h.atom != nil {
			svc := c.facts.services[a.Party.Service]
			h.on, h.family = behindTerms(s, svc), c.facts.familyOf(svc)
			if len(h.on) == 0 {
				continue
			}
		}
		if h.atom != nil {
			out = append(out, h)
		}
	}
	return out
}

// subjects is the side of a statement that is judged in a direction.
func subjects(s *intent.Statement, dir int) []*intent.Atom {
	if dir == 0 {
		return s.To
	}
	return s.From
}

// subject is the atom at which a party's policies are put, nil if there is none.
func (c *compiler) subject(a *intent.Atom) *intent.Atom {
	switch {
	case a.Subject():
		return a
	case a.Kind == intent.Service:
		return c.podsBehind(a)
	}
	return nil
}

// podsBehind are the pods that a service selects: a party that selects the same
// ones, else one made up under the service's name. It is nil where nobody knows.
func (c *compiler) podsBehind(a *intent.Atom) *intent.Atom {
	if out, ok := c.behind[a]; ok {
		return out
	}
	c.behind[a] = nil
	svc := c.facts.services[a.Party.Service]
	if svc == nil || len(svc.Spec.Selector) == 0 {
		return nil
	}
	text := selectorOf(svc)
	sel, err := selector.Parse(text)
	if err != nil {
		return nil
	}
	pods := &intent.Atom{Kind: intent.Pods, Doc: a.Doc, Party: &intent.Party{Name: a.Party.Name, Span: a.Party.Span, Namespace: svc.Namespace,
		Pods: &intent.Selector{Text: text, Sel: sel, Span: a.Party.Span}}}
	same := func(o *intent.Atom) bool { return intent.Within(o, pods) && intent.Within(pods, o) }
	all := append(c.atoms(), slices.Collect(maps.Values(c.behind))...)
	if i := slices.IndexFunc(all, func(o *intent.Atom) bool { return o != nil && same(o) }); i >= 0 {
		pods = all[i]
	}
	c.behind[a] = pods
	return pods
}

// selectorOf is a service's selector in Calico's language.
func selectorOf(svc *corev1.Service) string {
	var terms []string
	for _, k := range slices.Sorted(maps.Keys(svc.Spec.Selector)) {
		terms = append(terms, k+" == '"+svc.Spec.Selector[k]+"'")
	}
	return strings.Join(terms, " && ")
}

// familyOf is the only family of a service's addresses, 0 where that is no
// restriction.
func (f *facts) familyOf(svc *corev1.Service) packet.Family {
	switch {
	case !f.v6:
	case len(svc.Spec.IPFamilies) == 1 && svc.Spec.IPFamilies[0] == corev1.IPv6Protocol:
		return packet.IPv6
	case len(svc.Spec.IPFamilies) == 1:
		return packet.IPv4
	case len(svc.Spec.IPFamilies) == 0 && len(svc.Spec.ClusterIPs) < 2:
		if a, err := netip.ParseAddr(svc.Spec.ClusterIP); err == nil {
			return packet.FamilyOf(a)
		}
	}
	return 0
}

// behindTerms are the ports of the pods that a statement about a service means.
func behindTerms(s *intent.Statement, svc *corev1.Service) []intent.PortTerm {
	var out []intent.PortTerm
	for _, p := range svc.Spec.Ports {
		if len(s.On) == 0 || slices.ContainsFunc(s.On, func(t intent.PortTerm) bool { return t.Has(protocolOf(p), uint16(p.Port), p.Name) }) {
			out = append(out, behindPort(p))
		}
	}
	return out
}

// serviceEnds reports statements about services that lead to ends which cannot be
// opened or closed, or that see others than the statement says.
func (c *compiler) serviceEnds(s *intent.Statement) {
	if s.Rule.Section != intent.Normal || s.Rule.At == intent.Out {
		return
	}
	for _, a := range s.To {
		svc := c.facts.services[a.Party.Service]
		switch {
		case a.Kind != intent.Service:
		case svc != nil && svc.Spec.Type == corev1.ServiceTypeExternalName:
			c.externalName(s, svc)
		case svc == nil:
			c.cannotOpen(s, a, "is not in the input", "give the cluster's objects with -f, or allow callers to reach the pods behind it")
		case c.podsBehind(a) == nil:
			c.cannotOpen(s, a, "selects no pods", "allow callers to reach what is behind it, at its own ports")
		default:
			c.cannotOpen(s, a, "leads to hosts", "allow callers to reach the hosts, at their own ports")
			c.sourceHidden(s, svc)
		}
	}
}

// externalName reports a statement about a service that is another name for a host:
// it has no addresses, so rules about it meet no packet.
func (c *compiler) externalName(s *intent.Statement, svc *corev1.Service) {
	c.warn("intent/external-name", s.Rule.Span, "name the networks of "+svc.Spec.ExternalName+" in place of the service",
		"service %s/%s is another name for %s and has no addresses, so the statement meets no connection", svc.Namespace, svc.Name, svc.Spec.ExternalName)
}

// cannotOpen reports that something behind a service stays closed, because a
// statement about the service holds at its callers only; or then nowhere.
func (c *compiler) cannotOpen(s *intent.Statement, a *intent.Atom, why, hint string) {
	if c.podsBehind(a) == nil && (s.Rule.At == intent.In || !slices.ContainsFunc(s.From, (*intent.Atom).Subject)) {
		c.diags.Add(diag.Finding{Code: "intent/no-subject", Severity: diag.Error, Span: s.Rule.Span, Hint: hint,
			Message: "service " + a.Party.Service + " " + why + ", so nobody knows at which pods this holds"})
		return
	}
	if by := c.closes(s, a); by != nil && !s.Rule.Deny && !c.letsIn(s, c.facts.services[a.Party.Service], by) {
		c.warn("intent/service-behind-protected", s.Rule.Span, hint,
			"service %s %s, so this opens the way out of its callers only; the protection of party %s may close what is behind it", a.Party.Service, why, by.Party.Name)
	}
}

// closes is a protected party that may have what is behind a service and is not
// opened by it: by the addresses of its endpoints, or by its namespace if there are
// none.
func (c *compiler) closes(s *intent.Statement, a *intent.Atom) *intent.Atom {
	ns, _, _ := strings.Cut(a.Party.Service, "/")
	svc := c.facts.services[a.Party.Service]
	if svc == nil && len(c.facts.services) > 0 {
		return nil // intent/no-service says so
	}
	for i := range c.program.Protects {
		p := &c.program.Protects[i]
		for _, x := range p.Atoms {
			pods := x.Kind == intent.Pods && c.podsBehind(a) == nil
			switch {
			case !p.Protect.In:
			case svc == nil && pods && mayBeIn(x.Party, ns),
				svc != nil && (pods || x.Kind == intent.Hosts && !c.failsafePorts(x, s, svc)) && c.facts.hasAddr(x, c.facts.backends[a.Party.Service]):
				return x
			}
		}
	}
	return nil
}

// mayBeIn reports whether pods of a party may be in a namespace, as far as its
// definition says. Parties of all namespaces are not made for kube-system when they
// ask for labels.
func mayBeIn(p *intent.Party, ns string) bool {
	asks := func(s *intent.Selector) bool { return s != nil && s.Sel.Root.Op != selector.All }
	return p.Namespace == ns || p.Namespace == "" && !(ns == "kube-system" && (asks(p.Pods) || asks(p.Namespaces)))
}

// failsafePorts reports whether hosts leave all ports open that a statement about a
// service means.
func (c *compiler) failsafePorts(hosts *intent.Atom, s *intent.Statement, svc *corev1.Service) bool {
	return !slices.ContainsFunc(behindTerms(s, svc), func(t intent.PortTerm) bool {
		return !c.facts.isFailsafe(hosts, 0, t.Proto, t.First)
	})
}

// hasAddr reports whether an end of an atom has one of some addresses.
func (f *facts) hasAddr(a *intent.Atom, addrs []netip.Addr) bool {
	among := func(s string) bool {
		return slices.ContainsFunc(addrs, func(x netip.Addr) bool { return x.String() == s })
	}
	if a.Kind == intent.Hosts {
		return slices.ContainsFunc(f.hepsOf(a), func(h hep) bool { return slices.ContainsFunc(h.expected, among) })
	}
	return slices.ContainsFunc(f.podsOf(a), func(p *pod) bool {
		return slices.ContainsFunc(p.nets, func(n netip.Prefix) bool { return among(n.Addr().String()) })
	})
}

// letsIn reports whether another statement lets callers in at a party, at the ports
// that a statement about a service means; names may be those of any port.
func (c *compiler) letsIn(s *intent.Statement, svc *corev1.Service, to *intent.Atom) bool {
	var behind []intent.PortTerm
	if svc != nil {
		behind = behindTerms(s, svc)
	}
	return slices.ContainsFunc(c.program.Statements, func(o intent.Statement) bool {
		opens := func(t intent.PortTerm) bool {
			return len(o.On) == 0 || slices.ContainsFunc(o.On, func(on intent.PortTerm) bool {
				return on.Has(t.Proto, t.First, t.Name) || on.Proto == t.Proto && on.Name+t.Name != ""
			})
		}
		for _, a := range s.From {
			if !slices.ContainsFunc(o.From, func(x *intent.Atom) bool { return x.Kind == intent.Any || intent.Within(a, x) }) {
				return false
			}
		}
		return o.OpensHosts() && o.Rule != s.Rule && has(o.To, to) && !slices.ContainsFunc(behind, func(t intent.PortTerm) bool { return !opens(t) })
	})
}

// sourceHidden: who comes in by a node port has, at pods of other nodes, the address
// of the node that it came by, unless the service keeps to the pods of each node.
func (c *compiler) sourceHidden(s *intent.Statement, svc *corev1.Service) {
	nets := slices.ContainsFunc(s.From, func(a *intent.Atom) bool { return a.Kind == intent.Nets })
	nodes := slices.ContainsFunc(s.From, func(a *intent.Atom) bool { return a.Kind == intent.Any || a.Kind == intent.Hosts })
	if nets && !nodes && c.effective[s] && c.facts.leadsOn(svc.Namespace+"/"+svc.Name) {
		c.warn("intent/service-source", s.Rule.Span, "give the service externalTrafficPolicy: Local, or name the nodes in from too",
			"whoever comes by a node port of service %s/%s has, at pods of other nodes, the address of the node that it came by", svc.Namespace, svc.Name)
	}
}
