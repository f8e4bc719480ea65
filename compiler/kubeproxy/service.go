package kubeproxy

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/cluster"
	"tortie/dataplane/packet"
)

// service is one port of one Service in one family (BaseServicePortInfo).
type service struct {
	namespace, name, port string
	proto                 packet.Proto

	clusterIP    netip.Addr
	portNumber   uint16
	nodePort     uint16
	healthCheck  uint16
	balancers    []netip.Addr
	externalIPs  []netip.Addr
	sourceRanges []netip.Prefix

	affinity       bool
	affinitySecond uint32

	externalLocal, internalLocal bool

	endpoints []endpoint
	origin    int
	plan      plan
}

// text is the port's name in comments and hashes: namespace/name:port.
func (s *service) text() string {
	if s.port == "" {
		return s.namespace + "/" + s.name
	}
	return s.namespace + "/" + s.name + ":" + s.port
}

func (s *service) externallyAccessible() bool {
	return s.nodePort != 0 || len(s.balancers) > 0 || len(s.externalIPs) > 0
}

func (s *service) usesCluster() bool { return !s.internalLocal || s.externallyAccessible() }

func (s *service) usesLocal() bool {
	return s.internalLocal || s.externalLocal && s.externallyAccessible()
}

const proxyNameLabel = "service.kubernetes.io/service-proxy-name"

// readServices fills in.services: what kube-proxy watches and does not skip.
func (in *input) readServices(s *cluster.Snapshot, res *Result) {
	eps := readEndpoints(s, in.Node, in.family)
	for i := range s.Services {
		o := s.Services[i].Object
		if _, other := o.Labels[proxyNameLabel]; other || string(o.Spec.Type) == "ExternalName" || o.Spec.ClusterIP == "None" {
			continue
		}
		origin := i + 1
		if o.Spec.ClusterIP == "" {
			if in.family == packet.IPv4 || in.Family != 0 {
				res.note(origin, "the service has no clusterIP in the input: kube-proxy makes no rules for it")
			}
			continue
		}
		ip, ok := ParseAddr(clusterIPText(s, i, in.family))
		if !ok {
			continue
		}
		for p := range o.Spec.Ports {
			svc := service{namespace: o.Namespace, name: o.Name, port: o.Spec.Ports[p].Name, clusterIP: ip, origin: origin}
			if svc.proto, ok = protoOf(string(o.Spec.Ports[p].Protocol)); !ok {
				continue
			}
			if svc.portNumber, svc.nodePort = portOf(o.Spec.Ports[p].Port), portOf(o.Spec.Ports[p].NodePort); svc.portNumber == 0 {
				continue
			}
			in.readSpec(&svc, s, i)
			svc.endpoints = eps[endpointKey{o.Namespace, o.Name, svc.port, svc.proto}]
			svc.plan = planOf(&svc, in.Node, in.node.zone)
			in.services = append(in.services, svc)
		}
	}
}

// portOf is a port's number, and 0 for what is none.
func portOf(n int32) uint16 {
	if n < 1 || n > 65535 {
		return 0
	}
	return uint16(n)
}

// clusterIPText returns the service's address in a family, "" without one.
func clusterIPText(s *cluster.Snapshot, i int, f packet.Family) string {
	spec := &s.Services[i].Object.Spec
	want := "IPv4"
	if f == packet.IPv6 {
		want = "IPv6"
	}
	if len(spec.IPFamilies) == 0 {
		if a, ok := ParseAddr(spec.ClusterIP); ok && familyOf(a) == f {
			return spec.ClusterIP
		}
		return ""
	}
	for k, fam := range spec.IPFamilies {
		if string(fam) != want {
			continue
		}
		if k < len(spec.ClusterIPs) {
			return spec.ClusterIPs[k]
		}
		if k == 0 && len(spec.ClusterIPs) == 0 {
			return spec.ClusterIP
		}
	}
	return ""
}

// readSpec reads what is the same for all ports of a Service.
func (in *input) readSpec(svc *service, s *cluster.Snapshot, i int) {
	o := s.Services[i].Object
	kind := string(o.Spec.Type)
	external := kind == "LoadBalancer" || kind == "NodePort" ||
		(kind == "ClusterIP" || kind == "") && len(o.Spec.ExternalIPs) > 0
	svc.externalLocal = external && string(o.Spec.ExternalTrafficPolicy) == "Local"
	svc.internalLocal = o.Spec.InternalTrafficPolicy != nil && string(*o.Spec.InternalTrafficPolicy) == "Local"
	if kind == "LoadBalancer" && svc.externalLocal {
		svc.healthCheck = portOf(o.Spec.HealthCheckNodePort)
	}
	if svc.affinity = string(o.Spec.SessionAffinity) == "ClientIP"; svc.affinity {
		svc.affinitySecond = 10800
		if c := o.Spec.SessionAffinityConfig; c != nil && c.ClientIP != nil && c.ClientIP.TimeoutSeconds != nil {
			svc.affinitySecond = uint32(*c.ClientIP.TimeoutSeconds)
		}
	}
	svc.externalIPs = ofFamily(o.Spec.ExternalIPs, in.family)
	svc.sourceRanges = sourceRanges(o.Spec.LoadBalancerSourceRanges, in.family)
	for _, ing := range o.Status.LoadBalancer.Ingress {
		if ing.IPMode == nil || string(*ing.IPMode) == "VIP" {
			svc.balancers = append(svc.balancers, ofFamily([]string{ing.IP}, in.family)...)
		}
	}
}

// sourceRanges reads loadBalancerSourceRanges of a family; a range of everything
// is as good as none.
func sourceRanges(texts []string, f packet.Family) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		if p, ok := ParsePrefix(strings.TrimSpace(t)); ok && familyOf(p.Addr()) == f {
			out = append(out, p)
		}
	}
	if slices.ContainsFunc(out, func(p netip.Prefix) bool { return p.Bits() == 0 }) {
		return nil
	}
	return out
}

// originsOf makes the list of origins: service i of the snapshot is number i+1.
func originsOf(s *cluster.Snapshot) []Origin {
	out := make([]Origin, 1, len(s.Services)+1)
	for i := range s.Services {
		o, src := s.Services[i].Object, s.Services[i].Source
		out = append(out, Origin{Kind: "Service", Namespace: o.Namespace, Name: o.Name, File: src.File, Line: src.Line()})
	}
	return out
}

func (res *Result) note(origin int, text string) {
	res.Notes = append(res.Notes, Note{Text: text, Origin: origin})
}
