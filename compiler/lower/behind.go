package lower

import (
	"slices"
	"strings"

	"tortie/compiler/intent"

	corev1 "k8s.io/api/core/v1"
)

// behindServices reports the services of an allow whose pods are closed, and
// whether there are any. A service as destination opens the way out of its callers
// only.
func (c *compiler) behindServices(s *intent.Statement) bool {
	found := false
	if s.Rule.At != 0 {
		return false
	}
	for _, a := range s.To {
		svc := c.facts.services[a.Party.Service]
		if a.Kind != intent.Service || svc == nil || len(svc.Spec.Selector) == 0 {
			continue
		}
		if by := c.closesBehind(s, svc); by != nil {
			found = true
			c.warn("intent/service-behind-protected", s.Rule.Span, "add "+c.opening(s, svc, by),
				"allowing connections to service %s opens the way out of its callers only; the pods behind it are protected by party %s", a.Party.Service, by.Party.Name)
		}
	}
	return found
}

// closesBehind is the first protected party with a pod behind a service that no
// statement opens for the callers, nil if there is none.
func (c *compiler) closesBehind(s *intent.Statement, svc *corev1.Service) *intent.Atom {
	for i := range c.program.Protects {
		p := &c.program.Protects[i]
		if !p.Protect.In || p.Doc.Stage != s.Doc.Stage {
			continue
		}
		for _, a := range p.Atoms {
			if a.Kind == intent.Pods && slices.ContainsFunc(c.facts.podsOf(a), func(e *pod) bool {
				return e.namespace == svc.Namespace && hasAll(e.labels, svc.Spec.Selector) && !c.opened(s, svc, e)
			}) {
				return a
			}
		}
	}
	return nil
}

// opened reports whether other statements let each caller in at a pod, at each
// port that the service brings.
func (c *compiler) opened(s *intent.Statement, svc *corev1.Service, e *pod) bool {
	for _, from := range s.From {
		for _, t := range behindTerms(s, svc) {
			if !slices.ContainsFunc(c.program.Statements, func(o intent.Statement) bool { return c.lets(&o, s.Doc, from, e, t) }) {
				return false
			}
		}
	}
	return true
}

// lets reports whether an allow lets a caller in at a pod's port.
func (c *compiler) lets(o *intent.Statement, d *intent.Document, from *intent.Atom, e *pod, t intent.PortTerm) bool {
	return o.OpensHosts() && o.Doc.Stage == d.Stage &&
		slices.ContainsFunc(o.From, func(a *intent.Atom) bool { return c.includes(a, from) }) &&
		slices.ContainsFunc(o.To, func(a *intent.Atom) bool {
			return a.Kind == intent.Any || a.Kind == intent.Pods && slices.Contains(c.facts.podsOf(a), e)
		}) && (len(o.On) == 0 || slices.ContainsFunc(o.On, func(on intent.PortTerm) bool { return onPort(on, e, t) }))
}

// includes reports whether a party has all ends of another, by what is written or
// by the pods of the cluster. Addresses may be those of pods: they get the benefit
// of the doubt.
func (c *compiler) includes(a, b *intent.Atom) bool {
	if intent.Within(b, a) || a.Kind == intent.Nets {
		return true
	}
	if a.Kind != intent.Pods || b.Kind != intent.Pods {
		return false
	}
	theirs := c.facts.podsOf(a)
	return !slices.ContainsFunc(c.facts.podsOf(b), func(e *pod) bool { return !slices.Contains(theirs, e) })
}

// onPort reports whether a term of a statement has a target port at a pod, by its
// number or its name there.
func onPort(on intent.PortTerm, e *pod, t intent.PortTerm) bool {
	if on.Has(t.Proto, t.First, t.Name) {
		return true
	}
	for _, p := range e.ports {
		same := strings.EqualFold(p.Protocol.String(), t.Proto.String()) && (p.Name == t.Name || t.HasPorts && p.Port == t.First)
		if same && on.Has(t.Proto, p.Port, p.Name) {
			return true
		}
	}
	return false
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

// opening is the statement that would open the pods of a party for the callers.
func (c *compiler) opening(s *intent.Statement, svc *corev1.Service, to *intent.Atom) string {
	var from, on []string
	for _, a := range s.From {
		from = append(from, nameIn(s.Doc, a))
	}
	for _, t := range behindTerms(s, svc) {
		on = append(on, termText(t))
	}
	return "{from: " + listText(from) + ", to: " + nameIn(s.Doc, to) + ", on: " + listText(on) + "}"
}

// nameIn is a party as a document names it.
func nameIn(d *intent.Document, a *intent.Atom) string {
	if a.Doc == d || a.Kind == intent.Any {
		return a.Party.Name
	}
	return a.Doc.Name + "." + a.Party.Name
}

func listText(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return "[" + strings.Join(names, ", ") + "]"
}
