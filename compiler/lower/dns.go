package lower

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/intent"
	"tortie/dataplane/packet"

	corev1 "k8s.io/api/core/v1"
)

// dnsPort is where names are asked for.
const dnsPort = 53

// dnsService is a service that answers on port 53. Policy sees the ports of its pods.
type dnsService struct {
	name  string // namespace/name
	pods  []*pod
	ports []dnsTarget
}

// dnsTarget is a port of pods behind port 53.
type dnsTarget struct {
	proto  packet.Proto
	number uint16
	name   string
}

// addDNS finds the cluster's DNS: services with UDP port 53, and their pods.
func (f *facts) addDNS(s *cluster.Snapshot) {
	for _, o := range s.Services {
		answers := slices.ContainsFunc(o.Object.Spec.Ports, func(p corev1.ServicePort) bool {
			return p.Port == dnsPort && p.Protocol == corev1.ProtocolUDP
		})
		if !answers || len(o.Object.Spec.Selector) == 0 {
			continue
		}
		one := dnsService{name: o.Object.Namespace + "/" + o.Object.Name}
		for i := range f.pods {
			if p := &f.pods[i]; p.namespace == o.Object.Namespace && hasAll(p.labels, o.Object.Spec.Selector) {
				one.pods = append(one.pods, p)
			}
		}
		for _, p := range o.Object.Spec.Ports {
			if p.Port == dnsPort {
				one.addTargets(behindPort(p))
			}
		}
		f.dns = append(f.dns, one)
	}
}

// addTargets adds what a port of the service is at its pods. A name that none of
// them has tells nothing.
func (d *dnsService) addTargets(t intent.PortTerm) {
	var out []dnsTarget
	for _, p := range d.pods {
		for _, have := range p.ports {
			if strings.EqualFold(have.Protocol.String(), t.Proto.String()) && t.Has(t.Proto, have.Port, have.Name) {
				out = append(out, dnsTarget{t.Proto, have.Port, have.Name})
			}
		}
	}
	if len(out) == 0 {
		out = []dnsTarget{{t.Proto, cmp.Or(t.First, dnsPort), t.Name}}
	}
	for _, x := range out {
		if !slices.Contains(d.ports, x) {
			d.ports = append(d.ports, x)
		}
	}
}

// on reports whether some ports, none being all, have that at which the pods are
// asked for names by UDP.
func (d *dnsService) on(on []intent.PortTerm) bool {
	return len(on) == 0 || slices.ContainsFunc(d.ports, func(x dnsTarget) bool {
		return x.proto == packet.ProtoUDP && slices.ContainsFunc(on, func(t intent.PortTerm) bool { return t.Has(x.proto, x.number, x.name) })
	})
}

// portText lists the ports of the pods.
func (d *dnsService) portText() string {
	var out []string
	for _, x := range d.ports {
		if text := fmt.Sprintf("%s/%d", x.proto, x.number); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return strings.Join(out, " and ")
}

func hasAll(labels map[string]string, want map[string]string) bool {
	for k, v := range want {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// dns reports protection that cuts the cluster's DNS off, or parties that have
// others to call and cannot ask for their names.
func (c *compiler) dns(p *intent.Protected, a *intent.Atom) {
	if a.Kind != intent.Pods || len(c.facts.dns) == 0 {
		return
	}
	if d := c.dnsOf(a); p.Protect.In && d != nil && !c.opens(a, intent.In) {
		c.warn("intent/lock-out", p.Protect.Span, "allow "+d.portText()+" to it",
			"protecting %s cuts the cluster's DNS off: no statement lets %s in", a.Party.Name, d.portText())
	}
	if p.Protect.Out && c.calls(a) && !c.opens(a, intent.Out) {
		c.warn("intent/no-dns", p.Protect.Span, "allow it to reach the service "+c.facts.dns[0].name,
			"%s may call others and cannot ask for their names: no statement lets it reach DNS", a.Party.Name)
	}
}

// dnsOf is the DNS that has pods in a party of pods, nil without.
func (c *compiler) dnsOf(a *intent.Atom) *dnsService {
	mine := c.facts.podsOf(a)
	for i, d := range c.facts.dns {
		if slices.ContainsFunc(d.pods, func(p *pod) bool { return slices.Contains(mine, p) }) {
			return &c.facts.dns[i]
		}
	}
	return nil
}

// calls reports whether something lets a party connect to pods or services, which
// are known by names.
func (c *compiler) calls(a *intent.Atom) bool {
	return slices.ContainsFunc(c.program.Statements, func(s intent.Statement) bool {
		return !s.Rule.Deny && s.Rule.Section == intent.Normal && has(s.From, a) &&
			slices.ContainsFunc(s.To, func(to *intent.Atom) bool { return to.Kind == intent.Pods || to.Kind == intent.Service })
	})
}

// opens reports whether a statement lets a party be asked for names, or ask somebody.
func (c *compiler) opens(a *intent.Atom, dir intent.Direction) bool {
	return slices.ContainsFunc(c.program.Statements, func(s intent.Statement) bool {
		if s.Rule.Deny || s.Rule.Section != intent.Normal || s.Rule.At != 0 && s.Rule.At != dir {
			return false
		}
		if dir == intent.Out {
			return has(s.From, a) && slices.ContainsFunc(s.To, func(to *intent.Atom) bool { return c.mayAnswer(to, s.On) })
		}
		return has(s.To, a) && c.dnsOf(a).on(s.On) || slices.ContainsFunc(s.To, func(to *intent.Atom) bool { return c.servedByDNS(to) && onDNS(s.On) })
	})
}

// servedByDNS reports whether a party is the service of the cluster's DNS.
func (c *compiler) servedByDNS(a *intent.Atom) bool {
	return a.Kind == intent.Service && slices.ContainsFunc(c.facts.dns, func(d dnsService) bool { return d.name == a.Party.Service })
}

// mayAnswer reports whether an end may be asked for names on some ports: it is the
// cluster's DNS, or hosts or networks where a resolver may be.
func (c *compiler) mayAnswer(a *intent.Atom, on []intent.PortTerm) bool {
	return c.isDNS(a, on) || onDNS(on) && (a.Kind == intent.Hosts || a.Kind == intent.Nets)
}

// isDNS reports whether the cluster's DNS, on some ports, is among the ends of a
// party.
func (c *compiler) isDNS(a *intent.Atom, on []intent.PortTerm) bool {
	if a.Kind == intent.Service {
		return c.servedByDNS(a) && onDNS(on)
	}
	return slices.ContainsFunc(c.facts.dns, func(d dnsService) bool {
		return d.on(on) && (a.Kind == intent.Any || slices.ContainsFunc(d.pods, func(p *pod) bool { return c.facts.isOf(p, a) }))
	})
}

// isOf reports whether a pod is among the ends of a party, by one of its addresses
// at least.
func (f *facts) isOf(p *pod, a *intent.Atom) bool {
	switch a.Kind {
	case intent.Any:
		return true
	case intent.Pods:
		return slices.Contains(f.podsOf(a), p)
	case intent.Nets:
		return slices.ContainsFunc(p.nets, func(n netip.Prefix) bool { return a.Contains(n.Addr()) })
	}
	return false
}

// onDNS reports whether some ports, none being all, have that of DNS by UDP.
func onDNS(on []intent.PortTerm) bool {
	return len(on) == 0 || slices.ContainsFunc(on, func(t intent.PortTerm) bool {
		return t.Name != "" && t.Proto == packet.ProtoUDP || t.Has(packet.ProtoUDP, dnsPort, "")
	})
}

// has reports whether a party is among others, or everything is.
func has(list []*intent.Atom, a *intent.Atom) bool {
	return slices.ContainsFunc(list, func(x *intent.Atom) bool { return x.Kind == intent.Any || x.Kind == a.Kind && selects(x) == selects(a) })
}
