package check

import "tortie/compiler/diag"

// readingDocs explain what the readers of the input report.
var readingDocs = []Entry{
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
	{Code: "yaml/boolean-word", Severity: diag.Warning, Title: "A word that YAML 1.1 takes for true or false", Text: "yes, no, on, off, y and n without quotes are read as booleans by tools of YAML 1.1, as calicoctl is: a label n becomes the label false.", Fix: "Put it in quotes."},
	{Code: "yaml/key", Severity: diag.Error, Title: "A key that is not a text", Text: "The keys of a mapping are texts.", Fix: "Put the key in quotes."},
	{Code: "yaml/merge", Severity: diag.Error, Title: "A merge that cannot be", Text: "<< merges a mapping or a list of mappings.", Fix: "Correct the alias."},
	{Code: "yaml/alias-loop", Severity: diag.Error, Title: "An alias within its own anchor", Text: "The value would hold itself.", Fix: "Remove the alias."},
	{Code: "yaml/no-separator", Severity: diag.Warning, Title: "Two documents without a line between them", Text: "Documents are separated by ---.", Fix: "Add the line."},
	{Code: "yaml/too-large", Severity: diag.Error, Title: "A document too large to read", Text: "Aliases or nesting make the document larger than is read here.", Fix: "Split it."},
	{Code: "cluster/not-an-object", Severity: diag.Error, Title: "Not a Kubernetes object", Text: "A document is a mapping with apiVersion and kind.", Fix: "Remove it from the input.", Example: "just text\n"},
	{Code: "cluster/no-kind", Severity: diag.Error, Title: "An object without apiVersion or kind", Text: "Without them nobody knows what the object is.", Fix: "Add them.", Example: "apiVersion: v1\nmetadata:\n  name: x\n"},
	{Code: "cluster/no-name", Severity: diag.Error, Title: "An object without a name", Text: "Every object has metadata.name.", Fix: "Add it.", Example: "apiVersion: v1\nkind: Namespace\nmetadata: {}\n"},
	{
		Code: "cluster/duplicate-object", Severity: diag.Warning, Title: "An object given twice with different content",
		Text: "The last one counts, as when both are applied.", Fix: "Remove one of the two.",
		Example: policyHead + "  order: 1\n---\n" + policyHead + "  order: 2\n",
	},
	{Code: "cluster/namespace-ignored", Severity: diag.Warning, Title: "A namespace on a cluster-wide object", Text: "Objects of this kind are in no namespace.", Fix: "Leave it out.", Example: "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata:\n  name: x\n  namespace: shop\nspec:\n  nets: [192.0.2.0/24]\n"},
	{Code: "cluster/namespace-made-up", Severity: diag.Note, Title: "A namespace that is not in the input", Text: "Objects are in a namespace whose object is not given; one without labels is assumed.", Fix: "Add the Namespace to the input."},
	{Code: "cluster/pods-made-up", Severity: diag.Note, Title: "Pods that are not in the input", Text: "A workload is given without its pods; pods are assumed from its template.", Fix: "Add the pods to the input, or leave it at that."},
	{Code: "cluster/nothing-staged", Severity: diag.Note, Title: "No staged policies", Text: "--staged asks what would be if staged policies were enforced, and there are none.", Fix: "Add them to the input, or leave --staged out."},
	{Code: "cluster/service-addresses-made-up", Severity: diag.Note, Title: "Services without the addresses that a cluster gives them", Text: "A service as it is written has no cluster IP and no node port of its own; free ones are taken, as an API server would.", Fix: "Add the services as the cluster has them, or leave it at that."},
	{Code: "cluster/bad-template", Severity: diag.Warning, Title: "A workload without a usable pod template", Text: "No pods can be assumed for it.", Fix: "Correct the template."},
	{Code: "cluster/unknown-kind", Severity: diag.Warning, Title: "A kind that Calico does not have", Text: "The apiVersion is Calico's, but the kind is not.", Fix: "Correct the kind.", Example: "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolice\nmetadata:\n  name: x\n"},
	{Code: "cluster/unknown-version", Severity: diag.Warning, Title: "A version that is not read here", Text: "The object is left alone.", Fix: "Use the version in the hint.", Example: "apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\nmetadata:\n  name: x\n"},
	{Code: "calico/stored-without-types", Severity: diag.Warning, Title: "A stored policy without types", Text: "Applied through calicoctl or the API server a policy gets its types from its rules. One that is stored without them is taken by Felix for both directions, and cuts off the one without rules.", Fix: "Write spec.types."},
	{Code: "calico/invalid-object", Severity: diag.Error, Title: "An object that Felix takes as missing", Text: "Felix checks what the datastore hands it: a selector, protocol, port or ICMP type that is not valid, in any rule, makes it ignore the whole policy, and deny what a profile would decide.", Fix: "See the message."},
	{Code: "calico/bad-cidr", Severity: diag.Warning, Title: "A network that cannot be converted", Text: "It is left out, as Calico does.", Fix: "Correct the network."},
	{Code: "calico/bad-endpoint", Severity: diag.Warning, Title: "An endpoint that cannot be converted", Text: "It is left out.", Fix: "See the message."},
	{Code: "calico/bad-qos", Severity: diag.Warning, Title: "A limit that cannot be used", Text: "The annotation is left out, as Calico does.", Fix: "See the message."},
	{Code: "calico/not-enforced", Severity: diag.Warning, Title: "An object that Calico does not enforce", Text: "Calico v3.32 passes it over.", Fix: "See the message."},
	{Code: "calico/unconvertible-pod", Severity: diag.Warning, Title: "A pod that cannot be converted", Text: "No endpoint is made of it, as in Calico.", Fix: "See the message."},
	{Code: "calico/unconvertible-rule", Severity: diag.Warning, Title: "A rule that cannot be converted", Text: "Calico leaves the rule out, or makes it deny everything.", Fix: "See the message."},
}
