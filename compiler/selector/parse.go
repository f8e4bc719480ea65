package selector

import (
	"fmt"
	"slices"
	"strings"

	"tortie/compiler/diag"
)

// maxDepth bounds nesting, so that no text can exhaust the stack.
const maxDepth = 1000

// maxLabel is the longest label name libcalico-go takes.
const maxLabel = 512

// Error says what is wrong with a selector at bytes [From,To) of its text.
type Error struct {
	From, To int
	Message  string
	Hint     string
}

// Error returns the message with the place.
func (e *Error) Error() string { return fmt.Sprintf("at %d: %s", e.From+1, e.Message) }

// Finding makes a finding of the error; place gives the span of a part of the
// selector's text.
func (e *Error) Finding(place func(from, to int) diag.Span) diag.Finding {
	return diag.Finding{
		Code: "selector/syntax", Severity: diag.Error, Span: place(e.From, e.To),
		Message: "bad selector: " + e.Message, Hint: e.Hint,
	}
}

// Parse reads a selector. The empty text selects everything. The error is an
// *Error.
func Parse(text string) (*Selector, error) {
	p := &parser{text: text}
	p.space()
	if p.at == len(text) {
		return newSelector(&Expr{Op: All, To: len(text)}), nil
	}
	root := p.or(0)
	if p.err == nil && p.at < len(text) {
		p.fail(p.at, "combine terms with && or ||", "unexpected %s after the expression", p.word())
	}
	if p.err != nil {
		return nil, p.err
	}
	return newSelector(root), nil
}

// parser reads left to right; after the first error all of it is a no-op.
type parser struct {
	text string
	at   int
	err  *Error
}

func (p *parser) fail(from int, hint, format string, args ...any) {
	if p.err == nil {
		p.err = &Error{From: from, To: max(from, p.wordEnd(from)), Message: fmt.Sprintf(format, args...), Hint: hint}
	}
}

// space skips blanks and tabs; the language has no other white space.
func (p *parser) space() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
}

// take skips a piece of text if it comes next, and the space after it.
func (p *parser) take(s string) bool {
	if !strings.HasPrefix(p.text[p.at:], s) {
		return false
	}
	p.at += len(s)
	p.space()
	return true
}

// wordEnd is the end of the word, or the single character, at an offset.
func (p *parser) wordEnd(from int) int {
	end := from
	for end < len(p.text) && isLabelChar(p.text[end]) {
		end++
	}
	if end == from && end < len(p.text) {
		for end++; end < len(p.text) && p.text[end]&0xc0 == 0x80; end++ {
		}
	}
	return end
}

// word is what comes next, for messages.
func (p *parser) word() string {
	if p.at >= len(p.text) {
		return "end of selector"
	}
	return fmt.Sprintf("%q", p.text[p.at:p.wordEnd(p.at)])
}

// trimmedEnd is the end of what has been read, without the space after it.
func (p *parser) trimmedEnd() int { return len(strings.TrimRight(p.text[:p.at], " \t")) }

func (p *parser) or(depth int) *Expr  { return p.chain(depth, Or, "||", p.and) }
func (p *parser) and(depth int) *Expr { return p.chain(depth, And, "&&", p.operand) }

// chain reads one or more parts with an operator between them.
func (p *parser) chain(depth int, op Op, sign string, part func(int) *Expr) *Expr {
	from := p.at
	args := []*Expr{part(depth)}
	for p.err == nil && p.take(sign) {
		args = append(args, part(depth))
	}
	if len(args) == 1 {
		return args[0]
	}
	return &Expr{Op: op, Args: args, From: from, To: p.trimmedEnd()}
}

// operand reads a term with any number of ! before it.
func (p *parser) operand(depth int) *Expr {
	from, negated := p.at, false
	for p.at < len(p.text) && p.text[p.at] == '!' && !strings.HasPrefix(p.text[p.at:], "!=") {
		p.take("!")
		negated = !negated
	}
	e := p.term(depth)
	if negated && p.err == nil {
		return &Expr{Op: Not, Args: []*Expr{e}, From: from, To: e.To}
	}
	return e
}

func (p *parser) term(depth int) *Expr {
	from := p.at
	e := &Expr{}
	if depth > maxDepth {
		p.fail(p.at, "", "nested too deeply")
		return e
	}
	switch {
	case p.take("("):
		e = p.or(depth + 1)
		if p.err == nil && !p.take(")") {
			p.fail(p.at, "", "expected ) before %s", p.word())
		}
	case p.take("has("):
		e.Op, e.Label = Has, p.label()
		p.space()
		p.closeCall("has(LABEL")
	case p.take("all("):
		e.Op = All
		p.closeCall("all(")
	case p.take("global("):
		e.Op = Global
		p.closeCall("global(")
	default:
		p.comparison(e)
	}
	e.From, e.To = from, p.trimmedEnd()
	return e
}

func (p *parser) closeCall(call string) {
	if p.err == nil && !p.take(")") {
		p.fail(p.at, "", "expected ) after %s, found %s", call, p.word())
	}
}

func isLabelChar(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '_' || c == '.' || c == '/' || c == '-'
}

// label reads a label's name.
func (p *parser) label() string {
	from := p.at
	for p.at < len(p.text) && isLabelChar(p.text[p.at]) {
		p.at++
	}
	name := p.text[from:p.at]
	switch {
	case name == "" && from < len(p.text) && (p.text[from] == '"' || p.text[from] == '\''):
		p.fail(from, "label names stand without quotes; only values are quoted", "expected a label name, found a quoted string")
	case name == "":
		p.fail(from, "", "expected a label name or a term, found %s", p.word())
	case len(name) > maxLabel:
		p.fail(from, "", "label name is longer than %d characters", maxLabel)
	}
	return name
}

// comparison reads LABEL OPERATOR VALUE.
func (p *parser) comparison(e *Expr) {
	e.Label = p.label()
	p.space()
	if p.err != nil {
		return
	}
	if e.Op = p.operator(); e.Op == 0 {
		p.badOperator(e)
		return
	}
	if e.Op == In || e.Op == NotIn {
		e.Values = p.set()
		return
	}
	e.Values = []string{p.literal()}
	p.space()
}

// operator reads the operator after a label. The words of an operator may stand
// together ("notin"), as libcalico-go has it.
func (p *parser) operator() Op {
	switch {
	case p.take("=="):
		return Eq
	case p.take("!="):
		return Ne
	case p.take("contains"):
		return Contains
	case p.takeBoth("starts", "with"):
		return StartsWith
	case p.takeBoth("ends", "with"):
		return EndsWith
	case p.takeBoth("not", "in"):
		return NotIn
	case p.take("in"):
		return In
	}
	return 0
}

// takeBoth skips two words with or without space between them, or nothing.
func (p *parser) takeBoth(first, second string) bool {
	start := p.at
	if p.take(first) && p.take(second) {
		return true
	}
	p.at = start
	return false
}

func (p *parser) badOperator(e *Expr) {
	hint := "operators are ==, !=, in, not in, contains, starts with, ends with"
	rest := p.text[p.at:]
	switch {
	case strings.HasPrefix(rest, "="):
		hint = "write == for equality"
	case strings.HasPrefix(rest, "("):
		hint = "the functions are has(LABEL), all() and global()"
	case rest == "" || rest[0] == '&' || rest[0] == '|' || rest[0] == ')':
		hint = fmt.Sprintf("write has(%s) to ask whether the label is there", e.Label)
	case strings.HasPrefix(rest, "!"):
		hint = "write != for inequality"
	}
	p.fail(p.at, hint, "expected an operator after label %q, found %s", e.Label, p.word())
}

// literal reads a quoted value. There are no escapes.
func (p *parser) literal() string {
	if p.at >= len(p.text) || p.text[p.at] != '\'' && p.text[p.at] != '"' {
		p.fail(p.at, "put the value in quotes", "expected a quoted value, found %s", p.word())
		return ""
	}
	from := p.at
	end := strings.IndexByte(p.text[from+1:], p.text[from])
	if end < 0 {
		p.fail(from, "", "quoted value does not end")
		return ""
	}
	p.at = from + 1 + end + 1
	return p.text[from+1 : p.at-1]
}

// set reads {'a', 'b'}. It may be empty, and a comma may stand before the end.
func (p *parser) set() []string {
	if !p.take("{") {
		p.fail(p.at, "write the values as {'a', 'b'}", "expected { after in, found %s", p.word())
		return nil
	}
	var values []string
	for p.err == nil && p.at < len(p.text) && (p.text[p.at] == '\'' || p.text[p.at] == '"') {
		values = append(values, p.literal())
		p.space()
		if !p.take(",") {
			break
		}
	}
	if p.err == nil && !p.take("}") {
		p.fail(p.at, "write the values as {'a', 'b'}", "expected , or } in the set, found %s", p.word())
	}
	slices.Sort(values)
	return slices.Compact(values)
}
