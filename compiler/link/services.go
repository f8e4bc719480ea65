package link

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/cluster"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// makeSlices makes EndpointSlices of services' selectors and pods where the input has
// no endpoints of a service, as the endpoint slice controller would, and returns a note
// about it, or "". Endpoints that a server has stored are all that the cluster has: a
// service of the same cluster without any leads nowhere.
func makeSlices(s *cluster.Snapshot) string {
	given, complete := givenSlices(s)
	var made, nowhere []string
	pods, zones := podsByLabel(s), zonesOf(s)
	for _, svc := range s.Services {
		name := svc.Object.Namespace + "/" + svc.Object.Name
		if len(svc.Object.Spec.Selector) == 0 || given[name] {
			continue
		}
		own := slicesOf(pods, svc.Object)
		switch {
		case len(own) == 0:
		case complete && svc.Source.Stored:
			nowhere = append(nowhere, name)
		default:
			made = append(made, name)
			for _, slice := range own {
				addHints(svc.Object, slice, zones)
				s.EndpointSlices = append(s.EndpointSlices, cluster.Object[discoveryv1.EndpointSlice]{Source: svc.Source, Object: slice})
			}
		}
	}
	switch {
	case len(nowhere) > 0 && len(made) > 0:
		return noteMade(made, given) + "; " + noteNowhere(nowhere)
	case len(nowhere) > 0:
		return noteNowhere(nowhere)
	case len(made) > 0:
		return noteMade(made, given)
	}
	return ""
}

// givenSlices are the services that have endpoints in the input, by namespace and name,
// and whether a server has stored any.
func givenSlices(s *cluster.Snapshot) (services map[string]bool, stored bool) {
	services = map[string]bool{}
	for _, o := range s.EndpointSlices {
		services[o.Object.Namespace+"/"+o.Object.Labels[discoveryv1.LabelServiceName]] = true
		stored = stored || o.Source.Stored
	}
	for _, o := range s.Endpoints {
		services[o.Object.Namespace+"/"+o.Object.Name] = true
		stored = stored || o.Source.Stored
	}
	return services, stored
}

func noteMade(names []string, given map[string]bool) string {
	if len(given) == 0 {
		return "no EndpointSlices in the input: services lead to the pods that their selectors select"
	}
	return "EndpointSlices in the input, but none of Service " + someOf(names) + ", taken to lead to the pods that the selector selects"
}

func noteNowhere(names []string) string {
	return "no EndpointSlice of Service " + someOf(names) + " among those stored in the cluster, so it leads nowhere although its selector selects pods"
}

// someOf lists names, the first five of many.
func someOf(names []string) string {
	if n := len(names); n > 5 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), n-5)
	}
	return strings.Join(names, ", ")
}

// podLabel is a label of pods in a namespace.
type podLabel struct{ namespace, key, value string }

// podsByLabel are the pods that could be endpoints, by each of their labels.
func podsByLabel(s *cluster.Snapshot) map[podLabel][]*corev1.Pod {
	out := map[podLabel][]*corev1.Pod{}
	for _, o := range s.Pods {
		pod := o.Object
		if pod.Status.PodIP == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
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

// slicesOf makes the slices of a service: one for each family, port and number that
// the port has in the pods that the service selects.
func slicesOf(pods map[podLabel][]*corev1.Pod, svc *corev1.Service) (out []*discoveryv1.EndpointSlice) {
	selector := labels.SelectorFromSet(svc.Spec.Selector)
	for _, family := range familiesOf(svc) {
		for i, p := range svc.Spec.Ports {
			byNumber := map[int32]*discoveryv1.EndpointSlice{}
			for _, pod := range candidates(pods, svc) {
				addr, port := addressOf(pod, family), targetOf(pod, p)
				if addr == "" || port == 0 || !selector.Matches(labels.Set(pod.Labels)) {
					continue
				}
				slice := byNumber[port]
				if slice == nil {
					slice = newSlice(svc, p, family, i, port)
					byNumber[port] = slice
					out = append(out, slice)
				}
				node := pod.Spec.NodeName
				slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{addr}, NodeName: &node, Conditions: conditionsOf(pod, svc)})
			}
		}
	}
	return out
}

func newSlice(svc *corev1.Service, p corev1.ServicePort, family corev1.IPFamily, i int, port int32) *discoveryv1.EndpointSlice {
	name, proto := p.Name, protocolOf(p)
	return &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("%s-%s-%d-%d", svc.Name, strings.ToLower(string(family)), i, port), Namespace: svc.Namespace,
			Labels: map[string]string{discoveryv1.LabelServiceName: svc.Name},
		},
		AddressType: discoveryv1.AddressType(family),
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Protocol: &proto, Port: &port}},
	}
}

func protocolOf(p corev1.ServicePort) corev1.Protocol { return cmp.Or(p.Protocol, corev1.ProtocolTCP) }

// familiesOf are a service's families: as it says, as its addresses are, or IPv4.
func familiesOf(svc *corev1.Service) (out []corev1.IPFamily) {
	if len(svc.Spec.IPFamilies) > 0 {
		return svc.Spec.IPFamilies
	}
	for _, text := range append([]string{svc.Spec.ClusterIP}, svc.Spec.ClusterIPs...) {
		a, err := netip.ParseAddr(text)
		family := corev1.IPv4Protocol
		if a.Is6() {
			family = corev1.IPv6Protocol
		}
		if err == nil && !slices.Contains(out, family) {
			out = append(out, family)
		}
	}
	if out == nil {
		return []corev1.IPFamily{corev1.IPv4Protocol}
	}
	return out
}

// addressOf is a pod's address of a family; empty without one.
func addressOf(pod *corev1.Pod, family corev1.IPFamily) string {
	for _, ip := range append([]corev1.PodIP{{IP: pod.Status.PodIP}}, pod.Status.PodIPs...) {
		if a, err := netip.ParseAddr(ip.IP); err == nil && a.Is6() == (family == corev1.IPv6Protocol) {
			return ip.IP
		}
	}
	return ""
}

// conditionsOf says whether a pod is ready, as its Ready condition does; one without
// conditions is taken to be.
func conditionsOf(pod *corev1.Pod, svc *corev1.Service) discoveryv1.EndpointConditions {
	serving, ending := true, pod.DeletionTimestamp != nil
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			serving = c.Status == corev1.ConditionTrue
		}
	}
	ready := svc.Spec.PublishNotReadyAddresses || serving && !ending
	return discoveryv1.EndpointConditions{Ready: &ready, Serving: &serving, Terminating: &ending}
}

// targetOf is the number that a service's port has in a pod; 0 when the pod has no
// port of that name.
func targetOf(pod *corev1.Pod, p corev1.ServicePort) int32 {
	switch {
	case p.TargetPort.StrVal != "":
		return namedPort(pod, p.TargetPort.StrVal, protocolOf(p))
	case p.TargetPort.IntVal != 0:
		return p.TargetPort.IntVal
	}
	return p.Port
}

func namedPort(pod *corev1.Pod, name string, proto corev1.Protocol) int32 {
	for _, p := range lastingPorts(pod) {
		if p.Name == name && cmp.Or(p.Protocol, corev1.ProtocolTCP) == proto {
			return p.ContainerPort
		}
	}
	return 0
}

// lastingPorts are the ports of the containers that stay: of init containers only
// those of sidecars, behind the others.
func lastingPorts(pod *corev1.Pod) (out []corev1.ContainerPort) {
	for _, c := range pod.Spec.Containers {
		out = append(out, c.Ports...)
	}
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			out = append(out, c.Ports...)
		}
	}
	return out
}
