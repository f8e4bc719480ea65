package calico

import (
	"fmt"
	"slices"
	"strings"

	"tortie/compiler/diag"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/lib/numorstring"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kubernetesOrder is the order of every Kubernetes NetworkPolicy.
const kubernetesOrder = 1000.0

// FromKubernetesNetworkPolicy gives the policy Felix gets of a Kubernetes
// NetworkPolicy: one rule per protocol and peer, ports merged. A rule that cannot
// be converted is left out with a finding, as libcalico-go leaves it out.
func FromKubernetesNetworkPolicy(o *networkingv1.NetworkPolicy, at At) (Policy, diag.List) {
	c := &knpConverter{at: at}
	order := kubernetesOrder
	var ingress, egress []indexed
	for i, r := range o.Spec.Ingress {
		ingress = append(ingress, c.rules(r.From, r.Ports, "ingress", i)...)
	}
	for i, r := range o.Spec.Egress {
		egress = append(egress, c.rules(r.To, r.Ports, "egress", i)...)
	}
	return Policy{
		ID:       PolicyID{Kind: KindKubernetesNetworkPolicy, Namespace: o.Namespace, Name: o.Name},
		Tier:     DefaultTier,
		Order:    &order,
		Selector: namespacedSelector(podSelector(&o.Spec.PodSelector), "", o.Namespace),
		Ingress:  toModel(ingress, o.Namespace),
		Egress:   toModel(egress, o.Namespace),
		Types:    kubernetesTypes(o.Spec.PolicyTypes),
	}, c.diags
}

// FromStagedKubernetesNetworkPolicy gives the staged policy Felix gets; ok is
// false for one staged for deletion, and for one of which any rule cannot be
// converted.
func FromStagedKubernetesNetworkPolicy(o *v3.StagedKubernetesNetworkPolicy, at At) (p Policy, ok bool, diags diag.List) {
	p, diags = FromKubernetesNetworkPolicy(&networkingv1.NetworkPolicy{
		ObjectMeta: o.ObjectMeta,
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: o.Spec.PodSelector, Ingress: o.Spec.Ingress, Egress: o.Spec.Egress, PolicyTypes: o.Spec.PolicyTypes,
		},
	}, at)
	p.ID.Kind = KindStagedKubernetesNetworkPolicy
	p, ok = staged(p, o.Spec.StagedAction)
	return p, ok && !diags.HasErrors(), diags
}

// kubernetesTypes gives the directions; ingress if none is named.
func kubernetesTypes(types []networkingv1.PolicyType) []string {
	var out []string
	for _, t := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
		if slices.Contains(types, t) {
			out = append(out, strings.ToLower(string(t)))
		}
	}
	if out == nil {
		out = []string{"ingress"}
	}
	return out
}

type knpConverter struct {
	at    At
	diags diag.List
}

func (c *knpConverter) add(at diag.Span, format string, args ...any) {
	c.diags.Add(diag.Finding{
		Code: "calico/unconvertible-rule", Severity: diag.Error, Span: at, Message: fmt.Sprintf(format, args...),
		Hint: "Calico leaves the rule out",
	})
}

// rules converts one rule: the product of its protocols and its peers.
func (c *knpConverter) rules(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, direction string, i int) []indexed {
	byProto, protos, ok := c.ports(ports, direction, i)
	if !ok {
		return nil
	}
	ends := []v3.EntityRule{{}}
	if len(peers) > 0 {
		ends = nil
		for j := range peers {
			ends = append(ends, c.peer(&peers[j], direction, i, j))
		}
	}
	var out []indexed
	for _, proto := range protos {
		for _, end := range ends {
			out = append(out, indexed{allowRule(proto, simplifyPorts(byProto[proto]), end, direction), i})
		}
	}
	return out
}

func allowRule(proto string, ports []numorstring.Port, end v3.EntityRule, direction string) v3.Rule {
	r := v3.Rule{Action: v3.Allow}
	if proto != "" {
		p := numorstring.ProtocolFromString(proto)
		r.Protocol = &p
	}
	if direction == "ingress" {
		r.Source, r.Destination = end, v3.EntityRule{Ports: ports}
	} else {
		end.Ports = ports
		r.Destination = end
	}
	return r
}

// ports sorts the ports by protocol; nil is "all ports" of the protocol. The
// protocols come in order of their names.
func (c *knpConverter) ports(ports []networkingv1.NetworkPolicyPort, direction string, i int) (map[string][]numorstring.Port, []string, bool) {
	if len(ports) == 0 {
		return map[string][]numorstring.Port{"": nil}, []string{""}, true
	}
	by := map[string][]numorstring.Port{}
	for j, p := range ports {
		proto := numorstring.ProtocolFromString(string(corev1.ProtocolTCP))
		if p.Protocol != nil {
			proto = numorstring.ProtocolFromString(string(*p.Protocol))
		}
		name := proto.String()
		if p.Port == nil {
			by[name] = nil
			continue
		}
		text := p.Port.String()
		if p.EndPort != nil {
			text = fmt.Sprintf("%s:%d", text, *p.EndPort)
		}
		port, err := numorstring.PortFromString(text)
		if err != nil {
			c.add(c.at("spec", direction, i, "ports", j, "port"), "port %q cannot be converted: %v", text, err)
			return nil, nil, false
		}
		if old, seen := by[name]; !seen || len(old) > 0 {
			by[name] = append(old, port)
		}
	}
	return by, sortedKeys(by), true
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// peer converts a peer. A block that cannot be read leaves the end open, as
// libcalico-go does; the finding says so.
func (c *knpConverter) peer(p *networkingv1.NetworkPolicyPeer, direction string, i, j int) v3.EntityRule {
	if p.IPBlock == nil {
		return v3.EntityRule{Selector: podSelector(p.PodSelector), NamespaceSelector: namespaceSelector(p.NamespaceSelector)}
	}
	side := "from"
	if direction == "egress" {
		side = "to"
	}
	var end v3.EntityRule
	net, ok := maskedCIDR(p.IPBlock.CIDR)
	if !ok {
		c.badCIDR(c.at("spec", direction, i, side, j, "ipBlock", "cidr"), p.IPBlock.CIDR)
		return end
	}
	end.Nets = []string{net}
	for k, except := range p.IPBlock.Except {
		net, ok := maskedCIDR(except)
		if !ok {
			c.badCIDR(c.at("spec", direction, i, side, j, "ipBlock", "except", k), except)
			return end
		}
		end.NotNets = append(end.NotNets, net)
	}
	return end
}

func (c *knpConverter) badCIDR(at diag.Span, cidr string) {
	c.diags.Add(diag.Finding{
		Code: "calico/bad-cidr", Severity: diag.Error, Span: at, Message: fmt.Sprintf("%q is not a network like 10.0.0.0/8", cidr),
		Hint: "Calico would take the peer as if the block were not there",
	})
}

// maskedCIDR reads a network, which must have a prefix length.
func maskedCIDR(text string) (string, bool) {
	if !strings.Contains(text, "/") {
		return "", false
	}
	p, ok := ParseNet(text)
	return p.String(), ok
}

// podSelector converts a selector of pods; the orchestrator's label keeps host
// endpoints and network sets out.
func podSelector(s *metav1.LabelSelector) string {
	terms := []string{v3.LabelOrchestrator + " == 'k8s'"}
	if s != nil {
		terms = append(terms, selectorTerms(s)...)
	}
	return strings.Join(terms, " && ")
}

// namespaceSelector converts a selector of namespaces: "" for none, all() for an
// empty one.
func namespaceSelector(s *metav1.LabelSelector) string {
	if s == nil {
		return ""
	}
	if len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0 {
		return "all()"
	}
	return strings.Join(selectorTerms(s), " && ")
}

func selectorTerms(s *metav1.LabelSelector) []string {
	var terms []string
	for _, k := range sortedKeys(s.MatchLabels) {
		terms = append(terms, fmt.Sprintf("%s == '%s'", k, s.MatchLabels[k]))
	}
	for _, e := range s.MatchExpressions {
		values := "{ '" + strings.Join(e.Values, "', '") + "' }"
		switch e.Operator {
		case metav1.LabelSelectorOpIn:
			terms = append(terms, e.Key+" in "+values)
		case metav1.LabelSelectorOpNotIn:
			terms = append(terms, e.Key+" not in "+values)
		case metav1.LabelSelectorOpExists:
			terms = append(terms, "has("+e.Key+")")
		case metav1.LabelSelectorOpDoesNotExist:
			terms = append(terms, "! has("+e.Key+")")
		}
	}
	return terms
}

// simplifyPorts puts named ports first and merges numbers into the fewest ranges,
// in order. With one number or none the ports stay as they are.
func simplifyPorts(ports []numorstring.Port) []numorstring.Port {
	var out, ranges []numorstring.Port
	numbers := 0
	for _, p := range ports {
		if p.PortName != "" {
			out = append(out, p)
			continue
		}
		ranges = append(ranges, p)
		numbers += max(0, int(p.MaxPort)-int(p.MinPort)+1)
	}
	if len(ports) <= 1 || numbers <= 1 {
		return ports
	}
	slices.SortFunc(ranges, func(a, b numorstring.Port) int { return int(a.MinPort) - int(b.MinPort) })
	merged := ranges[:1]
	for _, p := range ranges[1:] {
		last := &merged[len(merged)-1]
		if int(p.MinPort) > int(last.MaxPort)+1 {
			merged = append(merged, p)
		} else {
			last.MaxPort = max(last.MaxPort, p.MaxPort)
		}
	}
	return append(out, merged...)
}
