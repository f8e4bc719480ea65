package main

import (
	"fmt"
	"io"
)

// progress says on a terminal what a long command is doing, in one line that the next
// one overwrites; elsewhere it says nothing.
type progress struct {
	w      io.Writer
	prefix string
	said   bool
}

func newProgress(w io.Writer, prefix string) *progress {
	if !isTerminal(w) {
		w = nil
	}
	return &progress{w: w, prefix: prefix}
}

// progressWidth is how much of a line is shown, so that it stays one.
const progressWidth = 79

func (p *progress) say(text string) {
	if p.w == nil {
		return
	}
	line := []rune(p.prefix + text)
	if len(line) > progressWidth {
		line = append(line[:progressWidth-1], '…')
	}
	fmt.Fprintf(p.w, "\r\x1b[K%s", string(line))
	p.said = true
}

// done wipes the line.
func (p *progress) done() {
	if p.said {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
