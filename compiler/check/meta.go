package check

import (
	"regexp"
	"sort"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

const labelForm = `[a-z0-9]([-a-z0-9]*[a-z0-9])?`

var (
	nameForm         = regexp.MustCompile(`^` + labelForm + `(\.` + labelForm + `)*$`)
	simpleName       = regexp.MustCompile(`^` + labelForm + `$`)
	globalPolicyName = regexp.MustCompile(`^(` + labelForm + `\.)?` + labelForm + `$`)
	policyName       = regexp.MustCompile(`^((` + labelForm + `)(\.` + labelForm + `)?|((?:knp|ossg)\.default\.(` + labelForm + `(\.` + labelForm + `)*)))$`)
	qualifiedName    = regexp.MustCompile(`^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$`)
	labelValue       = regexp.MustCompile(`^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`)
)

// metadata checks an object's name, labels and annotations.
func (o on) metadata() {
	o.objectName()
	labels := path{"metadata", "labels"}
	o.labelMap(o.node(labels), labels)
	annotations := path{"metadata", "annotations"}
	o.annotations(o.node(annotations), annotations)
	if o.src.Kind == "NetworkSet" || o.src.Kind == "GlobalNetworkSet" {
		if p := labels.add("projectcalico.org/namespace"); o.node(p) != nil {
			o.report("meta/reserved-label", p, "remove it: Calico gives this label itself", "label projectcalico.org/namespace is reserved")
		}
	}
}

func (o on) objectName() {
	at := path{"metadata", "name"}
	name := o.text(at)
	form, hint := nameForm, "use lower case letters, digits, '-' and '.', starting and ending with a letter or digit"
	longest := 253
	switch o.src.Kind {
	case "Service":
		form, hint, longest = simpleName, "use lower case letters, digits and '-', starting and ending with a letter or digit", 63
	case "Tier":
		form, hint, longest = simpleName, "use lower case letters, digits and '-'; dots are not possible in the name of a tier", 63
	case "GlobalNetworkPolicy", "StagedGlobalNetworkPolicy":
		form, hint = globalPolicyName, "use lower case letters, digits and '-', with at most one dot (after the tier)"
	case "NetworkPolicy", "StagedNetworkPolicy":
		if strings.HasSuffix(o.src.APIVersion, "networking.k8s.io/v1") {
			break
		}
		form, hint = policyName, "use lower case letters, digits and '-', with at most one dot (after the tier)"
	}
	switch {
	case o.looseName():
	case name == "":
		o.report("cluster/no-name", at, "give it a name", "%s without metadata.name", o.src.Kind)
	case len(name) > longest:
		o.report("meta/name", at, "shorten it", "the name has %d characters; at most %d are possible", len(name), longest)
	case !form.MatchString(name):
		o.report("meta/name", at, hint, "%q cannot be the name of a %s", name, o.src.Kind)
	}
	if ns := (path{"metadata", "namespace"}); o.text(ns) != "" && o.meta.GetNamespace() != "" && !simpleName.MatchString(o.text(ns)) {
		o.report("meta/name", ns, "use lower case letters, digits and '-'", "%q cannot be the name of a namespace", o.text(ns))
	}
}

// looseName says that a kind's names are not of the usual form: Calico's own
// bookkeeping, and names with the kind's own rules.
func (o on) looseName() bool {
	switch o.src.Kind {
	case "IPAMBlock", "BlockAffinity", "WorkloadEndpoint", "IPAMHandle":
		return true
	}
	return o.src.Stored && !strings.HasSuffix(o.src.APIVersion, "projectcalico.org/v3")
}

// labelMap checks the names and values of labels.
func (o on) labelMap(n *yamlpos.Node, at path) {
	for _, f := range fields(n) {
		if why := badQualifiedName(f.Key); why != "" {
			o.report("meta/label", at.add(f.Key), why, "%q cannot be the name of a label", f.Key)
			continue
		}
		v := f.Value
		if v.Kind == yamlpos.String && (len(v.Text) > 63 || !labelValue.MatchString(v.Text)) {
			o.report("meta/label", at.add(f.Key), labelValueHint(v.Text), "%q cannot be the value of label %s", v.Text, f.Key)
		}
	}
}

func labelValueHint(v string) string {
	if len(v) > 63 {
		return "a label's value has at most 63 characters"
	}
	return "a label's value has letters, digits, '-', '_' and '.', and starts and ends with a letter or digit"
}

// badQualifiedName says what is wrong with a name as of labels: PREFIX/NAME.
func badQualifiedName(s string) string {
	prefix, name, ok := strings.Cut(s, "/")
	if !ok {
		prefix, name = "", s
	}
	switch {
	case ok && (len(prefix) > 253 || !nameForm.MatchString(prefix)):
		return "what stands before '/' is a DNS name in lower case"
	case name == "":
		return "give it a name"
	case len(name) > 63:
		return "the name has at most 63 characters"
	case !qualifiedName.MatchString(name):
		return "a name has letters, digits, '-', '_' and '.', and starts and ends with a letter or digit"
	}
	return ""
}

// annotations checks the names of annotations and their size.
func (o on) annotations(n *yamlpos.Node, at path) {
	total := 0
	for _, f := range fields(n) {
		total += len(f.Key) + len(f.Value.Text)
		if why := badQualifiedName(strings.ToLower(f.Key)); why != "" {
			o.report("meta/annotation", at.add(f.Key), why, "%q cannot be the name of an annotation", f.Key)
		}
	}
	if total > 256<<10 {
		o.report("meta/annotation", at, "shorten them", "the annotations have %d bytes; at most %d are possible", total, 256<<10)
	}
}

// sortedKeys returns a map's keys in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

var metaDocs = []diag.Entry{
	{
		Code: "meta/name", Severity: diag.Error, Title: "A name that the API server or Calico refuses",
		Text: "Names are in lower case. A tier's name has no dots, since it becomes part of other names; a policy's name has at most one, after the tier's name.",
		Fix:  "Rename the object.",
		Example: `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: Allow_DNS
spec:
  selector: all()
  types: [Ingress]
`,
	},
	{
		Code: "meta/label", Severity: diag.Error, Title: "A label that the API server or Calico refuses",
		Text: "A label's name is NAME or PREFIX/NAME; name and value have at most 63 characters of letters, digits, '-', '_' and '.'.",
		Fix:  "Change the label, and the selectors that ask for it.",
		Example: `apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata:
  name: partners
  labels:
    role: "outside partner"
spec:
  nets: [192.0.2.0/24]
`,
	},
	{
		Code: "meta/reserved-label", Severity: diag.Error, Title: "A label that only Calico may give",
		Text: "Calico's validator refuses the label projectcalico.org/namespace on network sets, because Calico adds it itself.",
		Fix:  "Remove the label; selectors can use it all the same.",
		Example: `apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata:
  name: partners
  namespace: shop
  labels:
    projectcalico.org/namespace: shop
spec:
  nets: [192.0.2.0/24]
`,
	},
	{
		Code: "meta/annotation", Severity: diag.Error, Title: "An annotation that Calico's validator refuses",
		Text: "The annotations of an object, and those in a rule's metadata, have names like labels and at most 256 KiB in all.",
		Fix:  "Rename or shorten the annotation.",
		Example: `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: noted
spec:
  selector: all()
  types: [Ingress]
  ingress:
  - action: Allow
    metadata:
      annotations:
        why not: because
`,
	},
}
