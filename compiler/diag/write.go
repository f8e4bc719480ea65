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

// TextOptions say how findings are written for a person.
type TextOptions struct {
	Source Sources
	// Limit is how many findings are written in full; 0 is all.
	Limit int
	// Color paints severities and carets for a terminal.
	Color bool
}

// WriteText writes the findings for a person: place, severity, message, the
// source line with carets under the span, related places and the hint. Behind the
// limit comes a count of the rest.
func (l List) WriteText(w io.Writer, o TextOptions) {
	for i, f := range l {
		if o.Limit > 0 && i == o.Limit {
			fmt.Fprintf(w, "… and %d more\n", len(l)-o.Limit)
			return
		}
		f.writeText(w, o)
	}
}

// paint colours text as a severity wants.
func (o TextOptions) paint(s Severity, text string) string {
	if !o.Color {
		return text
	}
	code := map[Severity]string{Error: "1;31", Warning: "1;33", Note: "1;36"}[s]
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (f Finding) writeText(w io.Writer, o TextOptions) {
	if p := f.Span.String(); p != "" {
		fmt.Fprintf(w, "%s: ", printable(p))
	}
	fmt.Fprintf(w, "%s: %s [%s]\n", o.paint(f.Severity, f.Severity.String()), printable(f.Message), f.Code)
	if o.Source != nil && f.Span.Start.Line > 0 {
		f.writeExcerpt(w, o)
	}
	for _, r := range f.Related {
		fmt.Fprintf(w, "    %s: %s\n", r.Span, r.Message)
	}
	if f.Hint != "" {
		fmt.Fprintf(w, "    hint: %s\n", f.Hint)
	}
}

// writeExcerpt writes the first line of the span with carets under it.
func (f Finding) writeExcerpt(w io.Writer, o TextOptions) {
	s := f.Span
	line, ok := lineOf(o.Source(s.File), s.Start.Line)
	if !ok {
		return
	}
	e := excerptOf(line, s)
	fmt.Fprintf(w, "    %s\n", e.text)
	if e.carets > 0 {
		fmt.Fprintf(w, "    %s%s\n", e.pad, o.paint(f.Severity, strings.Repeat("^", e.carets)))
	}
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
