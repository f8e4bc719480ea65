package check

import "tortie/compiler/diag"

func ruleExample(direction, rule string) string {
	return policyHead + "  types: [Ingress, Egress]\n  " + direction + ":\n" + rule
}

var ruleDocs = []diag.Entry{
	{
		Code: "rule/ports-need-protocol", Severity: diag.Error, Title: "Ports without a protocol that has ports",
		Text: "Numbers of ports mean something for TCP, UDP and SCTP only. Calico's validator refuses the rule; the API server accepts it, and then clients of Calico can no longer read the list.", Fix: "Add the protocol, or remove the ports.",
		Example: ruleExample("ingress", "  - action: Allow\n    destination:\n      ports: [80]\n"),
	},
	{
		Code: "rule/icmp-code-without-type", Severity: diag.Error, Title: "An ICMP code without a type",
		Text: "The kernel matches a code only together with a type.", Fix: "Add the type.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: ICMP\n    icmp:\n      code: 1\n"),
	},
	{
		Code: "rule/icmp-needs-protocol", Severity: diag.Error, Title: "ICMP fields in a rule of another protocol",
		Text: "icmp is for rules with protocol ICMP or ICMPv6, by name.", Fix: "Set the protocol, or remove icmp.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: TCP\n    icmp:\n      type: 8\n"),
	},
	{
		Code: "rule/icmp-version", Severity: diag.Error, Title: "ICMP of the other IP version",
		Text: "ICMP belongs to IPv4 and ICMPv6 to IPv6.", Fix: "Correct ipVersion or leave it out.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: ICMPv6\n    ipVersion: 4\n"),
	},
	{
		Code: "rule/http-protocol", Severity: diag.Error, Title: "HTTP in a rule of another protocol",
		Text: "HTTP is matched on TCP connections.", Fix: "Set protocol: TCP, or leave it out.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: UDP\n    http:\n      methods: [GET]\n"),
	},
	{
		Code: "rule/http-not-allow", Severity: diag.Error, Title: "HTTP in a rule that does not allow",
		Text: "HTTP matches are for rules with action Allow.", Fix: "Allow what is wanted and deny the rest.",
		Example: ruleExample("ingress", "  - action: Deny\n    http:\n      methods: [GET]\n"),
	},
	{
		Code: "rule/http-egress", Severity: diag.Error, Title: "HTTP in an egress rule",
		Text: "HTTP is judged by the proxy of the server's pod, so it is for ingress rules.", Fix: "Write the rule into a policy for the servers.",
		Example: ruleExample("egress", "  - action: Allow\n    http:\n      methods: [GET]\n"),
	},
	{
		Code: "rule/http-path", Severity: diag.Error, Title: "Something that is not an HTTP path",
		Text: "A path is exact or a prefix, starts with / and has no '?', '#' or space.", Fix: "Correct the path.",
		Example: ruleExample("ingress", "  - action: Allow\n    http:\n      paths:\n      - exact: login\n"),
	},
	{
		Code: "rule/net-without-prefix", Severity: diag.Error, Title: "An address where a network is asked",
		Text: "The networks of a rule have prefix lengths, also single addresses.", Fix: "Add /32, or /128 for IPv6.",
		Example: ruleExample("ingress", "  - action: Allow\n    source:\n      nets: [10.0.0.1]\n"),
	},
	{
		Code: "rule/net-version", Severity: diag.Error, Title: "A network of the other IP version",
		Text: "The rule says ipVersion, and a network is of the other version.", Fix: "Remove one of them.",
		Example: ruleExample("ingress", "  - action: Allow\n    ipVersion: 4\n    source:\n      nets: ['fd00::/8']\n"),
	},
	{
		Code: "rule/mixed-families", Severity: diag.Error, Title: "IPv4 and IPv6 networks in one rule",
		Text: "No packet is both, so such a rule could not match what it seems to.", Fix: "Make two rules.",
		Example: ruleExample("ingress", "  - action: Allow\n    source:\n      nets: [10.0.0.0/8, 'fd00::/8']\n"),
	},
	{
		Code: "rule/not-everything", Severity: diag.Error, Title: "Everything but everything",
		Text: "notNets with 0.0.0.0/0 or ::/0 leaves nothing to match.", Fix: "Remove the network, or the rule.",
		Example: ruleExample("ingress", "  - action: Allow\n    source:\n      notNets: [0.0.0.0/0]\n"),
	},
	{
		Code: "rule/services-wrong-end", Severity: diag.Error, Title: "Services at the wrong end of a rule",
		Text: "Services are matched as the source of ingress rules and the destination of egress rules.", Fix: "Move services to the other end.",
		Example: ruleExample("ingress", "  - action: Allow\n    destination:\n      services:\n        name: db\n        namespace: shop\n"),
	},
	{
		Code: "rule/services-name", Severity: diag.Error, Title: "Services without a name",
		Text: "A match on services names one service.", Fix: "Add name.",
		Example: ruleExample("egress", "  - action: Allow\n    destination:\n      services:\n        namespace: shop\n"),
	},
	{
		Code: "rule/services-namespace", Severity: diag.Error, Title: "Services without a namespace in a global policy",
		Text: "A global policy has no namespace of its own.", Fix: "Add namespace.",
		Example: ruleExample("egress", "  - action: Allow\n    destination:\n      services:\n        name: db\n"),
	},
	{
		Code: "rule/services-no-namespace", Severity: diag.Warning, Title: "Services without a namespace",
		Text: "The API says that a NetworkPolicy means its own namespace then. Felix v3.32 looks for a service without a namespace, finds none, and the rule matches nothing.", Fix: "Add namespace, even if it is the policy's own.",
		Example: "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata:\n  name: example\n  namespace: shop\nspec:\n  selector: all()\n  types: [Egress]\n  egress:\n  - action: Allow\n    destination:\n      services:\n        name: db\n",
	},
	{
		Code: "rule/services-conflict", Severity: diag.Error, Title: "Services beside selectors, networks or ports",
		Text: "A service stands for addresses and ports of its pods; nothing else can be asked of that end.", Fix: "Make two rules.",
		Example: ruleExample("egress", "  - action: Allow\n    destination:\n      selector: app == 'db'\n      services:\n        name: db\n        namespace: shop\n"),
	},
	{
		Code: "selector/global", Severity: diag.Error, Title: "global() where it cannot stand",
		Text: "global() selects what is in no namespace: host endpoints and global network sets. It stands alone, in the namespaceSelector of a rule's source or destination.", Fix: "Use all(), or move it to a namespaceSelector.",
		Example: "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: example\nspec:\n  selector: global()\n  types: [Ingress]\n",
	},
	{
		Code: "selector/syntax", Severity: diag.Error, Title: "A selector that cannot be read",
		Text: "A selector compares labels: app == 'web', app in {'web', 'api'}, has(app), !has(app), app contains 'b', starts with, ends with, all(), joined by && and || with brackets. Values are in quotes.", Fix: "Correct it at the place that is shown.",
		Example: "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: example\nspec:\n  selector: app == web\n  types: [Ingress]\n",
	},
}
