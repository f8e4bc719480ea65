package yamlpos

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"

	"tortie/compiler/diag"

	"gopkg.in/yaml.v3"
)

// minChunks is how many documents are worth a processor of their own.
const minChunks = 16

// Limits that keep hostile input from using up memory or the stack.
const (
	maxDepth = 200     // nesting of values, aliases followed
	maxNodes = 200_000 // values that aliases may add to one file
)

// Parse reads all documents of a file, YAML or JSON. Empty documents are left
// out. A document that cannot be parsed is reported; the others are still read.
func Parse(file string, data []byte) ([]*Node, diag.List) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if looksLikeJSON(data) {
		if docs, diags, ok := parseJSON(file, data); ok {
			return docs, diags
		}
	}
	chunks := splitDocuments(data)
	parts := make([]parser, min(len(chunks)/minChunks+1, runtime.GOMAXPROCS(0)))
	text, lines := string(data), lineStarts(data)
	var all sync.WaitGroup
	for i := range parts {
		p := &parts[i]
		p.file, p.text, p.lines = file, text, lines
		mine := chunks[i*len(chunks)/len(parts) : (i+1)*len(chunks)/len(parts)]
		all.Go(func() {
			for _, c := range mine {
				p.chunk(c)
			}
		})
	}
	all.Wait()
	for i := range parts[1:] {
		parts[0].docs = append(parts[0].docs, parts[i+1].docs...)
		parts[0].diags = append(parts[0].diags, parts[i+1].diags...)
	}
	return parts[0].docs, parts[0].diags
}

type parser struct {
	file  string
	text  string
	lines []int // byte offset of each line
	docs  []*Node
	diags diag.List

	shift   int // lines before the chunk
	aliased int // nodes made by following aliases
	inAlias int
	anchors map[*yaml.Node]bool // being expanded
	gaveUp  bool

	saidJoined bool
}

// chunk is one document of a file as text, with the number of lines before it.
type chunk struct {
	text  []byte
	lines int
}

// splitDocuments cuts a file at lines that start with "---", so that an error in
// one document leaves the others readable.
func splitDocuments(data []byte) []chunk {
	var chunks []chunk
	start, startLine, line := 0, 0, 0
	for at := 0; at < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		if isSeparator(data[at:end]) && !onlyPrologue(data[start:at]) {
			chunks = append(chunks, chunk{data[start:at], startLine})
			start, startLine = at, line
		}
		at = end
	}
	return append(chunks, chunk{data[start:], startLine})
}

func isSeparator(line []byte) bool {
	return bytes.HasPrefix(line, []byte("---")) && (len(line) == 3 || strings.ContainsRune(" \t\r\n", rune(line[3])))
}

// onlyPrologue says that a text has nothing but blank lines, comments and
// directives, which belong to the document that follows.
func onlyPrologue(text []byte) bool {
	for _, l := range bytes.Split(text, []byte("\n")) {
		l = bytes.TrimSpace(l)
		if len(l) > 0 && l[0] != '#' && l[0] != '%' {
			return false
		}
	}
	return true
}

func (p *parser) chunk(c chunk) {
	p.shift = c.lines
	dec := yaml.NewDecoder(bytes.NewReader(c.text))
	for {
		var y yaml.Node
		err := safely(func() error { return dec.Decode(&y) })
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			p.syntaxError(c.text, err)
			return
		}
		p.document(&y)
	}
}

// safely turns a panic of the YAML parser into an error.
func safely(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return f()
}

func (p *parser) document(y *yaml.Node) {
	if y.Kind == yaml.DocumentNode {
		if len(y.Content) == 0 {
			return
		}
		y = y.Content[0]
	}
	p.anchors, p.aliased, p.gaveUp, p.saidJoined = map[*yaml.Node]bool{}, 0, false, false
	n := p.node(y, 0)
	if n.Kind != Null {
		p.docs = append(p.docs, n)
	}
}

func (p *parser) add(code string, sev diag.Severity, at diag.Span, hint, format string, args ...any) {
	p.diags.Add(diag.Finding{Code: code, Severity: sev, Span: at, Hint: hint, Message: fmt.Sprintf(format, args...)})
}

// node turns a yaml.v3 node into a Node, following aliases and merge keys.
func (p *parser) node(y *yaml.Node, depth int) *Node {
	n := &Node{Kind: Null, Span: p.at(y)}
	if p.inAlias > 0 {
		p.aliased++
	}
	if depth > maxDepth || p.aliased > maxNodes {
		if !p.gaveUp {
			p.gaveUp = true
			p.add("yaml/too-large", diag.Error, n.Span, "write the values out instead of nesting aliases",
				"document is nested or expanded through aliases beyond all measure")
		}
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		return p.alias(y, depth)
	case yaml.ScalarNode:
		p.scalar(n, y)
	case yaml.SequenceNode:
		n.Kind = List
		for _, c := range y.Content {
			n.Items = append(n.Items, p.node(c, depth+1))
		}
		if k := len(n.Items); k > 0 {
			n.Span.End = later(n.Span.End, n.Items[k-1].Span.End)
		}
	case yaml.MappingNode:
		n.Kind = Map
		p.mapping(n, y, depth)
	}
	p.tag(n, y)
	return n
}

func (p *parser) alias(y *yaml.Node, depth int) *Node {
	if y.Alias == nil || p.anchors[y.Alias] {
		at := p.at(y)
		p.add("yaml/alias-loop", diag.Error, at, "write the value out: an alias cannot stand within its own anchor", "alias %q contains itself", "*"+y.Value)
		return &Node{Kind: Null, Span: at}
	}
	p.anchors[y.Alias] = true
	p.inAlias++
	n := p.node(y.Alias, depth+1)
	p.inAlias--
	delete(p.anchors, y.Alias)
	return n
}

func (p *parser) mapping(n *Node, y *yaml.Node, depth int) {
	seen := map[string]diag.Span{}
	var merges []*Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		k := y.Content[i]
		if k.Kind == yaml.ScalarNode && k.Tag == "!!merge" {
			merges = append(merges, p.node(y.Content[i+1], depth+1))
			continue
		}
		key, span := p.key(k)
		v := p.node(y.Content[i+1], depth+1)
		n.Span.End = later(n.Span.End, v.Span.End)
		if key == "" && k.Kind != yaml.ScalarNode {
			continue // reported
		}
		first, dup := seen[key]
		if dup && depth == 0 && key == n.Fields[0].Key && n.Field("kind") != nil {
			n = p.joined(n, span)
			clear(seen)
			dup = false
		}
		if dup {
			p.diags.Add(diag.Finding{
				Code: "yaml/duplicate-key", Severity: diag.Error, Span: span,
				Message: fmt.Sprintf("%q is given twice in the same mapping", key),
				Hint:    "merge the two; only the last one would count",
				Related: []diag.Related{{Span: first, Message: "first given here"}},
			})
			*n.Field(key) = Field{Key: key, KeySpan: span, Value: v}
			continue
		}
		seen[key] = span
		n.Fields = append(n.Fields, Field{Key: key, KeySpan: span, Value: v})
	}
	for _, m := range merges {
		p.merge(n, m)
	}
}

// joined starts a new document where two were written one after the other with
// no line "---" between them, so that one finding does for all.
func (p *parser) joined(n *Node, at diag.Span) *Node {
	if !p.saidJoined {
		p.saidJoined = true
		p.add("yaml/no-separator", diag.Error, at, "put a line with --- before it",
			"a second document starts here with nothing to part it from the first")
	}
	before := *n
	p.docs = append(p.docs, &before)
	*n = Node{Kind: Map, Span: diag.Span{File: at.File, Start: at.Start, End: at.End}}
	return n
}

// merge adds the fields of a "<<" value that the mapping does not have itself.
func (p *parser) merge(n, m *Node) {
	switch m.Kind {
	case Map:
		for _, f := range m.Fields {
			if n.Field(f.Key) == nil {
				n.Fields = append(n.Fields, f)
			}
		}
	case List:
		for _, item := range m.Items {
			p.merge(n, item)
		}
	default:
		p.add("yaml/merge", diag.Error, m.Span, "write <<: *NAME, where &NAME marks a mapping", "the merge key << needs a mapping or a list of mappings, found %s", m.Kind)
	}
}

// key returns the text of a mapping's key as it arrives in JSON.
func (p *parser) key(k *yaml.Node) (string, diag.Span) {
	n := &Node{Span: p.at(k)}
	if k.Kind == yaml.AliasNode && k.Alias != nil {
		k = k.Alias
	}
	if k.Kind != yaml.ScalarNode {
		p.add("yaml/key", diag.Error, n.Span, cmp.Or(p.templateHint(), "put the key in quotes"), "a mapping's key must be a string")
		return "", n.Span
	}
	p.scalar(n, k)
	return n.Text, n.Span
}
