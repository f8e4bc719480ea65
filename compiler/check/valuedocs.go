package check

import "tortie/compiler/diag"

var valueDocs = []diag.Entry{
	{
		Code: "value/not-one-of", Severity: diag.Error, Title: "A word that the field does not know",
		Text: "The field has one of a few values, and upper and lower case matter.", Fix: "Write one of the values in the hint.",
		Example: ruleExample("ingress", "  - action: allow\n"),
	},
	{
		Code: "value/missing", Severity: diag.Error, Title: "A required field is missing",
		Text: "The API server or Calico's validator refuses the object without it.", Fix: "Add the field.",
		Example: ruleExample("ingress", "  - protocol: TCP\n"),
	},
	{
		Code: "value/pattern", Severity: diag.Error, Title: "A value of the wrong form",
		Text: "The schema of the object asks for a form that the value does not have.", Fix: "See the hint.",
		Example: felixExample("  logActionRateLimit: 5 per minute\n"),
	},
	{
		Code: "value/format", Severity: diag.Error, Title: "A value that Calico's validator refuses",
		Text: "The field holds an interface name, a name, a regular expression or the like, and the value is none.", Fix: "See the hint.",
		Example: endpointExample("  node: Node_1\n  interfaceName: eth0\n"),
	},
	{
		Code: "value/range", Severity: diag.Error, Title: "A number out of range",
		Text: "The number is below or above what the field can hold.", Fix: "See the hint.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: ICMP\n    icmp:\n      type: 255\n"),
	},
	{
		Code: "value/length", Severity: diag.Error, Title: "A text too long or too short",
		Text: "The schema of the object limits the length of the text.", Fix: "Shorten it.",
		Example: endpointExample("  node: node-1\n  interfaceName: a-very-long-interface\n"),
	},
	{
		Code: "value/items", Severity: diag.Error, Title: "Too many or too few items in a list",
		Text: "The schema of the object limits the number of items.", Fix: "See the hint.",
		Example: bgpExample("BGPFilter", "  importV4:\n  - action: Accept\n    operations: []\n"),
	},
	{
		Code: "value/fields", Severity: diag.Error, Title: "Too many or too few fields in a mapping",
		Text: "The mapping is a choice: it holds one of its fields.", Fix: "Give one; of several make several items.",
		Example: "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata:\n  name: example\nspec:\n  tier: Admin\n  priority: 5\n  subject: {}\n",
	},
	{
		Code: "value/duplicate", Severity: diag.Error, Title: "The same item twice in a list",
		Text: "The list is a set.", Fix: "Remove one of the two.",
		Example: ruleExample("ingress", "  - action: Allow\n    source:\n      nets: [10.0.0.0/8, 10.0.0.0/8]\n"),
	},
	{
		Code: "value/net", Severity: diag.Error, Title: "Something that is not a network",
		Text: "A network is an address and a prefix length: 10.0.0.0/8, fd00::/8.", Fix: "Correct it.",
		Example: ruleExample("ingress", "  - action: Allow\n    source:\n      nets: [10.0.0.0/33]\n"),
	},
	{
		Code: "value/host-bits", Severity: diag.Error, Title: "A network with bits beyond its prefix length",
		Text: "Calico's validator asks that the address is the first of the network.", Fix: "Write the network in the hint, or a longer prefix.",
		Example: ruleExample("ingress", "  - action: Allow\n    source:\n      nets: [10.0.0.1/24]\n"),
	},
	{
		Code: "value/family", Severity: diag.Error, Title: "An address of the other IP version",
		Text: "The field is for one of IPv4 and IPv6.", Fix: "Give an address of that version.",
		Example: bgpExample("BGPFilter", "  importV4:\n  - action: Accept\n    cidr: fd00::/8\n    matchOperator: In\n"),
	},
	{
		Code: "value/address", Severity: diag.Error, Title: "Something that is not an address",
		Text: "The field holds a single address, without a prefix length.", Fix: "Correct it.",
		Example: endpointExample("  node: node-1\n  expectedIPs: [300.1.1.1]\n"),
	},
	{
		Code: "value/port", Severity: diag.Error, Title: "A number that is not a port",
		Text: "Ports are from 1 to 65535; a range is FIRST:LAST.", Fix: "Correct it.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: TCP\n    destination:\n      ports: [0]\n"),
	},
	{
		Code: "value/port-name", Severity: diag.Error, Title: "Something that cannot be the name of a port",
		Text: "Names of ports have at most 15 lower case letters, digits and single dashes inside, with at least one letter.", Fix: "Use the name that the pods give the port.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: TCP\n    destination:\n      ports: [HTTP]\n"),
	},
	{
		Code: "value/protocol", Severity: diag.Error, Title: "An unknown protocol",
		Text: "A protocol is TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or a number from 1 to 255. The API server accepts other words; then Felix cannot use the policy.", Fix: "Correct it; the case matters.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: tcp\n"),
	},
}
