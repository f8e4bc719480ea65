package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"tortie/simulator/scenario"
)

// yamlBlocks are the blocks of YAML in a file of docs.
func yamlBlocks(t *testing.T, file string) []string {
	t.Helper()
	atRoot(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, block := range strings.Split(string(text), "```yaml\n") {
		if i > 0 {
			block, _, _ = strings.Cut(block, "```")
			out = append(out, block)
		}
	}
	return out
}

// The scenarios in docs/scenario.md hold on the objects of examples/established.
func TestDocs_ScenariosHold(t *testing.T) {
	blocks := yamlBlocks(t, "docs/scenario.md")
	if len(blocks) < 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS("examples/established")); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "example.yaml")
		if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errs, code := tortie(t, "replay", file)
		if code != exitFine || !strings.Contains(out, " 0 not") {
			t.Errorf("exit %d\n%s%s\n%s", code, out, errs, block)
		}
	}
}

// docs/scenario.schema.json has the fields that documents have, with their types,
// and no others.
func TestDocs_ScenarioSchema(t *testing.T) {
	atRoot(t)
	data, err := os.ReadFile("docs/scenario.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	sameFields(t, "", schema, reflect.TypeFor[scenario.Document]())
}

var schemaTypes = map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Slice: "array",
	reflect.Map: "object", reflect.Struct: "object"}

func sameFields(t *testing.T, path string, schema map[string]any, typ reflect.Type) {
	t.Helper()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if want := schemaTypes[typ.Kind()]; schema["type"] != want && schema["const"] == nil {
		t.Errorf("%s: the schema says %v, the document has a %s", path, schema["type"], want)
	}
	switch properties, _ := schema["properties"].(map[string]any); typ.Kind() {
	case reflect.Slice:
		sameFields(t, path+"[]", schema["items"].(map[string]any), typ.Elem())
	case reflect.Struct:
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			p, ok := properties[name].(map[string]any)
			if !ok {
				t.Errorf("%s.%s is not in the schema", path, name)
				continue
			}
			sameFields(t, path+"."+name, p, typ.Field(i).Type)
		}
		if len(properties) != typ.NumField() || schema["additionalProperties"] != false {
			t.Errorf("%s: the schema has %d fields, the document %d", path, len(properties), typ.NumField())
		}
	}
}
