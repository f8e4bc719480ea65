package calico

import (
	"fmt"
	"regexp"

	"tortie/compiler/diag"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/lib/numorstring"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The tiers of ClusterNetworkPolicies.
const (
	AdminTier    = "kube-admin"
	BaselineTier = "kube-baseline"
)

// FromClusterNetworkPolicy gives the policy Felix gets of a ClusterNetworkPolicy.
// ok is false for one that Calico passes over: no known tier, or no subject. A
// rule that cannot be converted becomes a deny of everything if it denies or
// passes, else nothing.
func FromClusterNetworkPolicy(o *ClusterNetworkPolicy, at At) (p Policy, ok bool, diags diag.List) {
	c := &cnpConverter{at: at}
	s := &o.Spec
	tier, ok := map[string]string{"Admin": AdminTier, "Baseline": BaselineTier}[s.Tier]
	if !ok {
		c.add(at("spec", "tier"), "Calico passes the policy over", "tier %q is neither Admin nor Baseline", s.Tier)
		return p, false, c.diags
	}
	pods, namespaces := podSelector(nil), ""
	switch {
	case s.Subject.Namespaces != nil:
		namespaces = namespaceSelector(s.Subject.Namespaces)
	case s.Subject.Pods != nil:
		namespaces = namespaceSelector(&s.Subject.Pods.NamespaceSelector)
		pods = podSelector(&s.Subject.Pods.PodSelector)
	default:
		c.add(at("spec", "subject"), "Calico passes the policy over", "subject has neither namespaces nor pods")
		return p, false, c.diags
	}
	ingress, egress := c.ingress(s.Ingress), c.egress(s.Egress)
	order := float64(s.Priority)
	p = Policy{
		ID:       PolicyID{Kind: KindClusterNetworkPolicy, Name: o.Name},
		Tier:     tier,
		Order:    &order,
		Selector: globalSelector(pods, namespaces, ""),
		Ingress:  toModel(ingress, ""),
		Egress:   toModel(egress, ""),
	}
	if len(ingress) > 0 {
		p.Types = append(p.Types, "ingress")
	}
	if len(egress) > 0 {
		p.Types = append(p.Types, "egress")
	}
	return p, true, c.diags
}

type cnpConverter struct {
	at    At
	diags diag.List
}

func (c *cnpConverter) add(at diag.Span, hint, format string, args ...any) {
	c.diags.Add(diag.Finding{
		Code: "calico/unconvertible-rule", Severity: diag.Error, Span: at, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}

func (c *cnpConverter) ingress(rules []CNPIngressRule) []indexed {
	var out []indexed
	for i, r := range rules {
		ends := make([]cnpEnd, len(r.From))
		for j, p := range r.From {
			ends[j] = peerEnd(p.Namespaces, p.Pods, nil)
		}
		out = append(out, c.rule("ingress", i, cnpRule{r.Name, r.Action, r.Protocols, ends})...)
	}
	return out
}

func (c *cnpConverter) egress(rules []CNPEgressRule) []indexed {
	var out []indexed
	for i, r := range rules {
		ends := make([]cnpEnd, len(r.To))
		for j, p := range r.To {
			ends[j] = peerEnd(p.Namespaces, p.Pods, p.Networks)
		}
		out = append(out, c.rule("egress", i, cnpRule{r.Name, r.Action, r.Protocols, ends})...)
	}
	return out
}

// cnpRule is what rules of both directions have in common.
type cnpRule struct {
	name, action string
	protocols    []CNPProtocol
	ends         []cnpEnd
}

// rule converts one rule, or closes it if that fails.
func (c *cnpConverter) rule(direction string, i int, r cnpRule) []indexed {
	rules, problem := r.convert(direction)
	if problem == "" {
		for k := range rules {
			rules[k].index = i
		}
		return rules
	}
	if r.action == "Deny" || r.action == "Pass" {
		c.add(c.at("spec", direction, i), "Calico denies everything in its place", "rule cannot be converted: %s", problem)
		return []indexed{{v3.Rule{Action: v3.Deny}, i}}
	}
	c.add(c.at("spec", direction, i), "Calico leaves the rule out", "rule cannot be converted: %s", problem)
	return nil
}

func (r cnpRule) convert(direction string) (out []indexed, problem string) {
	action, ok := map[string]v3.Action{"Accept": v3.Allow, "Deny": v3.Deny, "Pass": v3.Pass}[r.action]
	if !ok {
		return nil, fmt.Sprintf("action %q is none of Accept, Deny, Pass", r.action)
	}
	by, problem := cnpPorts(r.protocols)
	if problem != "" {
		return nil, problem
	}
	for _, proto := range sortedKeys(by) {
		ports := simplifyPorts(by[proto])
		for _, end := range r.ends {
			if end.problem != "" {
				return nil, end.problem
			}
			rule := allowRule(proto, ports, end.entity, direction)
			rule.Action = action
			if r.name != "" {
				rule.Metadata = &v3.RuleMetadata{Annotations: map[string]string{"name": r.name}}
			}
			out = append(out, indexed{rule: rule})
		}
	}
	return out, ""
}

// cnpPorts sorts ports by protocol; nil is "all ports". Named ports have the
// empty protocol.
func cnpPorts(protocols []CNPProtocol) (map[string][]numorstring.Port, string) {
	by := map[string][]numorstring.Port{}
	for _, p := range protocols {
		name, port, err := cnpPort(p)
		if err != nil {
			return nil, err.Error()
		}
		if name == "" && port == nil {
			return map[string][]numorstring.Port{"": nil}, ""
		}
		if port == nil {
			by[name] = nil
		} else if old, seen := by[name]; !seen || len(old) > 0 {
			by[name] = append(old, *port)
		}
	}
	if len(by) == 0 {
		by[""] = nil
	}
	return by, ""
}

var portName = regexp.MustCompile("^[a-zA-Z0-9_.-]{1,128}$")

func cnpPort(p CNPProtocol) (proto string, port *numorstring.Port, err error) {
	switch {
	case p.TCP != nil:
		port, err = p.TCP.port()
		return numorstring.ProtocolTCP, port, err
	case p.UDP != nil:
		port, err = p.UDP.port()
		return numorstring.ProtocolUDP, port, err
	case p.SCTP != nil:
		port, err = p.SCTP.port()
		return numorstring.ProtocolSCTP, port, err
	case p.DestinationNamedPort != "":
		if !portName.MatchString(p.DestinationNamedPort) {
			return "", nil, fmt.Errorf("%q is not a name of a port", p.DestinationNamedPort)
		}
		named := numorstring.NamedPort(p.DestinationNamedPort)
		return "", &named, nil
	}
	return "", nil, nil
}

func (p *CNPPorts) port() (*numorstring.Port, error) {
	switch d := p.DestinationPort; {
	case d == nil:
		return nil, nil
	case d.Number != 0:
		single := numorstring.SinglePort(uint16(d.Number))
		return &single, nil
	case d.Range != nil:
		r, err := numorstring.PortFromRange(uint16(d.Range.Start), uint16(d.Range.End))
		return &r, err
	}
	return nil, nil
}

// cnpEnd is a converted peer, or why it cannot be converted.
type cnpEnd struct {
	entity  v3.EntityRule
	problem string
}

func peerEnd(namespaces *metav1.LabelSelector, pods *NamespacedPod, networks []string) cnpEnd {
	var end cnpEnd
	if namespaces != nil {
		end.entity.NamespaceSelector = namespaceSelector(namespaces)
	}
	if pods != nil {
		end.entity.Selector = podSelector(&pods.PodSelector)
		end.entity.NamespaceSelector = namespaceSelector(&pods.NamespaceSelector)
	}
	for _, n := range networks {
		net, ok := maskedCIDR(n)
		if !ok {
			return cnpEnd{problem: fmt.Sprintf("%q is not a network like 10.0.0.0/8", n)}
		}
		end.entity.Nets = append(end.entity.Nets, net)
	}
	if namespaces == nil && pods == nil && len(networks) == 0 {
		end.problem = "a peer has no field that Calico knows"
	}
	return end
}
