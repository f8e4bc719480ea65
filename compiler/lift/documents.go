package lift

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/intent"
	"tortie/compiler/yamlpos"
)

// documents makes one document of each policy, in the order in which Felix asks
// them within their tiers (felix/calc/policy_sorter.go).
func (l *lifter) documents() {
	var list []*policy
	for _, p := range l.policies {
		if p.kept == "" {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b *policy) int {
		return cmp.Or(strings.Compare(a.value.Tier, b.value.Tier), cmp.Compare(orderOf(a.value), orderOf(b.value)),
			strings.Compare(tieKey(a.value.ID), tieKey(b.value.ID)))
	})
	names := map[string]bool{}
	for i, p := range list {
		d := l.document(p, unique(documentName(p.value.ID, p.value.Tier), names))
		d.Order = p.value.Order
		if tied(list) {
			order := float64(i + 1)
			d.Order = &order
		}
		l.result.Intents = append(l.result.Intents, d)
	}
}

// tied reports whether the orders that policies have do not settle their order.
func tied(list []*policy) bool {
	for i := 1; i < len(list); i++ {
		if a, b := list[i-1].value, list[i].value; a.Tier == b.Tier && orderOf(a) == orderOf(b) {
			return true
		}
	}
	return false
}

func orderOf(p *calico.Policy) float64 {
	if p.Order == nil {
		return math.Inf(1)
	}
	return *p.Order
}

func tieKey(id calico.PolicyID) string { return id.Name + "/" + id.Namespace + "/" + id.Kind }

// document is one policy in the language.
func (l *lifter) document(p *policy, name string) *intent.Document {
	d := &intent.Document{Name: name, Stage: p.value.Staged}
	if p.value.Tier != calico.DefaultTier {
		d.Tier = intent.Tier{Name: p.value.Tier, Order: l.tiers[p.value.Tier].Order}
	}
	n := &namer{doc: d, used: map[string]bool{}, names: map[string]string{}}
	subject := n.party(p.subject)
	protect := intent.Protect{Party: intent.Ref{Name: subject}, In: p.types(0), Out: p.types(1)}
	d.Protect = []intent.Protect{protect}
	for dir := range p.rules {
		if !p.types(dir) {
			continue
		}
		for _, r := range p.rules[dir].raw {
			rule := p.src.Node.Lookup("spec", directionNames[dir], r.index)
			d.Raw = append(d.Raw, intent.Raw{Party: intent.Ref{Name: subject}, In: dir == 0, Rule: withoutMetadata(rule)})
		}
		for _, s := range p.rules[dir].statements {
			d.Rules = addRule(d.Rules, s.rule(dir, subject, n.party(s.peer)))
		}
	}
	return d
}

// addRule adds a statement unless it is there; an allow at both ends is one.
func addRule(list []intent.Rule, r intent.Rule) []intent.Rule {
	for i := range list {
		o := list[i]
		if o.At != r.At && !o.Deny && o.At != 0 && r.At != 0 {
			o.At = r.At
			if reflect.DeepEqual(o, r) {
				list[i].At = 0
				return list
			}
		}
		if reflect.DeepEqual(list[i], r) {
			return list
		}
	}
	return append(list, r)
}

// withoutMetadata leaves the metadata of a rule out; the compiler writes its own.
func withoutMetadata(n *yamlpos.Node) *yamlpos.Node {
	out := withoutNulls(n)
	out.Fields = slices.DeleteFunc(out.Fields, func(f yamlpos.Field) bool { return f.Key == "metadata" })
	return out
}

// withoutNulls leaves out keys without a value: Calico reads them as absent, and
// the language does not have them.
func withoutNulls(n *yamlpos.Node) *yamlpos.Node {
	out := *n
	out.Fields, out.Items = nil, nil
	for _, f := range n.Fields {
		if f.Value != nil && f.Value.Kind != yamlpos.Null {
			f.Value = withoutNulls(f.Value)
			out.Fields = append(out.Fields, f)
		}
	}
	for _, item := range n.Items {
		out.Items = append(out.Items, withoutNulls(item))
	}
	return &out
}

// rule is a statement at the policy's own end only, unless the other end is none
// at which statements hold.
func (s *statement) rule(dir int, subject, peer string) intent.Rule {
	r := intent.Rule{Section: intent.Normal, Deny: s.deny, Log: s.log, Because: s.because, Owner: s.owner, Until: s.until}
	from, to := peer, subject
	if dir == 1 {
		from, to = subject, peer
	}
	r.From, r.To = []intent.Ref{{Name: from}}, []intent.Ref{{Name: to}}
	for _, text := range s.on {
		r.On = append(r.On, intent.PortRef{Text: text})
	}
	y := &s.peer
	if y.Namespace != "" || y.Namespaces != nil || y.Pods != nil || len(y.Accounts) > 0 || y.Service != "" {
		r.At = intent.In
		if dir == 1 {
			r.At = intent.Out
		}
	}
	return r
}

// namer gives parties names within a document, the same party the same name.
type namer struct {
	doc   *intent.Document
	used  map[string]bool
	names map[string]string
}

func (n *namer) party(y intent.Party) string {
	text := func(s *intent.Selector) string {
		if s == nil {
			return ""
		}
		return s.Text
	}
	key := fmt.Sprintf("%q %q %q %q %v %v %q", y.Namespace, text(y.Namespaces), text(y.Pods), y.Accounts, y.Nets, y.Except, y.Service)
	if key == fmt.Sprintf("%q %q %q %q %v %v %q", "", "", "", []string(nil), []string{}, []string{}, "") {
		return intent.AnyParty
	}
	if name, ok := n.names[key]; ok {
		return name
	}
	y.Name = unique(partyName(&y), n.used)
	n.names[key] = y.Name
	n.doc.Parties = append(n.doc.Parties, y)
	return y.Name
}
