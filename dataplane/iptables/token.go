package iptables

import "strings"

// token is one word of a rule line. start and end delimit its source text in the
// line, quotes included.
type token struct {
	text       string
	quoted     bool
	start, end int
}

// is reports whether the token is the unquoted word s.
func (t token) is(s string) bool { return !t.quoted && t.text == s }

// isOption reports whether the token looks like an option, "-x" or "--word".
func (t token) isOption() bool {
	return !t.quoted && len(t.text) > 1 && t.text[0] == '-' && !(t.text[1] >= '0' && t.text[1] <= '9')
}

// tokenize splits a line as iptables-restore does: blanks separate words, double
// quotes group, and inside quotes a backslash takes the next byte literally. ok
// is false when a quote stays open.
func tokenize(line string, from int) (toks []token, ok bool) {
	i := from
	for {
		for i < len(line) && isBlank(line[i]) {
			i++
		}
		if i >= len(line) {
			return toks, true
		}
		t, closed := nextToken(line, i)
		toks = append(toks, t)
		if !closed {
			return toks, false
		}
		i = t.end
	}
}

// nextToken reads the word that begins at i.
func nextToken(line string, i int) (token, bool) {
	t := token{start: i}
	var b strings.Builder
	open := false
	for ; i < len(line) && (open || !isBlank(line[i])); i++ {
		switch c := line[i]; {
		case c == '"':
			open, t.quoted = !open, true
		case open && c == '\\' && i+1 < len(line):
			i++
			b.WriteByte(line[i])
		default:
			b.WriteByte(c)
		}
	}
	t.text, t.end = b.String(), i
	return t, !open
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// quote prints a string option as iptables-save does: bare when it is made of
// letters, digits, "_" and "-" only, otherwise in double quotes.
func quote(s string) string {
	bare := func(r rune) bool {
		return r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	if s != "" && s[0] != '-' && strings.TrimLeftFunc(s, bare) == "" {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`).Replace(s) + `"`
}

// word prints a name (of an interface, a set) bare if it reads back as one
// word, otherwise quoted.
func word(s string) string {
	if s == "" || s[0] == '-' || s[0] == '!' || strings.ContainsAny(s, " \t\r\"'\\") {
		return quote(s)
	}
	return s
}
