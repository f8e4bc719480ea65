package check

import (
	"reflect"

	"tortie/compiler/diag"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// equalRules compares rules field by field.
func equalRules(a, b *v3.Rule) bool { return reflect.DeepEqual(a, b) }

const globalHead = "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: example\nspec:\n"

var warningDocs = []diag.Entry{
	{
		Code: "policy/unknown-tier", Severity: diag.Warning, Title: "A tier that does not exist",
		Text:    "Felix enforces the policy all the same, in a tier of that name that comes after all others and denies at its end.",
		Fix:     "Add the Tier object, or correct the name.",
		Example: "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: nowhere.example\nspec:\n  tier: nowhere\n  selector: all()\n  types: [Ingress]\n",
	},
	{
		Code: "policy/untracked-one-way", Severity: diag.Warning, Title: "A doNotTrack policy without its reply direction",
		Text: "Untracked packets make no connection, so replies are judged on their own. Without a rule for them they are tracked and belong to no connection: those of TCP are dropped as INVALID, those of UDP are judged as new connections.",
		Fix:  "Write the mirror image of each rule: the other direction, with source and destination ports exchanged.",
		Example: globalHead + "  selector: has(host)\n  types: [Ingress, Egress]\n  doNotTrack: true\n  applyOnForward: true\n" +
			"  ingress:\n  - action: Allow\n    protocol: UDP\n    destination:\n      ports: [53]\n",
	},
	{
		Code: "policy/dead-rule", Severity: diag.Warning, Title: "A rule that never decides",
		Text:    "A rule before it has no condition, so it takes every packet.",
		Fix:     "Move the rule up, or remove it.",
		Example: globalHead + "  selector: all()\n  types: [Ingress]\n  ingress:\n  - action: Allow\n  - action: Deny\n    protocol: TCP\n",
	},
	{
		Code: "kind/not-enforced", Severity: diag.Warning, Title: "A kind that Calico v3.32 does not enforce",
		Text:    "AdminNetworkPolicy and BaselineAdminNetworkPolicy were followed by ClusterNetworkPolicy, which Calico v3.32 reads in their place.",
		Fix:     "Write a ClusterNetworkPolicy.",
		Example: "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata:\n  name: example\nspec:\n  priority: 5\n  subject:\n    namespaces: {}\n",
	},
	{
		Code: "odd/empty-network", Severity: diag.Warning, Title: "An empty text where a network is asked",
		Text:    "Calico's validator accepts an empty text; it stands for no network.",
		Fix:     "Remove it.",
		Example: "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata:\n  name: example\nspec:\n  nets: ['']\n",
	},
	{
		Code: "odd/service-account-name", Severity: diag.Warning, Title: "A name that no service account can have",
		Text:    "Calico accepts any text; Kubernetes would not accept a service account of that name, so the rule matches nothing.",
		Fix:     "Correct the name.",
		Example: ruleExample("ingress", "  - action: Allow\n    source:\n      serviceAccounts:\n        names: [Bad_Name!]\n"),
	},
}
