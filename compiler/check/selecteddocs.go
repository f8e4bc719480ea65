package check

import (
	"strings"

	"tortie/compiler/diag"
)

const hostExample = "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: edge\n  labels:\n    role: edge\nspec:\n  node: node-1\n  interfaceName: eth0\n  expectedIPs: [192.0.2.1]\n"

const nodesExample = "apiVersion: v1\nkind: Node\nmetadata:\n  name: node-1\nstatus:\n  addresses:\n  - {type: InternalIP, address: 192.0.2.1}\n---\n" +
	"apiVersion: v1\nkind: Node\nmetadata:\n  name: node-2\nstatus:\n  addresses:\n  - {type: InternalIP, address: 192.0.2.2}\n---\n"

const clusterExample = "apiVersion: v1\nkind: Node\nmetadata:\n  name: node-1\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n---\n" +
	"apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\n  labels:\n    app: web\nspec:\n  nodeName: node-1\n  containers: []\nstatus:\n  phase: Running\n  podIP: 10.65.0.2\n  podIPs:\n  - ip: 10.65.0.2\n---\n"

// selectedDocs explain warnings that come from what the input's policies select.
var selectedDocs = []diag.Entry{
	{
		Code: "policy/selects-nothing", Severity: diag.Warning, Title: "A policy that selects nothing",
		Text: "The input has pods and nodes, as a whole cluster has, and none of its endpoints is selected.", Fix: "Compare the selector with the labels.",
		Example: clusterExample + globalHead + "  selector: app == 'wbe'\n  types: [Ingress]\n",
	},
	{
		Code: "selector/no-namespace", Severity: diag.Warning, Title: "A namespace selector that selects no namespace",
		Text: "None of the namespaces of the input has such labels, so the rule matches nothing there.", Fix: "Compare the selector with the labels of the namespaces.",
		Example: clusterExample + globalHead + "  selector: app == 'web'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    source:\n      namespaceSelector: team == 'shop'\n",
	},
	{
		Code: "policy/not-on-forward", Severity: diag.Warning, Title: "Networks in the place of the host itself",
		Text: "A policy that selects host endpoints only and lacks applyOnForward sees traffic of the host's own processes. The destination of what comes in is the host, and so is the source of what goes out; other networks there match nothing.", Fix: "Add applyOnForward: true for forwarded traffic, or correct the rule.",
		Example: hostExample + "---\n" + globalHead + "  selector: role == 'edge'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    destination:\n      nets: [10.0.0.0/8]\n",
	},
	{
		Code: "endpoint/cut-off", Severity: diag.Warning, Title: "A host endpoint that no policy selects",
		Text: "A host endpoint without policy and profile denies everything to and from the host but the failsafe ports.", Fix: "Apply a policy that selects it first, or give it a profile.",
		Example: hostExample + "---\n" + globalHead + "  selector: role == 'core'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n",
	},
	{
		Code: "endpoint/unknown-node", Severity: diag.Warning, Title: "A host endpoint of a node that is not there",
		Text: "The input has nodes, but none of that name.", Fix: "Correct spec.node.",
		Example: clusterExample + strings.Replace(hostExample, "node-1", "node-2", 1),
	},
	{
		Code: "endpoint/other-node", Severity: diag.Warning, Title: "An expected address that another node has",
		Text: "Expected addresses are those of the host endpoint's own node; rules that select the endpoint match them. By the Nodes of the input this one belongs to another node.", Fix: "Correct the address or the node.",
		Example: nodesExample + strings.Replace(hostExample, "192.0.2.1", "192.0.2.2", 1),
	},
	{
		Code: "endpoint/unknown-address", Severity: diag.Note, Title: "Expected addresses that the node is not known to have",
		Text: "Without interfaceName Felix finds the interface by the expected addresses. The Node, and the HostNetwork if there is one, name others only; a Node does not name all that its host has.", Fix: "Compare them with the node's interfaces.",
		Example: nodesExample + strings.Replace(strings.Replace(hostExample, "192.0.2.1", "192.0.2.9", 1), "  interfaceName: eth0\n", "", 1),
	},
	{
		Code: "endpoint/unknown-profile", Severity: diag.Warning, Title: "An endpoint with a profile that is not there",
		Text: "Felix takes a profile that does not exist as one that denies everything. The input has other profiles, or is a whole cluster's, and not this one.", Fix: "Add the Profile, or correct the name.",
		Example: hostExample + "  profiles: [hosts]\n---\napiVersion: projectcalico.org/v3\nkind: Profile\nmetadata:\n  name: host\nspec:\n  ingress:\n  - action: Allow\n",
	},
	{
		Code: "endpoint/same-interface", Severity: diag.Warning, Title: "Two host endpoints for one interface",
		Text: "They have the same interfaceName, or none and the same expected address. Felix uses one of them; the other has no effect.", Fix: "Keep one of the two.",
		Example: hostExample + "---\napiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: other\nspec:\n  node: node-1\n  interfaceName: eth0\n",
	},
}

// reachDocs explain warnings about what the ends of rules and services lead to.
var reachDocs = []diag.Entry{
	{
		Code: "rule/matches-nobody", Severity: diag.Warning, Title: "An end of a rule that nobody is",
		Text: "The input has pods and nodes, as a whole cluster has, and the selector, with the namespaces and service accounts that it is limited to, matches none of the pods, host endpoints and network sets. The rule matches no packet.", Fix: "Compare the selector with the labels. The selector of a policy in a namespace looks in its own namespace only, unless there is a namespaceSelector.",
		Example: clusterExample + globalHead + "  selector: app == 'web'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    source:\n      selector: app == 'wbe'\n",
	},
	{
		Code: "rule/no-such-port", Severity: diag.Warning, Title: "A named port that nobody has",
		Text: "A name stands for the ports that pods and host endpoints give that name, with that protocol. None in the input does, or none that the rule is for: the ports of an ingress rule are those of the pods that the policy selects.", Fix: "Name the port in the containers, or write its number.",
		Example: clusterExample + globalHead + "  selector: app == 'web'\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    protocol: TCP\n    destination:\n      ports: [http]\n",
	},
	{
		Code: "rule/no-such-service", Severity: diag.Warning, Title: "A service that the input does not have",
		Text: "The input has services, and not the one that the rule names: it matches nothing.", Fix: "Check its name and namespace.",
		Example: clusterExample + "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  clusterIP: 10.96.0.9\n  selector: {app: web}\n  ports:\n  - port: 80\n---\n" + globalHead +
			"  selector: app == 'web'\n  types: [Egress]\n  egress:\n  - action: Allow\n    destination:\n      services:\n        name: wbe\n        namespace: shop\n",
	},
	{
		Code: "service/selects-nothing", Severity: diag.Warning, Title: "A service that leads nowhere",
		Text: "The input has pods and nodes, as a whole cluster has, and the service selects none of the pods of its namespace.", Fix: "Compare the selector with the labels.",
		Example: clusterExample + "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  clusterIP: 10.96.0.9\n  selector: {app: wbe}\n  ports:\n  - port: 80\n",
	},
	{
		Code: "service/no-such-port", Severity: diag.Warning, Title: "A service to a port that its pods do not name",
		Text: "A targetPort that is a name stands for the port that the pods' containers give that name, with the protocol of the service's port. None of the pods that the service selects does.", Fix: "Name the port in the containers, or write its number.",
		Example: clusterExample + "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  clusterIP: 10.96.0.9\n  selector: {app: web}\n  ports:\n  - port: 80\n    targetPort: http\n",
	},
	{
		Code: "policy/hosts-too", Severity: diag.Warning, Title: "A global policy that selects host endpoints beside pods",
		Text: "A global policy without a selector, or with all(), selects host endpoints too. What it does not allow is denied there as well, to the host's own processes.", Fix: "Select what only pods have, as has(projectcalico.org/namespace).",
		Example: clusterExample + hostExample + "---\n" + globalHead + "  selector: all()\n  types: [Ingress]\n  ingress:\n  - action: Allow\n    protocol: TCP\n",
	},
	{
		Code: "set/empty", Severity: diag.Warning, Title: "A network set without networks",
		Text: "Rules that select the set match nothing by it.", Fix: "Give it networks.",
		Example: strings.Replace(setExample, "name: example", "name: example\n  labels:\n    role: partner", 1) + "  nets: []\n",
	},
	{
		Code: "set/no-labels", Severity: diag.Note, Title: "A global network set that no rule can name",
		Text: "Rules select network sets by their labels, and this one has none.", Fix: "Give it labels.",
		Example: setExample + "  nets: [192.0.2.0/24]\n",
	},
	{
		Code: "felix/nobody", Severity: diag.Warning, Title: "A FelixConfiguration that no node takes",
		Text: "The name default is for all nodes, node.NAME for one; others are for the nodes that their nodeSelector selects.", Fix: "Rename it, or give it a nodeSelector.",
		Example: strings.Replace(felixExample("  logSeverityScreen: Info\n"), "name: default", "name: defualt", 1),
	},
	{
		Code: "felix/failsafe-missing", Severity: diag.Warning, Title: "Failsafe ports without SSH or the API server",
		Text: "A list of failsafe ports takes the place of the usual ones. Without TCP port 22 (in) or 6443 (out) a policy on host endpoints can cut the host off.", Fix: "Add the port.",
		Example: felixExample("  failsafeInboundHostPorts:\n  - protocol: TCP\n    port: 80\n"),
	},
	{
		Code: "pool/overlap", Severity: diag.Warning, Title: "Two pools with the same addresses",
		Text: "calicoctl refuses a pool that overlaps another one. The API server takes it, and Calico does not use it.", Fix: "Give the pools networks of their own.",
		Example: poolExample("  cidr: 10.0.0.0/16\n") + "---\n" + strings.Replace(poolExample("  cidr: 10.0.128.0/17\n"), "example", "other", 1),
	},
}
