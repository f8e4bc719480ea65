package nftables

import (
	"errors"
	"fmt"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/nf"
)

// The codes of this package's findings.
const (
	codeUnreadable = "import/unreadable-nft"
	codeStatement  = "import/unmodelled-statement"
	codeObject     = "import/unmodelled-object"
	codeCompat     = "import/iptables-nft-table"
)

// Parse reads the text of "nft list ruleset". A line that cannot be read is an
// error finding; the rest is still read.
func Parse(file string, text []byte) ([]nf.Table, diag.List) {
	p := &parser{file: file, text: string(text)}
	p.toks = lex(p.text)
	for p.peek().kind != tokEOF {
		p.top()
	}
	return p.tables, p.found
}

// parser reads a whole file: the frame of tables, chains and sets. Lines inside
// of them are read by a cursor each, so that an error stays in its line.
type parser struct {
	file   string
	text   string
	toks   []token
	i      int
	tables []nf.Table
	found  diag.List
	// managed are tables that a comment says iptables-nft manages.
	managed map[string]bool
	// compat says that the table being read has an xt expression.
	compat bool
}

func (p *parser) peek() token { return p.toks[p.i] }

func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != tokEOF {
		p.i++
	}
	return t
}

// top reads one thing at the outermost level.
func (p *parser) top() {
	switch t := p.peek(); {
	case t.kind == tokNewline || t.is(";"):
		p.next()
	case t.kind == tokComment:
		p.noteManaged(p.next().text)
	case t.is("table"):
		p.table()
	default:
		p.unreadable(p.line(), &failure{pos: t.pos, got: t.text, want: `"table"`})
		if p.peek().is("}") {
			p.next()
		}
	}
}

// noteManaged remembers the table of "# Warning: table ip filter is managed by
// iptables-nft, do not touch!".
func (p *parser) noteManaged(comment string) {
	f := strings.Fields(comment)
	for i := 0; i+5 < len(f); i++ {
		if f[i] == "table" && f[i+3] == "is" && f[i+4] == "managed" {
			if p.managed == nil {
				p.managed = map[string]bool{}
			}
			p.managed[f[i+1]+" "+f[i+2]] = true
		}
	}
}

// line takes the tokens up to the end of a statement: a newline, a semicolon, or
// the brace that closes the block around. Braces inside may span lines.
func (p *parser) line() []token {
	start, depth := p.i, 0
	var toks []token
	for {
		t := p.peek()
		switch {
		case t.kind == tokEOF || depth > 0 && p.atObject():
			if depth > 0 {
				return p.firstLine(start)
			}
			return toks
		case depth == 0 && (t.kind == tokNewline || t.is(";")):
			p.next()
			return p.withComment(t, toks)
		case t.kind == tokNewline && !p.joins(toks):
			return p.firstLine(start)
		case t.kind == tokNewline:
			p.next()
			continue
		case t.is("{"):
			depth++
		case t.is("}") && depth == 0:
			return toks
		case t.is("}"):
			depth--
		}
		toks = append(toks, p.next())
	}
}

// joins reports whether the lines at this newline belong to one list: nft breaks
// lists behind commas.
func (p *parser) joins(toks []token) bool {
	last := toks[len(toks)-1]
	return last.is(",") || last.is("{") || p.toks[p.i+1].is("}")
}

// withComment takes the comment behind a semicolon, which may hold a handle.
func (p *parser) withComment(end token, toks []token) []token {
	if end.is(";") && p.peek().kind == tokComment {
		return append(toks, p.next())
	}
	return toks
}

// atObject reports whether a new table, chain, set or map begins here: then an
// open brace before it was never closed.
func (p *parser) atObject() bool {
	if p.i == 0 || p.toks[p.i-1].kind != tokNewline || p.i+3 >= len(p.toks) {
		return false
	}
	switch p.peek().text {
	case "chain", "set", "map":
		return p.toks[p.i+1].kind == tokWord && p.toks[p.i+2].is("{")
	case "table":
		return p.toks[p.i+3].is("{")
	}
	return false
}

// firstLine is what line falls back to when a brace is never closed.
func (p *parser) firstLine(start int) []token {
	p.i = start
	for p.peek().kind != tokEOF && p.peek().kind != tokNewline {
		p.next()
	}
	toks := p.toks[start:p.i]
	p.next()
	return toks
}

// source is the text of the tokens as it stands in the file.
func (p *parser) source(toks []token) string {
	if len(toks) == 0 {
		return ""
	}
	return p.text[toks[0].pos.Byte:toks[len(toks)-1].end]
}

// sourceBare is the text of the tokens without comments, which hold handles.
func (p *parser) sourceBare(toks []token) string {
	var b strings.Builder
	from := toks[0].pos.Byte
	for _, t := range toks {
		if t.kind == tokComment {
			b.WriteString(strings.TrimRight(p.text[from:t.pos.Byte], " \t"))
			from = t.end
		}
	}
	b.WriteString(p.text[from:max(from, toks[len(toks)-1].end)])
	return strings.TrimSpace(b.String())
}

func (p *parser) span(toks []token) diag.Span {
	s := diag.Span{File: p.file}
	if len(toks) > 0 {
		s.Start = toks[0].pos
		last := toks[len(toks)-1]
		s.End = last.pos
		s.End.Col += last.end - last.pos.Byte
		s.End.Byte = last.end
	}
	return s
}

func (p *parser) add(code string, sev diag.Severity, span diag.Span, format string, args ...any) {
	p.found.Add(diag.Finding{Code: code, Severity: sev, Span: span, Message: fmt.Sprintf(format, args...)})
}

// unreadable reports a line that cannot be read.
func (p *parser) unreadable(toks []token, err error) {
	span := p.span(toks)
	var f *failure
	if errors.As(err, &f) {
		span.Start = f.pos
		if f.pos.Line != span.End.Line {
			span.End = f.pos
		}
	}
	p.add(codeUnreadable, diag.Error, span, "cannot read %q: %v", oneLine(p.source(toks)), err)
}

// oneLine makes a text fit for a message.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + " …"
	}
	return s
}

// block reads "WORDS {" and calls one for each line inside until the closing
// brace. It reports whether the closing brace was there.
func (p *parser) block(one func(toks []token)) bool {
	for {
		switch t := p.peek(); {
		case t.kind == tokEOF:
			return false
		case t.is("}"):
			p.next()
			return true
		case t.kind == tokNewline || t.is(";"):
			p.next()
		default:
			if toks := p.line(); len(toks) > 0 {
				one(toks)
			}
		}
	}
}

// header takes the tokens up to and with the opening brace.
func (p *parser) header() ([]token, bool) {
	start := p.i
	for {
		switch t := p.peek(); {
		case t.is("{"):
			p.next()
			return p.toks[start : p.i-1], true
		case t.kind == tokEOF || t.kind == tokNewline || t.is("}"):
			return p.toks[start:p.i], false
		}
		p.next()
	}
}

// opaqueObject takes a whole object, with its braces when it has some, as text.
func (p *parser) opaqueObject() []token {
	start, depth := p.i, 0
	for {
		t := p.peek()
		if t.kind == tokEOF || depth == 0 && (t.kind == tokNewline || t.is("}") || t.is(";")) {
			return p.toks[start:p.i]
		}
		p.next()
		switch {
		case t.is("{"):
			depth++
		case t.is("}"):
			if depth--; depth == 0 {
				return p.toks[start:p.i]
			}
		}
	}
}
