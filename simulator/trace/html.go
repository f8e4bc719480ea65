package trace

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"upper":      func(v Verdict) string { return strings.ToUpper(string(v)) },
	"headline":   headline,
	"place":      reasonPlace,
	"policy":     policyText,
	"title":      func(s Side) string { return s.title() },
	"source":     sourceText,
	"considered": consideredName,
	"nearest":    nearestName,
	"hooks":      hooksOf,
	"last":       func(s []Side) Side { return s[len(s)-1] },
}).Parse(pageText))

// WriteHTML writes the connection as one page that needs nothing else: every
// rule on the way, folded by hook.
func (c Connection) WriteHTML(w io.Writer) error { return page.Execute(w, c) }

// hookSteps are the steps of a packet between two hooks, as the page shows them.
type hookSteps struct {
	Title string
	// Open says that the packet was decided here.
	Open  bool
	Steps []pageStep
}

type pageStep struct {
	Step
	Line    string
	Class   string
	Decided bool
}

// hooksOf cuts a packet's steps at its hooks.
func hooksOf(p Packet) []hookSteps {
	var out []hookSteps
	title := ""
	for i := range p.Steps {
		s := &p.Steps[i]
		next := strings.Join(nonEmpty([]string{s.Node, s.Hook}), " ")
		if s.Hook == "" && !strings.HasPrefix(title, s.Node+" ") || s.Hook != "" && next != title {
			title = next
			out = append(out, hookSteps{Title: title})
		}
		if len(out) == 0 {
			out = append(out, hookSteps{Title: title})
		}
		last := &out[len(out)-1]
		ps := pageStep{Step: *s, Line: s.line(), Decided: s.decided(&p)}
		ps.Class = stepClass(s, ps.Decided)
		last.Open = last.Open || ps.Decided
		last.Steps = append(last.Steps, ps)
	}
	return out
}

func stepClass(s *Step, decided bool) string {
	switch {
	case decided:
		return "decided"
	case s.Matched == MatchedNo:
		return "miss"
	case s.Minor || s.Kind == KindRule && !s.matters() || s.Kind == KindHook || s.Kind == KindPolicy:
		return "minor"
	}
	return ""
}
