// Package check finds what is wrong with the objects of a snapshot: what an API
// server with Calico's resource definitions or Calico's own validator refuses
// (errors), and some of what both accept though it is surely not meant (warnings).
//
// In goes a snapshot as cluster.Read gives it; out comes a diag.List, each
// finding with a code that Catalogue explains. The package reads no text and
// decides no packets; values that cannot be decoded have been reported by the
// reader, and the rest of their objects is checked. It mirrors libcalico-go/lib/validator/v3, the schemas and validation
// rules of api/config/crd at Calico v3.32.1, and the Kubernetes API server's
// validation of network policies.
package check

import (
	"fmt"
	"reflect"
	"slices"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
)

// Options say what to check. ErrorsOnly leaves out all warnings; Lenient makes
// unknown fields warnings. Stored takes all objects as stored in a cluster, for
// Refused.
type Options struct {
	ErrorsOnly bool
	Lenient    bool
	Stored     bool
}

// Run checks every object of the snapshot. The findings are sorted.
func Run(s *cluster.Snapshot, opt Options) diag.List {
	if s == nil {
		return nil
	}
	r := &run{snap: s, lenient: opt.Lenient, spaces: namespacesOf(s)}
	for _, sub := range subjects(s) {
		r.object(r.on(sub))
	}
	for _, src := range s.Others {
		r.other(src)
	}
	if !opt.ErrorsOnly {
		r.warnings()
	}
	return r.finish()
}

type run struct {
	snap    *cluster.Snapshot
	lenient bool
	spaces  namespaces
	out     diag.List
}

// object is one object of any kind with its place.
type object struct {
	src      cluster.Source
	meta     metaObject
	replaced bool // it does not count: another one of its name does, or it could not be read
}

// metaObject is what every object has.
type metaObject interface {
	GetName() string
	GetNamespace() string
	GetLabels() map[string]string
	GetAnnotations() map[string]string
}

// subjects lists the objects of all kinds, in the snapshot's order. Objects made
// up from others (the pods of a Deployment) are left out.
func subjects(s *cluster.Snapshot) []object {
	var all []object
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		list := v.Field(i)
		if list.Kind() != reflect.Slice || list.Type().Elem().Kind() != reflect.Struct {
			continue
		}
		for j := range list.Len() {
			src := list.Index(j).FieldByName("Source")
			obj := list.Index(j).FieldByName("Object")
			if !src.IsValid() || !obj.IsValid() || obj.IsNil() {
				continue
			}
			o := object{src: src.Interface().(cluster.Source), replaced: slices.Contains([]string{"Replaced", "Undecoded"}, v.Type().Field(i).Name)}
			o.meta, _ = obj.Interface().(metaObject)
			if obj.Kind() == reflect.Interface {
				obj = obj.Elem()
			}
			if o.meta != nil && o.src.Node != nil && obj.Type().Elem().Name() == o.src.Kind {
				all = append(all, o)
			}
		}
	}
	return all
}

// on gives the means to report about an object.
func (r *run) on(o object) on { return on{r: r, object: o} }

// on is an object being checked.
type on struct {
	object
	r     *run
	soft  string // if not empty, the code under which errors become warnings
	taken bool   // the object is in a cluster all the same: errors become warnings
	// instead is what becomes of it then, where the check knows.
	instead string
}

// path is a place in an object: field names and list indices.
type path []any

func (p path) add(more ...any) path { return append(slices.Clip(p), more...) }

// node returns the node at a path, nil if there is none or it is null, which the
// API server takes for a field left out.
func (o on) node(p path) *yamlpos.Node {
	n := o.src.Node.Lookup(p...)
	if n == nil || n.Kind == yamlpos.Null {
		return nil
	}
	return n
}

// value returns the place of the value at a path, else of the nearest parent.
func (o on) value(p path) diag.Span {
	if n := o.node(p); n != nil && n.Span.Start.Line > 0 && n.Kind != yamlpos.Map && n.Kind != yamlpos.List {
		return n.Span
	}
	return o.src.At(p...)
}

// text returns the text of the scalar at a path as written.
func (o on) text(p path) string {
	if n := o.node(p); n != nil {
		return n.Text
	}
	return ""
}

// report adds a finding of a code of the catalogue at a path.
func (o on) report(code string, p path, hint, format string, args ...any) {
	o.find(code, o.text(p), o.value(p), hint, fmt.Sprintf(format, args...))
}

// reportAt adds a finding of a code of the catalogue at a place.
func (o on) reportAt(code string, at diag.Span, hint, format string, args ...any) {
	o.find(code, "", at, hint, fmt.Sprintf(format, args...))
}

func (o on) find(code, text string, at diag.Span, hint, message string) {
	if o.soft != "" && severityOf(code) == diag.Error {
		code = o.soft
	}
	o.add(diag.Finding{Code: code, Severity: severityOf(code), Span: at, Hint: hint, Message: message}, text)
}

// add adds a finding about a value with this text; of an error about an object
// that is in a cluster all the same it makes a warning.
func (o on) add(f diag.Finding, text string) {
	if o.taken && f.Severity == diag.Error {
		f.Severity = diag.Warning
		if what := o.asTaken(f.Code, text, f.Span); what != "" {
			f.Message += "; " + what
		}
	}
	o.r.out.Add(f)
}

// name returns the object's kind and name for messages.
func (o on) name() string {
	if ns := o.meta.GetNamespace(); ns != "" {
		return fmt.Sprintf("%s %s/%s", o.src.Kind, ns, o.meta.GetName())
	}
	return fmt.Sprintf("%s %s", o.src.Kind, o.meta.GetName())
}

// finish sorts the findings and keeps one error of each place: the first that
// was found, since special checks run before general ones. An error that became a
// warning counts as one.
func (r *run) finish() diag.List {
	type key struct {
		code, message string
		span          diag.Span
	}
	seen, given := map[diag.Span]bool{}, map[key]bool{}
	for _, u := range r.snap.Undecoded { // the reader has told of these
		for _, at := range u.Unread {
			seen[at] = true
		}
	}
	var out diag.List
	for _, f := range r.out {
		if f.Severity == diag.Error || severityOf(f.Code) == diag.Error {
			if seen[f.Span] {
				continue
			}
			seen[f.Span] = true
		}
		if k := (key{f.Code, f.Message, f.Span}); !given[k] {
			given[k] = true
			out.Add(f)
		}
	}
	out.Sort()
	return out
}
