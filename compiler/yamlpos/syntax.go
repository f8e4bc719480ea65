package yamlpos

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

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
	at, hint := brokenAt(onLine, msg)
	if m := unknownAnchor.FindStringSubmatch(msg); m != nil {
		at = max(at, strings.Index(onLine, "*"+m[1]))
	}
	pos = shiftCol(pos, at)
	if i := unreadable(text); i >= 0 && (strings.Contains(msg, "control characters") || strings.Contains(msg, "UTF-8")) {
		pos = p.posOf(text, i)
		msg, hint = unreadableWhat(text[i:])
	}
	f := diag.Finding{
		Code: "yaml/syntax", Severity: diag.Error, Message: "cannot read as YAML: " + msg, Hint: hint,
		Span: diag.Span{File: p.file, Start: pos, End: pos},
	}
	if t := p.templateHint(); t != "" && !strings.HasPrefix(hint, "indent with spaces") {
		f.Hint = t
	}
	p.diags.Add(f)
}

// mends say what helps against an error of yaml.v3.
var mends = []struct{ err, hint string }{
	{"cannot start any token", "put the value in quotes: without them it cannot begin with @, % or a backquote"},
	{"unknown anchor", "put the text in quotes, or give the anchor, &NAME, before it in the same document"},
	{"unexpected end of stream", "close the quotes that are opened here or below"},
	{"',' or ']'", "close the list with ], and put commas between its items"},
	{"',' or '}'", "close the mapping with }, and put commas between its fields"},
	{"mapping values are not allowed", "put a value that has a colon and a blank in it in quotes, and indent the keys of a mapping alike"},
	{"did not find expected key", "indent the keys of a mapping alike, and close quotes and brackets"},
	{"'-' indicator", "indent the items of a list alike"},
	{"could not find expected ':'", "write a colon and a blank behind the key"},
	{"did not find expected node content", "write a value here, and close quotes and brackets"},
	{"did not find expected alphabetic or numeric", "put the text in quotes: & and * begin anchors and aliases"},
}

// brokenAt is where on its line an error is, as far as the line shows it, and what
// helps against it.
func brokenAt(line, msg string) (at int, hint string) {
	at = len(line) - len(strings.TrimLeft(line, " \t"))
	if strings.Contains(msg, "cannot start any token") {
		if tab := strings.IndexByte(line, '\t'); tab >= 0 {
			return tab, "indent with spaces; YAML does not allow tabs"
		}
		if m := cannotStart.FindStringSubmatchIndex(line); m != nil {
			at = m[2]
		}
	}
	for _, m := range mends {
		if strings.Contains(msg, m.err) {
			return at, m.hint
		}
	}
	return at, ""
}

// cannotStart finds a character that no value begins with.
var cannotStart = regexp.MustCompile("(?:^|[\\s\\[{,])([@%`])")

// unreadable is the place of the first byte that cannot be in YAML, -1 if there is
// none: a control character, or no UTF-8.
func unreadable(text []byte) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r >= 0x7f && r < 0xa0 && r != 0x85 || r == 0xfffe || r == 0xffff {
			return i
		}
		i += n
	}
	return -1
}

func unreadableWhat(text []byte) (msg, hint string) {
	if r, n := utf8.DecodeRune(text); r != utf8.RuneError || n != 1 {
		return fmt.Sprintf("control character U+%04X", r), fmt.Sprintf(`take it out; within double quotes it is written \u%04X`, r)
	}
	return fmt.Sprintf("byte 0x%02X is not UTF-8", text[0]), "save the file as UTF-8"
}

// posOf is the place of a byte of the chunk's text.
func (p *parser) posOf(text []byte, i int) diag.Pos {
	before := text[:i]
	start := bytes.LastIndexByte(before, '\n') + 1
	return shiftCol(p.pos(1+bytes.Count(before, []byte("\n")), 1), i-start)
}

// templateHint says what to do with text that is a template of YAML.
func (p *parser) templateHint() string {
	if strings.Contains(p.text, "{{") {
		return "this is a template; render it first, as with helm template"
	}
	return ""
}
