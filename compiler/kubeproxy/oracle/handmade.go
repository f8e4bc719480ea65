package main

import (
	"math/rand"

	v1 "k8s.io/api/core/v1"
)

func here(host int) ep  { return ep{host: host, local: true} }
func there(host int) ep { return ep{host: host} }

func (e ep) as(cond string) ep       { e.cond = cond; return e }
func (e ep) zone(names ...string) ep { e.zones = names; return e }
func (e ep) nodeHint(n ...string) ep { e.nodes = n; return e }
func (e ep) other() ep               { e.inOther = true; return e }
func port(n string, p int32) v1.ServicePort {
	return v1.ServicePort{Name: n, Port: p, Protocol: v1.ProtocolTCP}
}

// handmade are the shapes that random ones may miss.
var handmade = []struct {
	name string
	make func(*shape)
}{
	{"unnamed-port", func(s *shape) { s.ports(port("", 80)); s.endpoints(here(1), there(2)) }},
	{"no-slices", func(s *shape) { s.nodePorts() }},
	{"dns", func(s *shape) {
		udp := port("dns", 53)
		udp.Protocol = v1.ProtocolUDP
		s.ports(udp, port("dns-tcp", 53), port("metrics", 9153))
		s.endpoints(here(1), there(2), there(10))
	}},
	{"same-name-two-protocols", func(s *shape) {
		udp := port("x", 443)
		udp.Protocol = v1.ProtocolUDP
		s.ports(port("x", 443), udp)
		s.nodePorts()
		s.endpoints(here(1), there(2))
	}},
	{"hint-zone-all", func(s *shape) {
		s.endpoints(here(1).zone("zone-a"), there(2).zone("zone-b"), there(3).zone("zone-a", "zone-b"))
	}},
	{"hint-zone-missing", func(s *shape) { s.endpoints(here(1).zone("zone-a"), there(2)) }},
	{"hint-zone-elsewhere", func(s *shape) { s.endpoints(here(1).zone("zone-b"), there(2).zone("zone-c")) }},
	{"hint-zone-notready-missing", func(s *shape) { s.endpoints(here(1).zone("zone-a"), there(2).zone("zone-b"), there(3).as("notready")) }},
	{"hint-node", func(s *shape) {
		s.endpoints(here(1).nodeHint("node-a").zone("zone-a"), there(2).nodeHint("node-b").zone("zone-a"))
	}},
	{"hint-node-not-here", func(s *shape) {
		s.endpoints(here(1).nodeHint("node-c").zone("zone-a"), there(2).nodeHint("node-b").zone("zone-b"))
	}},
	{"hint-zone-external-local", func(s *shape) {
		s.nodePorts()
		s.externalLocal()
		s.endpoints(here(1).zone("zone-b"), there(2).zone("zone-a"), here(3).zone("zone-b"))
	}},
	{"all-leaving", func(s *shape) {
		s.nodePorts()
		s.endpoints(here(1).as("leaving"), there(2).as("leaving"), there(3).as("gone"))
	}},
	{"local-leaving", func(s *shape) { s.balancer(1); s.externalLocal(); s.endpoints(here(1).as("leaving"), there(2)) }},
	{"all-gone", func(s *shape) { s.balancer(1); s.externalLocal(); s.endpoints(here(1).as("gone"), there(2).as("gone")) }},
	{"publish-not-ready", func(s *shape) { s.endpoints(here(1).as("ready-leaving"), there(2).as("unset")) }},
	{"two-slices", func(s *shape) { s.endpoints(here(1), there(2).other(), here(3).other(), there(12)) }},
	{"replaced-pod", func(s *shape) { s.endpoints(here(1), here(1).as("gone").other(), there(2)) }},
	{"no-node-name", func(s *shape) { s.internalLocal(); s.endpoints(ep{host: 1, noNode: true}) }},
	{"internal-local-external-cluster", func(s *shape) { s.nodePorts(); s.internalLocal(); s.endpoints(there(1)) }},
	{"internal-local-external-local", func(s *shape) { s.balancer(1); s.internalLocal(); s.externalLocal(); s.endpoints(here(1), there(2)) }},
	{"internal-local-only", func(s *shape) { s.internalLocal(); s.sticky(30); s.endpoints(here(1), here(2), there(3)) }},
	{"ranges", func(s *shape) {
		s.balancer(2)
		s.service.Spec.LoadBalancerSourceRanges = []string{" 10.9.0.0/16", "172.16.3.4/12 ", "2001:db8:9::/48"}
		s.endpoints(here(1))
	}},
	{"ranges-with-node", func(s *shape) {
		s.balancer(2)
		s.externalLocal()
		s.service.Spec.LoadBalancerSourceRanges = []string{"192.168.0.0/16", "fd00:10::/64"}
		s.endpoints(here(1), there(2))
	}},
	{"ranges-everything", func(s *shape) {
		s.balancer(1)
		s.service.Spec.LoadBalancerSourceRanges = []string{"10.9.0.0/16", "0.0.0.0/0", "::/0"}
		s.endpoints(here(1))
	}},
	{"ranges-no-endpoints", func(s *shape) {
		s.balancer(1)
		s.service.Spec.LoadBalancerSourceRanges = []string{"10.9.0.0/16", "2001:db8:9::/48"}
		s.endpoints()
	}},
	{"ranges-no-local", func(s *shape) {
		s.balancer(1)
		s.externalLocal()
		s.service.Spec.LoadBalancerSourceRanges = []string{"10.9.0.0/16", "2001:db8:9::/48"}
		s.endpoints(there(1))
	}},
	{"proxy-mode-balancer", func(s *shape) {
		s.balancer(1)
		for i := range s.service.Status.LoadBalancer.Ingress {
			s.service.Status.LoadBalancer.Ingress[i].IPMode = ref(v1.LoadBalancerIPModeProxy)
		}
		s.endpoints(here(1))
	}},
	{"hostname-balancer", func(s *shape) {
		s.balancer(1)
		s.service.Status.LoadBalancer.Ingress[0] = v1.LoadBalancerIngress{Hostname: "lb.example.test"}
		s.endpoints(here(1))
	}},
	{"no-node-port-balancer", func(s *shape) {
		s.balancer(1)
		s.service.Spec.Ports[0].NodePort = 0
		s.service.Spec.AllocateLoadBalancerNodePorts = ref(false)
		s.endpoints(here(1), there(2))
	}},
	{"external-ip-local", func(s *shape) {
		s.externalIPs(2)
		s.service.Spec.ExternalTrafficPolicy = "Local"
		s.endpoints(here(1), there(2))
	}},
	{"external-ip-local-none", func(s *shape) {
		s.externalIPs(1)
		s.service.Spec.ExternalTrafficPolicy = "Local"
		s.endpoints(there(2))
	}},
	{"external-ip-no-endpoints", func(s *shape) { s.externalIPs(2); s.endpoints() }},
	{"balancer-external-ip", func(s *shape) {
		s.balancer(2)
		s.externalIPs(2)
		s.externalLocal()
		s.sticky(60)
		s.endpoints(here(1), here(2), there(3))
	}},
	{"external-name", func(s *shape) { s.service.Spec.Type = v1.ServiceTypeExternalName; s.endpoints(here(1)) }},
	{"headless", func(s *shape) {
		s.service.Spec.ClusterIP, s.service.Spec.ClusterIPs = "None", []string{"None"}
		s.endpoints(here(1))
	}},
	{"other-proxy", func(s *shape) {
		s.service.Labels = map[string]string{"service.kubernetes.io/service-proxy-name": "other"}
		s.endpoints(here(1))
	}},
	{"headless-slices", func(s *shape) {
		s.endpoints(here(1))
		for i := range s.slices {
			s.slices[i].Labels[v1.IsHeadlessService] = ""
		}
	}},
	{"headless-label-on-service", func(s *shape) {
		s.service.Labels = map[string]string{v1.IsHeadlessService: ""}
		s.endpoints(here(1))
	}},
	{"only-ipv4", func(s *shape) {
		s.service.Spec.IPFamilies, s.service.Spec.ClusterIPs = s.service.Spec.IPFamilies[:1], s.service.Spec.ClusterIPs[:1]
		s.endpoints(here(1))
	}},
	{"ipv6-first", func(s *shape) {
		f, ips := s.service.Spec.IPFamilies, s.service.Spec.ClusterIPs
		f[0], f[1], ips[0], ips[1] = f[1], f[0], ips[1], ips[0]
		s.service.Spec.ClusterIP = ips[0]
		s.endpoints(here(1), there(2))
	}},
	{"port-zero", func(s *shape) {
		s.endpoints(here(1))
		for i := range s.slices {
			s.slices[i].Ports[0].Port = ref(int32(0))
		}
	}},
	{"seven-endpoints", func(s *shape) {
		s.endpoints(here(1), here(2), here(9), there(10), there(11), there(20), there(21))
	}},
	{"a-service-name-of-sixty-three-characters-which-is-the-longest-one", func(s *shape) {
		s.ports(port("p15-characters-", 65535))
		s.sticky(86400)
		s.endpoints(here(1), there(2))
	}},
}

// randomize sets everything by chance.
func (s *shape) randomize(r *rand.Rand) {
	if r.Intn(4) == 0 {
		list := []v1.ServicePort{port("a", 80), port("b", 443), port("c", 5000)}
		list[1].Protocol, list[2].Protocol = v1.ProtocolUDP, v1.ProtocolSCTP
		s.ports(list[:2+r.Intn(2)]...)
	}
	switch r.Intn(4) {
	case 0:
		s.nodePorts()
	case 1:
		s.balancer(1 + r.Intn(2))
		if r.Intn(2) == 0 {
			s.service.Spec.LoadBalancerSourceRanges = [][]string{{"192.168.0.0/16", "10.1.2.0/24", "fd00:10::/64"}, {"10.1.2.3/32", "2001:db8:1::/64"}}[r.Intn(2)]
		}
	}
	if r.Intn(4) == 0 {
		s.externalIPs(1 + r.Intn(2))
	}
	if s.service.Spec.ExternalTrafficPolicy != "" && r.Intn(2) == 0 {
		s.externalLocal()
	}
	if r.Intn(3) == 0 {
		s.internalLocal()
	}
	if r.Intn(3) == 0 {
		s.sticky(int32(1 + r.Intn(86400)))
	}
	var list []ep
	hints := r.Intn(4)
	for range r.Intn(6) {
		e := ep{host: 1 + len(list)*7, local: r.Intn(2) == 0, inOther: r.Intn(4) == 0}
		e.cond = []string{"", "", "", "", "notready", "leaving", "leaving", "gone", "ready-leaving", "unset"}[r.Intn(10)]
		if hints == 0 && r.Intn(8) > 0 {
			e.zones = []string{[]string{"zone-a", "zone-b"}[r.Intn(2)]}
			if r.Intn(2) == 0 {
				e.nodes = []string{[]string{"node-a", "node-b"}[r.Intn(2)]}
			}
		}
		list = append(list, e)
	}
	s.endpoints(list...)
}
