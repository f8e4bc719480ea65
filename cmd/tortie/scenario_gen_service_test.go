package main

import (
	"fmt"
	"slices"
	"strings"
)

// scriptService is a service with endpoints of its own.
type scriptService struct {
	index                    int
	namespace                string
	kind                     string // ClusterIP, NodePort or LoadBalancer
	affinity                 bool
	external, internal       string // traffic policies
	externalIP, sourceRanges bool
	ports                    []scriptPort
	ends                     []scriptEndpoint
}

type scriptPort struct {
	name, proto            string
	port, target, nodePort int
}

// scriptEndpoint is a pod, by its number, and what its slice says of it.
type scriptEndpoint struct {
	pod        int
	conditions string
}

func (s *scriptService) name() string { return fmt.Sprintf("web%d", s.index) }

func (s *scriptService) addrs(v6 bool) []string {
	if v6 {
		return []string{fmt.Sprintf("fd00:96::%d", 100+s.index)}
	}
	out := []string{fmt.Sprintf("10.96.0.%d", 100+s.index)}
	if s.externalIP {
		out = append(out, fmt.Sprintf("192.0.2.%d", 100+s.index))
	}
	if s.kind == "LoadBalancer" {
		out = append(out, fmt.Sprintf("192.0.2.%d", 200+s.index))
	}
	return out
}

func (g *scriptGen) newService(i int) {
	s := &scriptService{index: i, namespace: g.oneOf("shop", "lab")}
	s.kind = g.oneOf("ClusterIP", "NodePort", "NodePort", "LoadBalancer")
	s.affinity = g.chance(40)
	s.external, s.internal = g.oneOf("Cluster", "Cluster", "Local"), g.oneOf("Cluster", "Cluster", "Cluster", "Local")
	s.externalIP, s.sourceRanges = g.chance(30), g.chance(20)
	s.ports = []scriptPort{{"a", g.oneOf("TCP", "UDP"), 80, g.targetPort(), 30080 + i}}
	if g.chance(30) {
		s.ports = append(s.ports, g.secondPort(s))
	}
	for pod := range g.pods {
		if len(s.ends) < 3 && g.chance(50) {
			s.ends = append(s.ends, scriptEndpoint{pod, g.conditions()})
		}
	}
	g.services = append(g.services, s)
	for _, d := range g.serviceDocs(s) {
		g.put(d)
	}
}

func (g *scriptGen) targetPort() int { return []int{80, 8055, 53}[g.IntN(3)] }

func (g *scriptGen) secondPort(s *scriptService) scriptPort {
	return scriptPort{"b", g.oneOf("TCP", "UDP"), 81, g.targetPort(), 30180 + s.index}
}

func (g *scriptGen) conditions() string {
	return g.oneOf("{ready: true}", "{ready: true}", "{ready: true, serving: true, terminating: false}", "{ready: false, serving: true, terminating: true}",
		"{ready: false, serving: false, terminating: true}", "{ready: false}")
}

// serviceDocs are the service and its slices.
func (g *scriptGen) serviceDocs(s *scriptService) []string {
	ip := fmt.Sprintf("10.96.0.%d", 100+s.index)
	spec := fmt.Sprintf("type: %s, clusterIP: %s, clusterIPs: [%s], ipFamilies: [IPv4]", s.kind, ip, ip)
	if g.v6 {
		spec = fmt.Sprintf("type: %s, clusterIP: %s, clusterIPs: [%s, 'fd00:96::%d'], ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack", s.kind, ip, ip, 100+s.index)
	}
	spec += ", internalTrafficPolicy: " + s.internal
	if s.kind != "ClusterIP" || s.externalIP {
		spec += ", externalTrafficPolicy: " + s.external
	}
	if s.affinity {
		spec += ", sessionAffinity: ClientIP"
	}
	if s.externalIP {
		spec += fmt.Sprintf(", externalIPs: [192.0.2.%d]", 100+s.index)
	}
	status := ""
	if s.kind == "LoadBalancer" {
		status = fmt.Sprintf("status: {loadBalancer: {ingress: [{ip: 192.0.2.%d}]}}\n", 200+s.index)
		if s.sourceRanges {
			spec += ", loadBalancerSourceRanges: [203.0.113.0/24]"
		}
	}
	var ports, targets []string
	for i := range s.ports {
		p := &s.ports[i]
		text := fmt.Sprintf("{name: %s, port: %d, protocol: %s, targetPort: %d", p.name, p.port, p.proto, p.target)
		if s.kind != "ClusterIP" {
			text += fmt.Sprintf(", nodePort: %d", p.nodePort)
		}
		ports = append(ports, text+"}")
		targets = append(targets, fmt.Sprintf("{name: %s, port: %d, protocol: %s}", p.name, p.target, p.proto))
	}
	docs := []string{fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: %s}\nspec: {%s, ports: [%s]}\n%s", s.name(), s.namespace, spec, strings.Join(ports, ", "), status)}
	for f, family := range []string{"IPv4", "IPv6"} {
		if f == 1 && !g.v6 {
			break
		}
		text := fmt.Sprintf("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: %s-%d, namespace: %s, labels: {kubernetes.io/service-name: %s}}\naddressType: %s\nports: [%s]\nendpoints:",
			s.name(), f, s.namespace, s.name(), family, strings.Join(targets, ", "))
		if len(s.ends) == 0 {
			text += " []"
		}
		for _, e := range s.ends {
			pod := g.pods[e.pod]
			text += fmt.Sprintf("\n- {addresses: ['%s'], nodeName: n%s, conditions: %s}", pod[1+f], strings.Split(pod[1], ".")[2], e.conditions)
		}
		docs = append(docs, text+"\n")
	}
	return docs
}

// changed sets a service and its slices.
func (g *scriptGen) changed(s *scriptService) []string {
	docs := g.serviceDocs(s)
	for _, d := range docs {
		g.put(d)
	}
	return docs
}

func (g *scriptGen) changeService() []string {
	s := g.services[g.IntN(len(g.services))]
	switch g.IntN(8) {
	case 0:
		s.affinity = !s.affinity
	case 1:
		s.external = map[string]string{"Local": "Cluster", "Cluster": "Local"}[s.external]
	case 2:
		s.internal = map[string]string{"Local": "Cluster", "Cluster": "Local"}[s.internal]
	case 3:
		s.externalIP = !s.externalIP
	case 4:
		s.kind = g.oneOf("ClusterIP", "NodePort", "LoadBalancer")
	case 5:
		s.ports[0].target = g.targetPort()
	case 6:
		s.sourceRanges = !s.sourceRanges
	case 7:
		if len(s.ports) > 1 {
			s.ports = s.ports[:1]
		} else {
			s.ports = append(s.ports, g.secondPort(s))
		}
	}
	return g.changed(s)
}

// changeEndpoints changes, removes, replaces or adds an endpoint, or deletes a slice.
func (g *scriptGen) changeEndpoints() ([]string, ref) {
	s := g.services[g.IntN(len(g.services))]
	switch n := g.IntN(10); {
	case n < 5 && len(s.ends) > 0:
		s.ends[g.IntN(len(s.ends))].conditions = g.conditions()
	case n < 7 && len(s.ends) > 0:
		s.ends = slices.Delete(s.ends, 0, 1)
	case n < 8:
		if i := g.find(ref{"EndpointSlice", s.namespace, s.name() + "-0"}); i >= 0 {
			return nil, g.drop(i)
		}
	default:
		var free []int
		for p := range g.pods {
			if !slices.ContainsFunc(s.ends, func(e scriptEndpoint) bool { return e.pod == p }) {
				free = append(free, p)
			}
		}
		if len(free) == 0 {
			return nil, ref{}
		}
		e := scriptEndpoint{free[g.IntN(len(free))], g.conditions()}
		if n == 8 && len(s.ends) > 0 {
			s.ends[0] = e
		} else {
			s.ends = append(s.ends, e)
		}
	}
	return g.changed(s), ref{}
}
