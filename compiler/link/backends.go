package link

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/dataplane/packet"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// Backends are the ready endpoints that the service with the cluster IP leads to by
// a port, in order of address; the service's name is "namespace/name", and empty
// when no service has the address. It looks at objects only, for dataplanes
// without kube-proxy's rules.
func (l *Linker) Backends(addr netip.Addr, port uint16, proto packet.Proto) (service string, list []netip.AddrPort) {
	for _, o := range l.snapshot.Services {
		svc := o.Object
		if !slices.Contains(append([]string{svc.Spec.ClusterIP}, svc.Spec.ClusterIPs...), addr.String()) {
			continue
		}
		service = svc.Namespace + "/" + svc.Name
		for _, p := range svc.Spec.Ports {
			if p.Port == int32(port) && protoOf(p.Protocol) == proto {
				list = l.ready(svc, p.Name, proto, addr)
			}
		}
		return service, list
	}
	return "", nil
}

// ready are the ready endpoints of a service's port in the family of an address.
func (l *Linker) ready(svc *corev1.Service, port string, proto packet.Proto, family netip.Addr) (list []netip.AddrPort) {
	for _, o := range l.snapshot.EndpointSlices {
		slice := o.Object
		if slice.Namespace != svc.Namespace || slice.Labels[discoveryv1.LabelServiceName] != svc.Name {
			continue
		}
		for _, p := range slice.Ports {
			if p.Port == nil || *p.Port < 1 || *p.Port > 65535 || protoOf(valueOf(p.Protocol)) != proto || valueOf(p.Name) != port {
				continue
			}
			for _, e := range slice.Endpoints {
				if a, err := netip.ParseAddr(firstOf(e.Addresses)); err == nil && a.Is4() == family.Is4() && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
					list = append(list, netip.AddrPortFrom(a, uint16(*p.Port)))
				}
			}
		}
	}
	slices.SortFunc(list, netip.AddrPort.Compare)
	return slices.Compact(list)
}

func valueOf[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// protoOf is the protocol of a Kubernetes port; TCP when it is not said.
func protoOf(p corev1.Protocol) packet.Proto {
	if n, ok := packet.ParseProto(strings.ToLower(string(p))); ok {
		return n
	}
	return packet.ProtoTCP
}
