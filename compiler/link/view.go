package link

import (
	"tortie/compiler/cluster"
	"tortie/compiler/resolve"
	"tortie/dataplane/host"
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

// Model returns the policies, profiles and endpoints that views are made from.
func (l *Linker) Model() *cluster.Model { return l.model }
