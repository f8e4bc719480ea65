package lower

import (
	"slices"

	"tortie/compiler/cluster"
	"tortie/compiler/intent"
	"tortie/dataplane/packet"

	corev1 "k8s.io/api/core/v1"
)

// dnsPort is where names are asked for.
const dnsPort = 53

// dnsService is a service that answers on port 53.
type dnsService struct {
	name string // namespace/name
	pods []*pod
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
		f.dns = append(f.dns, one)
	}
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
	if p.Protect.In && c.servesDNS(a) && !c.opens(a, intent.In) {
		c.warn("intent/lock-out", p.Protect.Span, "allow udp/53 and tcp/53 to it",
			"protecting %s cuts the cluster's DNS off: no statement lets port 53 in", a.Party.Name)
	}
	if p.Protect.Out && c.calls(a) && !c.opens(a, intent.Out) {
		c.warn("intent/no-dns", p.Protect.Span, "allow it to reach the service "+c.facts.dns[0].name,
			"%s may call others and cannot ask for their names: no statement lets it reach DNS", a.Party.Name)
	}
}

func (c *compiler) servesDNS(a *intent.Atom) bool {
	mine := c.facts.podsOf(a)
	for _, d := range c.facts.dns {
		if slices.ContainsFunc(d.pods, func(p *pod) bool { return slices.Contains(mine, p) }) {
			return true
		}
	}
	return false
}

// calls reports whether something lets a party connect to pods or services, which
// are known by names.
func (c *compiler) calls(a *intent.Atom) bool {
	return slices.ContainsFunc(c.program.Statements, func(s intent.Statement) bool {
		return !s.Rule.Deny && s.Rule.Section == intent.Normal && has(s.From, a) &&
			slices.ContainsFunc(s.To, func(to *intent.Atom) bool { return to.Kind == intent.Pods || to.Kind == intent.Service })
	})
}

// opens reports whether a statement lets a party be reached on port 53, or reach
// it somewhere.
func (c *compiler) opens(a *intent.Atom, dir intent.Direction) bool {
	return slices.ContainsFunc(c.program.Statements, func(s intent.Statement) bool {
		if s.Rule.Deny || s.Rule.Section != intent.Normal || s.Rule.At != 0 && s.Rule.At != dir || !onDNS(s.On) {
			return false
		}
		if dir == intent.Out {
			return has(s.From, a) && c.towardsDNS(s.To)
		}
		return has(s.To, a) || slices.ContainsFunc(s.To, c.servedByDNS)
	})
}

// servedByDNS reports whether a party is the service of the cluster's DNS.
func (c *compiler) servedByDNS(a *intent.Atom) bool {
	return a.Kind == intent.Service && slices.ContainsFunc(c.facts.dns, func(d dnsService) bool { return d.name == a.Party.Service })
}

// towardsDNS reports whether among the ends is something that may answer.
func (c *compiler) towardsDNS(to []*intent.Atom) bool {
	return slices.ContainsFunc(to, func(a *intent.Atom) bool {
		switch a.Kind {
		case intent.Service:
			return c.servedByDNS(a)
		case intent.Pods:
			return c.servesDNS(a)
		}
		return true // hosts, networks or everything: a resolver may be there
	})
}

func onDNS(on []intent.PortTerm) bool {
	return len(on) == 0 || slices.ContainsFunc(on, func(t intent.PortTerm) bool {
		return t.Proto == 0 || t.Proto == packet.ProtoUDP && (t.Name != "" || !t.HasPorts || t.First <= dnsPort && dnsPort <= t.Last)
	})
}

// has reports whether a party is among others, or everything is.
func has(list []*intent.Atom, a *intent.Atom) bool {
	return slices.ContainsFunc(list, func(x *intent.Atom) bool { return x.Kind == intent.Any || x.Kind == a.Kind && selects(x) == selects(a) })
}
