package link

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/kubeproxy"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"

	corev1 "k8s.io/api/core/v1"
)

// hostPorts are the ports of a node that its pods ask for (hostPort): Calico's manifests
// and its operator install the CNI plugin portmap, which translates them to the pods. Of
// pods on the host's network they are just processes.
func (l *Linker) hostPorts(node host.Name) (out []host.HostPort) {
	if !l.snapshot.HasPortmap() {
		return nil
	}
	for _, o := range l.snapshot.Pods {
		pod := o.Object
		if pod.Spec.NodeName != string(node) || pod.Spec.HostNetwork || calico.WhyNoEndpoint(pod) != "" {
			continue
		}
		for _, p := range mappedPorts(pod) {
			out = append(out, hostPortOf(pod, p)...)
		}
	}
	return out
}

// mappedPorts are the ports of a pod that kubelet has mapped.
func mappedPorts(pod *corev1.Pod) []corev1.ContainerPort {
	return slices.DeleteFunc(lastingPorts(pod), func(p corev1.ContainerPort) bool { return p.HostPort == 0 })
}

// hostPortOf is a port in each family that the pod has an address of, on the address
// that it asks for or on all of the node's.
func hostPortOf(pod *corev1.Pod, p corev1.ContainerPort) (out []host.HostPort) {
	proto, ok := packet.ParseProto(strings.ToLower(string(protocolOf(corev1.ServicePort{Protocol: p.Protocol}))))
	own, given := kubeproxy.ParseAddr(p.HostIP)
	for family, all := range map[corev1.IPFamily]netip.Addr{corev1.IPv4Protocol: netip.IPv4Unspecified(), corev1.IPv6Protocol: netip.IPv6Unspecified()} {
		if !ok || addressOf(pod, family) == "" || given && own.Is4() != all.Is4() {
			continue
		}
		at := netip.PrefixFrom(all, 0)
		if given && !own.IsUnspecified() {
			at = netip.PrefixFrom(own, own.BitLen())
		}
		out = append(out, host.HostPort{Prefix: at, Proto: proto, Port: uint16(p.HostPort),
			Name: fmt.Sprintf("hostPort %d/%s of pod %s/%s (port %d)", p.HostPort, proto, pod.Namespace, pod.Name, p.ContainerPort)})
	}
	slices.SortFunc(out, func(a, b host.HostPort) int { return a.Prefix.Addr().Compare(b.Prefix.Addr()) })
	return out
}
