package check

import (
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// object runs every check of single objects, special ones first.
func (r *run) object(o on) {
	if o.src.Node == nil {
		return
	}
	if isCalicoVersion(o.src.APIVersion) {
		o.calico()
		o.schema()
		o.tags()
	} else {
		o.kubernetes()
	}
	o.metadata()
	o.namespace()
}

// isCalicoVersion says that an apiVersion is one of Calico's.
func isCalicoVersion(v string) bool {
	return strings.HasSuffix(v, "projectcalico.org/v3") || strings.HasPrefix(v, "crd.projectcalico.org/")
}

// other checks an object that the reader does not decode.
func (r *run) other(src cluster.Source) {
	k, ok := kindTypes[src.Kind]
	if ok && k.other && strings.HasSuffix(strings.Split(src.APIVersion, "/")[0], "projectcalico.org") && src.Node != nil {
		r.object(on{r: r, object: object{src: src, meta: nodeMeta{src.Node}}})
	}
}

// nodeMeta is the metadata of an object that was not decoded; none of those is in
// a namespace.
type nodeMeta struct{ n *yamlpos.Node }

func (m nodeMeta) GetName() string                   { return m.n.Get("metadata").Str("name") }
func (m nodeMeta) GetNamespace() string              { return "" }
func (m nodeMeta) GetLabels() map[string]string      { return nil }
func (m nodeMeta) GetAnnotations() map[string]string { return nil }

// calico runs the checks of Calico's kinds.
func (o on) calico() {
	switch o.src.Kind {
	case "GlobalNetworkPolicy":
		o.policy(true)
	case "NetworkPolicy":
		o.policy(false)
	case "StagedGlobalNetworkPolicy":
		o.staged(true)
	case "StagedNetworkPolicy":
		o.staged(false)
	case "StagedKubernetesNetworkPolicy":
		o.stagedKubernetes()
	case "Tier":
		o.tier()
	case "IPPool":
		o.pool()
	case "HostEndpoint":
		o.hostEndpoint()
	case "Profile":
		o.profile()
	case "FelixConfiguration":
		o.felix()
	case "BGPConfiguration":
		o.bgpConfiguration()
	case "BGPPeer":
		o.bgpPeer()
	case "BGPFilter":
		o.bgpFilter()
	}
}

// policy checks a policy that is enforced, or would be.
func (o on) policy(global bool) {
	o.policyTypes()
	for _, field := range []string{"selector", "serviceAccountSelector", "namespaceSelector"} {
		at := path{"spec", field}
		if strings.Contains(o.text(at), "global()") && (global || field != "namespaceSelector") {
			o.globalMisused(at, "use all(), or leave the field out")
		}
	}
	for _, direction := range []string{"ingress", "egress"} {
		at := path{"spec", direction}
		for i := range items(o.node(at)) {
			o.rule(at.add(i), direction, global)
		}
	}
	if global {
		o.hostOptions()
	}
}

// profile checks a profile's rules.
func (o on) profile() {
	for _, direction := range []string{"ingress", "egress"} {
		at := path{"spec", direction}
		for i := range items(o.node(at)) {
			o.rule(at.add(i), direction, false)
		}
	}
}

func (o on) policyTypes() {
	at := path{"spec", "types"}
	if n := o.node(at); n != nil && n.Kind == yamlpos.List && len(n.Items) == 0 {
		o.reportAt("policy/types-empty", o.src.At(at...), "name Ingress, Egress or both, or leave types out", "spec.types is empty")
	}
}

// hostOptions checks doNotTrack, preDNAT and applyOnForward against each other
// and against the rules.
func (o on) hostOptions() {
	set := func(field string) bool { return o.text(path{"spec", field}) == "true" }
	track, dnat := set("doNotTrack"), set("preDNAT")
	if track && dnat {
		o.reportAt("policy/prednat-and-donottrack", o.src.At("spec", "preDNAT"), "make two policies of it", "a policy with both doNotTrack and preDNAT")
	}
	if dnat {
		if len(items(o.node(path{"spec", "egress"}))) > 0 {
			o.reportAt("policy/prednat-egress", o.src.At("spec", "egress"), "preDNAT policies have ingress rules only", "egress rules in a preDNAT policy")
		}
		for i, n := range items(o.node(path{"spec", "types"})) {
			if n.Text == "Egress" {
				o.report("policy/prednat-egress", path{"spec", "types", i}, "preDNAT policies have type Ingress only", "type Egress in a preDNAT policy")
			}
		}
	}
	for _, field := range []string{"doNotTrack", "preDNAT"} {
		if set(field) && !set("applyOnForward") {
			o.reportAt("policy/needs-apply-on-forward", o.src.At("spec", field), "add applyOnForward: true", "%s without applyOnForward", field)
		}
	}
}

const policyHead = `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: example
spec:
  selector: role == 'db'
`

var policyDocs = []diag.Entry{
	{
		Code: "policy/types-empty", Severity: diag.Error, Title: "An empty list of types",
		Text:    "The API server refuses an empty spec.types. Left out, the types are taken from the rules.",
		Fix:     "Name the directions that the policy governs, or leave the field out.",
		Example: policyHead + "  types: []\n",
	},
	{
		Code: "policy/prednat-and-donottrack", Severity: diag.Error, Title: "A policy both untracked and before DNAT",
		Text:    "doNotTrack policies are enforced before connection tracking in the raw table, preDNAT policies after it in the mangle table; a policy is one or the other.",
		Fix:     "Make two policies.",
		Example: policyHead + "  types: [Ingress]\n  applyOnForward: true\n  doNotTrack: true\n  preDNAT: true\n",
	},
	{
		Code: "policy/prednat-egress", Severity: diag.Error, Title: "Egress in a preDNAT policy",
		Text:    "preDNAT policies see what comes in before the destination is translated; there is no egress for them.",
		Fix:     "Move the egress rules to a policy without preDNAT.",
		Example: policyHead + "  types: [Ingress, Egress]\n  applyOnForward: true\n  preDNAT: true\n",
	},
	{
		Code: "policy/needs-apply-on-forward", Severity: diag.Error, Title: "doNotTrack or preDNAT without applyOnForward",
		Text:    "Untracked and pre-DNAT policies see forwarded traffic, whatever the policy says; Calico asks that it says so.",
		Fix:     "Add applyOnForward: true.",
		Example: policyHead + "  types: [Ingress]\n  doNotTrack: true\n  ingress:\n  - action: Allow\n",
	},
}
