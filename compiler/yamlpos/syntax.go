package yamlpos

import (
	"regexp"
	"strconv"
	"strings"

	"tortie/compiler/diag"
)

var lineInError = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)$`)

// parserMessage matches the errors in which yaml.v3 counts lines from 0; in the
// others it counts from 1.
var parserMessage = regexp.MustCompile(`^(did not find expected (node content|key|',' or|'-' indicator|<)|found (duplicate|undefined|incompatible))`)

var unknownAnchor = regexp.MustCompile(`^unknown anchor '(.+)' referenced`)

// syntaxError reports what yaml.v3 says of a chunk's text. It names the line
// where the broken value starts.
func (p *parser) syntaxError(text []byte, err error) {
	m := lineInError.FindStringSubmatch(err.Error())
	line := 1
	msg := err.Error()
	if m != nil {
		msg = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
			if parserMessage.MatchString(msg) {
				line++
			}
		}
	}
	if m := unknownAnchor.FindStringSubmatch(msg); m != nil {
		if i := strings.Index(string(text), "*"+m[1]); i >= 0 {
			line = 1 + strings.Count(string(text[:i]), "\n")
		}
	}
	pos := p.pos(line, 1)
	onLine := p.lineText(pos.Line)
	indent := len(onLine) - len(strings.TrimLeft(onLine, " \t"))
	pos = shiftCol(pos, indent)
	f := diag.Finding{
		Code: "yaml/syntax", Severity: diag.Error, Message: "cannot read as YAML: " + msg,
		Span: diag.Span{File: p.file, Start: pos, End: pos},
	}
	if strings.Contains(onLine, "\t") && strings.Contains(msg, "cannot start any token") {
		f.Hint = "indent with spaces; YAML does not allow tabs"
	}
	if f.Hint == "" {
		f.Hint = p.templateHint()
	}
	p.diags.Add(f)
}

// templateHint says what to do with text that is a template of YAML.
func (p *parser) templateHint() string {
	if strings.Contains(p.text, "{{") {
		return "this is a template; render it first, as with helm template"
	}
	return ""
}
