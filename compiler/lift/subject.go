package lift

import (
	"regexp"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/intent"
)

// subjectOf finds the party that a policy is about; the text says why there is
// none.
func (l *lifter) subjectOf(p *policy) string {
	v := p.value
	tier, known := l.tiers[v.Tier]
	switch {
	case v.DoNotTrack:
		return "it is past connection tracking"
	case v.PreDNAT:
		return "it is asked before addresses are translated"
	case v.ApplyOnForward:
		return "it is about forwarded packets"
	case !known:
		return "its tier is not in the input"
	case tier.Pass:
		return "its tier passes what no policy decides"
	case v.ID.Kind == calico.KindClusterNetworkPolicy:
		return "it is of a tier of its own kind"
	case v.Staged && v.StagedAction != "Set":
		return "it is staged for something else than to be set"
	case v.ID.Kind == calico.KindKubernetesNetworkPolicy || v.ID.Kind == calico.KindStagedKubernetesNetworkPolicy:
		p.subject = l.podParty(v.ID.Namespace, l.kubernetesSelector(v))
		return ""
	}
	return l.calicoSubject(p)
}

// calicoSubject reads the selectors of one of Calico's own policies as written.
func (l *lifter) calicoSubject(p *policy) string {
	text := func(field string) string {
		if n := p.src.Node.Lookup("spec", field); n != nil {
			return strings.TrimSpace(n.Text)
		}
		return ""
	}
	sel, namespaces := text("selector"), text("namespaceSelector")
	accounts, ok := accountNames(text("serviceAccountSelector"))
	if !ok {
		return "it selects by labels of service accounts"
	}
	if p.value.ID.Namespace != "" {
		p.subject = l.podParty(p.value.ID.Namespace, sel)
		p.subject.Accounts = accounts
		return ""
	}
	if strings.Contains(namespaces+sel, "global()") {
		return "it selects what is in no namespace"
	}
	if host := l.notPod(p.value.Selector, false); host != "" {
		return "it selects " + host
	}
	p.subject = l.podParty("", sel)
	p.subject.Accounts = accounts
	if namespaces != "" {
		p.subject.Namespaces = &intent.Selector{Text: namespaces}
	} else if p.subject.Pods == nil {
		p.subject.Pods = &intent.Selector{Text: "all()"}
	}
	return ""
}

// accountsForm is a selector of service accounts by their names.
var accountsForm = regexp.MustCompile(`^projectcalico\.org/name in \{('[^']+'(, *'[^']+')*)\}$`)

// accountNames are the service accounts that a selector selects by name, if it
// does just that.
func accountNames(sel string) ([]string, bool) {
	if sel == "" {
		return nil, true
	}
	m := accountsForm.FindStringSubmatch(sel)
	if m == nil {
		return nil, false
	}
	var out []string
	for _, word := range strings.Split(m[1], ",") {
		out = append(out, strings.Trim(word, " '"))
	}
	return out, true
}

// podParty is a party of pods; a selector of everything is left out where a
// namespace stands.
func (l *lifter) podParty(namespace, sel string) intent.Party {
	p := intent.Party{Namespace: namespace}
	if sel != "" && (sel != "all()" || namespace == "") {
		p.Pods = &intent.Selector{Text: sel}
	}
	return p
}

// kubernetesPrefix is what the conversion of Kubernetes policies adds to every
// selector of pods.
const kubernetesPrefix = "projectcalico.org/orchestrator == 'k8s'"

// kubernetesSelector is a Kubernetes policy's selector of pods without what the
// conversion put around it.
func (l *lifter) kubernetesSelector(v *calico.Policy) string {
	sel := strings.TrimSuffix(v.Selector, " && projectcalico.org/namespace == '"+v.ID.Namespace+"'")
	sel = strings.TrimSuffix(strings.TrimPrefix(sel, "("), ")")
	return l.plain(sel)
}

// plain leaves out of a selector that pods are Kubernetes', where nothing else
// could be meant.
func (l *lifter) plain(sel string) string {
	if len(l.snap.NetworkSets)+len(l.snap.WorkloadEndpoints) > 0 {
		return sel
	}
	return strings.TrimPrefix(strings.TrimPrefix(sel, kubernetesPrefix), " && ")
}
