package lower

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/intent"
	"tortie/compiler/selector"
	"tortie/dataplane/packet"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// facts are what the compiler takes from a snapshot.
type facts struct {
	known bool
	// v6 says that pods or nodes have IPv6 addresses.
	v6 bool
	// nets are the addresses of pods and nodes.
	nets []netip.Prefix
	// open are the tiers that pass what none of their policies decides.
	open map[string]bool
	// foreign are the tiers in which somebody else has policies that are enforced.
	foreign map[string]bool
	// staged are those in which somebody else has staged policies.
	staged   map[string]bool
	tiers    map[string]intent.ClusterTier
	heps     []hep
	pods     []pod
	nodes    []node
	services map[string]*corev1.Service
	// backends are the addresses behind services.
	backends map[string][]netip.Addr
	dns      []dnsService
	// taken are the places of objects that are not made of intents, by kind and name.
	taken map[string]diag.Span
	// members are the pods of the parties asked for so far.
	members map[*intent.Atom][]*pod
	// nftables says that the configuration puts Felix in nftables mode.
	nftables bool
	// failsafe are the ports of hosts that stay open, and those of nodes with a
	// configuration of their own.
	failsafe  failsafes
	failsafes map[string]failsafes
}

// hep is a host endpoint as the compiler needs it.
type hep struct {
	name, node string
	iface      string
	labels     selector.Map
	expected   []string
	ours       bool
	// open says that its profiles let everything pass that no policy decides.
	open  bool
	ports []calico.EndpointPort
}

// pod is a pod with an address of its own.
type pod struct {
	namespace, name, account string
	labels, nsLabels         selector.Map
	ports                    []calico.EndpointPort
	nets                     []netip.Prefix
	declared                 []corev1.ContainerPort
}

// node is a node with the labels that a host endpoint of it would have.
type node struct {
	name   string
	labels selector.Map
	addrs  []string
}

// factsOf reads from a snapshot what the compiler has to know of a cluster. A
// snapshot that holds nothing of a cluster is as good as none.
func factsOf(s *cluster.Snapshot) facts {
	f := facts{open: map[string]bool{}, foreign: map[string]bool{}, staged: map[string]bool{}, failsafe: defaultFailsafe,
		services: map[string]*corev1.Service{}, backends: map[string][]netip.Addr{}, taken: map[string]diag.Span{}, members: map[*intent.Atom][]*pod{}, failsafes: map[string]failsafes{}}
	if s == nil {
		return f
	}
	f.tiers = Tiers(s)
	for _, o := range s.Tiers {
		pass := o.Object.Spec.DefaultAction != nil && *o.Object.Spec.DefaultAction == v3.Pass
		f.open[o.Object.Name] = pass && !ours(o.Object.Labels) // those of intents are written as these need them
	}
	model, _ := s.Model()
	f.known = len(model.Nodes)+len(model.Endpoints)+len(model.HostEndpoints)+len(s.IPPools) > 0
	for _, o := range s.IPPools {
		if p, ok := calico.ParseNet(o.Object.Spec.CIDR); ok {
			f.addNet(p)
		}
	}
	f.addForeign(s)
	f.addNodes(model)
	f.addEndpoints(s, model)
	f.addDNS(s)
	f.addServices(s)
	f.addConfiguration(s)
	slices.SortFunc(f.nets, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	return f
}

// Tiers are the tiers of a cluster as programs are linked against them.
func Tiers(s *cluster.Snapshot) map[string]intent.ClusterTier {
	out := map[string]intent.ClusterTier{}
	for _, o := range s.Tiers {
		t := intent.ClusterTier{Order: math.Inf(1), Ours: ours(o.Object.Labels)}
		if o.Object.Spec.Order != nil {
			t.Order = *o.Object.Spec.Order
		}
		out[o.Object.Name] = t
	}
	return out
}

// ours reports whether an object is made of intents.
func ours(labels map[string]string) bool { return labels[managedBy] == "tortie" }

func (f *facts) addForeign(s *cluster.Snapshot) {
	has := func(in map[string]bool, tier string, labels map[string]string) {
		tier = cmp.Or(tier, intent.DefaultTier)
		in[tier] = in[tier] || !ours(labels)
	}
	for _, o := range s.GlobalNetworkPolicies {
		has(f.foreign, o.Object.Spec.Tier, o.Object.Labels)
	}
	for _, o := range s.NetworkPolicies {
		has(f.foreign, o.Object.Spec.Tier, o.Object.Labels)
	}
	for _, o := range s.StagedGlobalNetworkPolicies {
		has(f.staged, o.Object.Spec.Tier, o.Object.Labels)
	}
	for _, o := range s.StagedNetworkPolicies {
		has(f.staged, o.Object.Spec.Tier, o.Object.Labels)
	}
	f.addTaken(s)
}

func (f *facts) addServices(s *cluster.Snapshot) {
	for _, o := range s.Services {
		f.services[o.Object.Namespace+"/"+o.Object.Name] = o.Object
	}
	for _, o := range s.EndpointSlices {
		name := o.Object.Namespace + "/" + o.Object.Labels[discoveryv1.LabelServiceName]
		for _, e := range o.Object.Endpoints {
			for _, text := range e.Addresses {
				if a, err := netip.ParseAddr(text); err == nil {
					f.backends[name] = append(f.backends[name], a)
				}
			}
		}
	}
}

func (f *facts) addNodes(m *cluster.Model) {
	for _, n := range m.Nodes {
		one := node{name: n.Value.Name, labels: n.Value.Labels}
		for _, a := range nodeAddrs(&n.Value) {
			a, _, _ = strings.Cut(a, "/") // masked, a network would not be the node's own address
			if p, ok := calico.ParseNet(a); ok {
				f.addNet(p)
			}
		}
		if b := n.Value.Spec.BGP; b != nil {
			for _, a := range []string{b.IPv4Address, b.IPv6Address} {
				if a, _, _ = strings.Cut(a, "/"); a != "" {
					one.addrs = append(one.addrs, a)
				}
			}
		}
		f.nodes = append(f.nodes, one)
	}
	for _, h := range m.HostEndpoints {
		one := hep{name: h.Value.Name, node: h.Value.Node, iface: h.Value.InterfaceName, labels: h.Value.Labels, ours: ours(h.Value.Labels), ports: h.Value.Ports,
			open: slices.Contains(h.Value.Profiles, calico.DefaultAllowProfile)}
		for _, a := range h.Value.ExpectedIPs {
			one.expected = append(one.expected, a.String())
		}
		f.heps = append(f.heps, one)
	}
}

func (f *facts) addEndpoints(s *cluster.Snapshot, m *cluster.Model) {
	namespaces := map[string]selector.Map{}
	for _, o := range s.Namespaces {
		labels := selector.Map{calico.NameLabel: o.Object.Name}
		maps.Copy(labels, o.Object.Labels)
		namespaces[o.Object.Name] = labels
	}
	declared := map[string][]corev1.ContainerPort{}
	for _, o := range s.Pods {
		for _, c := range slices.Concat(o.Object.Spec.Containers, o.Object.Spec.InitContainers) {
			key := o.Object.Namespace + "/" + o.Object.Name
			declared[key] = append(declared[key], c.Ports...)
		}
	}
	for _, e := range m.Endpoints {
		f.pods = append(f.pods, pod{namespace: e.Value.Namespace, name: e.Value.Pod, account: e.Value.ServiceAccount,
			labels: e.Value.Labels, nsLabels: namespaces[e.Value.Namespace], ports: e.Value.Ports, nets: e.Value.Nets, declared: declared[e.Value.Namespace+"/"+e.Value.Pod]})
	}
}

// closed reports whether an atom may select host endpoints that are closed even
// without policy.
func (f *facts) closed(a *intent.Atom) bool {
	if a.Kind != intent.Hosts || !f.known {
		return a.Kind == intent.Hosts
	}
	return slices.ContainsFunc(f.heps, func(h hep) bool { return !h.open && a.Party.Hosts.Sel.Matches(h.labels) })
}

func (f *facts) addNet(p netip.Prefix) {
	f.v6 = f.v6 || packet.FamilyOf(p.Addr()) == packet.IPv6
	if !slices.Contains(f.nets, p) {
		f.nets = append(f.nets, p)
	}
}

// nodeAddrs are the addresses by which a node sends.
func nodeAddrs(n *calico.Node) []string {
	var out []string
	if b := n.Spec.BGP; b != nil {
		for _, a := range []string{b.IPv4Address, b.IPv6Address} {
			out = append(out, a)
		}
		out = append(out, b.IPv4IPIPTunnelAddr)
	}
	out = append(out, n.Spec.IPv4VXLANTunnelAddr, n.Spec.IPv6VXLANTunnelAddr)
	for _, a := range n.Spec.Addresses {
		out = append(out, a.Address)
	}
	if w := n.Spec.Wireguard; w != nil {
		out = append(out, w.InterfaceIPv4Address, w.InterfaceIPv6Address)
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}
