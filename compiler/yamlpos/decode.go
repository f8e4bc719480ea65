package yamlpos

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/diag"
)

// Options say how strictly to decode. Lenient makes an unknown field a warning.
// Extra are paths of fields ("spec.newField") that the type does not have but
// that are known all the same; they are passed over. Ignored are such paths that
// get a warning, however strict.
type Options struct {
	Lenient bool
	Extra   []string
	Ignored []string
}

// Decode fills the value that out points to from a node, by the json tags of its
// type. Every field the type does not know, and every value of the wrong type, is
// a finding; what is right is filled in all the same. ok is false if a value
// could not be decoded, and then out is not to be trusted.
func Decode(n *Node, out any, opt Options) (diags diag.List, ok bool) {
	v := reflect.ValueOf(out)
	if n == nil || v.Kind() != reflect.Pointer || v.IsNil() {
		return diags, false
	}
	d := &decoder{opt: opt, ok: true}
	d.value(n, v.Elem(), "")
	return d.diags, d.ok
}

type decoder struct {
	opt   Options
	diags diag.List
	ok    bool
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value decodes a node into v; path names it in messages ("spec.order").
func (d *decoder) value(n *Node, v reflect.Value, path string) {
	if n.Kind == Null {
		return
	}
	if v.Kind() == reflect.Pointer {
		p := reflect.New(v.Type().Elem())
		d.value(n, p.Elem(), path)
		v.Set(p)
		return
	}
	if reflect.PointerTo(v.Type()).Implements(jsonUnmarshaler) {
		d.custom(n, v, path)
		return
	}
	if reflect.PointerTo(v.Type()).Implements(textUnmarshaler) && n.Kind == String {
		d.custom(n, v, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.slice(n, v, path)
	case reflect.Interface:
		v.Set(reflect.ValueOf(n.Value()))
	default:
		d.scalar(n, v, path)
	}
}

// custom lets a type with its own JSON form decode itself.
func (d *decoder) custom(n *Node, v reflect.Value, path string) {
	if bad := n.infinite(); bad != nil {
		d.wrongType(bad, "a finite number", path)
		return
	}
	data, err := n.JSON()
	if err == nil {
		err = json.Unmarshal(data, v.Addr().Interface())
	}
	if err == nil {
		return
	}
	d.ok = false
	d.diags.Add(diag.Finding{
		Code: "yaml/bad-value", Severity: diag.Error, Span: n.Span,
		Message: fmt.Sprintf("%s: %s is not a valid value: %s", orTop(path), n.Describe(), reason(err)),
		Hint:    customHints[v.Type().Name()],
	})
}

// customHints say by type what is expected of values with a form of their own.
var customHints = map[string]string{
	"ASNumber":    "a number of an autonomous system is one from 0 to 4294967295, or two with a dot between them",
	"BoolStr":     "write true or false",
	"Port":        "a port is a number from 0 to 65535, a range as '80:90', or the name of a port",
	"Protocol":    "a protocol is a number from 0 to 255, or TCP, UDP, SCTP, ICMP, ICMPv6 or UDPLite",
	"DSCP":        "a DSCP is a number from 0 to 63, or a name as EF",
	"IntOrString": "a number or a word",
	"Duration":    "a duration is written as 90s or 1m30s",
	"Time":        "a time is written as 2026-01-31T12:00:00Z",
	"Quantity":    "a quantity is written as 10M or 1.5G",
}

// reason says why a value was refused, without words of Go.
func reason(err error) string {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) && te.Type != nil {
		v := reflect.New(te.Type).Elem()
		switch {
		case v.CanInt() || v.CanUint():
			return "expected " + intWord(&Node{Kind: Int}, v)
		case v.CanFloat():
			return "expected a number"
		case v.Kind() == reflect.String:
			return "expected a string"
		}
	}
	return oneLine(err)
}

func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

func orTop(path string) string {
	if path == "" {
		return "document"
	}
	return path
}

func (d *decoder) wrongType(n *Node, want, path string) {
	d.ok = false
	f := diag.Finding{
		Code: "yaml/wrong-type", Severity: diag.Error, Span: n.Span,
		Message: fmt.Sprintf("%s: expected %s, found %s", orTop(path), want, n.Describe()),
	}
	f.Hint = typeHint(n, want, path)
	d.diags.Add(f)
}

// typeHint says what to write in place of a value of another type.
func typeHint(n *Node, want, path string) string {
	field := path[strings.LastIndexByte(path, '.')+1:]
	list := strings.HasPrefix(want, "a list")
	switch {
	case want == aString && n.Kind == Map && strings.HasSuffix(strings.ToLower(field), "selector"):
		return "a selector is one text: " + field + ": " + selectorOf(n)
	case want == aString && (n.Kind == Bool || n.Kind == Int || n.Kind == Float):
		return "put it in quotes"
	case n.Kind == String && want != aMapping && !list && plainScalar(n.Text):
		return "write it without quotes, as " + want
	case list && n.Kind != List:
		return "start the value with a dash: - …"
	case want == aMapping && n.Kind == List:
		return "leave out the dash"
	case want == aMapping:
		return "write fields below it, each as NAME: VALUE"
	case n.Kind == List:
		return "give one value, without a dash or brackets"
	}
	return "give " + want + ", on the line of the field"
}

// plainScalar reports whether a text without its quotes would be no text.
func plainScalar(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil || text == "true" || text == "false"
}

// selectorOf is a mapping of labels as a selector.
func selectorOf(n *Node) string {
	var parts []string
	for _, f := range n.Fields {
		if f.Value.Kind == Map || f.Value.Kind == List || strings.ContainsAny(f.Value.Text, "'") {
			return "app == 'web'"
		}
		parts = append(parts, f.Key+" == '"+f.Value.Text+"'")
	}
	if len(parts) == 0 {
		return "all()"
	}
	return strings.Join(parts, " && ")
}

func (d *decoder) structure(n *Node, v reflect.Value, path string) {
	if n.Kind != Map {
		d.wrongType(n, aMapping, path)
		return
	}
	fields := fieldsOf(v.Type())
	for _, f := range n.Fields {
		index, known := fields.index[f.Key]
		sub := join(path, f.Key)
		if !known {
			d.unknown(f, sub, fields.names)
			continue
		}
		d.value(f.Value, v.FieldByIndex(index), sub)
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *decoder) unknown(f Field, path string, names []string) {
	if slices.Contains(d.opt.Extra, path) {
		return
	}
	finding := diag.Finding{
		Code: "yaml/unknown-field", Severity: diag.Error, Span: f.KeySpan,
		Message: fmt.Sprintf("unknown field %q", path),
	}
	if d.opt.Lenient || slices.Contains(d.opt.Ignored, path) {
		finding.Severity = diag.Warning
	}
	if near := Nearest(f.Key, names); near != "" {
		finding.Hint = fmt.Sprintf("did you mean %q?", near)
	} else if len(names) > 0 && len(names) <= 12 {
		finding.Hint = "known fields here: " + strings.Join(names, ", ")
	}
	d.diags.Add(finding)
}

func (d *decoder) mapping(n *Node, v reflect.Value, path string) {
	if n.Kind != Map {
		d.wrongType(n, aMapping, path)
		return
	}
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		d.custom(n, v, path)
		return
	}
	m := reflect.MakeMapWithSize(t, len(n.Fields))
	for _, f := range n.Fields {
		e := reflect.New(t.Elem()).Elem()
		d.value(f.Value, e, join(path, f.Key))
		m.SetMapIndex(reflect.ValueOf(f.Key).Convert(t.Key()), e)
	}
	v.Set(m)
}

func (d *decoder) slice(n *Node, v reflect.Value, path string) {
	if v.Type().Elem().Kind() == reflect.Uint8 && n.Kind == String {
		b, err := base64.StdEncoding.DecodeString(n.Text)
		if err != nil {
			d.wrongType(n, "text in base64", path)
			return
		}
		v.SetBytes(b)
		return
	}
	if n.Kind != List {
		d.wrongType(n, "a list"+itemsWord(v.Type().Elem()), path)
		return
	}
	s := reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items))
	for i, item := range n.Items {
		d.value(item, s.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(s)
}

func (d *decoder) scalar(n *Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		if n.Kind != String {
			d.wrongType(n, aString, path)
			return
		}
		v.SetString(n.Text)
	case reflect.Bool:
		if n.Kind != Bool {
			d.wrongType(n, "true or false", path)
			return
		}
		v.SetBool(n.Text == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(n.Text, 10, v.Type().Bits())
		if n.Kind != Int || err != nil {
			d.wrongType(n, intWord(n, v), path)
			return
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(n.Text, 10, v.Type().Bits())
		if n.Kind != Int || err != nil {
			d.wrongType(n, intWord(n, v), path)
			return
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(n.Text, v.Type().Bits())
		if n.Kind != Int && n.Kind != Float || err != nil || strings.Contains(n.Text, ".n") {
			d.wrongType(n, numberWord(n), path)
			return
		}
		v.SetFloat(f)
	default:
		d.custom(n, v, path)
	}
}

// The types of values, as findings call them.
const (
	aMapping = "a mapping"
	aString  = "a string"
)

// itemsWord says what a list is of, if there is a word for it.
func itemsWord(t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch own := reflect.PointerTo(t).Implements(jsonUnmarshaler); {
	case own:
	case t.Kind() == reflect.String:
		return " of strings"
	case t.Kind() == reflect.Struct || t.Kind() == reflect.Map:
		return " of mappings"
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		return " of integers"
	}
	return ""
}

func numberWord(n *Node) string {
	if n.Kind == Float || n.Kind == Int {
		return "a finite number"
	}
	return "a number"
}

// intWord names the wanted integer, with its range when the number is out of it.
func intWord(n *Node, v reflect.Value) string {
	if n.Kind != Int {
		return "an integer"
	}
	bits := v.Type().Bits()
	if v.CanUint() {
		return fmt.Sprintf("an integer from 0 to %d", uint64(1)<<(bits-1)-1+uint64(1)<<(bits-1))
	}
	return fmt.Sprintf("an integer from %d to %d", -(int64(1) << (bits - 2) * 2), int64(1)<<(bits-2)-1+int64(1)<<(bits-2))
}
