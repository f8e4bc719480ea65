package policies

import (
	"fmt"
	"net/netip"
	"slices"

	"tortie/compiler/link"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// Chainless judges connections of clusters in eBPF mode, which has no chains to walk
// through: by what the policies of pods say, and by nothing else.
type Chainless struct {
	world  *World
	linker *link.Linker
	fleet  *host.Fleet
}

// NewChainless prepares a cluster and its fleet.
func NewChainless(l *link.Linker, f *host.Fleet) *Chainless { return &Chainless{New(l), l, f} }

// Judge asks the egress policies of the pod that sends, then the ingress
// policies of the pod that receives.
func (e *Chainless) Judge(src walk.End, p packet.Packet) trace.Connection {
	from, to := e.pod(p.Src), e.pod(p.Dst)
	if from != nil && from.Host != src.Host {
		from = nil
	}
	if why := e.beyond(src, p, from, to); why != "" {
		return e.Unasked(p, trace.Unknown, why)
	}
	if p.Src == p.Dst {
		return e.Unasked(p, trace.Allow, "a pod that asks for itself: the packet does not leave it")
	}
	c := e.Unasked(p, trace.Allow, "")
	c.Explanation = &trace.Explanation{Sides: []trace.Side{}, Considered: []trace.Considered{}}
	for _, s := range []struct {
		pod       *host.Endpoint
		direction string
	}{{from, "egress"}, {to, "ingress"}} {
		if s.pod == nil || c.Verdict != trace.Allow {
			continue
		}
		e.side(&c, visit{node: s.pod.Host, iface: string(s.pod.Link), workload: true, direction: s.direction, stage: sideNormal}, &p)
	}
	c.Packets[0].Verdict, c.Packets[0].Reason = c.Verdict, c.Reason
	return c
}

// beyond says what is not judged in eBPF mode; empty when policies of pods are all
// that there is between the ends.
func (e *Chainless) beyond(src walk.End, p packet.Packet, from, to *host.Endpoint) string {
	const not = " not judged in eBPF mode"
	switch {
	case src.Link == "" || e.isNode(p.Src):
		return "what a node's own processes may do is" + not
	case e.isNode(p.Dst):
		return "connections to a node's own addresses are" + not
	case to == nil && e.virtual(p.Dst) != "":
		return p.Dst.String() + " is " + e.virtual(p.Dst) + ", which is" + not
	case from == nil && to == nil:
		return "neither end is a pod: what Calico does with packets that it forwards between others is" + not
	case p.Proto == packet.ProtoIPIP, p.Proto == packet.ProtoUDP && p.DstPort == packet.VXLANPort:
		return "packets of tunnels are" + not
	case from != nil && to != nil && from.Host == to.Host:
		return ""
	}
	for _, pod := range []*host.Endpoint{from, to} {
		if pod == nil {
			continue
		}
		if n := e.world.node(pod.Host); n == nil || len(n.view.Hosts) > 0 {
			return fmt.Sprintf("node %s has host endpoints, whose policies are%s", pod.Host, not)
		}
	}
	return ""
}

func (e *Chainless) isNode(a netip.Addr) bool {
	_, ok := e.linker.NodeOf(a)
	return ok
}

// virtual says what an address is that services have, or nobody: cluster IPs lead to
// their backends before anybody asks. Empty is for all others.
func (e *Chainless) virtual(a netip.Addr) string {
	for _, v := range e.fleet.Virtual {
		if v.Prefix.Contains(a) {
			return v.Name
		}
	}
	return ""
}

// pod is the pod that has an address of its own.
func (e *Chainless) pod(a netip.Addr) *host.Endpoint {
	for i := range e.fleet.Endpoints {
		if p := &e.fleet.Endpoints[i]; !p.HostNetwork && slices.Contains(p.Addrs, a) {
			return p
		}
	}
	return nil
}

// Unasked is a connection that no policy is asked about.
func (e *Chainless) Unasked(p packet.Packet, v trace.Verdict, why string) trace.Connection {
	one := trace.Packet{Direction: trace.Request, Verdict: v, Reason: trace.Reason{Text: why}, Protocol: p.Proto.String(),
		From: trace.End(&p, true), To: trace.End(&p, false)}
	one.FromName, one.ToName = ownerOf(e.fleet, one.From), ownerOf(e.fleet, one.To)
	return trace.Connection{Verdict: v, Reason: one.Reason, Packets: []trace.Packet{one}}
}

// side asks the policies of one pod in one direction.
func (e *Chainless) side(c *trace.Connection, v visit, p *packet.Packet) {
	n := e.world.node(v.node)
	ep, ok := n.endpoint(&v)
	if !ok {
		c.Verdict, c.Reason = trace.Unknown, trace.Reason{Node: string(v.node), Text: "the pod has no endpoint there"}
		return
	}
	d := plain{world: e.world, node: n, visit: &v, ep: ep, p: p, did: map[policyKey]decision{}}
	d.decide()
	if d.unknown != "" {
		c.Verdict, c.Reason = trace.Unknown, trace.Reason{Node: string(v.node), Text: d.unknown}
		return
	}
	x := &trace.Explanation{}
	q := inquiry{world: e.world, node: n, visit: &v, ep: ep, did: d.did, end: d.end}
	e.world.conclude(x, &q, trace.Request)
	c.Explanation.Sides = append(c.Explanation.Sides, x.Sides...)
	c.Reason = trace.Reason{Node: string(v.node), Text: q.side.Text, Policy: q.side.Policy, Source: q.side.Source}
	if q.side.Outcome == outcomeDenied {
		c.Verdict = trace.Deny
		c.Explanation.Considered, c.Explanation.Nearest, c.Explanation.Suggestion = x.Considered, x.Nearest, x.Suggestion
	}
}
