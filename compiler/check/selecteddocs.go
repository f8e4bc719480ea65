package check

import (
	"strings"

	"tortie/compiler/diag"
)

const hostExample = "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: edge\n  labels:\n    role: edge\nspec:\n  node: node-1\n  interfaceName: eth0\n  expectedIPs: [192.0.2.1]\n"

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
		Text: "The input has pods and nodes, as a whole cluster has, but no node of that name.", Fix: "Correct spec.node.",
		Example: clusterExample + strings.Replace(hostExample, "node-1", "node-2", 1),
	},
	{
		Code: "endpoint/same-interface", Severity: diag.Warning, Title: "Two host endpoints for one interface",
		Text: "Felix uses one of them; the other has no effect.", Fix: "Keep one of the two.",
		Example: hostExample + "---\napiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: other\nspec:\n  node: node-1\n  interfaceName: eth0\n",
	},
}
