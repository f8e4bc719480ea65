package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/yamlpos"
)

// objectStore is the objects of a scenario as text: an object that is applied
// again or deleted is blanked out where it stood, so that the places of all
// others stay right.
type objectStore struct {
	files []storedFile
}

type storedFile struct {
	name string
	data []byte
	docs []storedDoc
}

// storedDoc is one document of a file. Objects within a List have no extent.
type storedDoc struct {
	ref      objectRef
	from, to int
	gone     bool
}

// add takes a file's objects in place of those of the same kind, namespace and
// name.
func (s *objectStore) add(name string, data []byte) {
	f := storedFile{name: name, data: bytes.Clone(data)}
	docs, diags := yamlpos.Parse(name, data)
	if diags.HasErrors() {
		s.files = append(s.files, f) // cluster.Read reports what is wrong
		return
	}
	starts := documentStarts(data)
	for _, d := range docs {
		one := storedDoc{ref: refOf(d)}
		if d.Kind == yamlpos.Map && !strings.HasSuffix(one.ref.Kind, "List") {
			one.from, one.to = extentOf(starts, d.Span.Start.Byte, len(data))
		}
		s.remove(one.ref)
		f.docs = append(f.docs, one)
	}
	s.files = append(s.files, f)
}

// addInline takes an object that stands within the scenario; its places are all
// the line on which it begins.
func (s *objectStore) addInline(n *yamlpos.Node) error {
	text, err := n.JSON()
	if err != nil {
		return err
	}
	data := append(bytes.Repeat([]byte("\n"), max(n.Span.Start.Line-1, 0)), text...)
	ref := refOf(n)
	s.remove(ref)
	s.files = append(s.files, storedFile{name: n.Span.File, data: data, docs: []storedDoc{{ref: ref, from: 0, to: len(data)}}})
	return nil
}

// remove deletes the objects of that name; false when there is none.
func (s *objectStore) remove(ref objectRef) bool {
	found := false
	for i := range s.files {
		f := &s.files[i]
		for j := range f.docs {
			if d := &f.docs[j]; d.ref == ref && ref.Name != "" && d.to > d.from && !d.gone {
				blankOut(f.data[d.from:d.to])
				d.gone, found = true, true
			}
		}
	}
	return found
}

func (s *objectStore) clusterFiles() []cluster.File {
	var out []cluster.File
	for _, f := range s.files {
		if len(bytes.TrimSpace(f.data)) > 0 {
			out = append(out, cluster.File{Name: f.name, Data: f.data})
		}
	}
	return out
}

func refOf(n *yamlpos.Node) objectRef {
	ref := objectRef{Kind: n.Str("kind")}
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
		if bytes.HasPrefix(line, []byte("---")) {
			starts = append(starts, at)
		}
	}
	return starts
}

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

// blankOut makes everything a space except ends of lines and separators.
func blankOut(data []byte) {
	for _, line := range bytes.SplitAfter(data, []byte("\n")) {
		if bytes.HasPrefix(line, []byte("---")) {
			continue
		}
		for i := range line {
			if line[i] != '\n' {
				line[i] = ' '
			}
		}
	}
}

// change applies and deletes what a step says.
func (s *objectStore) change(r *scenarioReader, dir string, step int) error {
	d := &r.doc.Spec.Steps[step]
	for _, name := range d.Apply {
		files, err := readInput(filepath.Join(dir, name), nil)
		if err != nil {
			return err
		}
		for _, f := range files {
			s.add(f.Name, f.Data)
		}
	}
	list := r.node.Lookup("spec", "steps", step, "objects")
	for i := range d.Objects {
		if err := s.addInline(list.Item(i)); err != nil {
			return err
		}
	}
	for _, ref := range d.Delete {
		if !s.remove(ref) {
			return fmt.Errorf("delete: no %s %s in the input (objects within a List cannot be deleted)", ref.Kind, strings.TrimPrefix(ref.Namespace+"/"+ref.Name, "/"))
		}
	}
	return nil
}
