package nftables

import (
	"tortie/compiler/diag"
)

// tokenKind is the kind of a token.
type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokWord
	tokString
	tokPunct
	tokNewline
	tokComment
	tokBad // an unterminated string
)

// token is one lexical unit. Text of a string is without its quotes, of a comment
// without the '#'. End is the offset behind it.
type token struct {
	kind tokenKind
	text string
	pos  diag.Pos
	end  int
}

func (t token) is(text string) bool {
	return t.text == text && (t.kind == tokWord || t.kind == tokPunct)
}

// lexer cuts text into tokens. Words are maximal: "10.0.0.1:80", "8000-8010" and
// "0x00800000/11" are one word each, because nft puts spaces around everything
// that is an operator.
type lexer struct {
	text      string
	off       int
	line      int
	lineStart int
}

// lex returns all tokens of the text; the last one is tokEOF.
func lex(text string) []token {
	l := &lexer{text: text, line: 1}
	toks := make([]token, 0, len(text)/6+1)
	for {
		t := l.next()
		toks = append(toks, t)
		if t.kind == tokEOF {
			return toks
		}
	}
}

func (l *lexer) next() token {
	for l.off < len(l.text) && (isBlank(l.text[l.off]) || l.atLineSplice()) {
		l.skipBlank()
	}
	start := l.off
	t := token{pos: diag.Pos{Line: l.line, Col: start - l.lineStart + 1, Byte: start}}
	if start == len(l.text) {
		t.end = start
		return t
	}
	t.kind, t.text = l.scan()
	t.end = l.off
	return t
}

// atLineSplice reports whether a backslash joins this line with the next.
func (l *lexer) atLineSplice() bool {
	return l.text[l.off] == '\\' && l.off+1 < len(l.text) && l.text[l.off+1] == '\n'
}

func (l *lexer) skipBlank() {
	if l.text[l.off] == '\\' {
		l.off += 2
		l.line++
		l.lineStart = l.off
		return
	}
	l.off++
}

func (l *lexer) scan() (tokenKind, string) {
	start := l.off
	switch c := l.text[start]; {
	case c == '\n':
		l.off++
		l.line++
		l.lineStart = l.off
		return tokNewline, "\n"
	case c == '#':
		l.skipTo('\n')
		return tokComment, l.text[start+1 : l.off]
	case c == '"':
		return l.scanString()
	case isPunct(c):
		l.off += punctLen(l.text[start:])
		return tokPunct, l.text[start:l.off]
	}
	for l.off < len(l.text) && isWord(l.text[l.off]) {
		l.off++
	}
	return tokWord, l.text[start:l.off]
}

// scanString reads a quoted string. nft has no escapes in strings.
func (l *lexer) scanString() (tokenKind, string) {
	start := l.off + 1
	for i := start; i < len(l.text) && l.text[i] != '\n'; i++ {
		if l.text[i] == '"' {
			l.off = i + 1
			return tokString, l.text[start:i]
		}
	}
	l.skipTo('\n')
	return tokBad, l.text[start:l.off]
}

func (l *lexer) skipTo(c byte) {
	for l.off < len(l.text) && l.text[l.off] != c {
		l.off++
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

func isPunct(c byte) bool {
	switch c {
	case '{', '}', '(', ')', ',', ';', '=', '!', '<', '>', '&', '|', '^', '@':
		return true
	}
	return false
}

func isWord(c byte) bool {
	return !isBlank(c) && !isPunct(c) && c != '\n' && c != '"' && c != '#'
}

// punctLen is 2 for ==, !=, <=, >=, << and >>, else 1.
func punctLen(s string) int {
	if len(s) < 2 {
		return 1
	}
	switch s[:2] {
	case "==", "!=", "<=", ">=", "<<", ">>":
		return 2
	}
	return 1
}
