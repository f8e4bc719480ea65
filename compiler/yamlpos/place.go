package yamlpos

import (
	"strings"

	"tortie/compiler/diag"

	"gopkg.in/yaml.v3"
)

func later(a, b diag.Pos) diag.Pos {
	if b.Byte > a.Byte {
		return b
	}
	return a
}

func lineStarts(data []byte) []int {
	starts := []int{0}
	for i, c := range data {
		if c == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

func (p *parser) lineText(line int) string {
	if line < 1 || line > len(p.lines) {
		return ""
	}
	end := len(p.text)
	if line < len(p.lines) {
		end = p.lines[line]
	}
	return strings.TrimRight(p.text[p.lines[line-1]:end], "\r\n")
}

// pos turns a line of the chunk and a column in characters into a place.
func (p *parser) pos(line, col int) diag.Pos {
	line = min(max(line+p.shift, 1), len(p.lines))
	text := p.lineText(line)
	b := 0
	for i := range text {
		if col <= 1 {
			b = i
			break
		}
		col--
		b = len(text)
	}
	return diag.Pos{Line: line, Col: b + 1, Byte: p.lines[line-1] + b}
}

func (p *parser) at(y *yaml.Node) diag.Span {
	pos := p.pos(y.Line, y.Column)
	return diag.Span{File: p.file, Start: pos, End: pos}
}
