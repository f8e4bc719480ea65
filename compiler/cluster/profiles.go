package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/diag"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// profiles adds the profiles of namespaces and service accounts, those given as
// objects, and the one that Calico always has.
func (b *modelBuilder) profiles() {
	have := map[string]bool{}
	add := func(src Source, p calico.Profile) {
		if !have[p.Name] {
			have[p.Name] = true
			b.model.Profiles = append(b.model.Profiles, Sourced[calico.Profile]{src, p})
		}
	}
	for _, o := range b.snap.Namespaces {
		add(o.Source, calico.FromNamespace(o.Object))
	}
	for _, o := range b.snap.ServiceAccounts {
		add(o.Source, calico.FromServiceAccount(o.Object))
	}
	for _, o := range b.snap.Profiles {
		add(o.Source, calico.FromProfile(o.Object))
	}
	add(Source{}, calico.AllowAllProfile(calico.DefaultAllowProfile, nil))
	b.madeUpProfiles(have, add)
}

// madeUpProfiles stands in for namespaces and service accounts that pods and
// network sets name and the input leaves out, although a cluster has them: none of
// these is without its namespace. A service account may be gone from a cluster that is
// stored, so of these a snapshot (any of the kind is stored) is taken as complete.
func (b *modelBuilder) madeUpProfiles(have map[string]bool, add func(Source, calico.Profile)) {
	namespaces := map[string]bool{}
	accounts := map[[2]string]bool{}
	for _, o := range b.snap.Pods {
		namespaces[o.Object.Namespace] = true
		if sa := o.Object.Spec.ServiceAccountName; sa != "" {
			accounts[[2]string{o.Object.Namespace, sa}] = true
		}
	}
	if len(b.snap.Pods)+len(b.snap.Namespaces) > 0 { // a cluster of Kubernetes
		for _, o := range b.snap.NetworkSets {
			namespaces[o.Object.Namespace] = true
		}
	}
	var missing []string
	for _, ns := range slices.Sorted(maps.Keys(namespaces)) {
		if have[calico.NamespaceProfilePrefix+ns] {
			continue
		}
		missing = append(missing, ns)
		labels := map[string]string{corev1.LabelMetadataName: ns}
		add(Source{}, calico.FromNamespace(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns, Labels: labels}}))
	}
	if !slices.ContainsFunc(b.snap.ServiceAccounts, func(o Object[corev1.ServiceAccount]) bool { return o.Source.Stored }) {
		for a := range accounts {
			add(Source{}, calico.FromServiceAccount(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: a[0], Name: a[1]}}))
		}
	}
	if len(missing) > 0 {
		b.diags.Add(diag.Finding{
			Code: "cluster/namespace-made-up", Severity: diag.Note,
			Message: fmt.Sprintf("no Namespace object for %s; taken as there, without labels of its own", strings.Join(missing, ", ")),
			Hint:    "add the Namespace objects if their labels matter to selectors",
		})
	}
}
