// Package lower turns a program of intent into Calico's objects: tiers, policies
// of the kind and stage that each statement needs, network sets and host
// endpoints.
//
// In go a resolved intent.Program and, if there is one, the cluster's snapshot;
// out comes an Output whose objects are in a fixed order, and findings. What a
// program means is compiler/intent's to say; here is how Calico is made to do it:
// both directions, the order of denies, allows and closings, the reply direction
// of untracked rules, the closing deny of pre-DNAT rules. Objects are written as
// YAML or JSON and read nowhere here; how they take effect is Felix's.
package lower

import (
	"cmp"
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/packet"
)

// Output is what a program becomes.
type Output struct {
	Tiers         []Tier
	Sets          []NetworkSet
	HostEndpoints []HostEndpoint
	Policies      []Policy
	// Intents are the names of the documents.
	Intents []string
	// Enforced says that the objects were read with staged policies as enforced ones.
	Enforced bool
}

// Tier is a tier that the cluster does not have yet.
type Tier struct {
	Name  string
	Order float64
	// Pass hands on what no policy of the tier decides.
	Pass bool
	Span diag.Span
}

// NetworkSet is a GlobalNetworkSet; its label netsLabel has its name as value.
type NetworkSet struct {
	Name string
	Nets []string
	// Intent is the document that the set is part of; "" for the cluster's own.
	Intent string
	Span   diag.Span
}

// HostEndpoint is one that the cluster lacks: for the interface with the node's
// addresses, open until policy closes it.
type HostEndpoint struct {
	Name, Node  string
	Labels      map[string]string
	ExpectedIPs []string
	Span        diag.Span
}

// Policy is a policy of any of the four kinds: namespaced if Namespace is set,
// staged if Stage is, for deletion if Delete is.
type Policy struct {
	Name, Namespace, Tier     string
	Stage                     bool
	Delete                    bool // a staged policy that says that the enforced one is gone
	Order                     float64
	Selector                  string
	NamespaceSelector         string
	ServiceAccountSelector    string
	In, Out                   bool
	DoNotTrack, PreDNAT       bool
	ApplyOnForward            bool
	Ingress, Egress           []Rule
	Doc                       *intent.Document
	atom                      *intent.Atom
	ProtectedIn, ProtectedOut diag.Span // what closes a direction without a rule
}

// Kind is the kind of the object.
func (p *Policy) Kind() string {
	kind := "NetworkPolicy"
	if p.Namespace == "" {
		kind = "GlobalNetworkPolicy"
	}
	if p.Stage {
		kind = "Staged" + kind
	}
	return kind
}

// same reports whether two values are of one object.
func (p *Policy) same(o *Policy) bool {
	return p.Name == o.Name && p.Namespace == o.Namespace && p.Stage == o.Stage
}

// Rule is one rule of a policy.
type Rule struct {
	Action              string
	Protocol            string
	IPVersion           packet.Family // 0 for both
	ICMPType, ICMPCode  *int
	Source, Destination Entity
	// Raw is a rule that is carried through as it stands; only the fields below
	// count then.
	Raw *yamlpos.Node
	// Span is the line of intent; Also are others whose rules this one covers. Why
	// says what the rule is for.
	Span                       diag.Span
	Also                       []diag.Span
	Why, Because, Owner, Until string
}

// Entity is one end of a rule.
type Entity struct {
	Nets, NotNets               []string
	Selector, NamespaceSelector string
	NotSelector                 string
	Accounts                    []string
	Ports                       []string
	Service, ServiceNamespace   string
}

// Labels and annotations of the objects.
const (
	managedBy  = "app.kubernetes.io/managed-by"
	partOf     = "app.kubernetes.io/part-of"
	netsLabel  = "tortie.dev/nets"
	intentNote = "tortie.dev/intent"
)

// place is a span as annotations show it.
func place(s diag.Span) string {
	s.Start.Col = 0
	return s.String()
}

// sort puts everything into the order in which it is written.
func (o *Output) sort() {
	slices.SortFunc(o.Sets, func(a, b NetworkSet) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(o.HostEndpoints, func(a, b HostEndpoint) int { return strings.Compare(a.Name, b.Name) })
	rank := map[string]int{}
	for i, t := range o.Tiers {
		rank[t.Name] = i
	}
	slices.SortStableFunc(o.Policies, func(a, b Policy) int {
		stage := func(p Policy) int {
			if p.Stage {
				return 1
			}
			return 0
		}
		return cmp.Or(strings.Compare(a.Tier, b.Tier), cmp.Compare(stage(a), stage(b)), cmp.Compare(a.Order, b.Order),
			strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
}
