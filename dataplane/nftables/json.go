package nftables

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/nf"
)

// ParseJSON reads the output of "nft -j list ruleset". Each object is put into
// nft's text and read by Parse, so that both forms mean the same. What nft 1.0.6
// leaves out of its JSON is missing: comments of tables and chains, devices of
// chains, auto-merge, parts of seconds, and the flag "dynamic" of a set that no
// rule adds to. Texts of opaque objects and statements may be JSON.
func ParseJSON(file string, data []byte) ([]nf.Table, diag.List) {
	r := &jsonReader{file: file, data: data, tables: map[string]*jsonTable{}}
	if err := r.read(); err != nil {
		r.found.Add(diag.Finding{
			Code: codeUnreadable, Severity: diag.Error, Message: fmt.Sprintf("cannot read JSON: %v", err),
			Span: diag.Span{File: file, Start: r.pos}, Hint: `expected the output of "nft -j list ruleset"`,
		})
	}
	text, places := r.text()
	tables, found := Parse(file, []byte(text))
	for i := range found {
		found[i].Span = place(found[i].Span, places)
	}
	for i := range tables {
		placeRules(&tables[i], places)
		markDynamic(&tables[i])
	}
	return tables, append(r.found, found...)
}

// place moves a finding from the text to the object that the line came from.
func place(s diag.Span, places []diag.Pos) diag.Span {
	if n := s.Start.Line; n > 0 && n <= len(places) {
		s.Start, s.End = places[n-1], places[n-1]
	}
	return s
}

func placeRules(t *nf.Table, places []diag.Pos) {
	for i := range t.Chains {
		rules := t.Chains[i].Rules
		for j := range rules {
			if n := rules[j].Line; n > 0 && n <= len(places) {
				rules[j].Line = places[n-1].Line
			}
		}
	}
}

// markDynamic restores a flag that the JSON lacks: the kernel lets rules add only
// to dynamic sets.
func markDynamic(t *nf.Table) {
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			for _, s := range r.Body {
				e, ok := s.(nf.SetElement)
				if !ok || e.Op == "delete" {
					continue
				}
				if set := t.FindSet(e.Set); set != nil {
					set.Dynamic = true
				}
			}
		}
	}
}

// jsonLine is a line of text and the place of the object that it is made of.
type jsonLine struct {
	text string
	pos  diag.Pos
}

type jsonTable struct {
	head   jsonLine
	sets   []jsonLine
	chains []*jsonChain
	byName map[string]*jsonChain
}

type jsonChain struct {
	head  jsonLine
	lines []jsonLine
}

type jsonReader struct {
	file   string
	data   []byte
	pos    diag.Pos // of the object being read
	found  diag.List
	tables map[string]*jsonTable
	order  []*jsonTable
}

// read goes through the list of objects.
func (r *jsonReader) read() error {
	dec := json.NewDecoder(bytes.NewReader(r.data))
	dec.UseNumber()
	r.pos = diag.Pos{Line: 1, Col: 1}
	if err := expectTokens(dec, json.Delim('{'), "nftables", json.Delim('[')); err != nil {
		return err
	}
	for dec.More() {
		r.advance(int(dec.InputOffset()))
		var obj map[string]any
		if err := dec.Decode(&obj); err != nil {
			return err
		}
		for kind, v := range obj {
			r.object(kind, v)
		}
	}
	return expectTokens(dec, json.Delim(']'), json.Delim('}'))
}

func expectTokens(dec *json.Decoder, want ...json.Token) error {
	for _, w := range want {
		t, err := dec.Token()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if t != w {
			return fmt.Errorf("found %v, expected %v", t, w)
		}
	}
	return nil
}

// advance moves the position to the first byte of the next object.
func (r *jsonReader) advance(to int) {
	for to < len(r.data) && strings.IndexByte(" \t\r\n,", r.data[to]) >= 0 {
		to++
	}
	for _, b := range r.data[r.pos.Byte:to] {
		r.pos.Col++
		if b == '\n' {
			r.pos.Line++
			r.pos.Col = 1
		}
	}
	r.pos.Byte = to
}

// object files one object under its table.
func (r *jsonReader) object(kind string, v any) {
	m, ok := v.(map[string]any)
	switch {
	case kind == "metainfo":
		return
	case !ok:
		r.unreadable(kind, "an object")
		return
	case kind == "table":
		r.table(m)
		return
	}
	t := r.tables[str(m["family"])+" "+str(m["table"])]
	if t == nil {
		r.unreadable(kind, "its table before it")
		return
	}
	switch kind {
	case "chain":
		r.chain(t, m)
	case "set", "map":
		r.set(t, kind, m)
	case "rule":
		r.rule(t, m)
	default:
		t.sets = append(t.sets, r.line(compact(map[string]any{kind: m})))
	}
}

func (r *jsonReader) unreadable(kind, want string) {
	r.found.Add(diag.Finding{
		Code: codeUnreadable, Severity: diag.Error, Span: diag.Span{File: r.file, Start: r.pos, End: r.pos},
		Message: fmt.Sprintf("cannot read object %q: expected %s", kind, want),
	})
}

func (r *jsonReader) line(text string) jsonLine { return jsonLine{text, r.pos} }

func (r *jsonReader) table(m map[string]any) {
	key := str(m["family"]) + " " + str(m["name"])
	if _, err := nameText("", str(m["name"])); err != nil || familyNames[str(m["family"])] == 0 {
		r.unreadable("table", "a known family and a name")
		return
	}
	if r.tables[key] != nil {
		return
	}
	t := &jsonTable{head: r.line("table " + key + " {"), byName: map[string]*jsonChain{}}
	r.tables[key] = t
	r.order = append(r.order, t)
	if c := str(m["comment"]); c != "" {
		t.sets = append(t.sets, r.line("comment "+jsonQuote(c)))
	}
	if f := m["flags"]; f != nil {
		r.tableFlags(t, list(f))
	}
}

// tableFlags reads a table's flags. nft 1.0.6 writes the table's name in their
// place, which does not say whether the table is dormant.
func (r *jsonReader) tableFlags(t *jsonTable, flags []string) {
	for _, f := range flags {
		if f != "dormant" && f != "owner" && f != "persist" {
			r.unreadable("table", `flags by name, which nft 1.0.6 does not write; use the text of "nft list ruleset"`)
			return
		}
	}
	t.sets = append(t.sets, r.line("flags "+strings.Join(flags, ",")))
}

// jsonDevices are the devices of a chain in nft's text.
func jsonDevices(devices []string) string {
	var names []string
	for _, d := range devices {
		names = append(names, jsonQuote(d))
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return " device " + names[0]
	}
	return " devices = { " + strings.Join(names, ", ") + " }"
}

func (r *jsonReader) chain(t *jsonTable, m map[string]any) {
	name := str(m["name"])
	if _, err := nameText("", name); err != nil || t.byName[name] != nil {
		r.unreadable("chain", "a name of its own")
		return
	}
	c := &jsonChain{head: r.line("chain " + name + " {")}
	t.byName[name] = c
	t.chains = append(t.chains, c)
	if s := str(m["comment"]); s != "" {
		c.lines = append(c.lines, r.line("comment "+jsonQuote(s)))
	}
	if m["hook"] == nil {
		return
	}
	dev := jsonDevices(list(m["dev"]))
	if dev == "" && str(m["family"]) == "netdev" {
		r.found.Add(diag.Finding{
			Code: codeObject, Severity: diag.Warning, Span: diag.Span{File: r.file, Start: r.pos, End: r.pos},
			Message: fmt.Sprintf("the JSON does not name the device of chain %q", name),
			Hint:    `nft 1.0.6 leaves it out; use the text of "nft list ruleset"`,
		})
	}
	c.lines = append(c.lines, r.line(fmt.Sprintf("type %s hook %s%s priority %s", str(m["type"]), str(m["hook"]), dev, str(m["prio"]))))
	if p := str(m["policy"]); p != "" {
		c.lines = append(c.lines, r.line("policy "+p))
	}
}

func (r *jsonReader) rule(t *jsonTable, m map[string]any) {
	c := t.byName[str(m["chain"])]
	exprs, ok := m["expr"].([]any)
	if c == nil || !ok {
		r.unreadable("rule", "its chain before it, and its expressions")
		return
	}
	var parts []string
	for _, e := range exprs {
		parts = append(parts, jsonStmt(e))
	}
	if s := str(m["comment"]); s != "" {
		parts = append(parts, "comment "+jsonQuote(s))
	}
	if h := str(m["handle"]); h != "" {
		parts = append(parts, "# handle "+h)
	}
	c.lines = append(c.lines, r.line(strings.Join(parts, " ")))
}

// text joins all lines, and says for each where it came from.
func (r *jsonReader) text() (string, []diag.Pos) {
	var b strings.Builder
	var places []diag.Pos
	put := func(l jsonLine) {
		b.WriteString(strings.ReplaceAll(l.text, "\n", " "))
		b.WriteByte('\n')
		places = append(places, l.pos)
	}
	for _, t := range r.order {
		put(t.head)
		for _, l := range t.sets {
			put(l)
		}
		for _, c := range t.chains {
			put(c.head)
			for _, l := range c.lines {
				put(l)
			}
			put(jsonLine{"}", c.head.pos})
		}
		put(jsonLine{"}", t.head.pos})
	}
	return b.String(), places
}
