package lower

import (
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

// MadeOf says of an object whether intents were compiled to it, and which one it is
// part of; "" for what belongs to all.
func MadeOf(n *yamlpos.Node) (string, bool) {
	labels := n.Get("metadata").Get("labels")
	return labels.Str(partOf), labels.Str(managedBy) == "tortie"
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
// to the cluster they would take their place.
func (c *compiler) namesTaken() {
	check := func(kind, namespace, name string, at diag.Span) {
		what := objectName(kind, namespace, name)
		if there, taken := c.facts.taken[what]; taken {
			c.diags.Add(diag.Finding{Code: "intent/name-taken", Severity: diag.Error, Span: at, Hint: "rename the intent or the party, or take that object out",
				Message: "the input has a " + what + " that is not made of intents, and this would take its place",
				Related: []diag.Related{{Span: there, Message: "it is here"}}})
		}
	}
	for i := range c.out.Policies {
		p := &c.out.Policies[i]
		check(p.Kind(), p.Namespace, p.Name, p.atom.Party.Span)
	}
	for _, s := range c.out.Sets {
		check("GlobalNetworkSet", "", s.Name, s.Span)
	}
	for _, h := range c.out.HostEndpoints {
		check("HostEndpoint", "", h.Name, h.Span)
	}
}
