package diag

import (
	"strings"
	"testing"
)

func TestWriteText_CaretsUnderTheSpan(t *testing.T) {
	src := "spec:\n\tordr: 5\n"
	l := List{{
		Code: "calico/unknown-field", Severity: Error, Message: `unknown field "ordr"`,
		Span: Span{File: "p.yaml", Start: Pos{Line: 2, Col: 2}, End: Pos{Line: 2, Col: 6}},
		Hint: `did you mean "order"?`,
	}}
	var b strings.Builder
	l.WriteText(&b, TextOptions{Source: func(string) []byte { return []byte(src) }})
	want := "p.yaml:2:2: error: unknown field \"ordr\" [calico/unknown-field]\n" +
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
