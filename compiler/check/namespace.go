package check

import (
	"fmt"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// namespaces are those of the input; known says that they are all that there are.
type namespaces struct {
	names map[string]bool
	known bool
}

// alwaysThere are namespaces that every cluster has.
var alwaysThere = []string{"default", "kube-system", "kube-public", "kube-node-lease"}

// namespacesOf finds the namespaces of the input. They are all that there are if
// the input is a cluster's: it has those that every cluster has and nobody writes, or
// nodes and pods.
func namespacesOf(s *cluster.Snapshot) namespaces {
	out := namespaces{names: map[string]bool{}}
	for _, n := range s.Namespaces {
		if n.Source.Node == nil {
			continue
		}
		out.names[n.Object.Name] = true
	}
	if len(out.names) > 0 {
		out.known = out.names["default"] && out.names["kube-system"] || len(s.Nodes) > 0 && len(s.Pods) > 0 && !s.MadeUpPods
	}
	for _, p := range s.Profiles { // as Calico writes them where Kubernetes is not its datastore
		if name, ok := strings.CutPrefix(p.Object.Name, calico.NamespaceProfilePrefix); ok {
			out.names[name] = true
		}
	}
	for _, name := range alwaysThere {
		out.names[name] = true
	}
	return out
}

// missingNamespace returns the object's namespace if the input does not have it.
// Objects that a server has stored have theirs, and so have the workload endpoints
// that Calico's own parts write.
func (o on) missingNamespace() string {
	if ns := o.meta.GetNamespace(); !o.r.spaces.names[ns] && decidesPolicy(&o.src) && o.src.Kind != "WorkloadEndpoint" && !o.src.FromServer() {
		return ns
	}
	return ""
}

// namespace reports an object in a namespace that is not there, if the input has
// all that there are.
func (o on) namespace() {
	ns := o.missingNamespace()
	if ns == "" || !o.r.spaces.known {
		return
	}
	hint := "add the Namespace before it, or correct the name"
	if near := yamlpos.Nearest(ns, sortedKeys(o.r.spaces.names)); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	o.report("meta/no-namespace", path{"metadata", "namespace"}, hint, "no namespace %q in the cluster", ns)
}

// namespaceNotes says once for each namespace that objects are in and the input
// does not have, that it is asked for. A folder of policies need not have it.
func (r *run) namespaceNotes() {
	if r.spaces.known {
		return
	}
	in := map[string][]on{}
	for _, sub := range subjects(r.snap) {
		o := r.on(sub)
		if ns := o.missingNamespace(); ns != "" {
			in[ns] = append(in[ns], o)
		}
	}
	at := path{"metadata", "namespace"}
	for ns, all := range in {
		first := slices.MinFunc(all, func(a, b on) int { return a.value(at).Compare(b.value(at)) })
		what := first.name()
		if n := len(all) - 1; n > 0 {
			what += fmt.Sprintf(" and %d more", n)
		}
		hint := "if the cluster does not have it, add the Namespace or correct the name"
		if near := yamlpos.Nearest(ns, sortedKeys(r.spaces.names)); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		first.report("meta/namespace-elsewhere", at, hint, "no Namespace %q in the input: where it is not there, the API server refuses %s", ns, what)
	}
}

var namespaceDocs = []diag.Entry{
	{
		Code: "meta/no-namespace", Severity: diag.Error, Title: "A namespace that the cluster does not have",
		Text: "The input is a cluster's, and the API server refuses objects in a namespace that is not there.",
		Fix:  "Correct the name, or apply the Namespace first and add it to the input.",
		Example: "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: default\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: kube-system\n---\n" +
			"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata:\n  name: example\n  namespace: shp\nspec:\n  selector: all()\n  types: [Ingress]\n",
	},
	{
		Code: "meta/namespace-elsewhere", Severity: diag.Note, Title: "A namespace that the input does not have",
		Text:    "The API server refuses objects in a namespace that the cluster does not have. The input has no Namespace of that name, which a folder of policies need not have, so this is no more than a reminder; it comes once for each namespace.",
		Fix:     "Correct the name, or add the Namespace to the input. Where the input is a whole cluster, the missing namespace is an error.",
		Example: "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata:\n  name: example\n  namespace: shp\nspec:\n  selector: all()\n  types: [Ingress]\n",
	},
}
