package diag

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// excerpt is a line of a file as a terminal may show it.
type excerpt struct {
	text   string
	pad    string // what stands before the carets
	carets int    // 0 when the span is not on the line
}

// Of a long line only the surroundings of the span are shown.
const (
	longLine = 160 // bytes of a line that is shown whole
	around   = 60  // bytes that are shown before and behind the span
	ellipsis = "…"
)

// excerptOf cuts a long line around the span, and writes what does not print as
// escapes. Tabs are kept in the pad, so that the carets stay in step.
func excerptOf(line string, s Span) excerpt {
	from, to := spanOf(line, s)
	first, last := 0, len(line)
	if len(line) > longLine {
		at := max(from, 0)
		first, last = runeStart(line, at-around), runeStart(line, min(max(to, at), at+around)+around)
	}
	e := excerpt{}
	if first > 0 {
		e.text = ellipsis
	}
	if from < 0 {
		e.text += printable(line[first:last])
	} else {
		from, to = runeStart(line, from), min(to, last)
		e.text += printable(line[first:from])
		e.pad = blank(e.text)
		marked := printable(line[from:max(from, to)])
		e.text += marked + printable(line[max(from, to):last])
		e.carets = max(utf8.RuneCountInString(marked), 1)
	}
	if last < len(line) {
		e.text += ellipsis
	}
	return e
}

// spanOf is the span in bytes of its first line; -1 when it is not on it.
func spanOf(line string, s Span) (from, to int) {
	if s.Start.Col < 1 || s.Start.Col > len(line)+1 {
		return -1, -1
	}
	from = s.Start.Col - 1
	if s.End.Line != s.Start.Line || s.End.Col <= s.Start.Col {
		return from, min(from+1, len(line))
	}
	return from, min(s.End.Col-1, len(line))
}

// runeStart is the place in the line, or the beginning of the character that it is
// in the middle of.
func runeStart(line string, at int) int {
	at = min(max(at, 0), len(line))
	for i := 0; i < utf8.UTFMax-1 && at-i >= 0 && at < len(line); i++ {
		if utf8.RuneStart(line[at-i]) {
			return at - i
		}
	}
	return at
}

// printable writes control characters, what is not UTF-8, and characters that turn
// the direction of text as Go's escapes; tabs stay.
func printable(text string) string {
	if !strings.ContainsFunc(text, odd) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		if odd(r) {
			quoted := strconv.Quote(text[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
	return b.String()
}

func odd(r rune) bool {
	return r == utf8.RuneError || r != '\t' && !unicode.IsPrint(r) && !unicode.Is(unicode.Zs, r)
}

// blank is as wide as the text.
func blank(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, text)
}
