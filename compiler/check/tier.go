package check

import (
	"strconv"

	"tortie/compiler/diag"
)

// builtInTiers are the tiers that Calico makes itself: what the API server asks
// their default action, and the validator their order, to be.
var builtInTiers = map[string]struct {
	order  float64
	action string
}{
	"default":       {1000000, "Deny"},
	"kube-admin":    {1000, "Pass"},
	"kube-baseline": {10000000, "Pass"},
}

func (o on) tier() {
	want, ok := builtInTiers[o.meta.GetName()]
	if !ok {
		return
	}
	number := strconv.FormatFloat(want.order, 'f', -1, 64)
	order := path{"spec", "order"}
	if v, err := strconv.ParseFloat(o.text(order), 64); err != nil || v != want.order {
		o.report("tier/built-in-order", order, "write order: "+number, "the order of tier %s is %s", o.meta.GetName(), number)
	}
	action := path{"spec", "defaultAction"}
	given := o.text(action)
	if given == "" {
		given = "Deny"
	}
	if given != want.action {
		o.report("tier/built-in-action", action, "write defaultAction: "+want.action, "the default action of tier %s is %s", o.meta.GetName(), want.action)
	}
}

var tierDocs = []diag.Entry{
	{
		Code: "tier/built-in-order", Severity: diag.Error, Title: "Another order for a tier that Calico makes",
		Text: "The tiers default, kube-admin and kube-baseline have orders 1000000, 1000 and 10000000, and Calico refuses these objects with another order or none.",
		Fix:  "Write the order that the tier has, or do not give the tier at all.",
		Example: `apiVersion: projectcalico.org/v3
kind: Tier
metadata:
  name: default
spec:
  order: 5
`,
	},
	{
		Code: "tier/built-in-action", Severity: diag.Error, Title: "Another default action for a tier that Calico makes",
		Text: "The default action of tier default is Deny; that of kube-admin and kube-baseline is Pass.",
		Fix:  "Write the action that the tier has, or do not give the tier at all.",
		Example: `apiVersion: projectcalico.org/v3
kind: Tier
metadata:
  name: kube-admin
spec:
  order: 1000
  defaultAction: Deny
`,
	},
}
