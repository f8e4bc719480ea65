package yamlpos

import (
	"encoding/json"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tortie/compiler/diag"

	"gopkg.in/yaml.v3"
)

// scalar fills in kind, text and extent of a scalar. Plain scalars are read by
// the rules of YAML 1.1, as the tools of Kubernetes do: yes, no, on, off, y and n
// are booleans, and a finding warns of them.
func (p *parser) scalar(n *Node, y *yaml.Node) {
	n.Kind, n.Text = String, y.Value
	p.extent(n, y)
	quoted := y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	tagged := y.Style&yaml.TaggedStyle != 0
	if quoted && !tagged || tagged && y.Tag == "!!str" {
		return
	}
	n.Kind, n.Text = resolvePlain(y.Value)
	if n.Kind == Bool && !isTrueFalse(y.Value) {
		n.Raw = false
		p.add("yaml/boolean-word", diag.Warning, n.Span, "quote it if the word is meant",
			"unquoted %s is read as the boolean %s", y.Value, n.Text)
	}
	if n.Kind != String && n.Text != y.Value {
		n.Raw = false
	}
}

// tagKinds are the tags that are read, with the kinds of values that they may stand at.
var tagKinds = map[string][]Kind{
	"!!str": {String}, "!!int": {Int}, "!!float": {Float, Int}, "!!bool": {Bool}, "!!null": {Null}, "!!seq": {List}, "!!map": {Map},
}

// tag reports a tag that is written out and that readers of JSON would take otherwise,
// or not at all.
func (p *parser) tag(n *Node, y *yaml.Node) {
	if y.Style&yaml.TaggedStyle == 0 {
		return
	}
	switch fits, known := tagKinds[y.ShortTag()]; {
	case !known:
		p.add("yaml/tag", diag.Error, n.Span, "take the tag out, and write the value itself", "the tag %s means nothing here", y.Tag)
	case !slices.Contains(fits, n.Kind):
		p.add("yaml/tag", diag.Error, n.Span, "take the tag out, or give a value that it fits", "the tag %s does not fit %s", y.Tag, n.Describe())
	}
}

func isTrueFalse(s string) bool {
	switch strings.ToLower(s) {
	case "true", "false":
		return true
	}
	return false
}

var plainFloat = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)

// resolvePlain says what an unquoted scalar is, and its text in JSON's spelling.
func resolvePlain(s string) (Kind, string) {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return Null, ""
	case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
		return Bool, "true"
	case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
		return Bool, "false"
	case ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF":
		return Float, s
	}
	if !strings.ContainsRune("+-.0123456789", rune(s[0])) || isDate(s) {
		return String, s
	}
	if s[0] == '.' {
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return number(f, s)
		}
		return String, s
	}
	return resolveNumber(s)
}

func resolveNumber(s string) (Kind, string) {
	plain := strings.ReplaceAll(s, "_", "")
	if i, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return Int, strconv.FormatInt(i, 10)
	}
	if u, err := strconv.ParseUint(plain, 0, 64); err == nil {
		return Int, strconv.FormatUint(u, 10)
	}
	if plainFloat.MatchString(plain) {
		if f, err := strconv.ParseFloat(plain, 64); err == nil {
			return number(f, s)
		}
	}
	return String, s
}

// number gives a float in JSON's spelling; a whole one is as good as an integer.
func number(f float64, s string) (Kind, string) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return Float, s
	}
	text, err := json.Marshal(f)
	if err != nil {
		return Float, s
	}
	if _, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return Int, string(text)
	}
	return Float, string(text)
}

// isDate says that a plain scalar is a YAML timestamp, which stays a string.
func isDate(s string) bool {
	if len(s) < 8 || s[4] != '-' {
		return false
	}
	for _, layout := range []string{
		"2006-1-2T15:4:5.999999999Z07:00", "2006-1-2t15:4:5.999999999Z07:00", "2006-1-2 15:4:5.999999999", "2006-1-2",
	} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// extent finds where a scalar ends and whether its text stands in the file as it
// is.
func (p *parser) extent(n *Node, y *yaml.Node) {
	start := n.Span.Start
	rest := p.lineText(start.Line)
	if start.Col-1 > len(rest) {
		return
	}
	rest = rest[start.Col-1:]
	if skip := propertiesLen(rest); skip > 0 {
		rest, start = rest[skip:], shiftCol(start, skip)
		n.Span.Start, n.Span.End = start, start
	}
	switch {
	case y.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		p.blockExtent(n, y, start.Line)
	case y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && rest != "":
		q := rest[:1]
		if strings.HasPrefix(rest[1:], y.Value+q) && !strings.Contains(y.Value, "\n") {
			n.Raw, n.TextAt = true, shiftCol(start, 1)
			n.Span.End = shiftCol(start, len(y.Value)+2)
		} else if i := closingQuote(rest, rest[0]); i > 0 {
			n.Span.End = shiftCol(start, i+1)
		} else {
			n.Span.End = shiftCol(start, len(rest))
		}
	case strings.HasPrefix(rest, y.Value):
		n.Raw, n.TextAt = true, start
		n.Span.End = shiftCol(start, len(y.Value))
	default:
		n.Span.End = shiftCol(start, len(rest))
	}
}

// propertiesLen is the length of anchors and tags before a value on its line.
func propertiesLen(s string) int {
	at := 0
	for at < len(s) && (s[at] == '&' || s[at] == '!') {
		end := strings.IndexAny(s[at:], " \t")
		if end < 0 {
			return 0
		}
		at += end
		at += len(s[at:]) - len(strings.TrimLeft(s[at:], " \t"))
	}
	return at
}

// blockExtent handles | and > scalars: one whose text is a single line keeps
// exact columns.
func (p *parser) blockExtent(n *Node, y *yaml.Node, header int) {
	want := strings.TrimRight(y.Value, "\n")
	for line := header + 1; line <= len(p.lines); line++ {
		text := p.lineText(line)
		trimmed := strings.TrimLeft(text, " ")
		if trimmed == "" {
			continue
		}
		if trimmed == want {
			col := len(text) - len(trimmed)
			n.TextAt = diag.Pos{Line: line, Col: col + 1, Byte: p.lines[line-1] + col}
			n.Raw = true
			n.Span.Start = n.TextAt
			n.Span.End = shiftCol(n.TextAt, len(want))
		}
		return
	}
}

func closingQuote(s string, q byte) int {
	for i := 1; i < len(s); i++ {
		switch {
		case q == '"' && s[i] == '\\':
			i++
		case q == '\'' && s[i] == '\'' && i+1 < len(s) && s[i+1] == '\'':
			i++
		case s[i] == q:
			return i
		}
	}
	return 0
}

func shiftCol(pos diag.Pos, n int) diag.Pos {
	pos.Col += n
	pos.Byte += n
	return pos
}
