package link

import (
	"fmt"
	"net/netip"
	"slices"

	"tortie/compiler/kubeproxy"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"

	corev1 "k8s.io/api/core/v1"
)

// Receivers are the nodes to which the network outside brings packets to an address
// that no node has of its own: those of the pods with a floating address, and those
// that a load balancer chooses (or BGP, of an external IP). why says which, in words; it
// is empty for other addresses.
func (l *Linker) Receivers(a netip.Addr) (nodes []host.Name, why string) {
	if nodes := l.FloatingNodes(a); nodes != nil {
		return nodes, a.String() + " is a floating IP of a pod on it"
	}
	for _, o := range l.snapshot.Services {
		svc := o.Object
		what := outsideAddr(svc, a)
		if what == "" {
			continue
		}
		what = fmt.Sprintf("%s is %s of Service %s/%s", a, what, svc.Namespace, svc.Name)
		if svc.Spec.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
			return l.NodeNames(), what + " (externalTrafficPolicy Cluster: any node may be chosen)"
		}
		if ready := l.readyNodes(svc, packet.FamilyOf(a)); len(ready) > 0 {
			return ready, what + " (externalTrafficPolicy Local: a node with a ready endpoint is chosen)"
		}
		return l.NodeNames(), what + " (externalTrafficPolicy Local, and no node has a ready endpoint)"
	}
	return nil, ""
}

// outsideAddr says what an address is for a service that packets come to from outside;
// "" when it is nothing of that kind.
func outsideAddr(svc *corev1.Service, a netip.Addr) string {
	same := func(text string) bool {
		b, ok := kubeproxy.ParseAddr(text)
		return ok && a == b
	}
	switch {
	case svc.Spec.Type == corev1.ServiceTypeExternalName:
	case slices.ContainsFunc(svc.Status.LoadBalancer.Ingress, func(i corev1.LoadBalancerIngress) bool { return same(i.IP) }):
		return "the load balancer's address"
	case slices.ContainsFunc(svc.Spec.ExternalIPs, same):
		return "an external IP"
	}
	return ""
}

// readyNodes are the nodes that a balancer of a service with externalTrafficPolicy Local
// chooses.
func (l *Linker) readyNodes(svc *corev1.Service, f packet.Family) (out []host.Name) {
	for _, name := range kubeproxy.ReadyNodes(l.snapshot, svc.Namespace, svc.Name, f) {
		if slices.Contains(l.NodeNames(), host.Name(name)) {
			out = append(out, host.Name(name))
		}
	}
	return out
}
