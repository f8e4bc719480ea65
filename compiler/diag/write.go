package diag

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Sources yields the text of a file for the lines that WriteText shows; nil
// shows none.
type Sources func(file string) []byte

// WriteText writes the findings for a person: place, severity, message, the
// source line with carets under the span, related places and the hint. At most
// limit findings are written in full (0 is all), then a count of the rest.
func (l List) WriteText(w io.Writer, src Sources, limit int) {
	for i, f := range l {
		if limit > 0 && i == limit {
			fmt.Fprintf(w, "… and %d more\n", len(l)-limit)
			return
		}
		f.writeText(w, src)
	}
}

func (f Finding) writeText(w io.Writer, src Sources) {
	if p := f.Span.String(); p != "" {
		fmt.Fprintf(w, "%s: ", p)
	}
	fmt.Fprintf(w, "%s: %s [%s]\n", f.Severity, f.Message, f.Code)
	if src != nil && f.Span.Start.Line > 0 {
		writeExcerpt(w, src(f.Span.File), f.Span)
	}
	for _, r := range f.Related {
		fmt.Fprintf(w, "    %s: %s\n", r.Span, r.Message)
	}
	if f.Hint != "" {
		fmt.Fprintf(w, "    hint: %s\n", f.Hint)
	}
}

// writeExcerpt writes the first line of the span with carets under it. Tabs of
// the source line are kept in the caret line, so that both stay in step.
func writeExcerpt(w io.Writer, text []byte, s Span) {
	line, ok := lineOf(text, s.Start.Line)
	if !ok {
		return
	}
	fmt.Fprintf(w, "    %s\n", line)
	if s.Start.Col < 1 || s.Start.Col > len(line)+1 {
		return
	}
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, line[:s.Start.Col-1])
	n := 1
	if s.End.Line == s.Start.Line && s.End.Col > s.Start.Col {
		n = min(s.End.Col, len(line)+1) - s.Start.Col
	}
	fmt.Fprintf(w, "    %s%s\n", pad, strings.Repeat("^", max(n, 1)))
}

func lineOf(text []byte, n int) (string, bool) {
	lines := strings.Split(string(text), "\n")
	if n < 1 || n > len(lines) {
		return "", false
	}
	return strings.TrimSuffix(lines[n-1], "\r"), true
}

// WriteJSON writes {"schema":"tortie.findings/v1","findings":[…]} and a newline.
func (l List) WriteJSON(w io.Writer) error {
	if l == nil {
		l = List{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Schema   string `json:"schema"`
		Findings List   `json:"findings"`
	}{"tortie.findings/v1", l})
}
