package lower

import (
	"maps"
	"slices"

	"tortie/compiler/intent"

	corev1 "k8s.io/api/core/v1"
)

// untracked warns of fast paths at host endpoints of every interface, for which
// Felix has no untracked policy.
func (c *compiler) untracked(s *intent.Statement) {
	if s.Rule.Section != intent.FastPath {
		return
	}
	for _, a := range slices.Concat(s.From, s.To) {
		for _, h := range c.facts.hepsOf(a) {
			if h.iface == "*" {
				c.warn("intent/no-untracked", s.Rule.Span, "give each interface a host endpoint of its own, by its name",
					"host endpoint %s of party %s is of every interface ('*'), where Felix has no untracked policy: there this has no effect", h.name, a.Party.Name)
			}
		}
	}
}

// nodePortsCut warns where hosts that a section forward guards are closed for what
// they send: in iptables mode what goes on from their node ports to pods of other
// nodes is then taken for their own.
func (c *compiler) nodePortsCut(g *intent.Guarded) {
	if g.Guard.Section != intent.Forward || c.facts.nftables {
		return
	}
	names := slices.Sorted(maps.Keys(c.facts.services))
	i := slices.IndexFunc(names, c.facts.leadsOn)
	if i < 0 {
		return
	}
	for _, a := range g.Hosts {
		if len(c.facts.hepsOf(a)) > 0 && c.closedOut(a) && !c.sendsToPods(a) {
			c.warn("intent/node-ports-cut", g.Guard.Span, "allow party "+a.Party.Name+" to reach the service, or its pods",
				"party %s is closed for what its hosts send: with Felix in iptables mode that includes what comes to node ports, of service %s for one, and goes on to pods of other nodes", a.Party.Name, names[i])
		}
	}
}

// closedOut reports whether hosts may not send what nothing allows.
func (c *compiler) closedOut(a *intent.Atom) bool {
	return c.facts.closed(a) || slices.ContainsFunc(c.program.Protects, func(p intent.Protected) bool {
		return p.Protect.Out && slices.ContainsFunc(p.Atoms, func(x *intent.Atom) bool { return !intent.Disjoint(a, x) })
	})
}

// sendsToPods reports whether a statement lets hosts reach any pods.
func (c *compiler) sendsToPods(a *intent.Atom) bool {
	return slices.ContainsFunc(c.program.Statements, func(s intent.Statement) bool {
		return !s.Rule.Deny && s.Rule.Section == intent.Normal && s.Rule.At != intent.In && has(s.From, a) &&
			slices.ContainsFunc(s.To, func(to *intent.Atom) bool { return to.Kind != intent.Hosts })
	})
}

// leadsOn reports whether nodes lead connections to a service on to other nodes.
func (f *facts) leadsOn(name string) bool {
	svc := f.services[name]
	return outside(svc) && svc.Spec.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal
}

// outside reports whether a service has node ports.
func outside(svc *corev1.Service) bool {
	return svc.Spec.Type == corev1.ServiceTypeNodePort || svc.Spec.Type == corev1.ServiceTypeLoadBalancer
}
