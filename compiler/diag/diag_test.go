package diag

import (
	"slices"
	"strings"
	"testing"
)

func TestWriteText_CaretsUnderTheSpan(t *testing.T) {
	src := "spec:\n\tordr: 5\n"
	l := List{{
		Code: "yaml/unknown-field", Severity: Error, Message: `unknown field "ordr"`,
		Span: Span{File: "p.yaml", Start: Pos{Line: 2, Col: 2}, End: Pos{Line: 2, Col: 6}},
		Hint: `did you mean "order"?`,
	}}
	var b strings.Builder
	l.WriteText(&b, TextOptions{Source: func(string) []byte { return []byte(src) }})
	want := "p.yaml:2:2: error: unknown field \"ordr\" [yaml/unknown-field]\n" +
		"    \tordr: 5\n    \t^^^^\n    hint: did you mean \"order\"?\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestWriteText_LimitCountsTheRest(t *testing.T) {
	l := make(List, 5)
	var b strings.Builder
	l.WriteText(&b, TextOptions{Limit: 2})
	if !strings.Contains(b.String(), "and 3 more") {
		t.Errorf("got %q", b.String())
	}
}

func TestSort_ByPlaceThenSeverity(t *testing.T) {
	at := func(file string, line int, s Severity) Finding {
		return Finding{Severity: s, Span: Span{File: file, Start: Pos{Line: line}}}
	}
	l := List{at("b", 1, Error), at("a", 9, Note), at("a", 2, Warning), at("a", 2, Error)}
	l.Sort()
	for i, want := range []Finding{at("a", 2, Error), at("a", 2, Warning), at("a", 9, Note), at("b", 1, Error)} {
		if l[i].Span != want.Span || l[i].Severity != want.Severity {
			t.Errorf("%d: got %+v", i, l[i])
		}
	}
}

// Spans beyond the file, and columns beyond the line, must not panic.
func TestWriteText_SpanOutsideTheFile(t *testing.T) {
	for _, p := range []Pos{{Line: 9, Col: 1}, {Line: 1, Col: 99}, {Line: 1, Col: 0}, {Line: -1, Col: -1}} {
		var b strings.Builder
		List{{Severity: Error, Span: Span{File: "f", Start: p, End: Pos{Line: 1, Col: 500}}}}.
			WriteText(&b, TextOptions{Source: func(string) []byte { return []byte("x\n") }})
	}
}

// A long line is cut around the span, characters stay whole, and what would move a
// terminal's cursor or change its colours is escaped; the carets stay under the span.
func TestWriteText_CutsAndEscapes(t *testing.T) {
	long := strings.Repeat("ä", 5000)
	for name, row := range map[string]struct {
		line, span string
		want       []string // the lines of the excerpt
	}{
		"escape":        {"a: \x1b[31mred\x07\u202e", "red", []string{`a: \x1b[31mred\a\u202e`, "           ^^^"}},
		"in the span":   {"a \x00 b", "\x00 b", []string{`a \x00 b`, "  ^^^^^^"}},
		"no UTF-8":      {"a \xff\xfe b", "b", []string{`a \xff\xfe b`, "           ^"}},
		"wide":          {"äöü bad", "bad", []string{"äöü bad", "    ^^^"}},
		"long, middle":  {long + "bad" + long, "bad", []string{"…" + long[:60] + "bad" + long[:60] + "…", strings.Repeat(" ", 31) + "^^^"}},
		"long, at end":  {long + "bad", "bad", []string{"…" + long[:60] + "bad", strings.Repeat(" ", 31) + "^^^"}},
		"long span":     {"k: " + long, long, []string{"k: " + long[:120] + "…", "   " + strings.Repeat("^", 60)}},
		"long, nowhere": {long, "", []string{long[:60] + "…"}},
	} {
		f := Finding{Severity: Error, Span: Span{File: "f", Start: Pos{Line: 1}}}
		if row.span != "" {
			at := strings.Index(row.line, row.span) + 1
			f.Span.Start.Col, f.Span.End = at, Pos{Line: 1, Col: at + len(row.span)}
		}
		var b strings.Builder
		List{f}.WriteText(&b, TextOptions{Source: func(string) []byte { return []byte(row.line) }})
		got := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")[1:]
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], "    ")
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(row.want, "\n"))
		}
	}
}
