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
	state, ok := l.routing.Node(string(name))
	if !ok {
		return nil, false
	}
	view, _ := l.index.Node(string(name), resolve.NodeOptions{Base: l.base, Env: l.options.Env, Interfaces: interfacesOf(&state), IPVS: l.options.IPVS, ProxyNFTables: l.options.KubeProxy == KubeProxyNFTables})
	return view, true
}

// Model returns the policies, profiles and endpoints that views are made from.
func (l *Linker) Model() *cluster.Model { return l.model }
