package link

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/kubeproxy"
	"tortie/dataplane/host"

	corev1 "k8s.io/api/core/v1"
)

// virtual are the addresses of services, external ones of nodes, and floating ones of
// pods. All but cluster IPs are also somebody's outside; what is left of the services'
// ranges and of the pods' is nobody's.
func (l *Linker) virtual() []host.Virtual {
	var out []host.Virtual
	for _, o := range l.snapshot.Services {
		svc := o.Object
		if svc.Spec.Type == corev1.ServiceTypeExternalName {
			continue
		}
		add := func(text, what string, outside bool) {
			if a, ok := kubeproxy.ParseAddr(text); ok {
				name := fmt.Sprintf("%s of Service %s/%s (%s)", what, svc.Namespace, svc.Name, portsText(svc))
				out = append(out, host.Virtual{Prefix: netip.PrefixFrom(a, a.BitLen()), Name: name, Outside: outside})
			}
		}
		for _, a := range append([]string{svc.Spec.ClusterIP}, svc.Spec.ClusterIPs...) {
			add(a, "the cluster IP", false)
		}
		for _, a := range svc.Spec.ExternalIPs {
			add(a, "an external IP", true)
		}
		for _, i := range svc.Status.LoadBalancer.Ingress {
			add(i.IP, "the load balancer's address", true)
		}
	}
	translated := l.routing.Translated()
	for _, a := range slices.SortedFunc(maps.Keys(translated), netip.Addr.Compare) {
		out = append(out, host.Virtual{Prefix: netip.PrefixFrom(a, a.BitLen()), Outside: true, Translated: true,
			Name: fmt.Sprintf("the ExternalIP of node %s, which none of its interfaces has", translated[a])})
	}
	for _, f := range l.routing.Floating() {
		name := fmt.Sprintf("the floating IP of pod %s on node %s", f.Workload, f.Node)
		out = append(out, host.Virtual{Prefix: netip.PrefixFrom(f.Addr, f.Addr.BitLen()), Name: name, Outside: true})
	}
	for _, p := range l.serviceCIDRs() {
		out = append(out, host.Virtual{Prefix: p, Name: "an address that no service has, of the services' range " + p.String()})
	}
	return append(out, l.podRanges()...)
}

// podRanges are the networks out of which pods get addresses, and before them those
// that pods of nodes have that are not in the input.
func (l *Linker) podRanges() (out []host.Virtual) {
	nodes := l.NodeNames()
	for _, e := range l.model.Endpoints {
		if slices.Contains(nodes, host.Name(e.Value.Node)) {
			continue
		}
		name := fmt.Sprintf("the address of %s/%s on node %s, which is not in the input", e.Value.Namespace, e.Value.Pod, e.Value.Node)
		for _, n := range e.Value.Nets {
			out = append(out, host.Virtual{Prefix: n, Untranslated: true, Outside: true, Name: name})
		}
	}
	for _, p := range l.routing.PodRanges() {
		out = append(out, host.Virtual{Prefix: p.Prefix, Untranslated: true, Name: fmt.Sprintf("an address that no pod has, of IPPool %s (%s)", p.Pool, p.Prefix)})
	}
	return out
}

// portsText lists the ports of a service.
func portsText(svc *corev1.Service) string {
	if len(svc.Spec.Ports) == 0 {
		return "no ports"
	}
	words := make([]string, len(svc.Spec.Ports))
	for i, p := range svc.Spec.Ports {
		proto := p.Protocol
		if proto == "" {
			proto = corev1.ProtocolTCP
		}
		words[i] = fmt.Sprintf("%s/%d", strings.ToLower(string(proto)), p.Port)
	}
	return strings.Join(words, ", ")
}
