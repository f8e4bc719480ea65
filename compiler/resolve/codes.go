package resolve

import "tortie/compiler/diag"

// Codes explains the codes of this package's findings.
func Codes() []diag.Entry {
	const felix = "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata:\n  name: "
	return []diag.Entry{
		{
			Code: "calico/invalid-object", Severity: diag.Warning, Title: "A policy, profile or endpoint that Felix ignores",
			Text: "Felix's own validation refuses a part of the object, and Felix goes on as if the object were not there; where a profile is missing, it denies.", Fix: "See the message. tortie validate finds such objects before they are applied.",
			Example: "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: lost\n  uid: 0d5a5f0f-6a0c-4b6c-9df5-5a5d4bd26f8e\nspec:\n  types: [Ingress]\n  selector: app == web\n",
		},
		{
			Code: "felix/bad-setting", Severity: diag.Warning, Title: "A setting that Felix cannot read",
			Text: "Felix takes its default in place of the value. Where it cannot do without, it does not start, and this is an error.", Fix: "See the message.",
			Example: felix + "default\nspec:\n  interfacePrefix: a b\n",
		},
		{
			Code: "felix/several-selected", Severity: diag.Warning, Title: "Two FelixConfigurations that select one node",
			Text: "Of the FelixConfigurations whose nodeSelector selects a node Felix takes the oldest only.", Fix: "Make the selectors exclude each other.",
			Example: felix + "a\nspec:\n  nodeSelector: all()\n---\n" + felix + "b\nspec:\n  nodeSelector: all()\n",
		},
		{
			Code: "felix/spoofing-not-enabled", Severity: diag.Warning, Title: "A pod that may use other source addresses where Felix does not allow it",
			Text: "The annotation cni.projectcalico.org/allowedSourcePrefixes counts only with workloadSourceSpoofing: Any. Without it Felix refuses the whole endpoint, and the pod is cut off.", Fix: "Set workloadSourceSpoofing to Any, or remove the annotation.",
			Example: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: router\n  annotations:\n    cni.projectcalico.org/allowedSourcePrefixes: '[\"198.51.100.0/24\"]'\nspec:\n  nodeName: node-1\n  containers: []\nstatus:\n  phase: Running\n  podIP: 10.65.0.2\n",
		},
	}
}
