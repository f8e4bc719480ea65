package cluster

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tortie/compiler/diag"
)

// Each field of each kind that is read is given values of every wrong type: each is an
// error at the value's own place, in words of YAML and with a hint, and nothing panics.
func TestRead_WrongTypes(t *testing.T) {
	w := wrongTypes{t: t, done: map[reflect.Type]bool{}}
	keys := slices.SortedFunc(maps.Keys(kinds), func(a, b kindKey) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.kind, b.kind))
	})
	for _, key := range keys {
		w.apiVersion, w.kind = kinds[key].versions[0], key.kind
		w.walk(typeOf(t, w.apiVersion, w.kind), nil)
	}
	t.Logf("%d kinds, %d fields, %d wrong values", len(kinds), w.fields, w.cases)
	if w.fields < 1000 {
		t.Errorf("only %d fields", w.fields)
	}
}

// typeOf is the type of the objects of a kind: that of the list which has one after
// reading it.
func typeOf(t *testing.T, apiVersion, kind string) reflect.Type {
	text := fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: x}}", apiVersion, kind)
	s, _ := Read([]File{{Name: "f", Data: []byte(text)}}, Options{Stored: true})
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		list := v.Field(i)
		if list.Kind() != reflect.Slice || list.Len() == 0 || list.Type().Elem().Kind() != reflect.Struct {
			continue
		}
		if f := list.Index(0).FieldByName("Object"); f.IsValid() && f.Kind() == reflect.Pointer && f.Elem().Type().Name() == kind {
			return f.Elem().Type()
		}
	}
	t.Fatalf("no list has %s %s", apiVersion, kind)
	return nil
}

type wrongTypes struct {
	t                *testing.T
	apiVersion, kind string
	fields, cases    int
	done             map[reflect.Type]bool
}

var (
	ownJSON = reflect.TypeFor[json.Unmarshaler]()
	ownText = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// walk tries every wrong value at a path, and at the paths below it.
func (w *wrongTypes) walk(typ reflect.Type, path []string) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if len(path) > 0 && (path[0] == "apiVersion" || path[0] == "kind") {
		return
	}
	if len(path) > 0 {
		w.fields++
	}
	if custom := reflect.PointerTo(typ); custom.Implements(ownJSON) || custom.Implements(ownText) {
		for _, value := range []string{"{zz: zz}", "[zz]", "1.5", ".nan", "99999999999999999999", "zz zz", "true"} {
			w.try(path, value, "")
		}
		return
	}
	for _, value := range wrongFor(typ) {
		w.try(path, value, wordFor(typ))
	}
	switch typ.Kind() {
	case reflect.Struct:
		w.walkFields(typ, path)
	case reflect.Slice:
		if typ.Elem().Kind() != reflect.Uint8 {
			w.walk(typ.Elem(), append(slices.Clone(path), "-"))
		}
	case reflect.Map:
		w.walk(typ.Elem(), append(slices.Clone(path), "key"))
	}
}

// walkFields walks the fields of a struct, once for each type: reading is by type.
func (w *wrongTypes) walkFields(typ reflect.Type, path []string) {
	if w.done[typ] {
		return
	}
	w.done[typ] = true
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			w.walkFields(f.Type, path)
		case f.IsExported() && name != "" && name != "-":
			w.walk(f.Type, append(slices.Clone(path), name))
		}
	}
}

// wrongFor are values that a type has not.
func wrongFor(typ reflect.Type) []string {
	switch k := typ.Kind(); {
	case k == reflect.Interface:
		return nil
	case k == reflect.Struct, k == reflect.Map:
		return []string{"zz", "5", "true", "[zz]"}
	case k == reflect.Slice && typ.Elem().Kind() == reflect.Uint8:
		return []string{"{zz: zz}", "'?'"}
	case k == reflect.Slice:
		return []string{"zz", "5", "{zz: zz}", ".nan"}
	case k == reflect.String:
		return []string{"5", "true", "1.5", ".nan", "{zz: zz}", "[zz]"}
	case k == reflect.Bool:
		return []string{"zz", "'true'", "1", "{zz: zz}", "[true]", ".inf"}
	case k == reflect.Float32, k == reflect.Float64:
		return []string{"zz", "'1'", "true", ".nan", "-.inf", "{zz: zz}", "[1]"}
	}
	return []string{"zz", "'1'", "1.5", "true", ".nan", "99999999999999999999", "{zz: zz}", "[1]"}
}

func wordFor(typ reflect.Type) string {
	switch k := typ.Kind(); {
	case k == reflect.Struct, k == reflect.Map:
		return "expected a mapping"
	case k == reflect.Slice && typ.Elem().Kind() == reflect.Uint8:
		return "expected "
	case k == reflect.Slice && typ.Elem().Kind() == reflect.Struct && !reflect.PointerTo(typ.Elem()).Implements(ownJSON):
		return "expected a list of mappings"
	case k == reflect.Slice && typ.Elem().Kind() == reflect.String:
		return "expected a list of strings"
	case k == reflect.Slice:
		return "expected a list"
	case k == reflect.String:
		return "expected a string"
	case k == reflect.Bool:
		return "expected true or false"
	case k == reflect.Float32, k == reflect.Float64:
		return "expected a "
	}
	return "expected an integer"
}

// foreignWords are not of YAML.
var foreignWords = regexp.MustCompile(`\bGo\b|json:|unmarshal|reflect|\ba integer|%!|numorstring|v1\.|strconv|expected (list|string|mapping|number)`)

// try reads an object with a value at a path. Without words the value may be right.
func (w *wrongTypes) try(path []string, value, words string) {
	if len(path) == 0 {
		return
	}
	w.cases++
	text, col := w.document(path, value)
	_, diags := Read([]File{{Name: "f", Data: []byte(text)}}, Options{})
	i := slices.IndexFunc(diags, func(d diag.Finding) bool {
		return d.Span.Start == (diag.Pos{Line: 1, Col: col, Byte: col - 1}) && d.Severity == diag.Error
	})
	switch {
	case i < 0 && words != "":
		w.t.Errorf("%s: no error at column %d: %v", text, col, diags)
	case i < 0:
	case !strings.Contains(diags[i].Message, words) || foreignWords.MatchString(diags[i].Message) || diags[i].Hint == "":
		w.t.Errorf("%s:\n    %s\n    hint: %q", text, diags[i].Message, diags[i].Hint)
	}
}

// document is an object on one line, and the column of the value in it.
func (w *wrongTypes) document(path []string, value string) (string, int) {
	head := "{apiVersion: " + w.apiVersion + ", kind: " + w.kind + ", "
	if path[0] != "metadata" {
		head += "metadata: {name: x}, "
	}
	tail := ""
	for i, p := range path {
		if p == "-" {
			head, tail = head+"[", "]"+tail
			continue
		}
		if i > 0 {
			head, tail = head+"{", "}"+tail
		}
		if i == 1 && path[0] == "metadata" && p != "name" {
			head += "name: x, "
		}
		head += p + ": "
	}
	return head + value + tail + "}", len(head) + 1
}
