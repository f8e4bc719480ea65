package intent

import (
	"fmt"
	"net/netip"
	"slices"

	"tortie/compiler/selector"
	"tortie/dataplane/packet"
)

// World is the ends that exist, as the meaning sees them.
type World struct {
	Ends []End
	// Services are the addresses and ports behind each service, by "namespace/name".
	Services map[string][]Backend
	// Addresses are those at which nodes translate connections to a backend.
	Addresses []Address
	// Cluster are the networks of pods and nodes, which guards let through.
	Cluster []netip.Prefix
	// FailsafeIn and FailsafeOut are the ports of hosts that nothing closes.
	FailsafeIn, FailsafeOut []PortTerm
}

// Backend is what a port of a service leads to. Port is the one behind; ServicePort
// and Name are those by which clients know it.
// Selected says that the service selects the pod there, which a statement about the
// service then opens; of other addresses nobody knows whose they will be.
type Backend struct {
	Addr              netip.Addr
	Proto             packet.Proto
	Port, ServicePort uint16
	Name              string
	Selected          bool
}

// End is a pod, or a host with an endpoint of its own. Open says whether the end
// takes part in whatever no statement decides.
type End struct {
	Name, Node string
	Host       bool
	Namespace  string
	Labels     map[string]string
	// NamespaceLabels are the labels of a pod's namespace.
	NamespaceLabels map[string]string
	Account         string
	Addrs           []netip.Addr
	Ports           []NamedPort
	Open            bool
}

// NamedPort is a port of an end by its name.
type NamedPort struct {
	Name  string
	Proto packet.Proto
	Port  uint16
}

// Connection is the first packet of a connection.
type Connection struct {
	Src, Dst           netip.Addr
	Proto              packet.Proto
	SrcPort, DstPort   uint16
	ICMPType, ICMPCode uint8
}

// Verdict is what the intent says of a connection, and by which statement; a nil
// Rule and Protect mean that nothing was said.
type Verdict struct {
	Allowed bool
	Why     string
}

// Judge is the meaning of a program, all documents enforced: whether a connection may be. Both ends have
// to agree, and the host by which it comes in. A pod and a process of its own
// host always reach each other as far as the host is concerned: what a host sends
// to its own pods nobody judges, what a pod sends to its own host only the pod's
// side judges.
//
// A service's address is what it leads to from where a node translates it. At a
// node port the node judges before it does, and lets through or not what then is
// on its way to a pod; at pods elsewhere it is the node that connects.
func (p *Program) Judge(w *World, c Connection) Verdict {
	j := &judge{p: p, w: w, c: c}
	from, service := w.At(c.Src), w.address(c)
	if service != nil && service.Node == "" {
		j.translate(service)
		service = nil
	}
	to := w.At(j.c.Dst)
	if service == nil && from != nil && to != nil && from.Node == to.Node {
		return j.within(from, to)
	}
	if from != nil {
		if v := j.sends(from); !v.Allowed {
			return v
		}
	}
	switch {
	case service != nil:
		return j.nodePort(service)
	case to == nil:
		return Verdict{true, "nobody at the other end judges"}
	}
	return j.arrives(to)
}

// within judges at the two ends of one node.
func (j *judge) within(from, to *End) Verdict {
	if from.Host && !to.Host {
		return Verdict{true, "a host reaches its own pods"}
	}
	if v := j.sends(from); !v.Allowed || to.Host {
		return v
	}
	return j.side(to, In)
}

// arrives judges what comes from elsewhere, at the node of its end and at the end.
func (j *judge) arrives(to *End) Verdict {
	host := j.w.host(to.Node)
	v, by := j.enters(host, to)
	switch {
	case !v.Allowed || by == FastPath:
		return v
	case to.Host && (by == NodePorts || j.failsafe(j.w.FailsafeIn)):
		return Verdict{true, "let in at the host's edge"}
	case !to.Host && by != NodePorts:
		if v := j.passes(host); !v.Allowed {
			return v
		}
	}
	return j.side(to, In)
}

type judge struct {
	p *Program
	w *World
	c Connection
}

// At is the end that has an address, or nil.
func (w *World) At(a netip.Addr) *End {
	for i := range w.Ends {
		if slices.Contains(w.Ends[i].Addrs, a) {
			return &w.Ends[i]
		}
	}
	return nil
}

func (w *World) host(node string) *End {
	for i := range w.Ends {
		if w.Ends[i].Host && w.Ends[i].Node == node {
			return &w.Ends[i]
		}
	}
	return nil
}

// sends judges at the end that connects.
func (j *judge) sends(from *End) Verdict {
	if from.Host {
		if j.failsafe(j.w.FailsafeOut) {
			return Verdict{true, "failsafe port"}
		}
		if j.fast(from, Out) {
			return Verdict{true, "fastPath"}
		}
	}
	return j.side(from, Out)
}

func (j *judge) failsafe(ports []PortTerm) bool {
	return slices.ContainsFunc(ports, func(t PortTerm) bool { return j.matches(t) })
}

// fast reports whether a fastPath statement takes the connection past all else at
// a host.
func (j *judge) fast(host *End, dir Direction) bool {
	for i := range j.p.Statements {
		s := &j.p.Statements[i]
		if s.Rule.Section != FastPath || !j.on(s) {
			continue
		}
		if dir == In && j.ends(host, s.To) && j.peer(j.c.Src, s.From) || dir == Out && j.ends(host, s.From) && j.peer(j.c.Dst, s.To) {
			return true
		}
	}
	return false
}

// enters judges what arrives at a host from outside, for itself or for its pods.
func (j *judge) enters(host, to *End) (Verdict, Section) {
	if host == nil {
		return Verdict{true, ""}, 0
	}
	if j.failsafe(j.w.FailsafeIn) {
		return Verdict{true, "failsafe port"}, 0
	}
	if to == host && j.fast(host, In) {
		return Verdict{true, "fastPath"}, FastPath
	}
	return j.guard(NodePorts, host, func(s *Statement) bool { return j.ends(host, s.To) })
}

// passes judges what a host forwards to its pods.
func (j *judge) passes(host *End) Verdict {
	if host == nil {
		return Verdict{true, ""}
	}
	v, _ := j.guard(Forward, host, func(s *Statement) bool {
		return j.peer(j.c.Dst, s.To) && j.ends(host, j.p.Via(s.Doc))
	})
	return v
}

// guard asks the statements of a section, tier by tier and document by document,
// denies first; where a tier guards the host, only the cluster's own addresses and
// those trusted get by besides. What a statement on node ports allows, the host
// itself is not asked about again; the trusted still are.
func (j *judge) guard(section Section, host *End, applies func(*Statement) bool) (Verdict, Section) {
	for _, tier := range j.p.Tiers {
		if v, ok := j.tier(tier.Name, func(s *Statement) bool {
			return s.Rule.Section == section && applies(s) && j.peer(j.c.Src, s.From) && j.on(s)
		}); ok {
			return v, section
		}
		guarded, trusted := false, false
		for _, g := range j.p.Guards {
			if g.Doc.Tier.Name != tier.Name || g.Guard.Section != section || !j.ends(host, g.Hosts) {
				continue
			}
			guarded = true
			own := slices.ContainsFunc(j.w.Cluster, func(n netip.Prefix) bool { return n.Contains(j.c.Src) })
			trusted = trusted || own || j.peer(j.c.Src, g.Trust) || section == NodePorts && (j.opened(host) || j.forwards(host))
		}
		if trusted && section == Forward {
			return Verdict{true, "trusted"}, section
		}
		if guarded && !trusted {
			return Verdict{false, section.String() + " protects " + host.Name}, section
		}
	}
	return Verdict{true, ""}, 0
}

// opened reports whether the connection is for a host itself and a statement
// allows it there.
func (j *judge) opened(host *End) bool {
	return slices.Contains(host.Addrs, j.c.Dst) && slices.ContainsFunc(j.p.Statements, func(s Statement) bool {
		return s.OpensHosts() && j.ends(host, s.To) && j.peer(j.c.Src, s.From) && j.on(&s)
	})
}

// forwards reports whether the connection is on its way through a host and a
// statement about what it forwards allows it there.
func (j *judge) forwards(host *End) bool {
	return !slices.Contains(host.Addrs, j.c.Dst) && slices.ContainsFunc(j.p.Statements, func(s Statement) bool {
		return s.Rule.Section == Forward && !s.Rule.Deny && j.peer(j.c.Dst, s.To) && j.peer(j.c.Src, s.From) && j.on(&s) &&
			j.ends(host, j.p.Via(s.Doc))
	})
}

// tier finds the first statement of a tier that applies: document by document,
// denies before allows.
func (j *judge) tier(name string, applies func(*Statement) bool) (Verdict, bool) {
	for _, d := range j.p.Docs {
		if d.Tier.Name != name {
			continue
		}
		for _, deny := range []bool{true, false} {
			for i := range j.p.Statements {
				s := &j.p.Statements[i]
				if s.Doc == d && s.Rule.Deny == deny && applies(s) {
					return Verdict{!deny, fmt.Sprintf("statement at %s", s.Rule.Span)}, true
				}
			}
		}
	}
	return Verdict{}, false
}

// side judges at one end: the first statement that names the end on this side and
// the peer on the other decides; else protection denies; else later tiers are
// asked, and at last the end is as open as it is without any policy.
func (j *judge) side(e *End, dir Direction) Verdict {
	for _, tier := range j.p.Tiers {
		if v, ok := j.tier(tier.Name, func(s *Statement) bool { return s.Rule.Section == Normal && j.concerns(s, e, dir) }); ok {
			return v
		}
		for _, p := range j.p.Protects {
			on := p.Protect.In && dir == In || p.Protect.Out && dir == Out
			if on && p.Doc.Tier.Name == tier.Name && j.ends(e, p.Atoms) {
				return Verdict{false, fmt.Sprintf("%s is protected at %s", e.Name, p.Protect.Span)}
			}
		}
	}
	return Verdict{e.Open, "nothing is said of " + e.Name}
}

// concerns reports whether a statement applies at an end for a direction. Pods
// that must not be reached refuse by themselves, so a deny to them is not asked of
// those who connect.
func (j *judge) concerns(s *Statement, e *End, dir Direction) bool {
	if s.Rule.At != 0 && s.Rule.At != dir {
		return false
	}
	if dir == In {
		return j.peer(j.c.Src, s.From) && (j.ends(e, s.To) && j.on(s) || j.serves(e, s))
	}
	to := s.To
	if s.Rule.Deny && s.Rule.At == 0 {
		to = slices.DeleteFunc(slices.Clone(to), func(a *Atom) bool { return a.Kind == Pods })
	}
	for _, a := range to {
		if a.Kind == Service {
			if j.ends(e, s.From) && j.behind(a, s.On, false) {
				return true
			}
		} else if j.ends(e, s.From) && j.peer(j.c.Dst, []*Atom{a}) && j.on(s) {
			return true
		}
	}
	return false
}

// ends reports whether an end is one of those that atoms select.
func (j *judge) ends(e *End, atoms []*Atom) bool {
	return slices.ContainsFunc(atoms, func(a *Atom) bool { return a.selects(e) })
}

// peer reports whether an address belongs to one of the atoms.
func (j *judge) peer(addr netip.Addr, atoms []*Atom) bool {
	e := j.w.At(addr)
	return slices.ContainsFunc(atoms, func(a *Atom) bool {
		switch a.Kind {
		case Any:
			return true
		case Nets:
			return a.Contains(addr)
		}
		return e != nil && a.selects(e)
	})
}

// selects reports whether an atom of pods or hosts has an end.
func (a *Atom) selects(e *End) bool {
	p := a.Party
	if a.Kind == Hosts {
		return e.Host && p.Hosts.Sel.Matches(selector.Map(e.Labels))
	}
	return a.Kind == Pods && !e.Host &&
		(p.Namespace == "" || p.Namespace == e.Namespace) &&
		(p.Namespaces == nil || p.Namespaces.Sel.Matches(selector.Map(e.NamespaceLabels))) &&
		(p.Pods == nil || p.Pods.Sel.Matches(selector.Map(e.Labels))) &&
		(len(p.Accounts) == 0 || slices.Contains(p.Accounts, e.Account))
}

// on reports whether the connection is one of those that a statement's ports name.
func (j *judge) on(s *Statement) bool {
	return len(s.On) == 0 || slices.ContainsFunc(s.On, j.matches)
}

func (j *judge) matches(t PortTerm) bool {
	c := &j.c
	switch {
	case t.Proto != c.Proto:
		return false
	case t.Name != "":
		e := j.w.At(c.Dst)
		return e != nil && slices.Contains(e.Ports, NamedPort{t.Name, c.Proto, c.DstPort})
	case t.HasPorts:
		return c.DstPort >= t.First && c.DstPort <= t.Last
	case t.HasType:
		return c.ICMPType == t.Type && (!t.HasCode || c.ICMPCode == t.Code)
	}
	return true
}
