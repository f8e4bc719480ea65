package link

import (
	"fmt"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/kubeproxy"

	corev1 "k8s.io/api/core/v1"
)

// serviceCheck collects what the API server would refuse of one Service and
// kube-proxy therefore never sees: it is left out, and said here.
type serviceCheck struct {
	o    cluster.Object[corev1.Service]
	list diag.List
}

// checkServices reports malformed fields of services that rules depend on.
func checkServices(s *cluster.Snapshot) diag.List {
	var out diag.List
	for _, o := range s.Services {
		c := serviceCheck{o: o}
		c.ports()
		c.addresses()
		out = append(out, c.list...)
	}
	for _, o := range s.EndpointSlices {
		for i, p := range o.Object.Ports {
			if p.Port != nil && (*p.Port < 0 || *p.Port > 65535) {
				out.Add(diag.Finding{Code: "service/port", Severity: diag.Warning, Span: o.Source.At("ports", i, "port"),
					Message: fmt.Sprintf("port %d is not between 1 and 65535: the endpoints are left out", *p.Port)})
			}
		}
	}
	return out
}

func (c *serviceCheck) add(code, format string, args []any, path ...any) {
	c.list.Add(diag.Finding{Code: code, Severity: diag.Warning, Message: fmt.Sprintf(format, args...), Span: c.o.Source.At(path...),
		Hint: "the API server refuses such a service"})
}

func (c *serviceCheck) ports() {
	spec := &c.o.Object.Spec
	port := func(n int32, low int32, path ...any) {
		if n < low || n > 65535 {
			c.add("service/port", "port %d is not between 1 and 65535: left out", []any{n}, path...)
		}
	}
	for i := range spec.Ports {
		p := &spec.Ports[i]
		port(p.Port, 1, "spec", "ports", i, "port")
		port(p.NodePort, 0, "spec", "ports", i, "nodePort")
		if p.TargetPort.IntVal != p.Port { // what is not given is the port again
			port(p.TargetPort.IntVal, 0, "spec", "ports", i, "targetPort")
		}
	}
	port(spec.HealthCheckNodePort, 0, "spec", "healthCheckNodePort")
	if a := spec.SessionAffinityConfig; a != nil && a.ClientIP != nil && a.ClientIP.TimeoutSeconds != nil {
		if n := *a.ClientIP.TimeoutSeconds; n < 1 || n > 86400 {
			c.add("service/affinity", "a client is remembered for 1 to 86400 seconds, not %d", []any{n}, "spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds")
		}
	}
}

func (c *serviceCheck) addresses() {
	spec := &c.o.Object.Spec
	addr := func(text string, path ...any) {
		if _, ok := kubeproxy.ParseAddr(text); text != "" && !ok {
			c.add("service/address", "%q is no IP address: left out", []any{text}, path...)
		}
	}
	if spec.ClusterIP != corev1.ClusterIPNone {
		addr(spec.ClusterIP, "spec", "clusterIP")
		for i, a := range spec.ClusterIPs {
			addr(a, "spec", "clusterIPs", i)
		}
	}
	for i, a := range spec.ExternalIPs {
		addr(a, "spec", "externalIPs", i)
	}
	for i, g := range c.o.Object.Status.LoadBalancer.Ingress {
		addr(g.IP, "status", "loadBalancer", "ingress", i, "ip")
	}
	for i, r := range spec.LoadBalancerSourceRanges {
		if _, ok := kubeproxy.ParsePrefix(strings.TrimSpace(r)); !ok {
			c.add("service/range", "%q is no range of addresses: left out", []any{r}, "spec", "loadBalancerSourceRanges", i)
		}
	}
}
