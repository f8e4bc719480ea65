package calico

import (
	"strings"

	"tortie/compiler/selector"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// The prefixes and labels by which namespaces and service accounts reach
// selectors.
const (
	NamespaceLabelPrefix      = "pcns."
	NamespaceProfilePrefix    = "kns."
	ServiceAccountLabelPrefix = "pcsa."
	ServiceAccountProfile     = "ksa."
	NameLabel                 = "projectcalico.org/name"
	// DefaultAllowProfile is the profile that libcalico-go always has.
	DefaultAllowProfile = "projectcalico-default-allow"
)

// withPrefix puts a prefix before each label of a selector and prints it in
// canonical form. A selector that does not parse becomes empty, as in
// libcalico-go.
func withPrefix(text, prefix string) string {
	s, err := selector.Parse(text)
	if err != nil {
		return ""
	}
	return s.Prefixed(prefix).String()
}

// andPrefixed joins a prefixed selector to one that is there already.
func andPrefixed(current, text, prefix string) string {
	if text == "" {
		return current
	}
	prefixed := withPrefix(text, prefix)
	switch {
	case prefixed == "":
		return current
	case current == "":
		return prefixed
	}
	return "(" + current + ") && " + prefixed
}

// serviceAccountSelector turns a match on service accounts into a selector.
func serviceAccountSelector(m *v3.ServiceAccountMatch) string {
	if m == nil {
		return ""
	}
	byLabel := ""
	if m.Selector != "" {
		byLabel = withPrefix(m.Selector, ServiceAccountLabelPrefix)
	}
	if len(m.Names) == 0 {
		return byLabel
	}
	names, err := selector.Parse(v3.LabelServiceAccount + " in { '" + strings.Join(m.Names, "', '") + "' }")
	if err != nil {
		return ""
	}
	if byLabel == "" {
		return names.String()
	}
	return "(" + byLabel + ") && (" + names.String() + ")"
}

// namespacePart is the namespace's share of a rule's selector: the namespace
// selector with all() as "anything in a namespace" and global() as "anything in
// none", or the policy's own namespace. The words are replaced wherever they
// stand in the text, as libcalico-go does.
func namespacePart(namespaceSelector, ns string) string {
	if namespaceSelector != "" {
		s := withPrefix(namespaceSelector, NamespaceLabelPrefix)
		s = strings.ReplaceAll(s, "all()", "has("+v3.LabelNamespace+")")
		return strings.ReplaceAll(s, "global()", "!has("+v3.LabelNamespace+")")
	}
	if ns != "" {
		return v3.LabelNamespace + " == '" + ns + "'"
	}
	return ""
}

// EntitySelector is the whole selector of one end of a rule in a policy of a
// namespace ("" for a global one), as it is handed to Felix, not normalised.
func EntitySelector(e *v3.EntityRule, ns string) string {
	nsPart := namespacePart(e.NamespaceSelector, ns)
	sel := serviceAccountSelector(e.ServiceAccounts)
	switch {
	case sel == "":
		sel = e.Selector
	case e.Selector != "":
		sel = "(" + sel + ") && (" + e.Selector + ")"
	}
	if nsPart == "" || sel == "" && e.NotSelector == "" && e.NamespaceSelector == "" {
		return sel
	}
	if sel == "" {
		return nsPart
	}
	return "(" + nsPart + ") && (" + sel + ")"
}

// namespacedSelector is the whole selector of a policy in a namespace.
func namespacedSelector(sel, serviceAccounts, ns string) string {
	if ns != "" {
		own := v3.LabelNamespace + " == '" + ns + "'"
		if sel == "" {
			sel = own
		} else {
			sel = "(" + sel + ") && " + own
		}
	}
	return andPrefixed(sel, serviceAccounts, ServiceAccountLabelPrefix)
}

// globalSelector is the whole selector of a global policy.
func globalSelector(sel, namespaces, serviceAccounts string) string {
	if namespaces != "" {
		sel = andPrefixed(sel, namespaces, NamespaceLabelPrefix)
		sel = strings.ReplaceAll(sel, "all()", "has("+v3.LabelNamespace+")")
	}
	if serviceAccounts != "" {
		sel = andPrefixed(sel, serviceAccounts, ServiceAccountLabelPrefix)
		sel = strings.ReplaceAll(sel, "all()", "has("+v3.LabelServiceAccount+")")
	}
	return sel
}
