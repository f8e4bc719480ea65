package cluster

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"tortie/compiler/diag"

	corev1 "k8s.io/api/core/v1"
)

// The networks and node ports that an API server takes from when nothing says
// otherwise.
var (
	serviceBase4 = netip.MustParsePrefix("10.96.0.0/12")
	serviceBase6 = netip.MustParsePrefix("fd00:96::/112")
)

const (
	firstNodePort = 30000
	lastNodePort  = 32767
)

// serviceAddresses gives services the cluster IPs and node ports that an API
// server would allocate when they are applied, where the input is not from one.
func (r *reader) serviceAddresses() {
	m := newServiceMaker(r.snap)
	order := make([]int, len(r.snap.Services))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := r.snap.Services[a].Object, r.snap.Services[b].Object
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	made := 0
	for _, i := range order {
		o := &r.snap.Services[i]
		if s := o.Object.DeepCopy(); m.complete(s) {
			o.Object, made = s, made+1
		}
	}
	if made == 0 {
		return
	}
	r.diags.Add(diag.Finding{Code: "cluster/service-addresses-made-up", Severity: diag.Note,
		Message: fmt.Sprintf("%d services have no cluster IP or node port in the input: taken from %s and from %d on", made, m.base4, firstNodePort),
		Hint:    "add the services as the cluster has them (kubectl get services -A -o yaml) for their real addresses"})
}

// serviceMaker hands out addresses and node ports that nobody has.
type serviceMaker struct {
	base4, base6 netip.Prefix
	used         map[netip.Addr]bool
	ports        map[int32]bool
}

func newServiceMaker(s *Snapshot) *serviceMaker {
	m := &serviceMaker{base4: serviceBase4, base6: serviceBase6, used: map[netip.Addr]bool{}, ports: map[int32]bool{}}
	for _, o := range s.BGPConfigurations {
		for _, b := range o.Object.Spec.ServiceClusterIPs {
			p, err := netip.ParsePrefix(b.CIDR)
			switch {
			case err != nil:
			case p.Addr().Is4():
				m.base4 = p.Masked()
			default:
				m.base6 = p.Masked()
			}
		}
	}
	for _, o := range s.Services {
		for _, text := range append(slices.Clone(o.Object.Spec.ClusterIPs), o.Object.Spec.ClusterIP) {
			if a, err := netip.ParseAddr(text); err == nil {
				m.used[a] = true
			}
		}
		for _, p := range o.Object.Spec.Ports {
			m.ports[p.NodePort] = true
		}
	}
	return m
}

// complete fills in what a service lacks and reports whether it lacked anything.
func (m *serviceMaker) complete(s *corev1.Service) bool {
	spec := &s.Spec
	if spec.Type == corev1.ServiceTypeExternalName {
		return false
	}
	made := false
	if spec.ClusterIP == "" && len(spec.ClusterIPs) == 0 {
		made = true
		for _, f := range families(spec) {
			base := m.base4
			if f == corev1.IPv6Protocol {
				base = m.base6
			}
			if a, ok := m.address(base); ok {
				spec.ClusterIPs = append(spec.ClusterIPs, a.String())
			}
		}
		if len(spec.ClusterIPs) > 0 {
			spec.ClusterIP = spec.ClusterIPs[0]
		}
	}
	if spec.Type != corev1.ServiceTypeNodePort && spec.Type != corev1.ServiceTypeLoadBalancer ||
		spec.AllocateLoadBalancerNodePorts != nil && !*spec.AllocateLoadBalancerNodePorts {
		return made
	}
	for i := range spec.Ports {
		if spec.Ports[i].NodePort == 0 {
			spec.Ports[i].NodePort, made = m.port(), true
		}
	}
	return made
}

// families are those that a service asks for; IPv4 when it asks for none.
func families(spec *corev1.ServiceSpec) []corev1.IPFamily {
	out := spec.IPFamilies
	if len(out) == 0 {
		out = []corev1.IPFamily{corev1.IPv4Protocol}
	}
	if p := spec.IPFamilyPolicy; p != nil && *p == corev1.IPFamilyPolicyRequireDualStack && len(out) == 1 {
		other := corev1.IPv6Protocol
		if out[0] == other {
			other = corev1.IPv4Protocol
		}
		out = []corev1.IPFamily{out[0], other}
	}
	return out
}

// address is the first free address of a network, its first ten left alone as an
// API server leaves the lower part for those who ask for an address.
func (m *serviceMaker) address(base netip.Prefix) (netip.Addr, bool) {
	a := base.Addr()
	for range 10 {
		a = a.Next()
	}
	for ; base.Contains(a); a = a.Next() {
		if !m.used[a] {
			m.used[a] = true
			return a, true
		}
	}
	return netip.Addr{}, false
}

// port is the first free node port, 0 when there is none.
func (m *serviceMaker) port() int32 {
	for p := int32(firstNodePort); p <= lastNodePort; p++ {
		if !m.ports[p] {
			m.ports[p] = true
			return p
		}
	}
	return 0
}
