package dump

import (
	"encoding/json"
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/nf"
)

// claim says whether a section is to be read. A second one of its kind is an
// error, unless one of the two says nothing that the other does not say: ip route
// show table all has what ip -6 route has. Neighbours and sysctls may come in
// several files.
func (r *reader) claim(s section) bool {
	if s.kind == kindNeigh || s.kind == kindSysctl || s.kind == kindUname {
		return true
	}
	i := slices.IndexFunc(r.sections, func(o section) bool { return o.kind == s.kind })
	if i < 0 {
		return true
	}
	first := r.sections[i]
	switch {
	case contains(first, s):
		r.note(s, first.file+" says the same of "+s.kind.String())
	case contains(s, first):
		r.note(first, s.file+" says the same and more of "+s.kind.String())
		r.sections = slices.Delete(r.sections, i, i+1)
		return true
	default:
		r.findings.Add(diag.Finding{
			Code: "dump/duplicate", Severity: diag.Error, Span: spanLine(s.file, s.first, ""),
			Message: "a second capture of " + s.kind.String() + "; the first is in " + first.file + ", and this one was left out",
			Hint:    "give the captures of one node at one time; choose one of the two files",
		})
	}
	return false
}

func (r *reader) note(s section, message string) {
	r.findings.Add(diag.Finding{Code: "dump/repeated", Severity: diag.Note, Span: spanLine(s.file, s.first, ""), Message: message})
}

// contains reports whether every line of b is in a. It asks this only of captures
// whose lines stand for themselves.
func contains(a, b section) bool {
	if a.what != whatRoute && a.what != whatRule || len(a.lines) < len(b.lines) {
		return false
	}
	has := map[string]bool{}
	for _, l := range a.lines {
		has[strings.TrimSpace(l.text)] = true
	}
	return !slices.ContainsFunc(b.lines, func(l line) bool { return !has[strings.TrimSpace(l.text)] })
}

// twice keeps the first of what a kernel has only once: one file may hold two
// captures of a kind. Two tables of one name that differ are an error.
func (r *reader) twice() {
	var n, m int
	r.state.Routes, n = once(r.state.Routes)
	r.state.Rules, m = once(r.state.Rules)
	if n+m > 0 {
		r.findings.Add(diag.Finding{Code: "dump/repeated", Severity: diag.Note,
			Message: "routes or policy routing rules are listed twice; they count once"})
	}
	var tables []nf.Table
	for _, t := range r.state.Ruleset.Tables {
		i := slices.IndexFunc(tables, func(o nf.Table) bool { return o.Backend == t.Backend && o.Family == t.Family && o.Name == t.Name })
		if i < 0 {
			tables = append(tables, t)
			continue
		}
		name := "the table " + t.Family.String() + " " + string(t.Name) + " of " + t.Backend.String()
		f := diag.Finding{Code: "dump/repeated", Severity: diag.Note, Message: name + " is listed twice; it counts once"}
		if asText(uncounted(tables[i])) != asText(uncounted(t)) {
			f = diag.Finding{Code: "dump/duplicate", Severity: diag.Error,
				Message: name + " is listed twice with different contents; the first was kept",
				Hint:    "give the captures of one node at one time"}
		}
		r.findings.Add(f)
	}
	r.state.Ruleset.Tables = tables
}

// once keeps the first of equal values, and says how many others there were.
func once[T any](list []T) ([]T, int) {
	seen := map[string]bool{}
	out := slices.DeleteFunc(slices.Clone(list), func(x T) bool {
		k := asText(x)
		again := seen[k]
		seen[k] = true
		return again
	})
	return out, len(list) - len(out)
}

// asText is the same for equal values, which are plain data.
func asText(x any) string {
	data, _ := json.Marshal(x) // plain data has no errors
	return string(data)
}

// uncounted is a table without what changes between two captures: counters and
// line numbers.
func uncounted(t nf.Table) nf.Table {
	t.Chains = slices.Clone(t.Chains)
	for i := range t.Chains {
		c := &t.Chains[i]
		c.Packets, c.Bytes = 0, 0
		c.Rules = slices.Clone(c.Rules)
		for j := range c.Rules {
			r := &c.Rules[j]
			r.Packets, r.Bytes, r.Line = 0, 0, 0
			r.Body = slices.Clone(r.Body)
			for k, s := range r.Body {
				if _, ok := s.(nf.Counter); ok {
					r.Body[k] = nf.Counter{}
				}
			}
		}
	}
	return t
}
