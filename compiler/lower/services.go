package lower

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
	"tortie/dataplane/packet"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// servicePorts are what rules towards a peer ask of protocol and ports. Calico
// knows a service with all its ports; of a statement about some of them rules are
// made about the pods behind, and part is true.
func (u *unit) servicePorts(s *intent.Statement, peer *intent.Atom) (on []match, part bool) {
	if peer.Kind != intent.Service || len(s.On) == 0 {
		return matches(s.On), false
	}
	svc := u.facts.services[peer.Party.Service]
	if svc == nil {
		u.servicePortsError(s, "service %s is not in the input, so nobody knows which ports are behind these", peer)
		return nil, false
	}
	terms := behindTerms(s, svc)
	for _, t := range s.On {
		if !slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return t.Has(protocolOf(p), uint16(p.Port), p.Name) }) {
			u.warn("intent/no-such-port", s.Rule.Span, "name a port of the service, or leave on out", "service %s has no port %s", peer.Party.Service, termText(t))
		}
	}
	switch {
	case len(terms) == 0:
		return nil, false
	case len(terms) == len(svc.Spec.Ports):
		return matches(nil), false
	case len(svc.Spec.Selector) == 0:
		u.servicePortsError(s, "service %s selects no pods, and Calico knows a service with all its ports only", peer)
		return nil, false
	}
	return matches(terms), true
}

func (u *unit) servicePortsError(s *intent.Statement, format string, peer *intent.Atom) {
	u.diags.Add(diag.Finding{Code: "intent/service-ports", Severity: diag.Error, Span: s.Rule.On[0].Span,
		Hint: "leave on out for all ports of the service, or give the cluster's objects with -f", Message: fmt.Sprintf(format, peer.Party.Service)})
}

func protocolOf(p corev1.ServicePort) packet.Proto {
	return map[corev1.Protocol]packet.Proto{"": packet.ProtoTCP, corev1.ProtocolTCP: packet.ProtoTCP, corev1.ProtocolUDP: packet.ProtoUDP,
		corev1.ProtocolSCTP: packet.ProtoSCTP}[p.Protocol]
}

// behindPort is a service's port as the pods behind it know it.
func behindPort(p corev1.ServicePort) intent.PortTerm {
	t := intent.PortTerm{Proto: protocolOf(p)}
	if p.TargetPort.Type == intstr.String {
		t.Name = p.TargetPort.StrVal
		return t
	}
	t.HasPorts, t.First = true, uint16(cmp.Or(p.TargetPort.IntVal, p.Port))
	t.Last = t.First
	return t
}

// podsOfService are the pods behind a service as an end of rules.
func (u *unit) podsOfService(svc *corev1.Service, ns string) Entity {
	e := Entity{Selector: selectorOf(svc)}
	if svc.Namespace != ns {
		e.NamespaceSelector = "projectcalico.org/name == '" + svc.Namespace + "'"
	}
	return e
}

func termText(t intent.PortTerm) string {
	if text := portText(t); text != "" {
		return t.Proto.String() + "/" + strings.Replace(text, ":", "-", 1)
	}
	return t.Proto.String()
}
