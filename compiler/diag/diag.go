// Package diag holds findings: what is wrong or worth a word in an input, where,
// and what to do about it; their order and their text and JSON forms.
//
// Every pass returns its result together with a List; an error value is only for
// input and output that failed and for bugs. The package imports the standard
// library alone, so that readers in dataplane/ may use it too.
package diag

import (
	"cmp"
	"fmt"
	"slices"
)

// Pos is a place in a file. Line and Col count from 1 (Col in bytes), Byte from
// 0. The zero Pos is "unknown".
type Pos struct {
	Line int `json:"line"`
	Col  int `json:"col"`
	Byte int `json:"byte"`
}

// Span is a piece of a file, half open.
type Span struct {
	File  string `json:"file"`
	Start Pos    `json:"start"`
	End   Pos    `json:"end"`
}

// String returns "file:line:col", leaving out what is unknown.
func (s Span) String() string {
	switch {
	case s.Start.Line == 0:
		return s.File
	case s.Start.Col == 0:
		return fmt.Sprintf("%s:%d", s.File, s.Start.Line)
	}
	return fmt.Sprintf("%s:%d:%d", s.File, s.Start.Line, s.Start.Col)
}

// Compare orders places of one file.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
}

// Compare orders spans by file and place.
func (s Span) Compare(t Span) int {
	return cmp.Or(cmp.Compare(s.File, t.File), cmp.Compare(s.Start.Line, t.Start.Line), cmp.Compare(s.Start.Col, t.Start.Col))
}

// Severity is how bad a finding is. The zero value is invalid.
type Severity uint8

// The severities, worst first.
const (
	Error Severity = iota + 1
	Warning
	Note
)

// String returns "error", "warning" or "note".
func (s Severity) String() string {
	switch s {
	case Error:
		return "error"
	case Warning:
		return "warning"
	case Note:
		return "note"
	}
	return "severity?"
}

// MarshalText makes the severity its name in JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one thing found. Code is stable ("yaml/unknown-field"); Message is
// one line in lower case without a full stop, quoting the user's own text; Hint
// says what to do.
type Finding struct {
	Code     string    `json:"code"`
	Severity Severity  `json:"severity"`
	Message  string    `json:"message"`
	Span     Span      `json:"span"`
	Hint     string    `json:"hint,omitempty"`
	Related  []Related `json:"related,omitempty"`
}

// Related is a second place that explains a finding.
type Related struct {
	Span    Span   `json:"span"`
	Message string `json:"message"`
}

// List is a list of findings.
type List []Finding

// Add appends a finding.
func (l *List) Add(f Finding) { *l = append(*l, f) }

// HasErrors reports whether any finding is an error.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(f Finding) bool { return f.Severity == Error })
}

// Sort orders the findings by file, place, severity, code and message.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Finding) int {
		return cmp.Or(
			a.Span.Compare(b.Span),
			cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Message, b.Message),
		)
	})
}
