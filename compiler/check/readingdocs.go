package check

import "tortie/compiler/diag"

// readingDocs explain what the readers of the input report.
var readingDocs = []diag.Entry{
	{
		Code: "yaml/unknown-field", Severity: diag.Error, Title: "A field that the object does not have",
		Text: "Mostly a misspelling or a wrong indentation. kubectl refuses it too, unless told otherwise; --lenient makes it a warning.", Fix: "Correct the name or move the field.",
		Example: policyHead + "  types: [Ingress]\n  ordr: 5\n",
	},
	{
		Code: "yaml/wrong-type", Severity: diag.Error, Title: "A value of the wrong type",
		Text: "The field holds a list, a mapping, a text, a number or true/false, and something else is given.", Fix: "See the message.",
		Example: policyHead + "  types: Ingress\n",
	},
	{
		Code: "yaml/bad-value", Severity: diag.Error, Title: "A value that cannot be read",
		Text: "The value has the right type, but cannot be: a port above 65535, a range from high to low, a duration without a unit.", Fix: "See the message.",
		Example: ruleExample("ingress", "  - action: Allow\n    protocol: TCP\n    destination:\n      ports: ['9000:80']\n"),
	},
	{
		Code: "yaml/duplicate-key", Severity: diag.Error, Title: "A field given twice",
		Text: "Of two fields with one name only one can count.", Fix: "Remove one of the two.",
		Example: policyHead + "  types: [Ingress]\n  order: 5\n  order: 6\n",
	},
	{Code: "yaml/syntax", Severity: diag.Error, Title: "Text that is not YAML", Text: "The document cannot be read at all; the others of the file are.", Fix: "Correct the place that is shown; often it is the indentation or a quote.", Example: "apiVersion: [\n"},
	{Code: "yaml/boolean-word", Severity: diag.Warning, Title: "A word that YAML 1.1 takes for true or false", Text: "yes, no, on, off, y and n without quotes are read as booleans by tools of YAML 1.1, as calicoctl is: a label n becomes the label false.", Fix: "Put it in quotes.", Example: "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    istio-injection: on\n"},
	{Code: "yaml/key", Severity: diag.Error, Title: "A key that is not a text", Text: "The keys of a mapping are texts.", Fix: "Put the key in quotes.", Example: "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels:\n    {a: b}: c\n"},
	{Code: "yaml/merge", Severity: diag.Error, Title: "A merge that cannot be", Text: "<< merges a mapping or a list of mappings.", Fix: "Correct the alias.", Example: "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  <<: text\n"},
	{Code: "yaml/tag", Severity: diag.Error, Title: "A tag that does not fit", Text: "YAML lets a value say its type: !!str, !!int, !!float, !!bool, !!null, !!seq or !!map. Other tags, and these at values of another type, would be taken by every reader in its own way.", Fix: "Take the tag out.", Example: "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: !custom shop\n"},
	{Code: "yaml/alias-loop", Severity: diag.Error, Title: "An alias within its own anchor", Text: "The value would hold itself.", Fix: "Remove the alias.", Example: "apiVersion: v1\nkind: Namespace\nmetadata: &m\n  name: shop\n  labels: *m\n"},
	{Code: "yaml/no-separator", Severity: diag.Error, Title: "Two documents without a line between them", Text: "Documents are separated by ---.", Fix: "Add the line.", Example: "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: b\n"},
	{Code: "yaml/too-large", Severity: diag.Error, Title: "A document too large to read", Text: "Aliases or nesting make the document larger than is read here.", Fix: "Split it."},
	{Code: "cluster/not-an-object", Severity: diag.Error, Title: "Not a Kubernetes object", Text: "A document is a mapping with apiVersion and kind.", Fix: "Remove it from the input.", Example: "just text\n"},
	{Code: "cluster/no-kind", Severity: diag.Error, Title: "An object without apiVersion or kind", Text: "Without them nobody knows what the object is.", Fix: "Add them.", Example: "apiVersion: v1\nmetadata:\n  name: x\n"},
	{Code: "cluster/no-name", Severity: diag.Error, Title: "An object without a name", Text: "Every object has metadata.name.", Fix: "Add it.", Example: "apiVersion: v1\nkind: Namespace\nmetadata: {}\n"},
	{
		Code: "cluster/duplicate-object", Severity: diag.Warning, Title: "An object given twice with different content",
		Text: "The one counts that no server has stored, else the one that was stored last (resourceVersion), else the last, as when both are applied. A policy default.NAME of crd.projectcalico.org is the one that Calico gives out as NAME.", Fix: "Remove one of the two.",
		Example: policyHead + "  order: 1\n---\n" + policyHead + "  order: 2\n",
	},
	{Code: "cluster/namespace-ignored", Severity: diag.Warning, Title: "A namespace on a cluster-wide object", Text: "Objects of this kind are in no namespace.", Fix: "Leave it out.", Example: "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata:\n  name: x\n  namespace: shop\nspec:\n  nets: [192.0.2.0/24]\n"},
	{Code: "cluster/namespace-made-up", Severity: diag.Note, Title: "A namespace that is not in the input", Text: "Objects are in a namespace whose object is not given; one without labels is assumed.", Fix: "Add the Namespace to the input.", Example: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\n  annotations:\n    note: no Namespace shop\nspec:\n  nodeName: node-1\n  containers: []\nstatus:\n  phase: Running\n  podIP: 10.65.0.2\n"},
	{Code: "cluster/pods-made-up", Severity: diag.Note, Title: "Pods that are not in the input", Text: "A workload is given without its pods; pods are assumed from its template.", Fix: "Add the pods to the input, or leave it at that.", Example: "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  selector:\n    matchLabels: {app: web}\n  template:\n    metadata:\n      labels: {app: web}\n    spec:\n      containers: []\n"},
	{Code: "cluster/nothing-staged", Severity: diag.Note, Title: "No staged policies", Text: "--staged asks what would be if staged policies were enforced, and there are none.", Fix: "Add them to the input, or leave --staged out."},
	{Code: "cluster/service-addresses-made-up", Severity: diag.Note, Title: "Services without the addresses that a cluster gives them", Text: "A service as it is written has no cluster IP and no node port of its own; free ones are taken, as an API server would.", Fix: "Add the services as the cluster has them, or leave it at that.", Example: "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector: {app: web}\n  ports:\n  - port: 80\n"},
	{Code: "cluster/bad-template", Severity: diag.Error, Title: "A host endpoint template that cannot be used", Text: "kube-controllers makes host endpoints of nodes by the templates of the KubeControllersConfiguration; it stops at one whose selector or name cannot be read.", Fix: "Correct the template."},
	{Code: "cluster/bad-metadata-annotation", Severity: diag.Error, Title: "Metadata in an annotation that cannot be read", Text: "Objects of crd.projectcalico.org keep their labels and annotations in the annotation projectcalico.org/metadata, as JSON.", Fix: "Write the object as projectcalico.org/v3, or correct the annotation.", Example: "apiVersion: crd.projectcalico.org/v1\nkind: GlobalNetworkSet\nmetadata:\n  name: x\n  annotations:\n    projectcalico.org/metadata: labels\nspec:\n  nets: [192.0.2.0/24]\n"},
	{Code: "cluster/unknown-kind", Severity: diag.Warning, Title: "A kind that Calico does not have", Text: "The apiVersion is Calico's, but the kind is not.", Fix: "Correct the kind.", Example: "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolice\nmetadata:\n  name: x\n"},
	{Code: "cluster/unknown-version", Severity: diag.Warning, Title: "A version that is not read here", Text: "The object is left alone.", Fix: "Use the version in the hint.", Example: "apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\nmetadata:\n  name: x\n"},
	{Code: "calico/stored-without-types", Severity: diag.Warning, Title: "A stored policy without types", Text: "Applied through calicoctl or the API server a policy gets its types from its rules. One that is stored without them is taken by Felix for both directions, and cuts off the one without rules.", Fix: "Write spec.types.", Example: "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: example\n  uid: 0d5a5f0f-6a0c-4b6c-9df5-5a5d4bd26f8e\nspec:\n  selector: all()\n"},
	{Code: "calico/bad-cidr", Severity: diag.Error, Title: "A network that cannot be converted", Text: "It is left out, as Calico does.", Fix: "Correct the network.", Example: kubernetesExample("  ingress:\n  - from:\n    - ipBlock:\n        cidr: 10.0.0.0/33\n")},
	{Code: "calico/bad-endpoint", Severity: diag.Error, Title: "An endpoint that cannot be converted", Text: "It is left out.", Fix: "See the message.", Example: "apiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  node: node-1\n  workload: web\n  ipNetworks: [10.65.0.300/32]\n"},
	{Code: "calico/bad-floating-ip", Severity: diag.Warning, Title: "A floating IP that cannot be used", Text: "Calico passes over an address of the annotation that it cannot read, or of a family that the pod does not have.", Fix: "Correct the address.", Example: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    cni.projectcalico.org/floatingIPs: '[\"198.51.100\"]'\nspec:\n  nodeName: node-1\n  containers: []\nstatus:\n  phase: Running\n  podIP: 10.65.0.2\n"},
	{Code: "calico/bad-hwaddr", Severity: diag.Warning, Title: "A hardware address that no interface can have", Text: "The CNI plugin gives the pod's interface the address of the annotation, and where it cannot, the pod does not start. The network and the policies of a pod that runs already stay as they are.", Fix: "Write a unicast address of Ethernet.", Example: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    cni.projectcalico.org/hwAddr: 01:23:45:67:89:ab\nspec:\n  nodeName: node-1\n  containers: []\nstatus:\n  phase: Running\n  podIP: 10.65.0.2\n"},
	{Code: "calico/bad-qos", Severity: diag.Warning, Title: "A limit that cannot be used", Text: "Calico leaves the annotation out, or takes the nearest value that is possible; the message says which.", Fix: "See the message.", Example: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    qos.projectcalico.org/ingressPacketRate: fast\nspec:\n  nodeName: node-1\n  containers: []\nstatus:\n  phase: Running\n  podIP: 10.65.0.2\n"},
	{Code: "calico/unconvertible-pod", Severity: diag.Error, Title: "A pod that cannot be converted", Text: "No endpoint is made of it, as in Calico.", Fix: "See the message.", Example: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    cni.projectcalico.org/floatingIPs: 198.51.100.1\nspec:\n  nodeName: node-1\n  containers: []\nstatus:\n  phase: Running\n  podIP: 10.65.0.2\n"},
	{Code: "calico/unconvertible-rule", Severity: diag.Error, Title: "A rule that cannot be converted", Text: "Calico leaves the rule out, or makes it deny everything.", Fix: "See the message.", Example: kubernetesExample("  ingress:\n  - ports:\n    - port: 9000\n      endPort: 8000\n")},
}
