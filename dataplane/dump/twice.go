package dump

import (
	"encoding/json"
	"slices"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/nf"
)

// claim says whether a section is to be read. A second one of its kind is an
// error, even if it says the same. A route or rule capture that has only a part of
// another is none: ip route show table all has what ip -6 route has. Neighbours and
// sysctls may come in several files.
func (r *reader) claim(s section) bool {
	if s.kind == kindNeigh || s.kind == kindSysctl || s.kind == kindUname {
		return true
	}
	i := slices.IndexFunc(r.sections, func(o section) bool { return o.asked() == s.asked() })
	if i < 0 {
		return true
	}
	first := r.sections[i]
	switch {
	case r.says(first, s) && !r.says(s, first):
		r.note(s, first.file+" says the same and more of "+s.kind.String())
	case r.says(s, first) && !r.says(first, s):
		r.note(first, s.file+" says the same and more of "+s.kind.String())
		r.sections = slices.Delete(r.sections, i, i+1)
		return true
	default:
		r.findings.Add(diag.Finding{
			Code: "dump/duplicate", Severity: diag.Error, Span: spanLine(s.file, s.first, ""),
			Message: "a second capture of " + s.kind.String() + "; the first is in " + first.file + ", and this one was left out",
			Hint:    "remove one of the two: " + first.file + " or " + s.file,
		})
	}
	return false
}

// asked is the kind for which a node is asked once: nft's listing is one, as text
// or as JSON.
func (k kind) asked() kind {
	if k.what == whatNFTJSON {
		k.what = whatNFT
	}
	return k
}

// says reports whether the file of a says all that the file of b says of the same.
func (r *reader) says(a, b section) bool {
	return contains(a, b) && !slices.ContainsFunc(r.read, func(s section) bool {
		return s.file == b.file && s.what == b.what && s.kind != b.kind &&
			!slices.ContainsFunc(r.read, func(o section) bool { return o.file == a.file && o.kind == s.kind && contains(o, s) })
	})
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
// captures of a kind. Two tables of one name are an error.
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
		with := ""
		if asText(uncounted(tables[i])) != asText(uncounted(t)) {
			with = " with different contents"
		}
		r.findings.Add(diag.Finding{Code: "dump/duplicate", Severity: diag.Error,
			Message: name + " is listed twice" + with + "; the first was kept",
			Hint:    "the file holds two captures of one kind: remove one"})
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
