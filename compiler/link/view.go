package link

import (
	"net/netip"

	"tortie/compiler/cluster"
	"tortie/compiler/kubeproxy"
	"tortie/compiler/resolve"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// View returns what a node's rules are made from: its endpoints with the
// policies that select them, in order, and the members of sets. False when there
// is no such node.
func (l *Linker) View(name host.Name) (*resolve.View, bool) {
	state, _, err := l.before(name)
	if err != nil {
		return nil, false
	}
	view, _ := l.index.Node(string(name), l.nodeOptions(&state))
	return view, true
}

// EBPF reports whether Felix is in eBPF mode on a node, where it programs no chains.
func (l *Linker) EBPF(name host.Name) bool {
	return l.index.Settings(string(name), l.nodeOptions(&host.State{})).BPF
}

// Backends are the endpoints to which a service's cluster IP and port lead a client
// on a node (see kubeproxy.Backends).
func (l *Linker) Backends(node host.Name, addr netip.Addr, port uint16, proto packet.Proto) (service string, list []netip.AddrPort) {
	return kubeproxy.Backends(l.snapshot, string(node), addr, port, proto)
}

// Model returns the policies, profiles and endpoints that views are made from.
func (l *Linker) Model() *cluster.Model { return l.model }
