package main

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/link"
	"tortie/dataplane/host"
)

// smallCluster is the number of nodes up to which all of them are modelled.
const smallCluster = 16

// nodesOf names the nodes that a connection can touch, so that in a large
// cluster only those are modelled; nil is all. What cannot be told (a service's
// backends may be anywhere, an address that nobody owns is outside) takes the
// nodes of every endpoint that services lead to, or all.
func nodesOf(l *loaded, k *link.Linker, from, to end) []host.Name {
	if len(k.NodeNames()) <= smallCluster {
		return nil
	}
	a, okA := nodesOfEnd(l, k, from)
	b, okB := nodesOfEnd(l, k, to)
	if !okA || !okB || len(a)+len(b) == 0 {
		return nil
	}
	all := append(a, b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// nodesOfEnd returns an end's nodes; none for an address outside, and false when
// they cannot be told.
func nodesOfEnd(l *loaded, k *link.Linker, e end) ([]host.Name, bool) {
	switch e.kind {
	case endNode:
		// A node port leads to backends on any node.
		return append(backendNodes(l, k, nil), host.Name(e.name)), true
	case endService:
		return backendNodes(l, k, &e), true
	case endPod:
		for _, p := range k.Endpoints(nil) {
			if p.Name == e.name {
				return []host.Name{p.Host}, slices.Contains(k.NodeNames(), p.Host)
			}
		}
		return nil, false
	case endAddr:
		return nodesOfAddr(l, k, e)
	}
	return nil, false
}

func nodesOfAddr(l *loaded, k *link.Linker, e end) ([]host.Name, bool) {
	if e.node != "" {
		return []host.Name{host.Name(e.node)}, true
	}
	for _, p := range k.Endpoints(nil) {
		if slices.Contains(p.Addrs, e.addr) && slices.Contains(k.NodeNames(), p.Host) {
			return []host.Name{p.Host}, true
		}
	}
	if names := k.FloatingNodes(e.addr); names != nil {
		return names, true
	}
	if name, ok := k.NodeOf(e.addr); ok {
		return append(backendNodes(l, k, nil), name), true
	}
	for _, o := range l.snapshot.Services {
		spec := o.Object.Spec
		addrs := append(append([]string{spec.ClusterIP}, spec.ClusterIPs...), spec.ExternalIPs...)
		for _, in := range o.Object.Status.LoadBalancer.Ingress {
			addrs = append(addrs, in.IP)
		}
		for _, s := range addrs {
			if a, err := netip.ParseAddr(s); err == nil && a == e.addr {
				return backendNodes(l, k, &end{name: o.Object.Namespace + "/" + o.Object.Name}), true
			}
		}
	}
	return nil, true
}

// backendNodes returns the nodes of a service's endpoints; without one, of the
// endpoints of all services that have a node port.
func backendNodes(l *loaded, k *link.Linker, svc *end) []host.Name {
	wanted := map[string]bool{}
	for _, o := range l.snapshot.Services {
		name := o.Object.Namespace + "/" + o.Object.Name
		for _, p := range o.Object.Spec.Ports {
			wanted[name] = wanted[name] || svc == nil && p.NodePort != 0 || svc != nil && svc.name == name
		}
	}
	addrs := map[netip.Addr]bool{}
	for _, o := range l.snapshot.EndpointSlices {
		if !wanted[o.Object.Namespace+"/"+o.Object.Labels["kubernetes.io/service-name"]] {
			continue
		}
		for _, ep := range o.Object.Endpoints {
			for _, s := range ep.Addresses {
				if a, err := netip.ParseAddr(s); err == nil {
					addrs[a] = true
				}
			}
		}
	}
	var out []host.Name
	for _, p := range k.Endpoints(nil) {
		for _, a := range p.Addrs {
			if addrs[a] {
				out = append(out, p.Host)
			}
		}
	}
	return out
}

// dumpedNodes are the nodes that captures stand for; their rules are nobody's
// policies.
func (in *inputFlags) dumpedNodes() map[host.Name]bool {
	out := map[host.Name]bool{}
	for _, d := range in.nodeDumps {
		name, _, _ := strings.Cut(d, "=")
		out[host.Name(name)] = true
	}
	return out
}
