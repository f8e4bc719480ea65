package intent

import (
	"net/netip"
	"slices"

	"tortie/dataplane/packet"
)

// Address is one of a service, with a port and a single backend. Without a node the
// sender's node translates it (a cluster IP). With one that node does (a node port),
// which then connects to pods elsewhere by its own address.
type Address struct {
	Addr   netip.Addr
	Node   string
	Proto  packet.Proto
	Port   uint16
	To     netip.Addr
	ToPort uint16
}

// nodePort judges where a node translates: the port that the client sees is judged
// as the host's, and what passes is on its way to a pod.
func (j *judge) nodePort(a *Address) Verdict {
	host := j.w.host(a.Node)
	v, by := j.enters(host, host)
	if !v.Allowed || by == FastPath { // what is not tracked is not translated
		return v
	}
	j.translate(a)
	if by != NodePorts {
		if v := j.passes(host); !v.Allowed {
			return v
		}
	}
	pod := j.w.At(j.c.Dst)
	if pod.Node == a.Node {
		return j.side(pod, In)
	}
	j.c.Src = a.Addr
	return j.arrives(pod)
}

func (j *judge) translate(a *Address) { j.c.Dst, j.c.DstPort = a.To, a.ToPort }

// address finds the service's address that a connection is for.
func (w *World) address(c Connection) *Address {
	for i, a := range w.Addresses {
		if a.Addr == c.Dst && a.Proto == c.Proto && a.Port == c.DstPort {
			return &w.Addresses[i]
		}
	}
	return nil
}

// serves reports whether a pod is what the connection finds behind a service that a
// statement names, and the service selects it.
func (j *judge) serves(e *End, s *Statement) bool {
	return !e.Host && slices.ContainsFunc(s.To, func(a *Atom) bool { return a.Kind == Service && j.behind(a, s.On, true) })
}

// behind reports whether the connection goes to an address and port behind a
// service, by one of those of its ports that a statement names.
func (j *judge) behind(a *Atom, on []PortTerm, selected bool) bool {
	return slices.ContainsFunc(j.w.Services[a.Party.Service], func(b Backend) bool {
		return b.Addr == j.c.Dst && b.Proto == j.c.Proto && b.Port == j.c.DstPort && (b.Selected || !selected) &&
			(len(on) == 0 || slices.ContainsFunc(on, func(t PortTerm) bool { return t.Has(b.Proto, b.ServicePort, b.Name) }))
	})
}
