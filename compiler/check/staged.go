package check

import (
	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"

	"github.com/projectcalico/api/pkg/lib/numorstring"
)

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
	o.stagedPorts()
	o.soft = "staged/kubernetes-refuses"
	o.kubernetesPolicy()
}

// stagedPorts asks that every port becomes one of Calico's: its text, with endPort
// joined by a colon.
func (o on) stagedPorts() {
	for _, direction := range []string{"ingress", "egress"} {
		for i := range items(o.node(path{"spec", direction})) {
			ports := path{"spec", direction, i, "ports"}
			for j := range items(o.node(ports)) {
				o.stagedPort(ports.add(j))
			}
		}
	}
}

func (o on) stagedPort(at path) {
	port := o.node(at.add("port"))
	if port == nil {
		return
	}
	if text := port.Text; port.Kind == yamlpos.Int || o.node(at.add("endPort")) == nil {
		if _, err := numorstring.PortFromString(text); err != nil {
			o.report("value/port", at.add("port"), "ports are from 1 to 65535, or names", "%s: %q is not a port", dotted(at.add("port")), text)
			return
		}
	}
	if end := o.node(at.add("endPort")); end != nil {
		if _, err := numorstring.PortFromString(port.Text + ":" + end.Text); err != nil {
			o.report("kubernetes/end-port", at.add("endPort"), "endPort is not below port, and at most 65535", "endPort %s after port %s", end.Text, port.Text)
		}
	}
}

var stagedDocs = []diag.Entry{
	{
		Code: "staged/kubernetes-refuses", Severity: diag.Warning, Title: "A staged Kubernetes policy that Kubernetes would refuse",
		Text: "Calico accepts the staged policy. As a NetworkPolicy of Kubernetes, which it is to become, the API server would refuse it.",
		Fix:  "See the message.",
		Example: `apiVersion: projectcalico.org/v3
kind: StagedKubernetesNetworkPolicy
metadata:
  name: example
  namespace: shop
spec:
  podSelector: {}
  policyTypes: [Ingress]
  ingress:
  - ports:
    - protocol: ICMP
`,
	},
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
