package intent

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// IsIntent reports whether a document is one of this language.
func IsIntent(n *yamlpos.Node) bool {
	return n.Str("kind") == Kind && n.Str("apiVersion") == APIVersion
}

// Parse reads one document. Every mistake is a finding; the document holds what
// could be read and is never nil.
func Parse(n *yamlpos.Node) (*Document, diag.List) {
	p := &parser{doc: &Document{}}
	if n == nil {
		return p.doc, nil
	}
	p.doc.Span = n.Span
	p.fields(n, "", fieldTable{
		"apiVersion": nil, "kind": nil,
		"metadata": p.metadata,
		"spec":     p.spec,
	})
	if n.Get("metadata") == nil {
		p.errorf("intent/no-name", n.Span, "write metadata: {name: …}", "the intent has no metadata")
	}
	if n.Get("spec") == nil {
		p.errorf("intent/missing-field", n.Span, "write spec: with parties, protect and allow", "the intent has no spec")
	}
	return p.doc, p.diags
}

type parser struct {
	doc   *Document
	diags diag.List
}

func (p *parser) errorf(code string, at diag.Span, hint, format string, args ...any) {
	p.diags.Add(diag.Finding{Code: code, Severity: diag.Error, Span: at, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// fieldTable says what to do with each field of a mapping; nil is nothing.
type fieldTable map[string]func(*yamlpos.Node)

// fields reads a mapping; path names it in messages. It reports whether there is
// one in which every key has a value.
func (p *parser) fields(n *yamlpos.Node, path string, table fieldTable) bool {
	if n.Kind != yamlpos.Map {
		p.wrongType(n, path, "a mapping")
		return false
	}
	ok := true
	for _, f := range n.Fields {
		if isOn(f) {
			f.Key = "on"
		}
		read, known := table[f.Key]
		if !known {
			p.unknownField(f, path, table)
			continue
		}
		switch {
		case read == nil:
		case !p.given(f, path):
			ok = false
		default:
			read(f.Value)
		}
	}
	return ok
}

// given reports whether a key has a value. One without would be read as all, as
// none or as the default, whichever its absence means: nobody wrote which.
func (p *parser) given(f yamlpos.Field, path string) bool {
	if f.Value != nil && f.Value.Kind != yamlpos.Null {
		return true
	}
	p.errorf("intent/no-value", f.KeySpan, "remove the key, or give it a value", "%q%s has no value", f.Key, in(path))
	return false
}

// allGiven holds that no key of a value, however deep, is without one.
func (p *parser) allGiven(n *yamlpos.Node, path string) bool {
	ok := true
	for _, f := range n.Fields {
		ok = p.given(f, path) && p.allGiven(f.Value, path+"."+f.Key) && ok
	}
	for _, item := range n.Items {
		ok = p.allGiven(item, path) && ok
	}
	return ok
}

// isOn reports whether a key is the word on, which YAML 1.1 takes for true.
func isOn(f yamlpos.Field) bool {
	return f.Key == "true" && f.KeySpan.End.Byte-f.KeySpan.Start.Byte == len("on")
}

// Words returns the places of the word on as a key in a document, where a finding
// about booleans would be beside the point.
func Words(n *yamlpos.Node) []diag.Span {
	var out []diag.Span
	for _, f := range n.Fields {
		if isOn(f) {
			out = append(out, f.KeySpan)
		}
		if f.Value != nil {
			out = append(out, Words(f.Value)...)
		}
	}
	for _, item := range n.Items {
		out = append(out, Words(item)...)
	}
	return out
}

// SpellWords gives the fields of a document that are the word on that name, so
// that the node written as JSON is read as the same intent.
func SpellWords(n *yamlpos.Node) {
	for i := range n.Fields {
		f := &n.Fields[i]
		if isOn(*f) {
			f.Key = "on"
		}
		if f.Value != nil {
			SpellWords(f.Value)
		}
	}
	for _, item := range n.Items {
		SpellWords(item)
	}
}

// get returns a field's entry by the name that the language has for it.
func get(n *yamlpos.Node, key string) *yamlpos.Field {
	for i := range n.Fields {
		if n.Fields[i].Key == key || key == "on" && isOn(n.Fields[i]) {
			return &n.Fields[i]
		}
	}
	return nil
}

func (p *parser) unknownField(f yamlpos.Field, path string, table fieldTable) {
	var names []string
	for name := range table {
		names = append(names, name)
	}
	slices.Sort(names)
	hint := "known here: " + strings.Join(names, ", ")
	if near := yamlpos.Nearest(f.Key, names); near != "" {
		hint = "did you mean " + near + "?"
	}
	p.errorf("intent/unknown-field", f.KeySpan, hint, "unknown field %q%s", f.Key, in(path))
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

func (p *parser) wrongType(n *yamlpos.Node, path, want string) {
	hint := "write " + want
	switch {
	case n.Kind == yamlpos.Null:
		hint = "take it out, or give it a value"
	case want == "a list":
		hint = "write [ ] around it, or a dash before each of its items"
	case n.Kind == yamlpos.String && (want == "a number" || want == "true or false"):
		hint = "write " + want + ", without quotes"
	}
	p.errorf("intent/wrong-type", n.Span, hint, "%s: expected %s, found %s", path, want, n.Describe())
}

// text reads a string.
func (p *parser) text(n *yamlpos.Node, path string) string {
	if n.Kind != yamlpos.String {
		p.wrongType(n, path, "a string")
		return ""
	}
	return n.Text
}

// texts reads a string or a list of them as nodes, and what else may stand there.
func (p *parser) texts(n *yamlpos.Node, path string, more ...yamlpos.Kind) []*yamlpos.Node {
	items := []*yamlpos.Node{n}
	if n.Kind == yamlpos.List {
		items = n.Items
	}
	var out []*yamlpos.Node
	for _, item := range items {
		if item.Kind != yamlpos.String && !slices.Contains(more, item.Kind) {
			p.wrongType(item, path, "a string or a list of strings")
			continue
		}
		out = append(out, item)
	}
	if n.Kind == yamlpos.List && len(n.Items) == 0 {
		p.errorf("intent/empty-list", n.Span, "leave the field out, or name something", "%s is empty", path)
	}
	return out
}

// items reads a list.
func (p *parser) items(n *yamlpos.Node, path string, read func(*yamlpos.Node)) {
	if n.Kind != yamlpos.List {
		p.wrongType(n, path, "a list")
		return
	}
	for _, item := range n.Items {
		read(item)
	}
}

func (p *parser) refs(n *yamlpos.Node, path string) []Ref {
	var out []Ref
	for _, item := range p.texts(n, path) {
		if slices.ContainsFunc(out, func(r Ref) bool { return r.Name == item.Text }) {
			p.errorf("intent/duplicate", item.Span, "leave one out", "%s names %q twice", path, item.Text)
			continue
		}
		out = append(out, Ref{Name: item.Text, Span: item.Span})
	}
	return out
}

func (p *parser) boolean(n *yamlpos.Node, path string) bool {
	if n.Kind != yamlpos.Bool {
		p.wrongType(n, path, "true or false")
	}
	return n.Text == "true"
}

func (p *parser) number(n *yamlpos.Node, path string) *float64 {
	var f float64
	if diags, ok := yamlpos.Decode(n, &f, yamlpos.Options{}); !ok || len(diags) > 0 || n.Kind == yamlpos.String {
		want := "a number"
		if n.Kind == yamlpos.Float {
			want = "a number that is finite"
		}
		p.wrongType(n, path, want)
		return nil
	}
	return &f
}

var nameForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// name checks a name that becomes part of the names of objects.
func (p *parser) name(text string, at diag.Span, what string) {
	if !nameForm.MatchString(text) {
		p.errorf("intent/bad-name", at, "use lower-case letters, digits and dashes, at most 63",
			"%q cannot be the name of %s", text, what)
	}
}

func (p *parser) metadata(n *yamlpos.Node) {
	ok := p.fields(n, "metadata", fieldTable{
		"name": func(v *yamlpos.Node) {
			p.doc.Name = p.text(v, "metadata.name")
			if v.Kind == yamlpos.String {
				p.name(v.Text, v.Span, "an intent")
			}
		},
		"annotations": nil, "labels": nil,
	})
	if ok && n.Get("name") == nil {
		p.errorf("intent/no-name", n.Span, "write metadata: {name: …}", "the intent has no name")
	}
}

func (p *parser) spec(n *yamlpos.Node) {
	d := p.doc
	p.fields(n, "spec", fieldTable{
		"tier":      p.tier,
		"order":     func(v *yamlpos.Node) { d.Order = p.number(v, "spec.order") },
		"mode":      p.mode,
		"owner":     func(v *yamlpos.Node) { d.Owner = p.text(v, "spec.owner") },
		"parties":   p.parties,
		"ports":     p.portGroups,
		"protect":   func(v *yamlpos.Node) { p.protect(v, "spec.protect") },
		"allow":     p.rules(Normal, false, "spec.allow"),
		"deny":      p.rules(Normal, true, "spec.deny"),
		"hosts":     p.hosts,
		"nodePorts": p.nodePorts,
		"forward":   p.forward,
		"fastPath":  p.rules(FastPath, false, "spec.fastPath"),
		"raw":       p.raws,
		"guarantee": p.guarantees,
	})
}

func (p *parser) mode(n *yamlpos.Node) {
	switch p.text(n, "spec.mode") {
	case "stage":
		p.doc.Stage = true
	case "enforce", "":
	default:
		p.errorf("intent/bad-mode", n.Span, "write enforce or stage", "mode %q is neither enforce nor stage", n.Text)
	}
}

func (p *parser) tier(n *yamlpos.Node) {
	t := &p.doc.Tier
	t.Span = n.Span
	if n.Kind == yamlpos.Map {
		ok := p.fields(n, "spec.tier", fieldTable{
			"name":  func(v *yamlpos.Node) { t.Name, t.Span = p.text(v, "spec.tier.name"), v.Span },
			"order": func(v *yamlpos.Node) { t.Order = p.number(v, "spec.tier.order") },
		})
		if t.Name == "" && ok {
			p.errorf("intent/missing-field", n.Span, "write tier: {name: …, order: …}", "spec.tier has no name")
		}
		if t.Name == "" {
			t.Order = nil
			return
		}
	} else {
		t.Name = p.text(n, "spec.tier")
	}
	if t.Name == "" {
		return
	}
	p.name(t.Name, t.Span, "a tier")
	switch {
	case t.Name == "kube-admin" || t.Name == "kube-baseline":
		p.errorf("intent/bad-tier", t.Span, "name a tier of your own, or default", "tier %q is kept for ClusterNetworkPolicies", t.Name)
	case t.Name == DefaultTier && t.Order != nil:
		p.errorf("intent/bad-tier", t.Span, "leave the order out", "the order of tier default is fixed")
		t.Order = nil
	}
}
