package cluster

import (
	"cmp"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"

	"tortie/compiler/calico"
	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// kindOf makes the handler of a kind whose objects go to one list of the
// snapshot.
func kindOf[T any](sc scope, list func(*Snapshot) *[]Object[T]) handler {
	return handler{
		read: func(r *reader, src Source) {
			obj, ok := decodeObject[T](r, src)
			if !ok || !r.checkMeta(src, meta(obj), sc) {
				return
			}
			r.diags = append(r.diags, calico.Default(obj, src.Stored, src.At)...)
			l := list(r.snap)
			*l = append(*l, Object[T]{Source: src, Object: obj})
		},
		finish: func(r *reader) {
			l := list(r.snap)
			*l = oneStored(r, settle(r, *l))
		},
	}
}

func decodeObject[T any](r *reader, src Source) (*T, bool) {
	obj := new(T)
	opt := yamlpos.Options{Lenient: r.opt.Lenient || src.FromServer(), Ignored: []string{"status"}}
	if isCalico(src.APIVersion) {
		opt.Extra = extraFields[src.Kind]
	}
	diags, ok := yamlpos.Decode(src.Node, obj, opt)
	if !ok && src.FromServer() && isCalico(src.APIVersion) {
		blameLists(diags, src.Kind)
	}
	r.diags = append(r.diags, diags...)
	if !ok {
		u := Undecoded{Source: src, Object: obj}
		for _, d := range diags {
			u.Unread = append(u.Unread, d.Span)
		}
		r.snap.Undecoded = append(r.snap.Undecoded, u)
	}
	return obj, ok
}

// blameLists adds to the findings about a stored object that cannot be decoded
// what it does where it is stored.
func blameLists(diags diag.List, kind string) {
	for i := range diags {
		if f := &diags[i]; f.Severity == diag.Error {
			if f.Hint != "" {
				f.Hint += "; "
			}
			f.Hint += "correct or delete it in the cluster, too: whoever lists objects of kind " + kind + " there, as Felix does, fails at it"
		}
	}
}

// meta returns the metadata of an object.
func meta(obj any) metav1.Object {
	m, _ := obj.(metav1.Object)
	return m
}

// checkMeta reports an object without a name and settles its namespace.
func (r *reader) checkMeta(src Source, m metav1.Object, sc scope) bool {
	if m == nil {
		return false
	}
	if m.GetName() == "" {
		hint := ""
		if m.GetGenerateName() != "" {
			hint = "generateName only works on a server; give it a name"
		}
		r.add("cluster/no-name", diag.Error, src.At("metadata"), hint, "%s without metadata.name", src.Kind)
		return false
	}
	r.restoreMeta(src, m)
	switch {
	case sc == namespaced && m.GetNamespace() == "":
		m.SetNamespace("default")
	case sc == global && m.GetNamespace() != "":
		r.add("cluster/namespace-ignored", diag.Warning, src.At("metadata", "namespace"), "leave the namespace out",
			"%s %q has a namespace, but the kind is cluster-wide", src.Kind, m.GetName())
		m.SetNamespace("")
	}
	return true
}

// settle sorts objects by namespace and name. Of several with one name the one
// counts that no server has stored yet, else the one that was stored last, else the
// last by file and line; but the projectcalico.org form before the stored
// crd.projectcalico.org form of the same object. If they differ a finding says so.
func settle[T any](r *reader, list []Object[T]) []Object[T] {
	last := func(o Object[T]) int {
		if r.opt.Instead != "" && o.Source.File == r.opt.Instead {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(list, func(a, b Object[T]) int {
		if sameName(a, b) && last(a) != last(b) {
			return last(a) - last(b)
		}
		return compareObjects(a, b)
	})
	out := list[:0]
	for _, o := range list {
		if n := len(out); n > 0 && sameName(out[n-1], o) {
			if last(o) == 1 {
				out[n-1] = o
				continue
			}
			reportDuplicate(r, out[n-1], o)
			r.snap.Replaced = append(r.snap.Replaced, Replaced{Source: out[n-1].Source, Object: out[n-1].Object})
			out[n-1] = o
			continue
		}
		out = append(out, o)
	}
	return out
}

func compareObjects[T any](a, b Object[T]) int {
	ma, mb := meta(a.Object), meta(b.Object)
	return cmp.Or(
		cmp.Compare(ma.GetNamespace(), mb.GetNamespace()),
		cmp.Compare(ma.GetName(), mb.GetName()),
		cmp.Compare(group(a.Source.APIVersion), group(b.Source.APIVersion)), // crd… before projectcalico.org
		cmp.Compare(storedAt(a), storedAt(b)),
		cmp.Compare(a.Source.File, b.Source.File),
		cmp.Compare(a.Source.Node.Span.Start.Byte, b.Source.Node.Span.Start.Byte),
	)
}

// storedAt is an object's resourceVersion; what has none is to be applied yet.
func storedAt[T any](o Object[T]) uint64 {
	if v, err := strconv.ParseUint(meta(o.Object).GetResourceVersion(), 10, 64); err == nil {
		return v
	}
	return math.MaxUint64
}

// noise are the parts of an object's metadata that a server writes and that mean
// nothing to Calico.
var noise = []string{"resourceVersion", "uid", "generation", "creationTimestamp", "managedFields", "selfLink"}

// lastApplied is where kubectl apply keeps what it was given.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// meant is an object without its status and the noise of its metadata. Of pods,
// nodes and services the status says what they are.
func meant(n *yamlpos.Node) map[string]any {
	text, err := n.JSON()
	var all map[string]any
	if err != nil || json.Unmarshal(text, &all) != nil {
		return nil
	}
	if kind := all["kind"]; kind != "Pod" && kind != "Node" && kind != "Service" {
		delete(all, "status")
	}
	if m, ok := all["metadata"].(map[string]any); ok {
		for _, key := range noise {
			delete(m, key)
		}
		if a, ok := m["annotations"].(map[string]any); ok {
			if delete(a, lastApplied); len(a) == 0 {
				delete(m, "annotations")
			}
		}
	}
	return all
}

// sameMeaning reports whether two objects say the same. Between the form in which
// Calico stores an object and the one in which it gives it out only the spec can be
// compared.
func sameMeaning(a, b Source) bool {
	x, y := meant(a.Node), meant(b.Node)
	if group(a.APIVersion) != group(b.APIVersion) {
		return reflect.DeepEqual(x["spec"], y["spec"])
	}
	return x != nil && reflect.DeepEqual(x, y)
}

func sameName[T any](a, b Object[T]) bool {
	ma, mb := meta(a.Object), meta(b.Object)
	return ma.GetNamespace() == mb.GetNamespace() && ma.GetName() == mb.GetName()
}

func reportDuplicate[T any](r *reader, old, now Object[T]) {
	if sameMeaning(old.Source, now.Source) {
		return
	}
	m := meta(now.Object)
	name := m.GetName()
	if ns := m.GetNamespace(); ns != "" {
		name = ns + "/" + name
	}
	counts := "this one counts"
	switch a, b := storedAt(old), storedAt(now); {
	case a == b || group(old.Source.APIVersion) != group(now.Source.APIVersion):
	case b == math.MaxUint64:
		counts = "this one counts, because the other is what a server has stored"
	default:
		counts = "this one is newer (resourceVersion) and counts"
	}
	r.diags.Add(diag.Finding{
		Code: "cluster/duplicate-object", Severity: diag.Warning, Span: now.Source.Span(),
		Message: now.Source.Kind + " " + name + " is given twice with different content; " + counts,
		Hint:    "remove one of the two",
		Related: []diag.Related{{Span: old.Source.Span(), Message: "the other one"}},
	})
}
