package check

import (
	"fmt"

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
	if len(out.names) == 0 {
		return namespaces{}
	}
	out.known = out.names["default"] && out.names["kube-system"] || len(s.Nodes) > 0 && len(s.Pods) > 0 && !s.MadeUpPods
	for _, name := range alwaysThere {
		out.names[name] = true
	}
	return out
}

// namespace reports an object in a namespace that is not there. Without any
// namespace in the input nothing is said; with some, which need not be all, it is
// a note.
func (o on) namespace() {
	ns := o.meta.GetNamespace()
	if ns == "" || len(o.r.spaces.names) == 0 || o.r.spaces.names[ns] || o.src.FromServer() {
		return
	}
	hint := "add the Namespace before it, or correct the name"
	if near := yamlpos.Nearest(ns, sortedKeys(o.r.spaces.names)); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	if o.r.spaces.known {
		o.report("meta/no-namespace", path{"metadata", "namespace"}, hint, "no namespace %q in the cluster", ns)
		return
	}
	o.report("meta/namespace-elsewhere", path{"metadata", "namespace"}, hint, "no namespace %q in the input, which has others", ns)
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
		Text: "The input has namespaces, and not this one; where it is not there, the API server refuses the object.",
		Fix:  "Correct the name, or add the Namespace to the input.",
		Example: "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n---\n" +
			"apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata:\n  name: example\n  namespace: shp\nspec:\n  selector: all()\n  types: [Ingress]\n",
	},
}
