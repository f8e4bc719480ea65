package nftables

import (
	"fmt"

	"tortie/compiler/diag"
	"tortie/dataplane/packet"
)

// failure is why a piece of text was not read: it is malformed, or it is a form
// of nft that nf does not model.
type failure struct {
	pos        diag.Pos
	got, want  string
	unmodelled bool
}

func (f *failure) Error() string {
	if f.unmodelled {
		return fmt.Sprintf("%q is not modelled", f.got)
	}
	return fmt.Sprintf("found %q, expected %s", f.got, f.want)
}

// cursor reads the tokens of one statement line. Behind the last token it yields
// a tokEOF.
type cursor struct {
	toks []token
	i    int
	last token // the tokEOF
	// asked is the IP family that statements before have asked for, in a table of
	// both.
	asked packet.Family
}

func newCursor(toks []token) *cursor {
	c := &cursor{toks: toks}
	if n := len(toks); n > 0 {
		t := toks[n-1]
		c.last = token{pos: diag.Pos{Line: t.pos.Line, Col: t.pos.Col + t.end - t.pos.Byte, Byte: t.end}, end: t.end}
	}
	return c
}

func (c *cursor) at(n int) token {
	if c.i+n < len(c.toks) {
		return c.toks[c.i+n]
	}
	return c.last
}

func (c *cursor) peek() token { return c.at(0) }

func (c *cursor) next() token {
	t := c.at(0)
	if c.i < len(c.toks) {
		c.i++
	}
	return t
}

func (c *cursor) done() bool { return c.i >= len(c.toks) }

// accept takes the tokens when they are next.
func (c *cursor) accept(words ...string) bool {
	for n, w := range words {
		if !c.at(n).is(w) {
			return false
		}
	}
	c.i += len(words)
	return true
}

// expect takes one token that must be there.
func (c *cursor) expect(text string) error {
	if c.accept(text) {
		return nil
	}
	return c.wanted(fmt.Sprintf("%q", text))
}

// wanted is the failure of a malformed text at the next token.
func (c *cursor) wanted(what string) error {
	t := c.peek()
	got := t.text
	if t.kind == tokEOF {
		got = "end of line"
	}
	return &failure{pos: t.pos, got: got, want: what}
}

// unmodelled is the failure of a form that nf has no word for.
func (c *cursor) unmodelled() error {
	t := c.peek()
	return &failure{pos: t.pos, got: t.text, unmodelled: true}
}

// word takes one word.
func (c *cursor) word(what string) (string, error) {
	if c.peek().kind != tokWord {
		return "", c.wanted(what)
	}
	return c.next().text, nil
}

// name takes a word or a string.
func (c *cursor) name(what string) (string, error) {
	if k := c.peek().kind; k != tokWord && k != tokString {
		return "", c.wanted(what)
	}
	return c.next().text, nil
}

// str takes a quoted string.
func (c *cursor) str(what string) (string, error) {
	if c.peek().kind != tokString {
		return "", c.wanted(what)
	}
	return c.next().text, nil
}
