package main

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// addKubernetesPolicies reads NetworkPolicies as Kubernetes documents them; in
// Calico they stand in tier default with order 1000.
func (w *oracleWorld) addKubernetesPolicies() {
	for _, o := range w.snap.KubernetesNetworkPolicies {
		s, ns := o.Object.Spec, o.Object.Namespace
		p := &oraclePolicy{kind: "KubernetesNetworkPolicy", ns: ns, name: o.Object.Name, order: 1000}
		p.ingress, p.egress = true, len(s.Egress) > 0
		if len(s.PolicyTypes) > 0 {
			p.ingress = slices.Contains(s.PolicyTypes, networkingv1.PolicyTypeIngress)
			p.egress = slices.Contains(s.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
		p.selects = func(t *oracleThing) bool {
			return t.ns == ns && t.labels["projectcalico.org/orchestrator"] == "k8s" && oracleLabels(&s.PodSelector, t.labels)
		}
		for _, r := range s.Ingress {
			p.in = append(p.in, oracleRule{"Allow", func(p *oraclePacket) bool {
				return w.kubePeers(r.From, ns, p.src) && w.kubePorts(r.Ports, p)
			}})
		}
		for _, r := range s.Egress {
			p.out = append(p.out, oracleRule{"Allow", func(p *oraclePacket) bool {
				return w.kubePeers(r.To, ns, p.dst) && w.kubePorts(r.Ports, p)
			}})
		}
		w.add(p)
	}
}

// oracleLabels matches a label selector of Kubernetes.
func oracleLabels(s *metav1.LabelSelector, labels map[string]string) bool {
	for k, v := range s.MatchLabels {
		if have, ok := labels[k]; !ok || have != v {
			return false
		}
	}
	for _, e := range s.MatchExpressions {
		have, ok := labels[e.Key]
		in := ok && slices.Contains(e.Values, have)
		switch e.Operator {
		case metav1.LabelSelectorOpIn:
			ok = in
		case metav1.LabelSelectorOpNotIn:
			ok = !in
		case metav1.LabelSelectorOpDoesNotExist:
			ok = !ok
		}
		if !ok {
			return false
		}
	}
	return true
}

func (w *oracleWorld) kubePeers(peers []networkingv1.NetworkPolicyPeer, ns string, a netip.Addr) bool {
	if len(peers) == 0 {
		return true
	}
	return slices.ContainsFunc(peers, func(peer networkingv1.NetworkPolicyPeer) bool {
		if b := peer.IPBlock; b != nil {
			return oracleNet(b.CIDR).Contains(a) && !oracleInNets(b.Except, a)
		}
		pod := w.podAt(a)
		switch {
		case pod == nil:
			return false
		case peer.NamespaceSelector == nil && pod.ns != ns:
			return false
		case peer.NamespaceSelector != nil && !oracleLabels(peer.NamespaceSelector, w.namespaceLabels(pod.ns)):
			return false
		}
		return peer.PodSelector == nil || oracleLabels(peer.PodSelector, pod.labels)
	})
}

func (w *oracleWorld) kubePorts(ports []networkingv1.NetworkPolicyPort, p *oraclePacket) bool {
	if len(ports) == 0 {
		return true
	}
	return slices.ContainsFunc(ports, func(want networkingv1.NetworkPolicyPort) bool {
		proto := corev1.ProtocolTCP
		if want.Protocol != nil {
			proto = *want.Protocol
		}
		switch {
		case string(proto) != strings.ToUpper(p.proto.String()):
			return false
		case want.Port == nil:
			return true
		case want.Port.StrVal != "":
			return w.namedPort(want.Port.StrVal, string(proto), p, p.dst, p.dport, func(*oracleThing) bool { return true })
		case want.EndPort != nil:
			return int32(p.dport) >= want.Port.IntVal && int32(p.dport) <= *want.EndPort
		}
		return int32(p.dport) == want.Port.IntVal
	})
}
