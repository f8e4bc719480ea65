package lower

import (
	"slices"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// addTaken notes the names of objects that compiled ones must not take the place
// of.
func (f *facts) addTaken(s *cluster.Snapshot) {
	note(f, s.GlobalNetworkPolicies)
	note(f, s.NetworkPolicies)
	note(f, s.StagedGlobalNetworkPolicies)
	note(f, s.StagedNetworkPolicies)
	note(f, s.GlobalNetworkSets)
	note(f, s.HostEndpoints)
}

// Made is an object that intents were compiled to. PartOf is the intent, "" for what
// belongs to all: tiers, host endpoints and the set of the cluster's own networks.
// File is the name of the file that it is written to.
type Made struct{ Kind, Name, PartOf, File string }

// MadeOf says of an object whether intents were compiled to it.
func MadeOf(n *yamlpos.Node) (Made, bool) {
	meta := n.Get("metadata")
	labels := meta.Get("labels")
	m := Made{Kind: n.Str("kind"), Name: meta.Str("name"), PartOf: labels.Str(partOf)}
	m.File = fileName(m.Kind, meta.Str("namespace"), m.Name)
	return m, labels.Str(managedBy) == "tortie"
}

// UsedBy reports whether a selector of somewhere in an object asks for the networks
// of a set that intents were compiled to.
func (m Made) UsedBy(n *yamlpos.Node) bool {
	switch {
	case m.Kind != "GlobalNetworkSet" || n == nil:
		return false
	case n.Kind == yamlpos.String:
		return strings.Contains(n.Text, netsLabel) && (strings.Contains(n.Text, "'"+m.Name+"'") || strings.Contains(n.Text, `"`+m.Name+`"`))
	}
	return slices.ContainsFunc(n.Items, m.UsedBy) || slices.ContainsFunc(n.Fields, func(f yamlpos.Field) bool { return m.UsedBy(f.Value) })
}

// named is what every object has.
type named interface {
	GetName() string
	GetNamespace() string
	GetLabels() map[string]string
}

func note[T any](f *facts, list []cluster.Object[T]) {
	for _, o := range list {
		if m, ok := any(o.Object).(named); ok && !ours(m.GetLabels()) {
			f.taken[objectName(o.Source.Kind, m.GetNamespace(), m.GetName())] = o.Source.At("metadata", "name")
		}
	}
}

func objectName(kind, namespace, name string) string {
	if namespace != "" {
		name = namespace + "/" + name
	}
	return kind + " " + name
}

// namesTaken reports compiled objects that somebody else's are called like: written
// to the cluster they would take their place. So would staged ones once enforced.
func (c *compiler) namesTaken() {
	for i := range c.out.Policies {
		p := &c.out.Policies[i]
		c.nameTaken(p.Kind(), p.Namespace, p.Name, p.atom.Party.Span, "this would take its place")
		q := *p
		q.Stage = !p.Stage
		if p.Stage {
			c.nameTaken(q.Kind(), p.Namespace, p.Name, p.atom.Party.Span, "this would take its place once it is enforced")
		} else {
			c.replaced(&q)
		}
	}
	for _, s := range c.out.Sets {
		c.nameTaken("GlobalNetworkSet", "", s.Name, s.Span, "this would take its place")
	}
	for _, h := range c.out.HostEndpoints {
		c.nameTaken("HostEndpoint", "", h.Name, h.Span, "this would take its place")
	}
}

func (c *compiler) nameTaken(kind, namespace, name string, at diag.Span, what string) {
	object := objectName(kind, namespace, name)
	if there, taken := c.facts.taken[object]; taken {
		c.diags.Add(diag.Finding{Code: "intent/name-taken", Severity: diag.Error, Span: at, Hint: "rename the intent or the party, or take that object out",
			Message: "the input has a " + object + " that is not made of intents, and " + what,
			Related: []diag.Related{{Span: there, Message: "it is here"}}})
	}
}

// replaced warns of somebody's staged policy that has the name of an enforced one
// of intents: a preview, and whoever enforces it, puts it in that one's place.
func (c *compiler) replaced(p *Policy) {
	if there, taken := c.facts.taken[p.title()]; taken {
		c.diags.Add(diag.Finding{Code: "intent/name-taken", Severity: diag.Warning, Span: p.atom.Party.Span, Hint: "rename the intent or the party, or take that object out",
			Message: "the input has a " + p.title() + " that is not made of intents: once it is enforced it takes the place of the policy that this becomes",
			Related: []diag.Related{{Span: there, Message: "it is here"}}})
	}
}
