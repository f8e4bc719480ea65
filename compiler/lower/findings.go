package lower

import (
	"fmt"
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
)

func (c *compiler) warn(code string, at diag.Span, hint, format string, args ...any) {
	c.diags.Add(diag.Finding{Code: code, Severity: diag.Warning, Span: at, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// cluster holds the program against the snapshot: what selects nothing, what
// nobody has, what the change would cut.
func (c *compiler) cluster() {
	for _, a := range c.atoms() {
		c.selects(a)
	}
	for i := range c.program.Statements {
		c.namedPorts(&c.program.Statements[i])
		c.undeclaredPorts(&c.program.Statements[i])
		c.serviceEnds(&c.program.Statements[i])
		c.untracked(&c.program.Statements[i])
		c.deniesVital(&c.program.Statements[i])
		c.deniesDNS(&c.program.Statements[i])
		c.atFailsafes(&c.program.Statements[i])
	}
	for i := range c.program.Guards {
		c.nodePortsCut(&c.program.Guards[i])
		c.guardsVital(&c.program.Guards[i])
	}
	for i := range c.program.Protects {
		p := &c.program.Protects[i]
		for _, a := range p.Atoms {
			c.lockOut(p, a)
			c.dns(p, a)
		}
	}
	c.expected()
	c.protections()
	c.withoutEffect()
}

// withoutEffect reports what is allowed where nothing closes.
func (c *compiler) withoutEffect() {
	for i := range c.program.Statements {
		s := &c.program.Statements[i]
		if s.Rule.Section != intent.Normal || s.Rule.Deny || c.effective[s] {
			continue
		}
		var open []string
		for dir := range directions {
			for _, h := range c.holds(s, dir) {
				if name := h.atom.Party.Name; !slices.Contains(open, name) {
					open = append(open, name)
				}
			}
		}
		if len(open) == 0 {
			continue // it holds nowhere; reported
		}
		c.warn("intent/no-effect", s.Rule.Span, "protect "+open[0]+", or leave the statement out",
			"no intent closes %s, so this allows what is allowed anyway", strings.Join(open, " or "))
	}
}

// atoms are all atoms in use, in the order of their use.
func (c *compiler) atoms() []*intent.Atom {
	var out []*intent.Atom
	add := func(list []*intent.Atom) {
		for _, a := range list {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	for _, p := range c.program.Protects {
		add(p.Atoms)
	}
	for _, s := range c.program.Statements {
		add(s.From)
		add(s.To)
	}
	for _, g := range c.program.Guards {
		add(g.Hosts)
		add(g.Trust)
	}
	for _, r := range c.program.Raws {
		add(r.Atoms)
	}
	return out
}

// selects reports an atom that has no end in the snapshot.
func (c *compiler) selects(a *intent.Atom) {
	f := &c.facts
	switch {
	case !f.known:
	case a.Kind == intent.Pods && len(f.pods) > 0 && len(f.podsOf(a)) == 0:
		c.warn("intent/selects-nothing", a.Party.Span, "check labels, namespaces and service accounts", "party %s selects no pod of the cluster", a.Party.Name)
	case a.Kind == intent.Service && len(f.services) > 0 && f.services[a.Party.Service] == nil:
		c.warn("intent/no-service", a.Party.Span, "check its namespace and name", "the cluster has no service %s", a.Party.Service)
	case a.Kind == intent.Hosts && !slices.ContainsFunc(f.hepsOf(a), func(h hep) bool { return !h.ours || !c.options.HostEndpoints }):
		c.noHostEndpoints(a)
	}
}

// noHostEndpoints: policy for hosts takes effect at host endpoints only.
func (c *compiler) noHostEndpoints(a *intent.Atom) {
	var names []string
	for _, n := range c.facts.nodes {
		if a.Party.Hosts.Sel.Matches(n.labels) {
			names = append(names, n.name)
		}
	}
	if len(names) == 0 {
		c.warn("intent/selects-nothing", a.Party.Span, "check the labels of host endpoints", "party %s selects no host endpoint of the cluster", a.Party.Name)
		return
	}
	if c.options.HostEndpoints {
		for _, n := range c.facts.nodes {
			if slices.Contains(names, n.name) {
				c.hostEndpoint(n, a.Party.Span)
			}
		}
		return
	}
	c.warn("intent/no-host-endpoint", a.Party.Span, "--host-endpoints writes them", "no host endpoint is in party %s, but the labels of nodes %s fit: without host endpoints nothing of this is enforced",
		a.Party.Name, strings.Join(names, ", "))
}

func (c *compiler) hostEndpoint(n node, at diag.Span) {
	name := n.name + "-host"
	if slices.ContainsFunc(c.out.HostEndpoints, func(h HostEndpoint) bool { return h.Name == name }) {
		return
	}
	c.out.HostEndpoints = append(c.out.HostEndpoints, HostEndpoint{Name: name, Node: n.name, Labels: n.labels, ExpectedIPs: n.addrs, Span: at})
}

// expected warns of fast paths to hosts that rules cannot tell by address.
func (c *compiler) expected() {
	for i := range c.program.Statements {
		s := &c.program.Statements[i]
		for _, a := range append(slices.Clone(s.From), s.To...) {
			for _, h := range c.facts.hepsOf(a) {
				if len(h.expected) == 0 {
					c.warn("intent/no-expected-ips", s.Rule.Span, "give host endpoint "+h.name+" expectedIPs",
						"rules cannot know the addresses of host endpoint %s of party %s", h.name, a.Party.Name)
				}
			}
		}
	}
}

// podsOf are the pods in a party, found once.
func (f *facts) podsOf(a *intent.Atom) []*pod {
	if out, ok := f.members[a]; ok {
		return out
	}
	var out []*pod
	p := a.Party
	for i := range f.pods {
		e := &f.pods[i]
		if (p.Namespace == "" || p.Namespace == e.namespace) && (p.Namespaces == nil || p.Namespaces.Sel.Matches(e.nsLabels)) &&
			(p.Pods == nil || p.Pods.Sel.Matches(e.labels)) && (len(p.Accounts) == 0 || slices.Contains(p.Accounts, e.account)) {
			out = append(out, e)
		}
	}
	f.members[a] = out
	return out
}

func (f *facts) hepsOf(a *intent.Atom) []hep {
	var out []hep
	for _, h := range f.heps {
		if a.Kind == intent.Hosts && a.Party.Hosts.Sel.Matches(h.labels) {
			out = append(out, h)
		}
	}
	return out
}
