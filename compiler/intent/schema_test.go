package intent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tortie/compiler/yamlpos"
)

// schema is as much of JSON Schema as docs/intent.schema.json uses.
type schema struct {
	root, node map[string]any
}

func (s schema) sub(node any) schema {
	m, _ := node.(map[string]any)
	return schema{s.root, m}
}

// refuses says why a value does not fit; "" is a fit.
func (s schema) refuses(v any) string {
	for key := range s.node {
		if !slices.Contains(schemaKeys, key) {
			return "the test does not know the keyword " + key
		}
	}
	if r, ok := s.node["$ref"].(string); ok {
		return s.sub(s.root["$defs"].(map[string]any)[strings.TrimPrefix(r, "#/$defs/")]).refuses(v)
	}
	for _, f := range []func(any) string{s.value, s.text, s.list, s.object, s.choice} {
		if why := f(v); why != "" {
			return why
		}
	}
	return ""
}

var schemaKeys = []string{"$schema", "title", "description", "$defs", "$ref", "type", "const", "enum", "pattern", "minLength", "items", "minItems",
	"uniqueItems", "properties", "additionalProperties", "required", "minProperties", "propertyNames", "not", "oneOf"}

func (s schema) value(v any) string {
	kinds := map[string]bool{}
	switch v.(type) {
	case string:
		kinds["string"] = true
	case bool:
		kinds["boolean"] = true
	case json.Number:
		kinds["number"] = true
	case []any:
		kinds["array"] = true
	case map[string]any:
		kinds["object"] = true
	}
	if t, ok := s.node["type"].(string); ok && !kinds[t] {
		return fmt.Sprintf("%v is no %s", v, t)
	}
	if c, ok := s.node["const"]; ok && c != v {
		return fmt.Sprintf("%v is not %v", v, c)
	}
	if e, ok := s.node["enum"].([]any); ok && !slices.ContainsFunc(e, func(x any) bool { return reflect.DeepEqual(x, v) }) {
		return fmt.Sprintf("%v is none of %v", v, e)
	}
	return ""
}

func (s schema) text(v any) string {
	text, ok := v.(string)
	if !ok {
		return ""
	}
	if p, ok := s.node["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(text) {
		return fmt.Sprintf("%q does not fit %s", text, p)
	}
	if n, ok := s.node["minLength"].(json.Number); ok && n.String() == "1" && text == "" {
		return "empty text"
	}
	return ""
}

func (s schema) list(v any) string {
	list, ok := v.([]any)
	if !ok {
		return ""
	}
	if _, ok := s.node["minItems"]; ok && len(list) == 0 {
		return "empty list"
	}
	for i, x := range list {
		if s.node["uniqueItems"] == true && slices.ContainsFunc(list[:i], func(y any) bool { return reflect.DeepEqual(x, y) }) {
			return fmt.Sprintf("%v stands twice", x)
		}
		if items, ok := s.node["items"]; ok {
			if why := s.sub(items).refuses(x); why != "" {
				return why
			}
		}
	}
	return ""
}

func (s schema) object(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return ""
	}
	required, _ := s.node["required"].([]any)
	for _, k := range required {
		if _, ok := m[k.(string)]; !ok {
			return fmt.Sprintf("no %s", k)
		}
	}
	if _, ok := s.node["minProperties"]; ok && len(m) == 0 {
		return "empty mapping"
	}
	properties, _ := s.node["properties"].(map[string]any)
	for k, x := range m {
		if names, ok := s.node["propertyNames"]; ok {
			if why := s.sub(names).refuses(k); why != "" {
				return why
			}
		}
		p, known := properties[k]
		if !known {
			p = s.node["additionalProperties"]
		}
		if p == false {
			return "unknown field " + k
		}
		if why := s.sub(p).refuses(x); p != nil && why != "" {
			return k + ": " + why
		}
	}
	return ""
}

func (s schema) choice(v any) string {
	if not, ok := s.node["not"]; ok && s.sub(not).refuses(v) == "" {
		return fmt.Sprintf("%v is just what it must not be", v)
	}
	of, ok := s.node["oneOf"].([]any)
	if !ok {
		return ""
	}
	fits, why := 0, ""
	for _, x := range of {
		if w := s.sub(x).refuses(v); w == "" {
			fits++
		} else {
			why += "; " + w
		}
	}
	if fits != 1 {
		return fmt.Sprintf("%d of the choices fit%s", fits, why)
	}
	return ""
}

func readSchema(t *testing.T) schema {
	t.Helper()
	data, err := os.ReadFile("../../docs/intent.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return schema{m, m}
}

// plainValue is a node's value with on as a word.
func plainValue(n *yamlpos.Node) any {
	switch n.Kind {
	case yamlpos.Map:
		m := map[string]any{}
		for _, f := range n.Fields {
			if isOn(f) {
				f.Key = "on"
			}
			m[f.Key] = plainValue(f.Value)
		}
		return m
	case yamlpos.List:
		list := []any{}
		for _, item := range n.Items {
			list = append(list, plainValue(item))
		}
		return list
	}
	return n.Value()
}

// documents are the texts of all intents that are right: documentation, examples,
// cases.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	doc, err := os.ReadFile("../../docs/intent.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(doc), "```yaml\n")[1:] {
		out[fmt.Sprintf("docs/intent.md, example %d", i+1)], _, _ = strings.Cut(block, "```")
	}
	files, _ := filepath.Glob("../../examples/*/intent.yaml")
	cases, _ := filepath.Glob("../../cmd/tortie/testdata/intent/*.txtar")
	for _, name := range append(files, cases...) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		if _, rest, ok := strings.Cut(text, "-- intent.yaml --\n"); ok {
			text, _, _ = strings.Cut(rest, "-- trace --")
		}
		out[name] = text
	}
	return out
}

// TestSchema_FitsTheLanguage holds that the schema accepts what the parser accepts,
// and refuses what the parser calls an unknown field, a wrong type or a missing
// field.
func TestSchema_FitsTheLanguage(t *testing.T) {
	s := readSchema(t)
	for name, text := range documents(t) {
		nodes, _ := yamlpos.Parse(name, []byte(text))
		for _, n := range nodes {
			if why := s.refuses(plainValue(n)); why != "" {
				t.Errorf("%s: %s", name, why)
			}
		}
	}
	corpus(t, func(name, text, want string) {
		structural := strings.Contains(want, "intent/no-value") || strings.Contains(want, "intent/unknown-field") || strings.Contains(want, "intent/wrong-type") || strings.Contains(want, "intent/missing-field")
		nodes, _ := yamlpos.Parse("bad.yaml", []byte(exampleOf(text)))
		for _, n := range nodes {
			beyond := strings.Contains(want, "except without") || strings.Contains(want, "finite") // JSON has no such numbers
			if structural && !beyond && s.refuses(plainValue(n)) == "" {
				t.Errorf("the schema accepts %q", name)
			}
		}
	})
}

// TestDocs_ExamplesAreRight holds that every example is read without a word.
func TestDocs_ExamplesAreRight(t *testing.T) {
	all := documents(t)
	if len(all) < 25 {
		t.Errorf("only %d documents", len(all))
	}
	for name, text := range all {
		if _, diags := read(name, text); len(diags) > 0 {
			t.Errorf("%s:\n%s", name, found(diags))
		}
	}
}
