package link

import (
	"fmt"
	"net/netip"
	"slices"

	"tortie/compiler/cluster"
	"tortie/compiler/felix"
	"tortie/compiler/kubeproxy"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// The kube-proxy modes of Options.KubeProxy; the empty string takes the mode of
// Felix's dataplane when the input has services.
const (
	KubeProxyNone     = "none"
	KubeProxyIptables = "iptables"
	KubeProxyNFTables = "nftables"
)

// addServices adds kube-proxy's rules to a node's and returns the origins of
// both, in one list.
func (l *Linker) addServices(s *host.State, result *felix.Result) ([]host.Origin, error) {
	origins := originsOf(result.Origins)
	mode, ok := l.proxyMode(&result.Ruleset)
	if !ok {
		return origins, nil
	}
	opt := kubeproxy.Defaults(mode)
	opt.Node = string(s.Name)
	opt.Backend = backendOf(&result.Ruleset)
	opt.Local = kubeproxy.LocalDetector{CIDRs: l.podCIDRs()}
	opt.NFAcct = false
	for _, link := range s.Links {
		for _, a := range link.Addrs {
			opt.Addresses = append(opt.Addresses, a.Prefix.Addr())
		}
	}
	proxy, err := kubeproxy.Program(l.snapshot, opt)
	if err != nil {
		return origins, fmt.Errorf("kube-proxy of node %s: %w", s.Name, err)
	}
	shiftOrigins(&proxy.Ruleset, len(origins)-1)
	for _, o := range proxy.Origins[1:] {
		origins = append(origins, host.Origin{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, File: o.File, Line: o.Line})
	}
	if proxy.RouteLocalnet {
		s.Sysctls["net.ipv4.conf.all.route_localnet"] = "1"
	}
	s.Ruleset.Tables = kubeproxy.Merge(result.Ruleset.Tables, proxy.Ruleset.Tables, frontOf(result))
	return origins, nil
}

func (l *Linker) proxyMode(rs *nf.Ruleset) (kubeproxy.Mode, bool) {
	switch l.options.KubeProxy {
	case KubeProxyNone:
		return 0, false
	case KubeProxyIptables:
		return kubeproxy.Iptables, true
	case KubeProxyNFTables:
		return kubeproxy.NFTables, true
	}
	if len(l.snapshot.Services) == 0 || l.options.IPVS {
		return 0, false
	}
	if backendOf(rs) == nf.NFTables {
		return kubeproxy.NFTables, true
	}
	return kubeproxy.Iptables, true
}

func backendOf(rs *nf.Ruleset) nf.Backend {
	if len(rs.Tables) == 0 {
		return nf.IptablesLegacy
	}
	return rs.Tables[0].Backend
}

// podCIDRs are the pools' prefixes, kube-proxy's --cluster-cidr.
func (l *Linker) podCIDRs() []netip.Prefix {
	var out []netip.Prefix
	for _, o := range l.snapshot.IPPools {
		if p, err := netip.ParsePrefix(o.Object.Spec.CIDR); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}

// makeSlices makes EndpointSlices of services' selectors and pods where the
// input has no endpoints at all, as the endpoint slice controller would, and
// reports whether it did.
func makeSlices(s *cluster.Snapshot) bool {
	if len(s.EndpointSlices)+len(s.Endpoints) > 0 {
		return false
	}
	made := false
	for _, svc := range s.Services {
		if len(svc.Object.Spec.Selector) == 0 {
			continue
		}
		for i, p := range svc.Object.Spec.Ports {
			if slice := sliceOf(s, svc.Object, p, i); len(slice.Endpoints) > 0 {
				s.EndpointSlices = append(s.EndpointSlices, cluster.Object[discoveryv1.EndpointSlice]{Source: svc.Source, Object: slice})
				made = true
			}
		}
	}
	return made
}

// sliceOf makes the slice of one port: every ready pod that the service selects.
func sliceOf(s *cluster.Snapshot, svc *corev1.Service, p corev1.ServicePort, i int) *discoveryv1.EndpointSlice {
	name, proto := p.Name, p.Protocol
	if proto == "" {
		proto = corev1.ProtocolTCP
	}
	port := p.Port
	if p.TargetPort.IntVal != 0 {
		port = p.TargetPort.IntVal
	}
	out := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("%s-%d", svc.Name, i), Namespace: svc.Namespace,
			Labels: map[string]string{discoveryv1.LabelServiceName: svc.Name},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	selector := labels.SelectorFromSet(svc.Spec.Selector)
	ready := true
	for _, o := range s.Pods {
		pod := o.Object
		a, err := netip.ParseAddr(pod.Status.PodIP)
		if err != nil || !a.Is4() || pod.Namespace != svc.Namespace || !selector.Matches(labels.Set(pod.Labels)) ||
			pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		if p.TargetPort.StrVal != "" {
			port = namedPort(pod, p.TargetPort.StrVal, proto, port)
		}
		node := pod.Spec.NodeName
		out.Endpoints = append(out.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{pod.Status.PodIP}, NodeName: &node, Conditions: discoveryv1.EndpointConditions{Ready: &ready},
		})
	}
	out.Ports = []discoveryv1.EndpointPort{{Name: &name, Protocol: &proto, Port: &port}}
	return out
}

func namedPort(pod *corev1.Pod, name string, proto corev1.Protocol, otherwise int32) int32 {
	for _, c := range pod.Spec.Containers {
		i := slices.IndexFunc(c.Ports, func(p corev1.ContainerPort) bool {
			return p.Name == name && (p.Protocol == proto || p.Protocol == "" && proto == corev1.ProtocolTCP)
		})
		if i >= 0 {
			return c.Ports[i].ContainerPort
		}
	}
	return otherwise
}
