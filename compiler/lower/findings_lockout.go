package lower

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/intent"
	"tortie/dataplane/packet"
)

// vital is what a cluster lives on. outside says that its peers may be no part of
// the cluster; nodes, that nodes of the cluster are among them.
type vital struct {
	what    string
	proto   packet.Proto
	port    uint16
	outside bool
	nodes   bool
}

func (v vital) String() string { return fmt.Sprintf("%s (%s/%d)", v.what, v.proto, v.port) }

const sshPort = 22

var vitals = [2][]vital{
	{{"SSH", packet.ProtoTCP, sshPort, true, false}, {"the kubelet: logs, exec and metrics", packet.ProtoTCP, 10250, false, true},
		{"the API server", packet.ProtoTCP, 6443, true, true}, {"etcd", packet.ProtoTCP, 2379, false, true}, {"etcd's peers", packet.ProtoTCP, 2380, false, true},
		{"BGP", packet.ProtoTCP, 179, true, false}, {"Typha", packet.ProtoTCP, 5473, false, true}},
	{{"DNS", packet.ProtoUDP, 53, true, false}, {"DHCP", packet.ProtoUDP, 67, true, false}, {"the API server", packet.ProtoTCP, 6443, true, false},
		{"etcd", packet.ProtoTCP, 2379, false, true}, {"BGP", packet.ProtoTCP, 179, true, false}, {"Typha", packet.ProtoTCP, 5473, false, true},
		{"kubelets of other nodes", packet.ProtoTCP, 10250, false, true}},
}

// among lists those of what a cluster lives on that no failsafe port of some hosts
// leaves open and that are cut.
func (c *compiler) among(a *intent.Atom, dir int, cut func(vital) bool) string {
	var out []string
	for _, v := range vitals[dir] {
		if !c.facts.isFailsafe(a, dir, v.proto, v.port) && cut(v) {
			out = append(out, v.String())
		}
	}
	return strings.Join(out, ", ")
}

// lockOut reports what a cluster lives on and protecting hosts would cut.
func (c *compiler) lockOut(p *intent.Protected, a *intent.Atom) {
	for dir, on := range [2]bool{p.Protect.In, p.Protect.Out} {
		cut := c.among(a, dir, func(v vital) bool { return on && a.Kind == intent.Hosts && !c.stays(p.Doc, a, dir, v, intent.Normal) })
		if cut != "" {
			way := [2]string{"to", "from"}[dir]
			c.warn("intent/lock-out", p.Protect.Span, "allow it, from the nodes and the control plane at least",
				"protecting %s cuts what no failsafe port and no statement leaves open %s its hosts: %s", a.Party.Name, way, cut)
		}
	}
}

// stays reports whether a statement of some sections leaves something open at hosts,
// one that is asked before the protection of a document.
func (c *compiler) stays(d *intent.Document, a *intent.Atom, dir int, v vital, in ...intent.Section) bool {
	return slices.ContainsFunc(c.program.Statements, func(s intent.Statement) bool {
		return !s.Rule.Deny && slices.Contains(in, s.Rule.Section) && c.tierRank(s.Doc) <= c.tierRank(d) &&
			holdsAt(&s, dir, a) && v.on(s.On) && c.facts.mayServe(v, subjects(&s, 1-dir))
	})
}

func (c *compiler) tierRank(d *intent.Document) int {
	return slices.IndexFunc(c.program.Tiers, func(t intent.TierUse) bool { return t.Name == d.Tier.Name })
}

// guardsVital reports what protecting node ports would cut of what comes to hosts
// from outside: the cluster's own addresses are let through.
func (c *compiler) guardsVital(g *intent.Guarded) {
	for _, a := range g.Hosts {
		cut := c.among(a, 0, func(v vital) bool {
			v.nodes = false // nodes are let through
			return g.Guard.Section == intent.NodePorts && v.outside && !c.stays(g.Doc, a, 0, v, intent.Normal, intent.NodePorts)
		})
		if cut != "" {
			c.warn("intent/lock-out", g.Guard.Span, "let the hosts receive it, from where it comes at least",
				"protecting the node ports of %s cuts what comes to its hosts from outside and no failsafe port and no statement leaves open: %s", a.Party.Name, cut)
		}
	}
}

// deniesVital reports what a cluster lives on and a deny takes from hosts.
func (c *compiler) deniesVital(s *intent.Statement) {
	if !s.Rule.Deny {
		return
	}
	for dir := range directions {
		peers := enforcedAgainst(s, dir)
		for _, a := range c.holdsHosts(s, dir) {
			cut := c.among(a, dir, func(v vital) bool { return v.on(s.On) && c.facts.concerns(v, peers) && !c.earlier(s, a, dir, v) })
			if cut != "" {
				what := [2]string{"come to", "leave"}[dir]
				c.warn("intent/lock-out", s.Rule.Span, "deny it to fewer, or on fewer ports, or allow it in an intent that is asked earlier",
					"this cuts what has to %s the hosts of %s and no failsafe port leaves open: %s", what, a.Party.Name, cut)
			}
		}
	}
}

// holdsHosts are the parties of hosts at which a statement holds in a direction.
func (c *compiler) holdsHosts(s *intent.Statement, dir int) []*intent.Atom {
	var out []*intent.Atom
	switch {
	case s.Rule.Section == intent.NodePorts && dir == 0:
		return s.To
	case s.Rule.Section != intent.Normal || s.Rule.Deny && len(enforcedAgainst(s, dir)) == 0:
		return nil
	}
	for _, h := range c.holds(s, dir) {
		if h.atom.Kind == intent.Hosts {
			out = append(out, h.atom)
		}
	}
	return out
}

// holdsAt reports whether a statement is about all of some hosts in a direction.
func holdsAt(s *intent.Statement, dir int, a *intent.Atom) bool {
	return (s.Rule.At == 0 || s.Rule.At == directions[dir]) &&
		slices.ContainsFunc(subjects(s, dir), func(x *intent.Atom) bool { return x.Kind == intent.Any || intent.Within(a, x) })
}

// earlier reports whether an allow that is asked before a deny leaves something
// open between hosts and the rest of the cluster.
func (c *compiler) earlier(s *intent.Statement, a *intent.Atom, dir int, v vital) bool {
	rank := func(d *intent.Document) int { return slices.Index(c.program.Docs, d) }
	return slices.ContainsFunc(c.program.Statements, func(o intent.Statement) bool {
		return !o.Rule.Deny && o.Rule.Section == s.Rule.Section && rank(o.Doc) < rank(s.Doc) &&
			holdsAt(&o, dir, a) && v.on(o.On) && c.facts.concerns(v, subjects(&o, 1-dir))
	})
}

// concerns reports whether something vital has its peers among some parties: nodes,
// or whoever comes by SSH from anywhere.
func (f *facts) concerns(v vital, peers []*intent.Atom) bool {
	return slices.ContainsFunc(peers, func(a *intent.Atom) bool {
		switch a.Kind {
		case intent.Any, intent.Hosts:
			return true
		case intent.Nets:
			return f.hasNodes(a) || v.outside && anywhere(a)
		}
		return false
	})
}

// mayServe reports whether what is open towards some parties may be enough for
// something vital: nodes, or where none of them need it anybody. Where no node is
// known, networks may be theirs.
func (f *facts) mayServe(v vital, peers []*intent.Atom) bool {
	known := slices.ContainsFunc(f.nodes, func(n node) bool { return len(n.addrs) > 0 })
	return !v.nodes || f.concerns(v, peers) || !known && slices.Contains(kinds(peers), intent.Nets)
}

// hasNodes reports whether networks have the address of a node.
func (f *facts) hasNodes(a *intent.Atom) bool {
	return slices.ContainsFunc(f.nodes, func(n node) bool {
		return slices.ContainsFunc(n.addrs, func(x string) bool {
			addr, err := netip.ParseAddr(x)
			return err == nil && a.Contains(addr)
		})
	})
}

// on reports whether something vital is among some ports; none are all.
func (v vital) on(on []intent.PortTerm) bool {
	return len(on) == 0 || slices.ContainsFunc(on, func(t intent.PortTerm) bool {
		return t.Proto == v.proto && (t.HasPorts && t.First <= v.port && v.port <= t.Last || !t.HasPorts && t.Name == "")
	})
}

func kinds(atoms []*intent.Atom) []intent.AtomKind {
	var out []intent.AtomKind
	for _, a := range atoms {
		out = append(out, a.Kind)
	}
	return out
}

// anywhere reports whether networks have nearly all addresses of a family.
func anywhere(a *intent.Atom) bool {
	return slices.ContainsFunc(a.Party.Nets, func(n netip.Prefix) bool { return n.Bits() == 0 })
}
