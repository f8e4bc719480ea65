package cluster

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"tortie/compiler/diag"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// metadataAnnotation is where Calico keeps the metadata of an object that it stores
// as crd.projectcalico.org/v1.
const metadataAnnotation = "projectcalico.org/metadata"

// restoreMeta adds the labels and annotations that the annotation holds to those of
// the object, as libcalico-go does when it reads such an object (lib/backend/k8s/resources,
// ConvertK8sResourceToCalicoResource). Name and namespace stay the object's own: Felix
// knows it by them.
func (r *reader) restoreMeta(src Source, m metav1.Object) {
	text, ok := m.GetAnnotations()[metadataAnnotation]
	if !ok || group(src.APIVersion) != "crd.projectcalico.org" {
		return
	}
	var kept metav1.ObjectMeta
	if err := json.Unmarshal([]byte(text), &kept); err != nil {
		r.add("cluster/bad-metadata-annotation", diag.Error, src.At("metadata", "annotations", metadataAnnotation),
			"the annotation holds an object's metadata as JSON", "%s %q: %v", src.Kind, m.GetName(), err)
		return
	}
	annotations := m.GetAnnotations()
	delete(annotations, metadataAnnotation)
	m.SetLabels(joined(m.GetLabels(), kept.Labels))
	m.SetAnnotations(joined(annotations, kept.Annotations))
}

// joined are the entries of both, of one key the second's.
func joined(a, b map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range []map[string]string{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// oneStored leaves one of two policies that are one in the store: before v3.30 Calico
// kept the policies of tier default as default.NAME and gave them out as NAME, and what
// was stored then still is. Felix knows such a policy by the name that it is stored by.
// A policy of that name that is not stored yet will stand beside it.
func oneStored[T any](r *reader, list []Object[T]) []Object[T] {
	given := map[[2]string]int{}
	for i, o := range list {
		if group(o.Source.APIVersion) == "projectcalico.org" {
			given[[2]string{meta(o.Object).GetNamespace(), meta(o.Object).GetName()}] = i
		}
	}
	gone := map[int]bool{}
	for _, o := range list {
		i, ok := given[[2]string{meta(o.Object).GetNamespace(), givenName(o.Source)}]
		switch {
		case !ok || !strings.HasSuffix(o.Source.Kind, "NetworkPolicy"):
		case list[i].Source.FromServer():
			gone[i] = true
			r.snap.Replaced = append(r.snap.Replaced, Replaced{Source: list[i].Source, Object: list[i].Object})
			if !sameMeaning(list[i].Source, o.Source) {
				r.storedTwice(list[i].Source, o.Source, "is given twice with different content: it is stored as %s; this one counts", "remove one of the two")
			}
		default:
			r.storedTwice(o.Source, list[i].Source, "is in the cluster already, stored as %s: applied, this one would be a second policy beside it", "give this one another name, or delete the stored one; both count here")
		}
	}
	out := list[:0]
	for i, o := range list {
		if !gone[i] {
			out = append(out, o)
		}
	}
	return slices.Clip(out)
}

// givenName is the name by which Calico gives a policy out that is stored as
// default.NAME; empty for others.
func givenName(src Source) string {
	name := src.Node.Get("metadata").Str("name")
	short, ok := strings.CutPrefix(name, "default.")
	if !ok || group(src.APIVersion) != "crd.projectcalico.org" || cmp.Or(src.Node.Get("spec").Str("tier"), "default") != "default" {
		return ""
	}
	var kept metav1.ObjectMeta
	if json.Unmarshal([]byte(src.Node.Get("metadata").Get("annotations").Str(metadataAnnotation)), &kept) == nil && kept.Name != "" {
		return kept.Name
	}
	return short
}

// storedTwice reports a policy that is there under two names.
func (r *reader) storedTwice(other, here Source, what, hint string) {
	name := func(s Source) string {
		m := s.Node.Get("metadata")
		return strings.TrimPrefix(m.Str("namespace")+"/"+m.Str("name"), "/")
	}
	crd, v3 := here, other
	if group(here.APIVersion) == "projectcalico.org" {
		crd, v3 = other, here
	}
	f := diag.Finding{
		Code: "cluster/duplicate-object", Severity: diag.Warning, Span: here.Span(), Hint: hint,
		Message: v3.Kind + " " + name(v3) + " " + strings.ReplaceAll(what, "%s", name(crd)),
		Related: []diag.Related{{Span: other.Span(), Message: "the other one"}},
	}
	// The handlers of both groups share the list and finish it.
	if !slices.ContainsFunc(r.diags, func(have diag.Finding) bool { return have.Code == f.Code && have.Span == f.Span }) {
		r.diags.Add(f)
	}
}
