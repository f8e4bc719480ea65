package check

import "tortie/compiler/diag"

const untrackedHead = globalHead + "  selector: has(host)\n  types: [Ingress, Egress]\n  applyOnForward: true\n  doNotTrack: true\n"

const tierExample = "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata:\n  name: example\nspec:\n"

const setExample = "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata:\n  name: example\nspec:\n"

// doubtDocs explain warnings of objects that everybody accepts.
var doubtDocs = []diag.Entry{
	{
		Code: "selector/never", Severity: diag.Warning, Title: "A selector that nothing can match",
		Text: "What the selector asks for contradicts itself: one label cannot have two values. Or it contradicts what it stands beside: the selector of a rule in a namespaced policy looks in the policy's own namespace, unless the rule has a namespaceSelector.", Fix: "Join alternatives with ||, or correct the selector; for another namespace use a namespaceSelector.",
		Example: globalHead + "  selector: app == 'web' && app == 'api'\n  types: [Ingress]\n",
	},
	{
		Code: "selector/always", Severity: diag.Warning, Title: "A selector that everything matches",
		Text: "The selector asks for labels, and yet any labels match: what is not one value is always not the other. ", Fix: "Join exclusions with &&, or write all().",
		Example: globalHead + "  selector: app != 'web' || app != 'api'\n  types: [Ingress]\n",
	},
	{
		Code: "policy/unused-direction", Severity: diag.Warning, Title: "Rules for a direction that the policy does not govern",
		Text: "The types do not name the direction of some of the rules, so these are never used.", Fix: "Add the direction to the types, or remove the rules.",
		Example: globalHead + "  selector: all()\n  types: [Ingress]\n  ingress:\n  - action: Allow\n  egress:\n  - action: Deny\n",
	},
	{
		Code: "policy/reserved-name", Severity: diag.Warning, Title: "A name that Calico gives to policies made of others",
		Text: "Names that begin with knp.default. are those of Kubernetes' own policies in Calico, those with ossg.default. of OpenStack's security groups.", Fix: "Choose another name.",
		Example: "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata:\n  name: knp.default.web\n  namespace: shop\nspec:\n  selector: all()\n  types: [Ingress]\n",
	},
	{
		Code: "policy/other-tier-name", Severity: diag.Warning, Title: "A name that says another tier",
		Text: "A name TIER.NAME says the tier, but spec.tier decides, and without it the tier is default. Up to Calico v3.31 such a policy is refused.", Fix: "Set spec.tier, or rename the policy.",
		Example: "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: security.block\nspec:\n  tier: default\n  selector: all()\n  types: [Ingress]\n",
	},
	{
		Code: "policy/duplicate-rule", Severity: diag.Warning, Title: "A rule that asks for the same as an earlier one",
		Text: "The earlier rule decides every packet that the later one would match.", Fix: "Remove it, or exchange the two.",
		Example: globalHead + "  selector: all()\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    protocol: TCP\n  - action: Deny\n    protocol: TCP\n",
	},
	{
		Code: "policy/redundant-rule", Severity: diag.Warning, Title: "A rule, peer or port of a Kubernetes policy that adds nothing",
		Text: "What the rules of a NetworkPolicy allow is added up, whatever their order, and so are the peers and the ports of a rule. Another one allows all that this one allows; often two items of a list were meant to be one: a dash before podSelector makes a peer of its own.", Fix: "Remove it, or narrow the other one.",
		Example: kubernetesExample("  ingress:\n  - from:\n    - namespaceSelector: {}\n    - podSelector:\n        matchLabels: {app: web}\n"),
	},
	{
		Code: "policy/host-only", Severity: diag.Warning, Title: "An untracked or pre-DNAT policy that selects workloads",
		Text: "doNotTrack and preDNAT policies act on host endpoints only, and these are in no namespace and have no service account.", Fix: "Select host endpoints by their labels.",
		Example: globalHead + "  selector: has(host)\n  namespaceSelector: team == 'shop'\n  types: [Ingress]\n  applyOnForward: true\n  preDNAT: true\n  ingress:\n  - action: Deny\n",
	},
	{
		Code: "policy/untracked-replies", Severity: diag.Warning, Title: "An untracked rule whose replies are not allowed",
		Text: "Replies to untracked packets are judged on their own: they come from the ports that the rule goes to, go to the networks that it is for, and are another type of ICMP (0 answers 8).", Fix: "Write the mirror image: the other direction, with the networks and ports of source and destination exchanged, and with the type of ICMP that answers.",
		Example: untrackedHead + "  ingress:\n  - action: Allow\n    protocol: UDP\n    destination:\n      ports: [53]\n  egress:\n  - action: Allow\n    protocol: UDP\n    source:\n      ports: [5353]\n",
	},
	{
		Code: "policy/prednat-allows-only", Severity: diag.Warning, Title: "A pre-DNAT policy that only allows",
		Text: "What no pre-DNAT policy decides goes on to the other policies, so allowing alone changes nothing there unless another policy before DNAT denies.", Fix: "Add a preDNAT policy of higher order that denies the rest.",
		Example: globalHead + "  selector: has(host)\n  types: [Ingress]\n  applyOnForward: true\n  preDNAT: true\n  ingress:\n  - action: Allow\n    source:\n      nets: [10.0.0.0/8]\n",
	},
	{
		Code: "policy/order-tie", Severity: diag.Warning, Title: "Two policies of one order that contradict",
		Text: "Policies of one tier and one order are taken by their names. Both can select the same endpoint, and one denies where the other allows.", Fix: "Give them different orders.",
		Example: globalHead + "  order: 5\n  selector: all()\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    protocol: TCP\n---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: other\nspec:\n  order: 5\n  selector: all()\n  types: [Ingress]\n  ingress:\n  - action: Deny\n    protocol: TCP\n",
	},
	{
		Code: "staged/delete-nothing", Severity: diag.Warning, Title: "A staged deletion of a policy that is not there",
		Text: "With stagedAction Delete the staged policy names the policy to delete; the input has none of that name.", Fix: "Check the name, or add the policy to the input.",
		Example: "apiVersion: projectcalico.org/v3\nkind: StagedGlobalNetworkPolicy\nmetadata:\n  name: example\nspec:\n  stagedAction: Delete\n",
	},
	{
		Code: "tier/negative-order", Severity: diag.Warning, Title: "A tier of negative order",
		Text: "Calico takes any order. Nothing comes before a tier below 0 but another such tier.", Fix: "Number the tiers from 0 up.",
		Example: tierExample + "  order: -5\n",
	},
	{
		Code: "tier/order-tie", Severity: diag.Warning, Title: "Two tiers of one order",
		Text: "Tiers of one order are taken by their names. A tier without order gets that of tier default, 1000000.", Fix: "Give the tiers different orders.",
		Example: tierExample + "  order: 1000000\n",
	},
	{
		Code: "set/everything", Severity: diag.Warning, Title: "A network set that holds every address",
		Text: "0.0.0.0/0 or ::/0 makes a set that selects everything, whatever else it lists.", Fix: "Name the networks that are meant.",
		Example: setExample + "  nets: [0.0.0.0/0]\n",
	},
	{
		Code: "set/host-bits", Severity: diag.Warning, Title: "A network of a set with bits beyond its prefix length",
		Text: "In network sets Calico accepts it, and takes the whole network.", Fix: "Write the network in the hint, or a longer prefix.",
		Example: setExample + "  nets: [192.0.2.7/24]\n",
	},
	{
		Code: "felix/dies", Severity: diag.Warning, Title: "A setting with which Felix stops",
		Text: "The API server and Calico's validator accept the value; Felix cannot read it and does not start.", Fix: "See the hint.",
		Example: felixExample("  interfacePrefix: a b\n"),
	},
	{
		Code: "felix/no-failsafe", Severity: diag.Warning, Title: "No failsafe ports",
		Text: "Failsafe ports keep SSH, DNS, DHCP, etcd and the API server reachable whatever policies on host endpoints say. An empty list gives that up.", Fix: "Leave the field out, or list the ports that must stay open.",
		Example: felixExample("  failsafeInboundHostPorts: []\n"),
	},
	{
		Code: "felix/failsafe-dhcp", Severity: diag.Warning, Title: "A failsafe port of DHCP over TCP",
		Text: "Ports 67 and 68 are DHCP's, which goes over UDP.", Fix: "Write protocol: UDP.",
		Example: felixExample("  failsafeInboundHostPorts:\n  - protocol: TCP\n    port: 68\n"),
	},
	{
		Code: "rule/http-elsewhere", Severity: diag.Warning, Title: "A match on HTTP",
		Text: "Felix's own rules do not look at HTTP: they let the connection through, and a proxy beside the pod (application layer policy) judges the request. Without it everything is allowed.", Fix: "Switch application layer policy on for these pods, or leave http out.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: TCP\n    http:\n      methods: [GET]\n"),
	},
	{
		Code: "rule/http-method", Severity: diag.Warning, Title: "A method that HTTP does not have",
		Text: "Any text is accepted; no request has this method.", Fix: "Correct it; methods are in capitals.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: TCP\n    http:\n      methods: [FETCH]\n"),
	},
	{
		Code: "rule/services-source-ports", Severity: diag.Warning, Title: "Source ports beside services",
		Text: "In an ingress rule services are the source; its ports are those that connections come from, which are any.", Fix: "Leave the source ports out, or name destination ports.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: TCP\n    source:\n      ports: [80]\n      services:\n        name: db\n        namespace: shop\n"),
	},
	{
		Code: "rule/global-accounts", Severity: diag.Warning, Title: "Service accounts of what is in no namespace",
		Text: "global() selects host endpoints and global network sets; these have no service account, so the rule matches nothing.", Fix: "Leave one of the two out.",
		Example: ruleExample("ingress", "  - action: Allow\n    source:\n      namespaceSelector: global()\n      serviceAccounts:\n        names: [web]\n"),
	},
	{
		Code: "rule/never", Severity: diag.Warning, Title: "A rule that matches no packet",
		Text: "What the rule asks for excludes itself: networks, ports or protocols that it excludes again, ICMP with networks of the other IP version, or, of its own end (the destination of ingress, the source of egress), to be what the policy does not select.", Fix: "Correct the rule, or remove it.",
		Example: ruleExample("ingress", "  - action: Allow\n    source:\n      nets: [10.1.0.0/16]\n      notNets: [10.0.0.0/8]\n"),
	},
	{
		Code: "rule/protocol-twice", Severity: diag.Warning, Title: "A rule with protocol and notProtocol",
		Text: "Calico accepts it, and so does Felix in nftables mode; so this is a warning. iptables does not take two protocols: Felix crashes again and again and programs nothing while the policy is there, and render, trace and replay in iptables mode refuse the input.", Fix: "Leave notProtocol out.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: TCP\n    notProtocol: UDP\n"),
	},
	{
		Code: "rule/not-icmp-protocol", Severity: diag.Warning, Title: "notICMP without protocol ICMP",
		Text: "Calico asks for the protocol with icmp, but not with notICMP. iptables refuses an ICMP type without it, and Felix cannot program anything while the policy is there.", Fix: "Add protocol: ICMP or ICMPv6.",
		Example: ruleExample("ingress", "  - action: Allow\n    notICMP:\n      type: 8\n"),
	},
}
