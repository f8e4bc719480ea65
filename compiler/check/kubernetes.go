package check

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// kubernetes runs the checks of Kubernetes' own kinds: those that decide policy, and
// what services lead to.
func (o on) kubernetes() {
	switch {
	case o.src.Kind == "NetworkPolicy":
		o.kubernetesPolicy()
	case o.src.Kind == "Service":
		o.service()
	case o.src.Kind == "EndpointSlice":
		o.endpointSlice()
	case o.src.Kind == "ClusterNetworkPolicy":
		o.schema()
	case o.src.Kind == "AdminNetworkPolicy" || o.src.Kind == "BaselineAdminNetworkPolicy":
		o.reportAt("kind/not-enforced", o.src.At("kind"), "write a ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2)",
			"Calico v3.32 does not enforce %s of v1alpha1; it has no effect", o.src.Kind)
		o.schema()
		o.namedPorts()
		if o.src.Kind == "BaselineAdminNetworkPolicy" && o.meta.GetName() != "default" {
			o.report("meta/name", path{"metadata", "name"}, "name it default", "the BaselineAdminNetworkPolicy is called %q", o.meta.GetName())
		}
	}
}

// namedPorts asks that egress rules to networks, nodes or domains name no ports:
// only pods give their ports names.
func (o on) namedPorts() {
	for i, rule := range items(o.node(path{"spec", "egress"})) {
		nameless := ""
		for _, peer := range items(rule.Get("to")) {
			for _, field := range []string{"networks", "nodes", "domainNames"} {
				if peer.Get(field) != nil {
					nameless = field
				}
			}
		}
		for j, port := range items(rule.Get("ports")) {
			if at := (path{"spec", "egress", i, "ports", j, "namedPort"}); nameless != "" && port.Get("namedPort") != nil {
				o.report("kubernetes/named-port", at, "give the port's number, or make two rules", "a named port in a rule to %s", nameless)
			}
		}
	}
}

// kubernetesPolicy checks a NetworkPolicy as the Kubernetes API server does.
func (o on) kubernetesPolicy() {
	spec := path{"spec"}
	o.labelSelector(spec.add("podSelector"))
	o.policyTypeList(spec.add("policyTypes"))
	for direction, peers := range map[string]string{"ingress": "from", "egress": "to"} {
		for i := range items(o.node(spec.add(direction))) {
			at := spec.add(direction, i)
			for j := range items(o.node(at.add("ports"))) {
				o.kubernetesPort(at.add("ports", j))
			}
			for j := range items(o.node(at.add(peers))) {
				o.kubernetesPeer(at.add(peers, j))
			}
		}
	}
}

func (o on) policyTypeList(at path) {
	types := items(o.node(at))
	for i, n := range types {
		if n.Text != "Ingress" && n.Text != "Egress" {
			o.report("value/not-one-of", at.add(i), oneOfHint(n.Text, choices["policyType"]), "%s: %q is not a value of this field", dotted(at.add(i)), n.Text)
		}
	}
	if len(types) > 2 {
		o.report("value/items", at, "name each once", "%s has %d items", dotted(at), len(types))
	}
}

// labelSelector checks matchLabels and matchExpressions.
func (o on) labelSelector(at path) {
	labels := at.add("matchLabels")
	o.labelMap(o.node(labels), labels)
	for i, n := range items(o.node(at.add("matchExpressions"))) {
		o.requirement(n, at.add("matchExpressions", i))
	}
}

var operators = []string{"In", "NotIn", "Exists", "DoesNotExist"}

func (o on) requirement(n *yamlpos.Node, at path) {
	key, op, values := n.Str("key"), n.Str("operator"), n.Get("values")
	if why := badQualifiedName(key); why != "" {
		o.report("meta/label", at.add("key"), why, "%q cannot be the name of a label", key)
	}
	if !slices.Contains(operators, op) {
		o.report("value/not-one-of", at.add("operator"), oneOfHint(op, operators), "%s: %q is not an operator", dotted(at.add("operator")), op)
		return
	}
	many := len(items(values)) > 0
	if set := op == "In" || op == "NotIn"; set != many {
		hint := map[bool]string{true: "list the values", false: "leave the values out"}[set]
		o.report("kubernetes/selector-values", at, hint, "%s: operator %s with %d values", dotted(at), op, len(items(values)))
	}
	for i, v := range items(values) {
		if len(v.Text) > 63 || !labelValue.MatchString(v.Text) {
			o.report("meta/label", at.add("values", i), labelValueHint(v.Text), "%q cannot be the value of a label", v.Text)
		}
	}
}

// kubernetesPort checks one port of a rule.
func (o on) kubernetesPort(at path) {
	if n := o.node(at.add("protocol")); n != nil && !slices.Contains([]string{"TCP", "UDP", "SCTP"}, n.Text) {
		o.report("value/not-one-of", at.add("protocol"), oneOfHint(n.Text, []string{"TCP", "UDP", "SCTP"}), "%s: %q is not a protocol", dotted(at.add("protocol")), n.Text)
	}
	port, end := o.node(at.add("port")), o.node(at.add("endPort"))
	number := -1
	if port != nil {
		number = o.kubernetesPortNumber(port, at.add("port"))
	}
	if end == nil {
		return
	}
	last, err := strconv.Atoi(end.Text)
	switch {
	case port == nil || port.Kind == yamlpos.String:
		o.report("kubernetes/end-port", at.add("endPort"), "give port as a number", "endPort without a numeric port")
	case err != nil || last < number || last > 65535:
		o.report("kubernetes/end-port", at.add("endPort"), "endPort is not below port, and at most 65535", "endPort %s after port %s", end.Text, port.Text)
	}
}

func (o on) kubernetesPortNumber(n *yamlpos.Node, at path) int {
	if n.Kind == yamlpos.String {
		if !isPortName(n.Text) {
			o.report("value/port-name", at, portNameHint, "%s: %q is not the name of a port", dotted(at), n.Text)
		}
		return -1
	}
	v, err := strconv.Atoi(n.Text)
	if err != nil || v < 1 || v > 65535 {
		o.report("value/port", at, "ports are from 1 to 65535", "%s: %q is not a port", dotted(at), n.Text)
	}
	return v
}

// kubernetesPeer checks one peer: an address block, or selectors.
func (o on) kubernetesPeer(at path) {
	block := o.node(at.add("ipBlock"))
	pods, spaces := o.node(at.add("podSelector")), o.node(at.add("namespaceSelector"))
	switch {
	case block == nil && pods == nil && spaces == nil:
		o.report("kubernetes/peer", at, "give podSelector, namespaceSelector or ipBlock; for everything leave the list out", "%s selects nothing", dotted(at))
	case block != nil && (pods != nil || spaces != nil):
		o.reportAt("kubernetes/peer", o.src.At(at.add("ipBlock")...), "make two items of the list", "%s has both ipBlock and a selector", dotted(at))
	}
	if block != nil {
		o.ipBlock(at.add("ipBlock"))
	}
	o.labelSelector(at.add("podSelector"))
	o.labelSelector(at.add("namespaceSelector"))
}

func (o on) ipBlock(at path) {
	text := o.text(at.add("cidr"))
	block, _, err := parseNet(text)
	if err != nil || !strings.Contains(text, "/") {
		o.report("value/net", at.add("cidr"), netHint(text), "%s: %q is not a network", dotted(at.add("cidr")), text)
		return
	}
	o.strictNet(text, at.add("cidr"))
	for i, n := range items(o.node(at.add("except"))) {
		p := at.add("except", i)
		except, _, err := parseNet(n.Text)
		switch {
		case err != nil || !strings.Contains(n.Text, "/"):
			o.report("value/net", p, netHint(n.Text), "%s: %q is not a network", dotted(p), n.Text)
		case !inside(except, block):
			o.report("kubernetes/except", p, "give a network inside "+block.String()+" and smaller", "%s: %s is not a part of %s", dotted(p), n.Text, text)
		default:
			o.strictNet(n.Text, p)
		}
	}
}

// strictNet asks that no bits are set beyond the prefix length, which servers
// from Kubernetes 1.36 on refuse.
func (o on) strictNet(text string, at path) {
	if p, err := netip.ParsePrefix(text); err == nil && p != p.Masked() {
		o.report("value/host-bits", at, "write "+p.Masked().String(), "%s: %s has bits set beyond its prefix length", dotted(at), text)
	}
}

// inside says that a network is a part of another and smaller.
func inside(part, whole netip.Prefix) bool {
	return part.Addr().Is4() == whole.Addr().Is4() && whole.Contains(part.Addr()) && part.Bits() > whole.Bits()
}

func kubernetesExample(spec string) string {
	return "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: example\n  namespace: shop\nspec:\n  podSelector: {}\n" + spec
}

var kubernetesDocs = []diag.Entry{
	{
		Code: "kubernetes/selector-values", Severity: diag.Error, Title: "A label selector with too many or too few values",
		Text: "In and NotIn need values; Exists and DoesNotExist have none.", Fix: "Change the operator or the values.",
		Example: kubernetesExample("  ingress:\n  - from:\n    - podSelector:\n        matchExpressions:\n        - {key: app, operator: In}\n"),
	},
	{
		Code: "kubernetes/end-port", Severity: diag.Error, Title: "An endPort without a beginning",
		Text: "endPort goes with a numeric port that is not above it.", Fix: "Give both ends as numbers, the lower one first.",
		Example: kubernetesExample("  ingress:\n  - ports:\n    - port: 9000\n      endPort: 8000\n"),
	},
	{
		Code: "kubernetes/peer", Severity: diag.Error, Title: "A peer that is nothing, or two things",
		Text: "A peer is an ipBlock, or pods and namespaces by selectors; not both, not neither.", Fix: "Make two peers, or remove the empty one.",
		Example: kubernetesExample("  ingress:\n  - from:\n    - podSelector: {}\n      ipBlock:\n        cidr: 10.0.0.0/8\n"),
	},
	{
		Code: "kubernetes/named-port", Severity: diag.Error, Title: "A named port of something that is not a pod",
		Text: "Only pods give their ports names; networks, nodes and domains have none.", Fix: "Give the port's number.",
		Example: "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata:\n  name: example\nspec:\n  priority: 5\n  subject:\n    namespaces: {}\n  egress:\n  - action: Deny\n    to:\n    - networks: [10.0.0.0/8]\n    ports:\n    - namedPort: http\n",
	},
	{
		Code: "kubernetes/except", Severity: diag.Error, Title: "An exception from outside the block",
		Text: "Every network in except is a part of the block's cidr and smaller than it.", Fix: "Correct the network.",
		Example: kubernetesExample("  ingress:\n  - from:\n    - ipBlock:\n        cidr: 10.0.0.0/8\n        except: [192.168.0.0/16]\n"),
	},
}
