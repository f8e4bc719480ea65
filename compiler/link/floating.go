package link

import (
	"fmt"
	"net/netip"
	"slices"

	"tortie/compiler/calico"
	"tortie/compiler/diag"
	"tortie/dataplane/host"
)

// floats reports whether Felix on a node gives pods floating addresses.
func (l *Linker) floats(node string) bool {
	return l.index.Settings(node, l.nodeOptions(&host.State{})).FloatingIPs
}

// withoutEffect reports whether a pod asks for floating addresses and has none,
// because Felix has them off.
func (l *Linker) withoutEffect(e *calico.Endpoint) bool {
	return len(e.NATs) > 0 && e.Orchestrator != "openstack" && slices.Contains(l.NodeNames(), host.Name(e.Node)) && !l.floats(e.Node)
}

// floatingOff reports the floating addresses that are not there.
func (l *Linker) floatingOff() (out diag.List) {
	for i := range l.model.Endpoints {
		e := &l.model.Endpoints[i]
		if !l.withoutEffect(&e.Value) {
			continue
		}
		place := []any{"spec", "ipNATs"}
		if e.Source.Kind == "Pod" {
			place = []any{"metadata", "annotations", "cni.projectcalico.org/floatingIPs"}
		}
		out.Add(diag.Finding{Code: "link/floating-ips-off", Severity: diag.Warning, Span: e.Source.At(place...),
			Message: fmt.Sprintf("%s asks for the floating IP %s, and floatingIPs of the FelixConfiguration is Disabled: Felix neither translates nor routes it", e.Value.Workload, e.Value.NATs[0].External),
			Hint:    "set floatingIPs to Enabled, and floating_ips of feature_control in the CNI configuration, without which such a pod does not start",
		})
	}
	return out
}

// FloatingNodes are the nodes of the pods that have the floating address.
func (l *Linker) FloatingNodes(a netip.Addr) (out []host.Name) {
	for _, f := range l.routing.Floating() {
		if f.Addr == a {
			out = append(out, host.Name(f.Node))
		}
	}
	return out
}
