package kubeproxy

import (
	"net/netip"
	"reflect"
	"slices"

	"tortie/compiler/cluster"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// Stale are the connections that kube-proxy removes when the objects change from old to
// next: once a slice of a service with endpoints of UDP has changed in anything, those to
// every UDP service of the family that lead to none of its serving endpoints. Services
// without any are left alone (EndpointsMap.Update of pkg/proxy, CleanStaleEntries of
// pkg/proxy/conntrack, v1.36.3).
func Stale(old, next *cluster.Snapshot) (out []host.Removal) {
	for _, f := range []packet.Family{packet.IPv4, packet.IPv6} {
		if udpChanged(old, next, f) {
			out = append(out, stale(next, f)...)
		}
	}
	return out
}

// udpChanged reports whether anything was said anew about the endpoints of a service
// that has UDP endpoints in the family, before or now.
func udpChanged(old, next *cluster.Snapshot, f packet.Family) bool {
	before, now := sayingsOf(old, f), sayingsOf(next, f)
	for _, s := range []*cluster.Snapshot{old, next} {
		for k := range readEndpoints(s, "", f) {
			name := serviceName{k.namespace, k.service}
			if k.proto == packet.ProtoUDP && !reflect.DeepEqual(before[name], now[name]) {
				return true
			}
		}
	}
	return false
}

// sayingsOf are the objects that speak of the endpoints of each service in a family, by
// their names; of those that are mirrored into slices, the endpoints.
func sayingsOf(s *cluster.Snapshot, f packet.Family) map[serviceName]map[string]any {
	out := map[serviceName]map[string]any{}
	add := func(service serviceName, name string, o any) {
		if out[service] == nil {
			out[service] = map[string]any{}
		}
		out[service][name] = o
	}
	for i := range s.EndpointSlices {
		if o := s.EndpointSlices[i].Object; string(o.AddressType) == familyName(f) {
			add(serviceName{o.Namespace, o.Labels[sliceServiceLabel]}, o.Name, o)
		}
	}
	for _, i := range unsliced(s) {
		o := s.Endpoints[i].Object
		add(serviceName{o.Namespace, o.Name}, "", o.Subsets)
	}
	return out
}

// stale are the removals for all UDP services of a family.
func stale(s *cluster.Snapshot, f packet.Family) (out []host.Removal) {
	in := &input{Options: &Options{}, family: f}
	in.readServices(s, &Result{})
	for i := range in.services {
		svc := &in.services[i]
		keep := svc.serving()
		if svc.proto != packet.ProtoUDP || len(keep) == 0 {
			continue
		}
		remove := func(a netip.Addr, port uint16) {
			out = append(out, host.Removal{Proto: svc.proto, Dst: netip.AddrPortFrom(a, port), Keep: keep,
				Why: "kube-proxy: to no serving endpoint of " + svc.text()})
		}
		for _, a := range slices.Concat([]netip.Addr{svc.clusterIP}, svc.balancers, svc.externalIPs) {
			remove(a, svc.portNumber)
		}
		if svc.nodePort != 0 {
			remove(anyOf(f), svc.nodePort)
		}
	}
	return out
}

// serving are the endpoints that pass their readiness probes, terminating or not.
func (s *service) serving() (out []netip.AddrPort) {
	for _, e := range s.endpoints {
		if e.serving {
			out = append(out, netip.AddrPortFrom(e.addr, e.port))
		}
	}
	return out
}

// anyOf is the unspecified address of a family.
func anyOf(f packet.Family) netip.Addr {
	if f == packet.IPv6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}
