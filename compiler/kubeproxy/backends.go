package kubeproxy

import (
	"net/netip"
	"slices"

	"tortie/compiler/cluster"
	"tortie/dataplane/packet"
)

// Backends are the endpoints to which a service's cluster IP and port lead a client on
// a node, in kube-proxy's order; the service's name is "namespace/name", and empty
// when no service has the address. It is for dataplanes without kube-proxy's rules.
func Backends(s *cluster.Snapshot, node string, addr netip.Addr, port uint16, proto packet.Proto) (service string, list []netip.AddrPort) {
	opt := Options{Node: node}
	in := &input{Options: &opt, node: readNode(s, &opt), family: familyOf(addr)}
	in.readServices(s, &Result{})
	for i := range in.services {
		svc := &in.services[i]
		if svc.clusterIP != addr {
			continue
		}
		service = svc.namespace + "/" + svc.name
		if svc.portNumber != port || svc.proto != proto {
			continue
		}
		behind := svc.plan.cluster
		if svc.internalLocal {
			behind = svc.plan.local
		}
		for _, e := range behind {
			list = append(list, netip.AddrPortFrom(e.addr, e.port))
		}
	}
	return service, list
}

// ReadyNodes are the nodes with a ready endpoint of a service in a family: those on
// which kube-proxy tells a balancer's health check so.
func ReadyNodes(s *cluster.Snapshot, namespace, name string, f packet.Family) (nodes []string) {
	for k, list := range readEndpoints(s, "", f) {
		if k.namespace != namespace || k.service != name {
			continue
		}
		for _, e := range list {
			if e.ready && e.on != "" {
				nodes = append(nodes, e.on)
			}
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}
