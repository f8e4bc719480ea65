// Package yamlpos reads YAML and JSON text into nodes that know where they stand,
// and decodes nodes into Go values strictly: an unknown field, a field given
// twice, a value of the wrong type are findings at the file, line and column of
// the text, with the nearest known name as a hint.
//
// In go bytes of one file; out come documents (trees of Node) and a diag.List. It
// knows nothing of Kubernetes or Calico, reads no files and applies no defaults.
// Values are read as Kubernetes tools read them (YAML is turned into JSON and
// decoded with the json tags of the Go type), so that an accepted document means
// here what it means to kubectl. It is the only owner of yaml.v3.
package yamlpos

import (
	"tortie/compiler/diag"
)

// Kind says what a node holds. The zero value is invalid.
type Kind uint8

// The kinds of nodes.
const (
	Null Kind = iota + 1
	Bool
	Int
	Float
	String
	List
	Map
)

// String returns the word used in messages for values of the kind.
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "boolean"
	case Int:
		return "integer"
	case Float:
		return "number"
	case String:
		return "string"
	case List:
		return "list"
	case Map:
		return "mapping"
	}
	return "nothing"
}

// Node is one value of a document. Text is the text of a scalar after quotes and
// escapes are gone; Raw says that the text stood in the file byte for byte as
// Text from TextAt on (a plain or simply quoted scalar on one line), so that
// offsets within Text can be turned into columns.
type Node struct {
	Kind   Kind
	Text   string
	Items  []*Node
	Fields []Field
	Span   diag.Span
	Raw    bool
	TextAt diag.Pos
}

// Field is one entry of a mapping.
type Field struct {
	Key     string
	KeySpan diag.Span
	Value   *Node
}

// Get returns the value of a field of a mapping, or nil.
func (n *Node) Get(key string) *Node {
	if f := n.Field(key); f != nil {
		return f.Value
	}
	return nil
}

// Field returns the entry of a mapping with this key, or nil.
func (n *Node) Field(key string) *Field {
	if n == nil {
		return nil
	}
	for i := range n.Fields {
		if n.Fields[i].Key == key {
			return &n.Fields[i]
		}
	}
	return nil
}

// Str returns the text of a string field of a mapping, or "".
func (n *Node) Str(key string) string {
	if v := n.Get(key); v != nil && v.Kind == String {
		return v.Text
	}
	return ""
}

// Item returns the i-th item of a list, or nil.
func (n *Node) Item(i int) *Node {
	if n == nil || i < 0 || i >= len(n.Items) {
		return nil
	}
	return n.Items[i]
}

// At follows a path of field names (string) and list indices (int) as far as it
// goes and returns the place of the last part found: for a field its key, else
// the value. It never fails; a path that leads nowhere gives the nearest parent.
func (n *Node) At(path ...any) diag.Span {
	if n == nil {
		return diag.Span{}
	}
	span := n.Span
	for _, step := range path {
		switch s := step.(type) {
		case string:
			f := n.Field(s)
			if f == nil {
				return span
			}
			n, span = f.Value, f.KeySpan
		case int:
			v := n.Item(s)
			if v == nil {
				return span
			}
			n, span = v, v.Span
		}
	}
	return span
}

// Lookup follows a path like At and returns the node it leads to, or nil.
func (n *Node) Lookup(path ...any) *Node {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			n = n.Get(s)
		case int:
			n = n.Item(s)
		default:
			return nil
		}
	}
	return n
}

// TextSpan returns the place of the bytes [from,to) of a scalar's text: exact if
// the text stands in the file as it is, else the whole scalar.
func (n *Node) TextSpan(from, to int) diag.Span {
	if n == nil {
		return diag.Span{}
	}
	if !n.Raw || from < 0 || to < from || to > len(n.Text) {
		return n.Span
	}
	s := diag.Span{File: n.Span.File, Start: n.TextAt, End: n.TextAt}
	s.Start.Col, s.Start.Byte = s.Start.Col+from, s.Start.Byte+from
	s.End.Col, s.End.Byte = s.End.Col+to, s.End.Byte+to
	return s
}
