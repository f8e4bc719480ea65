package check

import "tortie/compiler/diag"

// staged checks a staged policy: like the policy it stands for, unless it is
// staged for deletion.
func (o on) staged(global bool) {
	if o.text(path{"spec", "stagedAction"}) == "Delete" {
		o.stagedDelete("tier", "stagedAction")
		return
	}
	o.policy(global)
}

// stagedDelete asks that a policy staged for deletion says nothing else.
func (o on) stagedDelete(allowed ...string) {
	for _, f := range fields(o.node(path{"spec"})) {
		if f.Key == allowed[0] || f.Key == allowed[len(allowed)-1] || isZero(f.Value) {
			continue
		}
		o.reportAt("staged/delete-with-fields", f.KeySpan, "remove it: the policy is to be deleted as it is", "spec.%s in a policy with stagedAction Delete", f.Key)
	}
}

func (o on) stagedKubernetes() {
	if o.text(path{"spec", "stagedAction"}) == "Delete" {
		o.stagedDelete("stagedAction")
		return
	}
	o.kubernetesPolicy()
}

var stagedDocs = []Entry{
	{
		Code: "staged/delete-with-fields", Severity: diag.Error, Title: "A policy staged for deletion that says more",
		Text: "With stagedAction Delete the staged policy only names the policy that would be deleted; Calico refuses any field but tier beside it.",
		Fix:  "Remove the other fields, or use stagedAction Set.",
		Example: `apiVersion: projectcalico.org/v3
kind: StagedGlobalNetworkPolicy
metadata:
  name: example
spec:
  stagedAction: Delete
  selector: role == 'db'
`,
	},
}
