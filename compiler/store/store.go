// Package store holds objects as text while they are applied and deleted one by
// one, as in a scenario.
//
// In go files and single nodes; out come files for cluster.Read. An object that is
// applied again or deleted is blanked out where it stood, so that the places of
// all others stay right. The package knows of an object no more than its name.
package store

import (
	"bytes"
	"cmp"
	"fmt"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// Ref names an object.
type Ref struct {
	Kind, Namespace, Name string
}

// String returns "Kind namespace/name".
func (r Ref) String() string {
	return r.Kind + " " + strings.TrimPrefix(r.Namespace+"/"+r.Name, "/")
}

// Store is a set of objects. The zero value has none.
type Store struct {
	files []file
}

type file struct {
	name    string
	data    []byte
	objects []object
}

// object is where an object stands in its file.
type object struct {
	ref      Ref
	from, to int
	// item says that it stands in a list, where something has to stay.
	item bool
	gone bool
}

// Add takes a file's objects in place of those of the same kind, namespace and
// name. A file that cannot be read is kept for cluster.Read to report.
func (s *Store) Add(name string, data []byte) {
	f := file{name: name, data: bytes.Clone(data)}
	docs, diags := yamlpos.Parse(name, data)
	if !diags.HasErrors() {
		starts := documentStarts(data)
		for _, d := range docs {
			from, to := extentOf(starts, d.Span.Start.Byte, len(data))
			f.objects = append(f.objects, objectsOf(d, data, from, to)...)
		}
	}
	for i := range f.objects {
		s.Remove(f.objects[i].ref)
	}
	s.files = append(s.files, f)
}

// objectsOf are the objects of a document: itself, or the items of a list.
func objectsOf(d *yamlpos.Node, data []byte, from, to int) []object {
	items, kind := d, ""
	if d.Kind == yamlpos.Map {
		items, kind = d.Get("items"), strings.TrimSuffix(d.Str("kind"), "List")
		if !strings.HasSuffix(d.Str("kind"), "List") {
			return []object{{ref: RefOf(d), from: from, to: to}}
		}
	}
	var out []object
	for i := 0; items.Item(i) != nil; i++ {
		n := items.Item(i)
		ref := RefOf(n)
		ref.Kind = cmp.Or(ref.Kind, kind)
		out = append(out, object{ref: ref, from: n.Span.Start.Byte, to: endOfItem(data, n.Span.Start), item: true})
	}
	return out
}

// AddNode takes an object that stands within another document, in the text that it
// was read from. Its places are its own there; one with aliases, which mean nothing
// without the rest of the text, has the line on which it begins for all.
func (s *Store) AddNode(n *yamlpos.Node, text []byte) error {
	ref := RefOf(n)
	data := alone(text, n.Span.Start.Byte, endOfItem(text, n.Span.Start))
	if docs, diags := yamlpos.Parse(n.Span.File, data); diags.HasErrors() || len(docs) != 1 || RefOf(docs[0]) != ref {
		json, err := n.JSON()
		if err != nil {
			return err
		}
		data = append(bytes.Repeat([]byte("\n"), max(n.Span.Start.Line-1, 0)), json...)
	}
	s.Remove(ref)
	s.files = append(s.files, file{name: n.Span.File, data: data, objects: []object{{ref: ref, to: len(data)}}})
	return nil
}

// alone is a text of which all but one part is blanked out.
func alone(text []byte, from, to int) []byte {
	data := bytes.Clone(text[:to])
	blankOut(data[:from], false)
	return data
}

// Remove deletes the objects of that name; false when there is none.
func (s *Store) Remove(ref Ref) bool {
	found := false
	for i := range s.files {
		f := &s.files[i]
		for j := range f.objects {
			if o := &f.objects[j]; o.ref == ref && ref.Name != "" && !o.gone {
				blankOut(f.data[o.from:o.to], o.item)
				o.gone, found = true, true
			}
		}
	}
	return found
}

// Delete is Remove with an error that names what was probably meant.
func (s *Store) Delete(ref Ref) error {
	if s.Remove(ref) {
		return nil
	}
	var names []string
	for _, r := range s.Refs() {
		names = append(names, r.String())
	}
	hint := ""
	if alike := sameName(ref, s.Refs()); alike != "" {
		hint = fmt.Sprintf("\nthere is %s", alike)
	} else if near := yamlpos.Nearest(ref.String(), names); near != "" {
		hint = fmt.Sprintf("\ndid you mean %s?", near)
	}
	return fmt.Errorf("no %s in the input%s", ref, hint)
}

// sameName is an object that differs in its kind or namespace only.
func sameName(ref Ref, all []Ref) string {
	for _, r := range all {
		if r.Name == ref.Name {
			return r.String()
		}
	}
	return ""
}

// Refs are the objects that there are.
func (s *Store) Refs() []Ref {
	var out []Ref
	for i := range s.files {
		for j := range s.files[i].objects {
			if o := &s.files[i].objects[j]; !o.gone && o.ref.Name != "" {
				out = append(out, o.ref)
			}
		}
	}
	return out
}

// Files are the objects as text.
func (s *Store) Files() []cluster.File {
	var out []cluster.File
	for _, f := range s.files {
		if len(bytes.TrimSpace(f.data)) > 0 {
			out = append(out, cluster.File{Name: f.name, Data: f.data})
		}
	}
	return out
}

// RefOf is the name of the object that a node says.
func RefOf(n *yamlpos.Node) Ref {
	ref := Ref{Kind: n.Str("kind")}
	if m := n.Get("metadata"); m != nil {
		ref.Namespace, ref.Name = m.Str("namespace"), m.Str("name")
	}
	return ref
}

// documentStarts are the offsets behind the separators of a file.
func documentStarts(data []byte) []int {
	starts, at := []int{0}, 0
	for _, line := range bytes.SplitAfter(data, []byte("\n")) {
		at += len(line)
		if isSeparator(line) {
			starts = append(starts, at)
		}
	}
	return starts
}

func isSeparator(line []byte) bool { return bytes.HasPrefix(line, []byte("---")) }

// extentOf is the document around an offset, without its separators.
func extentOf(starts []int, at, size int) (from, to int) {
	to = size
	for _, s := range starts {
		switch {
		case s <= at:
			from = s
		case s < to:
			to = s
		}
	}
	return from, to
}

// endOfItem is where an item of a list ends that begins at a place: behind its
// bracket, or before the next line that is indented no further than its dash.
func endOfItem(data []byte, start diag.Pos) int {
	if data[start.Byte] == '{' {
		return closingBracket(data, start.Byte)
	}
	dash := bytes.LastIndexByte(data[:start.Byte], '-') - (start.Byte - start.Col + 1)
	at := start.Byte
	for i, line := range bytes.SplitAfter(data[start.Byte:], []byte("\n")) {
		text := bytes.TrimLeft(line, " ")
		if i > 0 && len(bytes.TrimSpace(text)) > 0 && len(line)-len(text) <= dash {
			break
		}
		at += len(line)
	}
	return at
}

// closingBracket is the offset behind the bracket that closes the one at from.
func closingBracket(data []byte, from int) int {
	depth, quote := 0, byte(0)
	for i := from; i < len(data); i++ {
		switch c := data[i]; {
		case quote == '"' && c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && bytes.IndexByte([]byte("{[,: "), data[i-1]) >= 0:
			quote = c
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(data)
}

// blankOut makes everything a space except ends of lines and separators. An item
// of a list becomes null, which cluster.Read passes over.
func blankOut(data []byte, item bool) {
	whole := data
	for _, line := range bytes.SplitAfter(data, []byte("\n")) {
		if isSeparator(line) && !item {
			continue
		}
		for i := range line {
			if line[i] != '\n' {
				line[i] = ' '
			}
		}
	}
	if item {
		copy(whole, "null")
	}
}
