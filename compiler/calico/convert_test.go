package calico

import (
	"strings"
	"testing"

	"tortie/compiler/diag"

	"github.com/google/go-cmp/cmp"
	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/lib/numorstring"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func nowhere(...any) diag.Span { return diag.Span{} }

func portsText(ports []numorstring.Port) string {
	var out []string
	for _, p := range ports {
		out = append(out, p.String())
	}
	return strings.Join(out, " ")
}

// Ports of one protocol are merged into the fewest ranges, named ones first.
func TestFromKubernetesNetworkPolicy_Ports(t *testing.T) {
	udp, sctp := corev1.ProtocolUDP, corev1.ProtocolSCTP
	port := func(p *corev1.Protocol, v intstr.IntOrString, end int32) networkingv1.NetworkPolicyPort {
		out := networkingv1.NetworkPolicyPort{Protocol: p, Port: &v}
		if end > 0 {
			out.EndPort = &end
		}
		return out
	}
	for name, c := range map[string]struct {
		ports []networkingv1.NetworkPolicyPort
		want  []string // "protocol ports"
	}{
		"none":        {nil, []string{" "}},
		"default TCP": {[]networkingv1.NetworkPolicyPort{port(nil, intstr.FromInt32(80), 0)}, []string{"tcp 80"}},
		"merged": {[]networkingv1.NetworkPolicyPort{port(nil, intstr.FromInt32(81), 0), port(nil, intstr.FromString("http"), 0),
			port(nil, intstr.FromInt32(80), 0), port(nil, intstr.FromInt32(100), 200), port(nil, intstr.FromInt32(150), 300), port(nil, intstr.FromInt32(81), 0)},
			[]string{"tcp http 80:81 100:300"}},
		"one number keeps its place": {[]networkingv1.NetworkPolicyPort{port(nil, intstr.FromInt32(80), 0), port(nil, intstr.FromString("http"), 0)},
			[]string{"tcp 80 http"}},
		"protocols in order": {[]networkingv1.NetworkPolicyPort{port(&udp, intstr.FromInt32(53), 0), port(&sctp, intstr.FromInt32(1), 0), port(nil, intstr.FromInt32(2), 0)},
			[]string{"sctp 1", "tcp 2", "udp 53"}},
		"all ports win": {[]networkingv1.NetworkPolicyPort{port(&udp, intstr.FromInt32(53), 0), {Protocol: &udp}, port(&udp, intstr.FromInt32(54), 0)}, []string{"udp "}},
		"bad range":     {[]networkingv1.NetworkPolicyPort{port(nil, intstr.FromInt32(80), 70)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, diags := FromKubernetesNetworkPolicy(&networkingv1.NetworkPolicy{
				ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "ns"},
				Spec:       networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{Ports: c.ports}}},
			}, nowhere)
			var got []string
			for _, r := range p.Ingress {
				proto := ""
				if r.Protocol != nil {
					proto = r.Protocol.String()
				}
				got = append(got, proto+" "+portsText(r.Dst.Ports))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diags.HasErrors() != (c.want == nil) {
				t.Errorf("findings %v", diags)
			}
		})
	}
}

func TestEntitySelector_Parts(t *testing.T) {
	for name, c := range map[string]struct {
		e    v3.EntityRule
		ns   string
		want string
	}{
		"nothing":                 {v3.EntityRule{}, "ns", ""},
		"own namespace":           {v3.EntityRule{Selector: "a == 'b'"}, "ns", "(projectcalico.org/namespace == 'ns') && (a == 'b')"},
		"global policy":           {v3.EntityRule{Selector: "a == 'b'"}, "", "a == 'b'"},
		"negated only":            {v3.EntityRule{NotSelector: "a == 'b'"}, "ns", "projectcalico.org/namespace == 'ns'"},
		"negated only, global":    {v3.EntityRule{NotSelector: "a == 'b'"}, "", ""},
		"namespaces":              {v3.EntityRule{NamespaceSelector: "x == 'y'"}, "ns", `pcns.x == "y"`},
		"all namespaces":          {v3.EntityRule{NamespaceSelector: "all()", Selector: "has(a)"}, "ns", "(has(projectcalico.org/namespace)) && (has(a))"},
		"nothing in a namespace":  {v3.EntityRule{NamespaceSelector: "global()", Selector: "has(a)"}, "ns", "(!has(projectcalico.org/namespace)) && (has(a))"},
		"bad namespace selector":  {v3.EntityRule{NamespaceSelector: "x ==", Selector: "has(a)"}, "ns", "has(a)"},
		"service accounts":        {v3.EntityRule{ServiceAccounts: &v3.ServiceAccountMatch{Names: []string{"b", "a"}}}, "", `projectcalico.org/serviceaccount in {"a", "b"}`},
		"accounts and labels":     {v3.EntityRule{ServiceAccounts: &v3.ServiceAccountMatch{Names: []string{"a"}, Selector: "r == 'c'"}}, "", `(pcsa.r == "c") && (projectcalico.org/serviceaccount in {"a"})`},
		"accounts and a selector": {v3.EntityRule{ServiceAccounts: &v3.ServiceAccountMatch{Selector: "r == 'c'"}, Selector: "has(a)"}, "", `(pcsa.r == "c") && (has(a))`},
	} {
		if got := EntitySelector(&c.e, c.ns); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Which pods have an endpoint, and with which addresses.
func TestFromPod_Addresses(t *testing.T) {
	deleted := metav1.Now()
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   string
	}{
		"status":        {func(p *corev1.Pod) {}, "10.0.0.1/32"},
		"host network":  {func(p *corev1.Pod) { p.Spec.HostNetwork = true }, "none"},
		"not scheduled": {func(p *corev1.Pod) { p.Spec.NodeName = "" }, "none"},
		"succeeded":     {func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, "none"},
		"failed":        {func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, "none"},
		"terminating":   {func(p *corev1.Pod) { p.DeletionTimestamp = &deleted }, "10.0.0.1/32"},
		"terminating, gone": {func(p *corev1.Pod) {
			p.DeletionTimestamp, p.Annotations = &deleted, map[string]string{annotationPodIP: ""}
		}, "none"},
		"annotation emptied while running": {func(p *corev1.Pod) { p.Annotations = map[string]string{annotationPodIP: ""} }, "10.0.0.1/32"},
		"two":                              {func(p *corev1.Pod) { p.Status.PodIPs = []corev1.PodIP{{IP: "10.0.0.1"}, {IP: "fd00::1"}} }, "10.0.0.1/32 fd00::1/128"},
		"annotation only": {func(p *corev1.Pod) {
			p.Status.PodIP, p.Annotations = "", map[string]string{annotationPodIP: "10.0.0.2/32"}
		}, "10.0.0.2/32"},
		"annotations only": {func(p *corev1.Pod) {
			p.Status.PodIP, p.Annotations = "", map[string]string{annotationPodIP: "10.0.0.2/32", annotationPodIPs: "10.0.0.2/32,fd00::2/128"}
		}, "10.0.0.2/32 fd00::2/128"},
		"plural annotation only": {func(p *corev1.Pod) {
			p.Status.PodIP, p.Annotations = "", map[string]string{annotationPodIPs: "10.0.0.2/32"}
		}, "10.0.0.2/32"},
		"no address":  {func(p *corev1.Pod) { p.Status.PodIP = "" }, "none"},
		"bad address": {func(p *corev1.Pod) { p.Status.PodIP = "x" }, "none"},
	} {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "b"}}
		p.Spec.NodeName, p.Status.PodIP, p.Status.Phase = "n", "10.0.0.1", corev1.PodRunning
		c.change(p)
		e, ok, _ := FromPod(p, nowhere)
		got := "none"
		if ok {
			var nets []string
			for _, n := range e.Nets {
				nets = append(nets, n.String())
			}
			got = strings.Join(nets, " ")
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestFromPod_LabelsAndPorts(t *testing.T) {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1", Namespace: "shop",
		Labels: map[string]string{"app": "web", "pcns.env": "fake", "pcsa.role": "fake", "projectcalico.org/namespace": "fake"}}}
	p.Spec.NodeName, p.Status.PodIP, p.Spec.ServiceAccountName = "n", "10.0.0.1", strings.Repeat("s", 70)
	p.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 80}, {ContainerPort: 81}, {Name: "dns", ContainerPort: 53, Protocol: "UDP"}}}}
	p.Spec.InitContainers = []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "init", ContainerPort: 1, Protocol: "SCTP"}, {Name: "odd", ContainerPort: 2, Protocol: "X"}}}}
	e, _, _ := FromPod(p, nowhere)
	if e.InterfaceName != "cali751425ce827" { // as Calico's CNI plugin names it
		t.Errorf("interface %s", e.InterfaceName)
	}
	want := map[string]string{"app": "web", "projectcalico.org/namespace": "shop", "projectcalico.org/orchestrator": "k8s",
		"projectcalico.org/serviceaccount": strings.Repeat("s", 70)}
	if diff := cmp.Diff(want, e.Labels); diff != "" {
		t.Error(diff)
	}
	var ports []string
	for _, p := range e.Ports {
		ports = append(ports, p.Name+" "+p.Protocol.String()+" "+numorstring.SinglePort(p.Port).String())
	}
	if diff := cmp.Diff([]string{"http tcp 80", "dns udp 53", "init sctp 1"}, ports); diff != "" {
		t.Error(diff)
	}
}

func TestQoSFromAnnotations_Bounds(t *testing.T) {
	q, problems := QoSFromAnnotations(map[string]string{
		"kubernetes.io/ingress-bandwidth": "1M", qosPrefix + "egressPacketRate": "20k", qosPrefix + "ingressPacketBurst": "7",
		qosPrefix + "egressMaxConnections": "x", annotationDSCP: "EF",
	})
	if q == nil || q.IngressBandwidth != 1e6 || q.IngressBurst != 4<<30 || q.EgressPacketRate != 1e4 || q.EgressPacketBurst != 5 ||
		q.IngressPacketBurst != 0 || q.EgressMaxConnections != 0 || q.DSCP == nil {
		t.Errorf("%+v", q)
	}
	if len(problems) != 3 {
		t.Errorf("problems %v", problems)
	}
	if q, problems := QoSFromAnnotations(nil); q != nil || problems != nil {
		t.Errorf("%v %v", q, problems)
	}
}

// A rule of a ClusterNetworkPolicy that cannot be converted closes, unless it
// would have allowed.
func TestFromClusterNetworkPolicy_Failures(t *testing.T) {
	everywhere := &metav1.LabelSelector{}
	rule := func(action string) CNPEgressRule {
		return CNPEgressRule{Action: action, To: []CNPEgressPeer{{Networks: []string{"x"}}}}
	}
	o := &ClusterNetworkPolicy{Spec: ClusterNetworkPolicySpec{Tier: "Admin", Priority: 7, Subject: CNPSubject{Namespaces: everywhere},
		Egress: []CNPEgressRule{rule("Accept"), rule("Deny"), rule("Pass"), {Action: "Pass", Name: "named", To: []CNPEgressPeer{{Namespaces: everywhere}}}}}}
	p, ok, diags := FromClusterNetworkPolicy(o, nowhere)
	var got []string
	for _, r := range p.Egress {
		got = append(got, r.Action+" "+r.Dst.Selector+" "+r.Annotations["name"])
	}
	if diff := cmp.Diff([]string{"deny  ", "deny  ", "next-tier has(projectcalico.org/namespace) named"}, got); diff != "" || !ok || len(diags) != 3 {
		t.Errorf("%s %v", diff, diags)
	}
	if p.Tier != AdminTier || *p.Order != 7 || strings.Join(p.Types, " ") != "egress" || p.Egress[2].Index != 3 {
		t.Errorf("%+v", p)
	}
	o.Spec.Tier = "admin"
	if _, ok, _ := FromClusterNetworkPolicy(o, nowhere); ok {
		t.Error("a policy of an unknown tier is taken")
	}
}

func TestSplitDashes_Names(t *testing.T) {
	for in, want := range map[string]string{"n1-k8s-w0-eth0": "n1|k8s|w0|eth0", "node--1-k8s-a--b---c-eth0": "node-1|k8s|a-b-|c|eth0", "": ""} {
		if got := strings.Join(splitDashes(in), "|"); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
