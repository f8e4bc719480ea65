package policies

import (
	"slices"

	"tortie/dataplane/host"
	"tortie/simulator/trace"
)

// explainOwnPod says of a packet that a node sent to a pod of its own that no
// policy was asked: Felix lets a node's own packets to its pods pass their chains by.
func (w *World) explainOwnPod(x *trace.Explanation, p *trace.Packet, seen []visit, captured map[host.Name]bool) {
	if p.Verdict != trace.Allow || len(p.Steps) == 0 || p.Steps[0].Kind != trace.KindLocal || captured[host.Name(p.Steps[0].Node)] {
		return
	}
	var iface string
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Kind == trace.KindRoute && s.OutIface != "" {
			iface = s.OutIface
		}
		if p.Steps[i].Node != p.Steps[0].Node {
			return
		}
	}
	v := visit{node: host.Name(p.Steps[0].Node), iface: iface, workload: true, direction: "ingress", stage: sideNormal}
	n := w.node(v.node)
	if n == nil || slices.ContainsFunc(seen, func(o visit) bool { return o.same(&v) }) {
		return
	}
	if ep, ok := n.endpoint(&v); ok {
		x.Sides = append(x.Sides, trace.Side{Packet: p.Direction, Node: string(v.node), Endpoint: ep.name, Kind: ep.kind, Interface: iface,
			Direction: v.direction, Stage: v.stage, Outcome: outcomeAllowed, Text: "allowed: no policy applies to what a node sends to its own pods"})
	}
}
