package policies

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/selector"
	"tortie/dataplane/nf"
)

// The labels that Calico adds to pods; they name no application.
const (
	namespaceLabel = "projectcalico.org/namespace"
	calicoLabels   = "projectcalico.org/"
)

// named writes an address with the pod that has it.
func (w *World) named(a netip.Addr) string {
	if e := w.owners[a]; e != nil {
		return fmt.Sprintf("%s (%s)", a, e.Workload)
	}
	return a.String()
}

// describe says how a rule would name an end: by a label of its pod, or by its
// address. Namespace is the namespace that need not be said.
func (w *World) describe(a netip.Addr, namespace string) string {
	e := w.owners[a]
	if e == nil {
		return hostPrefix(a).String()
	}
	label := bestLabel(e.Labels)
	if label == "" {
		return e.Workload
	}
	text := fmt.Sprintf("%s == '%s'", label, e.Labels[label])
	if e.Namespace != "" && e.Namespace != namespace {
		text += " in namespace " + e.Namespace
	}
	return text
}

// bestLabel is the label that says best what a pod is.
func bestLabel(labels map[string]string) string {
	for _, k := range []string{"app", "k8s-app", "app.kubernetes.io/name", "name", "role"} {
		if labels[k] != "" {
			return k
		}
	}
	var own []string
	for k := range labels {
		if !strings.HasPrefix(k, calicoLabels) && k != "pod-template-hash" {
			own = append(own, k)
		}
	}
	if len(own) == 0 {
		return ""
	}
	return slices.Min(own)
}

func (j *judge) writtenEnd(dir nf.Dir) *calico.RuleEnd {
	switch {
	case j.written == nil:
		return nil
	case dir == nf.Src:
		return &j.written.Src
	}
	return &j.written.Dst
}

// selectorText writes a rule's selector as the policy does.
func (j *judge) selectorText(dir nf.Dir, not bool) string {
	e := j.writtenEnd(dir)
	switch {
	case e == nil && not:
		return "the excluded selector"
	case e == nil:
		return "the rule's selector"
	case not:
		return plainSelector(e.OriginalNotSelector)
	}
	return endText(e)
}

// endText writes the positive selectors of an end.
func endText(e *calico.RuleEnd) string {
	var parts []string
	if s := plainSelector(e.OriginalSelector); s != "" {
		parts = append(parts, "selector "+s)
	}
	if s := plainSelector(e.OriginalNamespaceSelector); s != "" {
		parts = append(parts, "namespaces "+s)
	} else if ns := namespaceOf(e.Selector); ns != "" {
		parts = append(parts, "namespace "+ns)
	}
	if len(e.OriginalServiceAccountNames) > 0 {
		parts = append(parts, "service accounts "+strings.Join(e.OriginalServiceAccountNames, ", "))
	}
	if e.OriginalServiceAccountSelector != "" {
		parts = append(parts, "service accounts "+e.OriginalServiceAccountSelector)
	}
	if e.Service != "" {
		parts = append(parts, "service "+e.ServiceNS+"/"+e.Service)
	}
	text := strings.Join(parts, " in ")
	if text == "" {
		text = "selector " + e.Selector
	}
	if e.OriginalNotSelector != "" {
		text += " without " + plainSelector(e.OriginalNotSelector)
	}
	return text
}

// plainSelector leaves out what the conversion of Kubernetes policies adds.
func plainSelector(s string) string {
	s = strings.ReplaceAll(s, `"`, "'")
	s, _ = strings.CutPrefix(s, "projectcalico.org/orchestrator == 'k8s'")
	s, _ = strings.CutPrefix(s, " && ")
	if inner, ok := strings.CutPrefix(s, "("); ok && strings.HasSuffix(inner, ")") && !strings.ContainsAny(inner[:len(inner)-1], "()") {
		s = inner[:len(inner)-1]
	}
	return s
}

// namespaceOf finds the namespace that a namespaced policy's selector is bound
// to.
func namespaceOf(effective string) string {
	s := strings.ReplaceAll(effective, `"`, "'")
	_, rest, ok := strings.Cut(s, namespaceLabel+" == '")
	if !ok {
		return ""
	}
	ns, _, _ := strings.Cut(rest, "'")
	return ns
}

// onlyNamespace returns the namespace of an end that a selector misses for its
// namespace alone.
func (j *judge) onlyNamespace(dir nf.Dir, addr netip.Addr) string {
	e, owner := j.writtenEnd(dir), j.world.owners[addr]
	if e == nil || owner == nil || e.OriginalSelector == "" || e.OriginalNotSelector != "" {
		return ""
	}
	s, err := selector.Parse(e.OriginalSelector)
	if err != nil || !s.Matches(selector.Map(owner.Labels)) {
		return ""
	}
	if ns := namespaceOf(e.Selector); e.OriginalNamespaceSelector == "" && ns != "" && ns != owner.Namespace {
		return owner.Namespace
	}
	return ""
}
