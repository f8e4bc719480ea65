package link

import (
	"fmt"
	"net/netip"
	"slices"

	"tortie/compiler/cluster"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// makeSlices makes EndpointSlices of services' selectors and pods where the
// input has no endpoints at all, as the endpoint slice controller would, and
// reports whether it did.
func makeSlices(s *cluster.Snapshot) bool {
	if len(s.EndpointSlices)+len(s.Endpoints) > 0 {
		return false
	}
	made := false
	pods := podsByLabel(s)
	for _, svc := range s.Services {
		if len(svc.Object.Spec.Selector) == 0 {
			continue
		}
		for i, p := range svc.Object.Spec.Ports {
			if slice := sliceOf(pods, svc.Object, p, i); len(slice.Endpoints) > 0 {
				s.EndpointSlices = append(s.EndpointSlices, cluster.Object[discoveryv1.EndpointSlice]{Source: svc.Source, Object: slice})
				made = true
			}
		}
	}
	return made
}

// podLabel is a label of pods in a namespace.
type podLabel struct{ namespace, key, value string }

// podsByLabel are the pods that could be endpoints, by each of their labels.
func podsByLabel(s *cluster.Snapshot) map[podLabel][]*corev1.Pod {
	out := map[podLabel][]*corev1.Pod{}
	for _, o := range s.Pods {
		pod := o.Object
		a, err := netip.ParseAddr(pod.Status.PodIP)
		if err != nil || !a.Is4() || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		for k, v := range pod.Labels {
			l := podLabel{pod.Namespace, k, v}
			out[l] = append(out[l], pod)
		}
	}
	return out
}

// candidates are the pods with the rarest of the labels that a service selects.
func candidates(pods map[podLabel][]*corev1.Pod, svc *corev1.Service) []*corev1.Pod {
	var out []*corev1.Pod
	first := true
	for k, v := range svc.Spec.Selector {
		if list := pods[podLabel{svc.Namespace, k, v}]; first || len(list) < len(out) {
			out, first = list, false
		}
	}
	return out
}

// sliceOf makes the slice of one port: every ready pod that the service selects.
func sliceOf(pods map[podLabel][]*corev1.Pod, svc *corev1.Service, p corev1.ServicePort, i int) *discoveryv1.EndpointSlice {
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
	for _, pod := range candidates(pods, svc) {
		if !selector.Matches(labels.Set(pod.Labels)) {
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
