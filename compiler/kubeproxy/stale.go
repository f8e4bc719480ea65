package kubeproxy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// udpServices are the UDP ports of services and the UDP endpoints of a family, by which
// kube-proxy removes stale connections (CleanStaleEntries of pkg/proxy/conntrack), in
// order of their names.
func (in *input) udpServices() (list []host.UDPService) {
	byKey := map[endpointKey]host.UDPService{}
	for k, endpoints := range in.endpoints {
		if k.proto != packet.ProtoUDP {
			continue
		}
		u := host.UDPService{}
		for i := range endpoints {
			u.Endpoints = append(u.Endpoints, endpoints[i].observed())
		}
		byKey[k] = u
	}
	for i := range in.services {
		s := &in.services[i]
		if s.proto != packet.ProtoUDP {
			continue
		}
		k := endpointKey{s.namespace, s.name, s.port, s.proto}
		u := byKey[k]
		u.NodePort = s.nodePort
		for _, a := range slices.Concat([]netip.Addr{s.clusterIP}, s.balancers, s.externalIPs) {
			u.Frontends = append(u.Frontends, netip.AddrPortFrom(a, s.portNumber))
		}
		byKey[k] = u
	}
	for k, u := range byKey {
		u.Name = (&service{namespace: k.namespace, name: k.service, port: k.port}).text()
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b host.UDPService) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// observed is the endpoint with all whose change kube-proxy notices.
func (e *endpoint) observed() host.ServiceEndpoint {
	return host.ServiceEndpoint{
		Addr: netip.AddrPortFrom(e.addr, e.port), Serving: e.serving,
		State: fmt.Sprintf("node %q ready %t terminating %t zones %q nodes %q", e.on, e.ready, e.terminating, e.zones, e.nodes),
	}
}
