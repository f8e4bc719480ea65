package main

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	corev1 "k8s.io/api/core/v1"
)

// The oracle is a second, slow and plain reading of Calico's documentation. It
// takes the objects as they were read and knows neither chains nor sets nor
// marks; nothing of resolve, felix or walk is used.

// oraclePod is a pod with an address of its own.
type oraclePod struct {
	ns, name, node, iface, account string
	addrs                          []netip.Addr
	labels                         map[string]string
	ports                          []oraclePort
}

// oraclePort is a named port.
type oraclePort struct {
	name  string
	proto string // "TCP"
	port  uint16
}

// oracleHEP is a host endpoint.
type oracleHEP struct {
	*v3.HostEndpoint
	labels map[string]string
}

// oracleNode is a node with its addresses.
type oracleNode struct {
	name        string
	subnet      netip.Prefix
	v4, v6      netip.Addr
	vxlan, ipip netip.Addr
	heps        []*oracleHEP // by name
}

// oracleThing is something that a rule's selector can select: an endpoint, a host
// endpoint with expected addresses or a network set.
type oracleThing struct {
	labels             map[string]string
	ns, account        string
	nsLabels, saLabels map[string]string
	nets               []netip.Prefix
	ports              []oraclePort
}

// oracleWorld is a cluster as the documentation sees it.
type oracleWorld struct {
	snap     *cluster.Snapshot
	nodes    []*oracleNode
	pods     []*oraclePod
	things   []*oracleThing
	tiers    []*oracleTier
	config   *v3.FelixConfigurationSpec
	nftables bool
}

func newOracleWorld(s *cluster.Snapshot, nftables bool) *oracleWorld {
	w := &oracleWorld{snap: s, nftables: nftables, config: &v3.FelixConfigurationSpec{}}
	for _, o := range s.FelixConfigurations {
		if o.Object.Name == "default" {
			w.config = &o.Object.Spec
		}
	}
	for _, o := range s.CalicoNodes {
		w.nodes = append(w.nodes, oracleNodeOf(o.Object))
	}
	for _, o := range s.Pods {
		w.addPod(o.Object)
	}
	for _, o := range s.HostEndpoints {
		w.addHEP(o.Object)
	}
	w.addSets()
	w.addTiers()
	return w
}

func oracleNodeOf(n *calico.Node) *oracleNode {
	out := &oracleNode{name: n.Name, subnet: oracleNet(n.Spec.BGP.IPv4Address).Masked()}
	out.v4 = oracleAddr(n.Spec.BGP.IPv4Address)
	out.v6 = oracleAddr(n.Spec.BGP.IPv6Address)
	out.ipip = oracleAddr(n.Spec.BGP.IPv4IPIPTunnelAddr)
	out.vxlan = oracleAddr(n.Spec.IPv4VXLANTunnelAddr)
	return out
}

// oracleAddr reads an address with or without prefix length.
func oracleAddr(s string) netip.Addr {
	s, _, _ = strings.Cut(s, "/")
	a, _ := netip.ParseAddr(s)
	return a
}

// oracleNet reads a network or an address.
func oracleNet(s string) netip.Prefix {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p
	}
	a := netip.MustParseAddr(s)
	return netip.PrefixFrom(a, a.BitLen())
}

func (w *oracleWorld) node(name string) *oracleNode {
	for _, n := range w.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

func (w *oracleWorld) addPod(o *corev1.Pod) {
	if o.Spec.HostNetwork {
		return
	}
	p := &oraclePod{ns: o.Namespace, name: o.Name, node: o.Spec.NodeName, account: o.Spec.ServiceAccountName}
	p.iface = calico.InterfaceName("", o.Namespace, o.Name)
	p.labels = maps.Clone(o.Labels)
	if p.labels == nil {
		p.labels = map[string]string{}
	}
	p.labels["projectcalico.org/namespace"] = o.Namespace
	p.labels["projectcalico.org/orchestrator"] = "k8s"
	if p.account != "" {
		p.labels["projectcalico.org/serviceaccount"] = p.account
	}
	for _, ip := range o.Status.PodIPs {
		p.addrs = append(p.addrs, netip.MustParseAddr(ip.IP))
	}
	for _, c := range o.Spec.Containers {
		for _, port := range c.Ports {
			proto := string(port.Protocol)
			if proto == "" {
				proto = "TCP"
			}
			if port.Name != "" {
				p.ports = append(p.ports, oraclePort{port.Name, proto, uint16(port.ContainerPort)})
			}
		}
	}
	w.pods = append(w.pods, p)
	w.things = append(w.things, w.podThing(p))
}

func (w *oracleWorld) podThing(p *oraclePod) *oracleThing {
	t := &oracleThing{labels: p.labels, ns: p.ns, account: p.account, ports: p.ports}
	t.nsLabels, t.saLabels = w.namespaceLabels(p.ns), w.accountLabels(p.ns, p.account)
	for _, a := range p.addrs {
		t.nets = append(t.nets, netip.PrefixFrom(a, a.BitLen()))
	}
	return t
}

// namespaceLabels are a namespace's labels and its name; nil when there is none.
func (w *oracleWorld) namespaceLabels(name string) map[string]string {
	for _, o := range w.snap.Namespaces {
		if o.Object.Name == name {
			return oracleNamed(o.Object.Labels, name)
		}
	}
	return nil
}

func (w *oracleWorld) accountLabels(ns, name string) map[string]string {
	for _, o := range w.snap.ServiceAccounts {
		if o.Object.Namespace == ns && o.Object.Name == name {
			return oracleNamed(o.Object.Labels, name)
		}
	}
	return nil
}

func oracleNamed(labels map[string]string, name string) map[string]string {
	out := map[string]string{"projectcalico.org/name": name}
	maps.Copy(out, labels)
	return out
}

func (w *oracleWorld) profile(name string) *v3.Profile {
	for _, o := range w.snap.Profiles {
		if o.Object.Name == name {
			return o.Object
		}
	}
	return nil
}

// addHEP adds a host endpoint with the labels of its profiles under its own.
func (w *oracleWorld) addHEP(o *v3.HostEndpoint) {
	h := &oracleHEP{HostEndpoint: o, labels: map[string]string{}}
	for _, name := range slices.Backward(o.Spec.Profiles) {
		if p := w.profile(name); p != nil {
			maps.Copy(h.labels, p.Spec.LabelsToApply)
		}
	}
	maps.Copy(h.labels, o.Labels)
	if n := w.node(o.Spec.Node); n != nil {
		n.heps = append(n.heps, h)
		slices.SortFunc(n.heps, func(a, b *oracleHEP) int { return strings.Compare(a.Name, b.Name) })
	}
	t := &oracleThing{labels: h.labels}
	for _, ip := range o.Spec.ExpectedIPs {
		t.nets = append(t.nets, oracleNet(ip))
	}
	for _, p := range o.Spec.Ports {
		t.ports = append(t.ports, oraclePort{p.Name, p.Protocol.String(), p.Port})
	}
	w.things = append(w.things, t)
}

func (w *oracleWorld) addSets() {
	for _, o := range w.snap.GlobalNetworkSets {
		t := &oracleThing{labels: o.Object.Labels}
		for _, n := range o.Object.Spec.Nets {
			t.nets = append(t.nets, oracleNet(n))
		}
		w.things = append(w.things, t)
	}
	for _, o := range w.snap.NetworkSets {
		t := &oracleThing{labels: maps.Clone(o.Object.Labels), ns: o.Object.Namespace, nsLabels: w.namespaceLabels(o.Object.Namespace)}
		if t.labels == nil {
			t.labels = map[string]string{}
		}
		t.labels["projectcalico.org/namespace"] = o.Object.Namespace
		for _, n := range o.Object.Spec.Nets {
			t.nets = append(t.nets, oracleNet(n))
		}
		w.things = append(w.things, t)
	}
}

// has reports whether the thing has the address.
func (t *oracleThing) has(a netip.Addr) bool {
	return slices.ContainsFunc(t.nets, func(n netip.Prefix) bool { return n.Contains(a) })
}

// podAt is the pod with an address.
func (w *oracleWorld) podAt(a netip.Addr) *oraclePod {
	for _, p := range w.pods {
		if slices.Contains(p.addrs, a) {
			return p
		}
	}
	return nil
}

// hepOf is the host endpoint of an interface: of those that name it, or name none
// and expect one of its addresses, the first by name; else the one for all
// interfaces if wildcards count.
func (n *oracleNode) hepOf(iface string, wildcard bool) *oracleHEP {
	for _, h := range n.heps {
		if h.Spec.InterfaceName == iface {
			return h
		}
		if h.Spec.InterfaceName == "" && !strings.HasPrefix(iface, "cali") {
			for _, ip := range h.Spec.ExpectedIPs {
				if slices.Contains(n.addrsOf(iface), netip.MustParseAddr(ip)) {
					return h
				}
			}
		}
	}
	if wildcard {
		for _, h := range n.heps {
			if h.Spec.InterfaceName == "*" {
				return h
			}
		}
	}
	return nil
}

func (n *oracleNode) addrsOf(iface string) []netip.Addr {
	switch iface {
	case "eth0":
		return []netip.Addr{n.v4, n.v6}
	case "vxlan.calico":
		return []netip.Addr{n.vxlan}
	case "tunl0":
		return []netip.Addr{n.ipip}
	}
	return nil
}

// addr is the node's own address of IPv4 (0) or IPv6 (1).
func (n *oracleNode) addr(i int) netip.Addr {
	if i == 1 {
		return n.v6
	}
	return n.v4
}

// owns reports whether an address is the node's own.
func (n *oracleNode) owns(a netip.Addr) bool {
	return a == n.v4 || a == n.v6 || a == n.vxlan || a == n.ipip
}
