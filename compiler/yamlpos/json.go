package yamlpos

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"tortie/compiler/diag"
)

// looksLikeJSON says that a file starts as a JSON object or list does. It may
// still be YAML in flow style.
func looksLikeJSON(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n")
	return len(data) > 0 && (data[0] == '{' || data[0] == '[')
}

// parseJSON reads a file of JSON values. ok is false if the text is not JSON, so
// that it can be tried as YAML.
func parseJSON(file string, data []byte) (docs []*Node, diags diag.List, ok bool) {
	j := &jsonParser{file: file, data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	j.dec.UseNumber()
	for {
		n, err := j.value(0)
		if errors.Is(err, io.EOF) {
			return docs, j.diags, true
		}
		if err != nil {
			return nil, nil, false
		}
		if n.Kind != Null {
			docs = append(docs, n)
		}
	}
}

type jsonParser struct {
	file  string
	data  []byte
	dec   *json.Decoder
	diags diag.List

	line, lineStart, seen int // place of the last offset asked for
}

// token returns the next token and its place.
func (j *jsonParser) token() (json.Token, diag.Span, error) {
	from := int(j.dec.InputOffset())
	tok, err := j.dec.Token()
	if err != nil {
		return nil, diag.Span{}, err
	}
	end := int(j.dec.InputOffset())
	for from < end && strings.IndexByte(" \t\r\n,:", j.data[from]) >= 0 {
		from++
	}
	return tok, diag.Span{File: j.file, Start: j.pos(from), End: j.pos(end)}, nil
}

// pos returns the place of an offset; offsets come in rising order.
func (j *jsonParser) pos(off int) diag.Pos {
	for ; j.seen < off; j.seen++ {
		if j.data[j.seen] == '\n' {
			j.line, j.lineStart = j.line+1, j.seen+1
		}
	}
	return diag.Pos{Line: j.line + 1, Col: off - j.lineStart + 1, Byte: off}
}

var errNested = errors.New("nested too deeply")

func (j *jsonParser) value(depth int) (*Node, error) {
	tok, span, err := j.token()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, errNested
	}
	n := &Node{Span: span}
	switch t := tok.(type) {
	case nil:
		n.Kind = Null
	case bool:
		n.Kind, n.Text = Bool, fmt.Sprint(t)
	case json.Number:
		n.Kind, n.Text = resolveNumber(t.String())
	case string:
		n.Kind, n.Text = String, t
		n.TextAt = shiftCol(span.Start, 1)
		n.Raw = string(j.data[n.TextAt.Byte:min(n.TextAt.Byte+len(t), len(j.data))]) == t
	case json.Delim:
		if t == '[' {
			return n, j.list(n, depth)
		}
		return n, j.object(n, depth)
	}
	return n, nil
}

func (j *jsonParser) list(n *Node, depth int) error {
	n.Kind = List
	for j.dec.More() {
		v, err := j.value(depth + 1)
		if err != nil {
			return notEOF(err)
		}
		n.Items = append(n.Items, v)
	}
	return j.close(n)
}

func (j *jsonParser) object(n *Node, depth int) error {
	n.Kind = Map
	for j.dec.More() {
		tok, span, err := j.token()
		if err != nil {
			return notEOF(err)
		}
		key, _ := tok.(string)
		v, err := j.value(depth + 1)
		if err != nil {
			return notEOF(err)
		}
		f := Field{Key: key, KeySpan: span, Value: v}
		if old := n.Field(key); old != nil {
			j.diags.Add(diag.Finding{
				Code: "yaml/duplicate-key", Severity: diag.Error, Span: span,
				Message: fmt.Sprintf("%q is given twice in the same mapping", key),
				Hint:    "merge the two; only the last one would count",
				Related: []diag.Related{{Span: old.KeySpan, Message: "first given here"}},
			})
			*old = f
			continue
		}
		n.Fields = append(n.Fields, f)
	}
	return j.close(n)
}

func (j *jsonParser) close(n *Node) error {
	_, span, err := j.token()
	n.Span.End = span.End
	return notEOF(err)
}

// notEOF keeps an early end of the text from being taken for its proper end.
func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
