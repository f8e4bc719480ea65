package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
)

// random writes COUNT random services and five random configurations for them
// into the folder, and what kube-proxy programs: TORTIE_SHAPES leads the tests
// of compiler/kubeproxy to them.
func random(dir string, seed int64, count int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	r := rand.New(rand.NewSource(seed))
	text, err := json.MarshalIndent(randomConfigs(r), "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "configs.json"), text, 0o644); err != nil {
		return err
	}
	return recordAll(dir, "", func(out io.Writer) error { return writeTwisted(out, r, count) })
}

// randomConfigs are ways to run kube-proxy: two for each of its listing modes,
// one for IPVS.
func randomConfigs(r *rand.Rand) map[string]map[string]any {
	out := map[string]map[string]any{}
	for i, mode := range []string{"iptables", "iptables", "nftables", "nftables", "ipvs"} {
		v6 := r.Intn(2) == 0
		c := map[string]any{"Mode": mode, "IPv6": v6, "MasqueradeAll": r.Intn(4) == 0, "NoLocalhost": r.Intn(2) == 0}
		switch r.Intn(4) {
		case 0:
			c["CIDR"] = map[bool]string{false: "10.244.0.0/16", true: "fd00:244::/56"}[v6]
		case 1:
			c["Interface"] = "cali"
		case 2:
			c["Bridge"] = "cni0"
		}
		if r.Intn(3) == 0 {
			c["MasqueradeBit"] = r.Intn(32)
		}
		if r.Intn(2) == 0 {
			c["Zone"] = pick(r, "zone-a", "zone-b", "zone-c")
		}
		if r.Intn(2) == 0 {
			c["NodePortAddresses"] = [][]string{{"192.168.10.1/32", "fd00:10::1/128"}, {"0.0.0.0/0", "::/0"}, {"172.20.0.0/16", "127.0.0.0/8", "::1/128"},
				{"203.0.113.0/24", "2001:db8::/32"}, {"192.168.10.1/24", "172.20.0.1/16", "fd00:10::1/64"}}[r.Intn(5)]
		}
		if mode == "iptables" && r.Intn(4) == 0 {
			c["BeLiberal"] = true
		}
		if mode == "nftables" && r.Intn(2) == 0 {
			c["ServiceCIDRs"] = []string{"10.96.0.0/12", "fd00:96::/108"}
		}
		if mode == "ipvs" {
			c["Scheduler"] = pick(r, "", "rr", "lc", "sh", "mh", "wrr")
		}
		out[fmt.Sprintf("%s-%d", mode, i)] = c
	}
	return out
}

func pick(r *rand.Rand, of ...string) string { return of[r.Intn(len(of))] }

func writeTwisted(out io.Writer, r *rand.Rand, count int) error {
	for i := range count {
		s := newShape(i, fmt.Sprintf("r%d", i))
		s.randomize(r)
		for range r.Intn(4) {
			twists[r.Intn(len(twists))](s, r)
		}
		if r.Intn(8) == 0 && len(s.slices) > 0 {
			s.reuse(r)
		}
		if err := s.write(out); err != nil {
			return err
		}
	}
	return nil
}

// twists are what randomize leaves alone: each changes a finished shape into
// another that an API server takes as well.
var twists = []func(*shape, *rand.Rand){
	func(s *shape, r *rand.Rand) { // balancers that keep their address out of the cluster
		for i := range s.service.Status.LoadBalancer.Ingress {
			s.service.Status.LoadBalancer.Ingress[i].IPMode = [](*v1.LoadBalancerIPMode){nil, ref(v1.LoadBalancerIPModeProxy), ref(v1.LoadBalancerIPModeVIP)}[r.Intn(3)]
		}
	},
	func(s *shape, _ *rand.Rand) {
		if l := s.service.Status.LoadBalancer.Ingress; len(l) > 0 {
			l[0] = v1.LoadBalancerIngress{Hostname: "lb.example.test"}
		}
	},
	func(s *shape, r *rand.Rand) { // some ports of a balancer without a node port
		if s.service.Spec.Type == v1.ServiceTypeLoadBalancer {
			s.service.Spec.AllocateLoadBalancerNodePorts = ref(false)
			for i := range s.service.Spec.Ports {
				if r.Intn(2) == 0 {
					s.service.Spec.Ports[i].NodePort = 0
				}
			}
		}
	},
	func(s *shape, r *rand.Rand) { // one family
		f := r.Intn(len(s.service.Spec.ClusterIPs))
		s.service.Spec.IPFamilies, s.service.Spec.ClusterIPs = s.service.Spec.IPFamilies[f:f+1], s.service.Spec.ClusterIPs[f:f+1]
		s.service.Spec.ClusterIP = s.service.Spec.ClusterIPs[0]
	},
	func(s *shape, r *rand.Rand) { // an address that others have, too
		s.service.Spec.ExternalIPs = append(s.service.Spec.ExternalIPs, pick(r, "198.51.99.1", "192.168.10.1", "203.0.113.5", "2001:db8:e::99"))
		for i := range s.service.Spec.Ports {
			s.service.Spec.Ports[i].Port += int32(s.n)
		}
	},
	func(s *shape, r *rand.Rand) {
		for i := range s.slices { // each slice its own target port
			for p := range s.slices[i].Ports {
				s.slices[i].Ports[p].Port = ref(int32(9000 + r.Intn(3)))
			}
		}
	},
	func(s *shape, r *rand.Rand) { // a slice that lacks a port, as named ports make them
		if len(s.slices) > 0 {
			l := &s.slices[r.Intn(len(s.slices))]
			l.Ports = l.Ports[:max(0, len(l.Ports)-1)]
		}
	},
	func(s *shape, r *rand.Rand) {
		s.eachEndpoint(func(e *discovery.Endpoint) {
			if r.Intn(2) == 0 {
				e.NodeName = nil
			}
		})
	},
	func(s *shape, r *rand.Rand) {
		s.eachEndpoint(func(e *discovery.Endpoint) {
			e.Conditions = []discovery.EndpointConditions{{}, {Ready: ref(true)}, {Ready: ref(false)}, {Ready: ref(false), Terminating: ref(true)},
				{Ready: ref(false), Serving: ref(true)}, {Serving: ref(true), Terminating: ref(true)}}[r.Intn(6)]
		})
	},
	func(s *shape, r *rand.Rand) {
		s.eachEndpoint(func(e *discovery.Endpoint) {
			e.Zone = ref(pick(r, "zone-a", "zone-b"))
			e.Hints = &discovery.EndpointHints{}
			if r.Intn(5) > 0 {
				e.Hints.ForZones = []discovery.ForZone{{Name: pick(r, "zone-a", "zone-b", "zone-c")}}
			}
			if r.Intn(2) > 0 {
				e.Hints.ForNodes = []discovery.ForNode{{Name: pick(r, "node-a", "node-b")}}
			}
		})
	},
	func(s *shape, r *rand.Rand) {
		if s.service.Spec.Type == v1.ServiceTypeLoadBalancer {
			s.service.Spec.LoadBalancerSourceRanges = [][]string{{"fd00:9::/48"}, {"10.9.0.0/16"}, {"0.0.0.0/0"}, {"10.9.0.0/16", "10.9.0.0/16"},
				{"192.168.10.0/24", "192.168.10.1/32"}, {"::/0", "10.1.0.0/16"}, {"10.9.3.4/16"}}[r.Intn(7)]
		}
	},
	func(s *shape, r *rand.Rand) {
		s.service.Spec.TrafficDistribution = ref(pick(r, v1.ServiceTrafficDistributionPreferSameZone, v1.ServiceTrafficDistributionPreferSameNode, v1.ServiceTrafficDistributionPreferClose))
	},
	func(s *shape, r *rand.Rand) { s.service.Spec.PublishNotReadyAddresses = true },
	func(s *shape, r *rand.Rand) {
		for i := range s.service.Spec.Ports {
			s.service.Spec.Ports[i].Protocol = []v1.Protocol{v1.ProtocolTCP, v1.ProtocolUDP, v1.ProtocolSCTP}[r.Intn(3)]
		}
		for l := range s.slices {
			for p := range s.slices[l].Ports {
				s.slices[l].Ports[p].Protocol = ref(s.service.Spec.Ports[p].Protocol)
			}
		}
	},
}

// reuse adds a slice whose pods are leaving, with addresses that other pods have
// already: kube-proxy takes the ones that stay. Of two that leave, or two that
// stay, it takes one by chance.
func (s *shape) reuse(r *rand.Rand) {
	s.eachEndpoint(func(e *discovery.Endpoint) { e.Conditions.Terminating = ref(false) })
	old := s.slices[r.Intn(len(s.slices))]
	old.Name += "-old"
	old.Endpoints = append([]discovery.Endpoint(nil), old.Endpoints...)
	for i := range old.Endpoints {
		old.Endpoints[i].Conditions = discovery.EndpointConditions{Ready: ref(r.Intn(2) == 0), Serving: ref(r.Intn(2) == 0), Terminating: ref(true)}
	}
	s.slices = append(s.slices, old)
}

func (s *shape) eachEndpoint(do func(*discovery.Endpoint)) {
	for l := range s.slices {
		for i := range s.slices[l].Endpoints {
			do(&s.slices[l].Endpoints[i])
		}
	}
}
