package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"strconv"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// shape is one service under construction, with its endpoints.
type shape struct {
	n       int
	service v1.Service
	slices  []discovery.EndpointSlice
}

func ref[T any](v T) *T { return &v }

// writeShapes writes handmade and random services and their slices, one JSON
// document a line. The same seed gives the same text.
func writeShapes(out io.Writer, seed int64, random int) error {
	r := rand.New(rand.NewSource(seed))
	var all []*shape
	for i, h := range handmade {
		s := newShape(i, h.name)
		h.make(s)
		all = append(all, s)
	}
	for i := range random {
		s := newShape(len(handmade)+i, "r"+strconv.Itoa(i))
		s.randomize(r)
		all = append(all, s)
	}
	fmt.Fprintf(out, "# %d services for comparing rules with kube-proxy's, made by compiler/kubeproxy/oracle (seed %d).\n", len(all), seed)
	for _, s := range all {
		if err := s.write(out); err != nil {
			return err
		}
	}
	return nil
}

func (s *shape) write(out io.Writer) error {
	for _, o := range append([]any{&s.service}, s.objects()...) {
		text, err := json.Marshal(o)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "---\n%s\n", text)
	}
	return nil
}

func (s *shape) objects() []any {
	var out []any
	for i := range s.slices {
		out = append(out, &s.slices[i])
	}
	return out
}

// newShape is a ClusterIP service of both families with one port and no
// endpoints.
func newShape(n int, name string) *shape {
	s := &shape{n: n}
	ips := []string{fmt.Sprintf("10.96.%d.%d", n/200, 10+n%200), fmt.Sprintf("fd00:96::%x", 0x100+n)}
	s.service = v1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
		Spec: v1.ServiceSpec{Type: v1.ServiceTypeClusterIP, ClusterIP: ips[0], ClusterIPs: ips,
			IPFamilies: []v1.IPFamily{v1.IPv4Protocol, v1.IPv6Protocol}, SessionAffinity: v1.ServiceAffinityNone,
			InternalTrafficPolicy: ref(v1.ServiceInternalTrafficPolicyCluster)},
	}
	s.ports(v1.ServicePort{Name: "http", Port: 80, Protocol: v1.ProtocolTCP})
	return s
}

func (s *shape) ports(list ...v1.ServicePort) { s.service.Spec.Ports = list }

// nodePorts makes a NodePort service.
func (s *shape) nodePorts() {
	s.service.Spec.Type = v1.ServiceTypeNodePort
	s.service.Spec.ExternalTrafficPolicy = v1.ServiceExternalTrafficPolicyCluster
	for i := range s.service.Spec.Ports {
		s.service.Spec.Ports[i].NodePort = int32(30000 + s.n*4 + i)
	}
}

// balancer makes a LoadBalancer service with addresses of both families.
func (s *shape) balancer(count int) {
	s.nodePorts()
	s.service.Spec.Type = v1.ServiceTypeLoadBalancer
	for i := range count {
		for _, ip := range []string{fmt.Sprintf("203.0.%d.%d", 113+i, 1+s.n), fmt.Sprintf("2001:db8::%d:%x", i, 1+s.n)} {
			s.service.Status.LoadBalancer.Ingress = append(s.service.Status.LoadBalancer.Ingress,
				v1.LoadBalancerIngress{IP: ip, IPMode: ref(v1.LoadBalancerIPModeVIP)})
		}
	}
}

func (s *shape) externalIPs(count int) {
	for i := range count {
		s.service.Spec.ExternalIPs = append(s.service.Spec.ExternalIPs, fmt.Sprintf("198.51.%d.%d", 100+i, 1+s.n), fmt.Sprintf("2001:db8:e::%d:%x", i, 1+s.n))
	}
}

func (s *shape) externalLocal() {
	s.service.Spec.ExternalTrafficPolicy = v1.ServiceExternalTrafficPolicyLocal
	if s.service.Spec.Type == v1.ServiceTypeLoadBalancer {
		s.service.Spec.HealthCheckNodePort = int32(32000 + s.n)
	}
}

func (s *shape) internalLocal() {
	s.service.Spec.InternalTrafficPolicy = ref(v1.ServiceInternalTrafficPolicyLocal)
}

func (s *shape) sticky(seconds int32) {
	s.service.Spec.SessionAffinity = v1.ServiceAffinityClientIP
	s.service.Spec.SessionAffinityConfig = &v1.SessionAffinityConfig{ClientIP: &v1.ClientIPConfig{TimeoutSeconds: ref(seconds)}}
}

// ep is one endpoint: on this node or not, with its conditions and hints.
type ep struct {
	host            int
	local           bool
	cond            string // "" ready, "notready", "leaving" (serving), "gone" (not serving), "ready-leaving", "unset"
	zones, nodes    []string
	noNode, inOther bool
}

// endpoints adds slices of both families for the endpoints; those with inOther
// go into a second slice each.
func (s *shape) endpoints(list ...ep) {
	for f, typ := range []discovery.AddressType{discovery.AddressTypeIPv4, discovery.AddressTypeIPv6} {
		first, second := s.slice(typ, "a"), s.slice(typ, "b")
		for _, e := range list {
			to := &first
			if e.inOther {
				to = &second
			}
			to.Endpoints = append(to.Endpoints, e.object(s.n, f))
		}
		s.slices = append(s.slices, first)
		if len(second.Endpoints) > 0 {
			s.slices = append(s.slices, second)
		}
	}
}

func (s *shape) slice(typ discovery.AddressType, suffix string) discovery.EndpointSlice {
	out := discovery.EndpointSlice{
		TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"},
		ObjectMeta: metav1.ObjectMeta{Namespace: s.service.Namespace, Name: fmt.Sprintf("%s-%s-%s", s.service.Name, suffix, typ),
			Labels: map[string]string{discovery.LabelServiceName: s.service.Name}},
		AddressType: typ,
	}
	for _, p := range s.service.Spec.Ports {
		out.Ports = append(out.Ports, discovery.EndpointPort{Name: ref(p.Name), Protocol: ref(p.Protocol), Port: ref(target(p.Port))})
	}
	return out
}

// target is the port behind a service's port.
func target(p int32) int32 {
	if p+8000 > 65535 {
		return p
	}
	return p + 8000
}

func (e ep) object(n, family int) discovery.Endpoint {
	node, net, addr := "node-b", 64, ""
	if e.local {
		node, net = "node-a", 0
	}
	if family == 0 {
		addr = fmt.Sprintf("10.244.%d.%d", net+n/4, 1+n%4*60+e.host)
	} else {
		addr = fmt.Sprintf("fd00:244:0:%x::%x", net+n/4, 1+n%4*60+e.host)
	}
	out := discovery.Endpoint{Addresses: []string{addr}, NodeName: &node}
	if e.noNode {
		out.NodeName = nil
	}
	set := func(ready, serving, terminating bool) {
		out.Conditions = discovery.EndpointConditions{Ready: &ready, Serving: &serving, Terminating: &terminating}
	}
	switch e.cond {
	case "":
		set(true, true, false)
	case "notready":
		set(false, false, false)
	case "leaving":
		set(false, true, true)
	case "gone":
		set(false, false, true)
	case "ready-leaving":
		set(true, true, true)
	}
	if e.zones != nil || e.nodes != nil {
		out.Hints = &discovery.EndpointHints{}
		for _, z := range e.zones {
			out.Hints.ForZones = append(out.Hints.ForZones, discovery.ForZone{Name: z})
		}
		for _, h := range e.nodes {
			out.Hints.ForNodes = append(out.Hints.ForNodes, discovery.ForNode{Name: h})
		}
	}
	return out
}
