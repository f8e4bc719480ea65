package cluster

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/selector"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// workload is an object with a pod template.
type workload struct {
	source   Source
	meta     *metav1.ObjectMeta
	template *corev1.PodTemplateSpec
	daemon   bool
}

// standIns makes pods of workloads where the input has no pods at all: one pod
// each (a DaemonSet has one per node), spread over the nodes in order of name,
// with addresses from the first IPv4 pool. Without nodes two are made up.
func (r *reader) standIns() {
	s := r.snap
	list := s.workloads()
	if len(list) == 0 || len(s.Pods) > 0 || len(s.WorkloadEndpoints) > 0 {
		return
	}
	nodes := s.nodeNames()
	if len(nodes) == 0 {
		nodes = s.makeUpNodes()
	}
	m := podMaker{bases: s.podBases(nodes), used: make([]int, len(nodes)), nodes: nodes, own: s.nodeAddrs()}
	for i, w := range list {
		targets := []int{i % len(nodes)}
		if w.daemon {
			targets = m.everyNode()
		}
		for k, n := range targets {
			s.Pods = append(s.Pods, Object[corev1.Pod]{Source: w.source, Object: m.pod(w, k, n)})
		}
	}
	slices.SortStableFunc(s.Pods, func(a, b Object[corev1.Pod]) int {
		return cmp.Or(cmp.Compare(a.Object.Namespace, b.Object.Namespace), cmp.Compare(a.Object.Name, b.Object.Name))
	})
	s.MadeUpPods = true
	r.diags.Add(diag.Finding{
		Code: "cluster/pods-made-up", Severity: diag.Note,
		Message: fmt.Sprintf("no pods in the input: %d workloads stand for theirs, on %d nodes, with addresses from %s made up",
			len(list), len(nodes), m.from()),
		Hint: "add the pods (kubectl get pods -A -o yaml) for their real addresses",
	})
}

// workloads lists the objects with pod templates that are nobody's own, sorted
// by namespace, name and kind.
func (s *Snapshot) workloads() []workload {
	var out []workload
	add := func(src Source, m *metav1.ObjectMeta, t *corev1.PodTemplateSpec) {
		if len(m.OwnerReferences) == 0 {
			out = append(out, workload{src, m, t, src.Kind == "DaemonSet"})
		}
	}
	for _, o := range s.Deployments {
		add(o.Source, &o.Object.ObjectMeta, &o.Object.Spec.Template)
	}
	for _, o := range s.StatefulSets {
		add(o.Source, &o.Object.ObjectMeta, &o.Object.Spec.Template)
	}
	for _, o := range s.DaemonSets {
		add(o.Source, &o.Object.ObjectMeta, &o.Object.Spec.Template)
	}
	for _, o := range s.ReplicaSets {
		add(o.Source, &o.Object.ObjectMeta, &o.Object.Spec.Template)
	}
	for _, o := range s.Jobs {
		add(o.Source, &o.Object.ObjectMeta, &o.Object.Spec.Template)
	}
	for _, o := range s.CronJobs {
		add(o.Source, &o.Object.ObjectMeta, &o.Object.Spec.JobTemplate.Spec.Template)
	}
	slices.SortStableFunc(out, func(a, b workload) int {
		return cmp.Or(cmp.Compare(a.meta.Namespace, b.meta.Namespace), cmp.Compare(a.meta.Name, b.meta.Name),
			cmp.Compare(a.source.Kind, b.source.Kind))
	})
	return out
}

func (s *Snapshot) nodeNames() []string {
	var names []string
	for _, o := range s.Nodes {
		names = append(names, o.Object.Name)
	}
	for _, o := range s.CalicoNodes {
		if !slices.Contains(names, o.Object.Name) {
			names = append(names, o.Object.Name)
		}
	}
	slices.Sort(names)
	return names
}

// nodeAddrs are the IPv4 addresses of the nodes that have one, by name.
func (s *Snapshot) nodeAddrs() map[string]string {
	own := map[string]string{}
	set := func(name, text string) {
		text, _, _ = strings.Cut(text, "/")
		if a, err := netip.ParseAddr(text); err == nil && a.Is4() && own[name] == "" {
			own[name] = text
		}
	}
	for _, o := range s.CalicoNodes {
		if b := o.Object.Spec.BGP; b != nil {
			set(o.Object.Name, b.IPv4Address)
		}
	}
	for _, o := range s.Nodes {
		for _, a := range o.Object.Status.Addresses {
			if a.Type == corev1.NodeInternalIP {
				set(o.Object.Name, a.Address)
			}
		}
	}
	return own
}

func (s *Snapshot) makeUpNodes() []string {
	names := []string{"node1", "node2"}
	for i, name := range names {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}}
		n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: fmt.Sprintf("172.31.0.%d", i+1)}}
		s.Nodes = append(s.Nodes, Object[corev1.Node]{Object: n})
	}
	return names
}

// podBases are the networks that made-up addresses come from, for each node: the
// first IPv4 pool for pods that selects it. Where no pool does there is one as a fresh
// installation has it.
func (s *Snapshot) podBases(nodes []string) []netip.Prefix {
	labels := s.nodeLabels()
	out := make([]netip.Prefix, len(nodes))
	for i, name := range nodes {
		for _, o := range s.IPPools {
			if p, ok := podPool(o.Object, labels[name]); ok {
				out[i] = p
				break
			}
		}
	}
	if slices.Contains(out, netip.Prefix{}) {
		base := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 65, 0, 0}), 16)
		s.IPPools = append(s.IPPools, Object[v3.IPPool]{Object: &v3.IPPool{
			ObjectMeta: metav1.ObjectMeta{Name: "made-up"},
			Spec:       v3.IPPoolSpec{CIDR: base.String(), NATOutgoing: true},
		}})
		for i := range out {
			if !out[i].IsValid() {
				out[i] = base
			}
		}
	}
	return out
}

// podPool is a pool's network if the pods of a node with these labels may get IPv4
// addresses of it without asking for the pool.
func podPool(p *v3.IPPool, labels map[string]string) (netip.Prefix, bool) {
	cidr, err := netip.ParsePrefix(p.Spec.CIDR)
	uses := p.Spec.AllowedUses
	manual := p.Spec.AssignmentMode != nil && *p.Spec.AssignmentMode == v3.Manual
	if err != nil || !cidr.Addr().Is4() || p.Spec.Disabled || manual || len(uses) > 0 && !slices.Contains(uses, v3.IPPoolAllowedUseWorkload) {
		return cidr, false
	}
	sel, err := selector.Parse(p.Spec.NodeSelector)
	return cidr.Masked(), err == nil && sel.Matches(selector.Map(labels))
}

// nodeLabels are the labels of the nodes, by name.
func (s *Snapshot) nodeLabels() map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, o := range s.CalicoNodes {
		out[o.Object.Name] = o.Object.Labels
	}
	for _, o := range s.Nodes {
		out[o.Object.Name] = o.Object.Labels
	}
	return out
}

type podMaker struct {
	// bases are the networks that the nodes' pods get addresses of.
	bases []netip.Prefix
	nodes []string
	used  []int // addresses given out, by node
	// own are the nodes' addresses, which pods on their network have.
	own map[string]string
}

// from names the networks.
func (m *podMaker) from() string {
	var names []string
	for _, b := range m.bases {
		if !slices.Contains(names, b.String()) {
			names = append(names, b.String())
		}
	}
	return strings.Join(names, " and ")
}

func (m *podMaker) everyNode() []int {
	all := make([]int, len(m.nodes))
	for i := range all {
		all[i] = i
	}
	return all
}

// address is the next address of a node: nodes take turns at runs of 256.
func (m *podMaker) address(node int) netip.Addr {
	k := m.used[node]
	m.used[node]++
	base := m.bases[node]
	off := uint32(node+len(m.nodes)*(k/250))*256 + 2 + uint32(k%250)
	b := base.Addr().As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	if size := uint64(1) << (32 - base.Bits()); size > 4 {
		off = uint32(uint64(off) % (size - 1))
	}
	v += off
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

func (m *podMaker) pod(w workload, k, node int) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: *w.template.ObjectMeta.DeepCopy(), Spec: *w.template.Spec.DeepCopy()}
	p.Name, p.Namespace = fmt.Sprintf("%s-%d", w.meta.Name, k), w.meta.Namespace
	p.OwnerReferences = []metav1.OwnerReference{{APIVersion: w.source.APIVersion, Kind: w.source.Kind, Name: w.meta.Name}}
	p.Spec.NodeName = m.nodes[node]
	if p.Spec.ServiceAccountName == "" {
		p.Spec.ServiceAccountName = "default"
	}
	p.Status.Phase = corev1.PodRunning
	ip := m.own[m.nodes[node]]
	if !p.Spec.HostNetwork {
		ip = m.address(node).String()
	}
	if ip != "" {
		p.Status.PodIP, p.Status.PodIPs = ip, []corev1.PodIP{{IP: ip}}
	}
	return p
}
