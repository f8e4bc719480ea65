package lower

import (
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/diag"
	"tortie/compiler/intent"

	corev1 "k8s.io/api/core/v1"
)

// namedPorts reports a named port that no end of to has.
func (c *compiler) namedPorts(s *intent.Statement) {
	f := &c.facts
	if !f.known || len(f.pods)+len(f.heps) == 0 {
		return
	}
	for _, t := range s.On {
		if t.Name == "" {
			continue
		}
		has := func(ports []calico.EndpointPort) bool {
			return slices.ContainsFunc(ports, func(p calico.EndpointPort) bool {
				return p.Name == t.Name && strings.EqualFold(p.Protocol.String(), t.Proto.String())
			})
		}
		found := false
		for _, a := range s.To {
			found = found || !a.Subject()
			if a.Kind == intent.Pods {
				found = found || slices.ContainsFunc(f.podsOf(a), func(p *pod) bool { return has(p.ports) })
			}
			found = found || slices.ContainsFunc(f.hepsOf(a), func(h hep) bool { return has(h.ports) })
		}
		if !found {
			c.warn("intent/no-such-port", s.Rule.Span, "name the port in the containers, or write its number", "nobody in to has a port called %q (%s)", t.Name, t.Proto)
		}
	}
}

// undeclaredPorts notes a numbered port of an allow that no pod in to declares,
// where each of them declares some.
func (c *compiler) undeclaredPorts(s *intent.Statement) {
	if s.Rule.Deny || s.Rule.Section != intent.Normal || s.Rule.At == intent.Out || len(s.On) == 0 {
		return
	}
	var pods []*pod
	for _, a := range s.To {
		if a.Kind != intent.Pods {
			return
		}
		pods = append(pods, c.facts.podsOf(a)...)
	}
	if len(pods) == 0 || slices.ContainsFunc(pods, func(p *pod) bool { return len(p.declared) == 0 }) {
		return
	}
	for _, t := range s.On {
		if t.HasPorts && !slices.ContainsFunc(pods, func(p *pod) bool { return p.declares(t) }) {
			c.diags.Add(diag.Finding{Code: "intent/undeclared-port", Severity: diag.Note, Span: s.Rule.Span, Hint: "check the number; it is the port of the pods that counts",
				Message: "no container of the pods in to declares port " + termText(t)})
		}
	}
}

// declares reports whether a container of a pod declares one of some ports.
func (p *pod) declares(t intent.PortTerm) bool {
	return slices.ContainsFunc(p.declared, func(d corev1.ContainerPort) bool {
		proto := d.Protocol
		if proto == "" {
			proto = corev1.ProtocolTCP
		}
		return strings.EqualFold(string(proto), t.Proto.String()) && int32(t.First) <= d.ContainerPort && d.ContainerPort <= int32(t.Last)
	})
}
