package intent

import (
	"net/netip"

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
