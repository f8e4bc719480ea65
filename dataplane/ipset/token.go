package ipset

import "strings"

// token is a word of a line; start and end are its place, quotes included.
type token struct {
	text       string
	start, end int
}

// tokenize splits a line at blanks; double quotes group and have no escapes. ok
// is false when a quote stays open.
func tokenize(line string) (toks []token, ok bool) {
	for i := 0; i < len(line); {
		if isBlank(line[i]) {
			i++
			continue
		}
		t := token{start: i}
		open := false
		for ; i < len(line) && (open || !isBlank(line[i])); i++ {
			if line[i] == '"' {
				open = !open
				continue
			}
			t.text += string(line[i : i+1])
		}
		t.end = i
		toks = append(toks, t)
		if open {
			return toks, false
		}
	}
	return toks, true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// word prints a name or a number bare if it reads back as one word.
func word(s string) string {
	if s == "" || strings.ContainsAny(s, " \t\r") {
		return quote(s)
	}
	return strings.ReplaceAll(s, `"`, "'")
}

// quote prints a comment. ipset has no way to write a double quote inside.
func quote(s string) string { return `"` + strings.ReplaceAll(s, `"`, "'") + `"` }
