package yamlpos

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"tortie/compiler/diag"
)

type inner struct {
	Name  string            `json:"name"`
	Ports []uint16          `json:"ports,omitempty"`
	Tags  map[string]string `json:"tags,omitempty"`
}

type meta struct {
	Title string `json:"title"`
}

type sample struct {
	meta     `json:",inline"`
	Kind     string   `json:"kind"`
	Order    *float64 `json:"order,omitempty"`
	On       bool     `json:"enabled"`
	Count    int32    `json:"count"`
	Selector string   `json:"selector"`
	Inner    *inner   `json:"inner,omitempty"`
	List     []inner  `json:"list,omitempty"`
	Any      any      `json:"any,omitempty"`
}

// findings renders findings as "line:col code" with the text they stand on.
func findings(text string, diags diag.List) []string {
	var out []string
	diags.Sort()
	for _, d := range diags {
		part := ""
		if from, to := d.Span.Start.Byte, d.Span.End.Byte; from <= to && to <= len(text) {
			part = text[from:to]
		}
		if i := strings.IndexByte(part, '\n'); i >= 0 {
			part = part[:i] + "…"
		}
		place := strings.TrimPrefix(d.Span.String(), "f:")
		out = append(out, place+" "+d.Code+" "+part)
	}
	return out
}

func TestDecode_Findings(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"good":                         {"kind: a\norder: 1.5\nenabled: true\ncount: 0x10\ntitle: t\n", nil},
		"json":                         {`{"kind": "a", "list": [{"name": "n", "ports": [1]}]}`, nil},
		"unknown":                      {"kind: a\nselectr: x\n", []string{"2:1 yaml/unknown-field selectr"}},
		"unknown in list":              {"list:\n- name: a\n- nam: b\n", []string{"3:3 yaml/unknown-field nam"}},
		"unknown json":                 {"{\"kind\": \"a\",\n \"selectr\": 1}", []string{"2:2 yaml/unknown-field \"selectr\""}},
		"wrong case":                   {"Kind: a\n", []string{"1:1 yaml/unknown-field Kind"}},
		"duplicate":                    {"inner:\n  name: a\n  name: b\n", []string{"3:3 yaml/duplicate-key name"}},
		"duplicate json":               {`{"inner": {"name": "a", "name": "b"}}`, []string{`1:25 yaml/duplicate-key "name"`}},
		"string wanted":                {"selector: 5\n", []string{"1:11 yaml/wrong-type 5"}},
		"boolean word":                 {"enabled: yes\nselector: 'yes'\n", []string{"1:10 yaml/boolean-word yes"}},
		"key read as a boolean":        {"on: 1\n", []string{"1:1 yaml/unknown-field on", "1:1 yaml/boolean-word on"}},
		"boolean key":                  {"inner:\n  tags:\n    y: a\n", []string{"3:5 yaml/boolean-word y"}},
		"norway":                       {"selector: no\n", []string{"1:11 yaml/wrong-type no", "1:11 yaml/boolean-word no"}},
		"out of range":                 {"inner: {ports: [80, 70000]}\n", []string{"1:21 yaml/wrong-type 70000"}},
		"quoted number":                {"count: '5'\n", []string{"1:8 yaml/wrong-type '5'"}},
		"list wanted":                  {"list: {name: a}\n", []string{"1:7 yaml/wrong-type {name: a"}},
		"mapping wanted":               {"inner: [a]\n", []string{"1:8 yaml/wrong-type [a"}},
		"anchors":                      {"list:\n- &a {name: x}\n- *a\n- <<: *a\n  ports: [1]\n", nil},
		"alias loop":                   {"any: &a [*a]\n", []string{"1:10 yaml/alias-loop "}},
		"umlauts":                      {"selector: ä\ninner: {name: ü, nam: x}\n", []string{"2:19 yaml/unknown-field nam"}},
		"crlf":                         {"kind: a\r\nselectr: x\r\n", []string{"2:1 yaml/unknown-field selectr"}},
		"no separator":                 {"kind: a\nenabled: true\nkind: b\n", []string{"3:1 yaml/no-separator kind"}},
		"broken flow":                  {"a: b\nlist:\n- {name: a; ports: b}\n", []string{"3:1 yaml/syntax "}},
		"broken flow, second document": {"a: b\n---\nlist:\n- {name: a; ports: b}\n", []string{"1:1 yaml/unknown-field a", "4:1 yaml/syntax "}},
		"unknown anchor":               {"kind: a\nlist:\n- *b\n", []string{"3:3 yaml/syntax "}},
		"no colon":                     {"kind: a\nlist\norder: 1\n", []string{"2:1 yaml/syntax "}},
		"tab":                          {"inner:\n\tname: a\n", []string{"2:1 yaml/syntax "}},
	} {
		t.Run(name, func(t *testing.T) {
			docs, diags := Parse("f", []byte(c.text))
			for _, d := range docs {
				var s sample
				more, _ := Decode(d, &s, Options{})
				diags = append(diags, more...)
			}
			if diff := cmp.Diff(c.want, findings(c.text, diags)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecode_Values(t *testing.T) {
	text := `
title: t
kind: >-
  folded
  text
order: 1e3
enabled: on
count: 017
selector: |
  app == 'web'
inner: &i
  name: "a\tb"
  tags: {1: one, 2.5: two, true: three, date: 2026-11-23, n: null}
list:
- *i
- <<: *i
  name: own
any: {x: [1, 2.50, ~, .5, 0b11, 1_000, 0x1F, "1"]}
`
	docs, _ := Parse("f", []byte(text))
	var s sample
	diags, ok := Decode(docs[0], &s, Options{})
	if !ok {
		t.Fatal(diags)
	}
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	tags := `"tags":{"1":"one","2.5":"two","date":"2026-11-23","false":"","true":"three"}`
	want := `{"title":"t","kind":"folded text","order":1000,"enabled":true,"count":15,"selector":"app == 'web'\n",` +
		`"inner":{"name":"a\tb",` + tags + `},"list":[{"name":"a\tb",` + tags + `},{"name":"own",` + tags + `}],` +
		`"any":{"x":[1,2.5,null,0.5,3,1000,31,"1"]}}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

// A part of a string stands where the file has it, in every style that keeps the
// text in one piece.
func TestTextSpan_Styles(t *testing.T) {
	text := "a: app == 'x'\nb: \"app == 'x'\"\nc: 'app == \"x\"'\nd: |-\n    app == 'x'\ne: !!str app == 'x'\nf: >\n  app == 'x'\ng: ü app == 'x'\n"
	docs, diags := Parse("f", []byte(text))
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	for _, f := range docs[0].Fields {
		at := strings.Index(f.Value.Text, "==")
		s := f.Value.TextSpan(at, at+2)
		if got := text[s.Start.Byte:s.End.Byte]; got != "==" {
			t.Errorf("%s: part stands at %q", f.Key, got)
		}
		line := strings.Split(text, "\n")[s.Start.Line-1]
		if !strings.HasPrefix(line[s.Start.Col-1:], "==") {
			t.Errorf("%s: column %d of %q", f.Key, s.Start.Col, line)
		}
	}
}

// A document that cannot be read leaves the others readable.
func TestParse_BadDocumentAmongGood(t *testing.T) {
	docs, diags := Parse("f", []byte("# head\nkind: a\n---\nkind: [\n--- \nkind: c\n---\n# nothing\n---\nkind: d\n"))
	if len(docs) != 3 || len(diags) != 1 || diags[0].Code != "yaml/syntax" {
		t.Fatalf("%d documents, findings %v", len(docs), diags)
	}
	if l := docs[2].Span.Start.Line; l != 10 {
		t.Errorf("last document on line %d, want 10", l)
	}
}

func TestParse_AliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 12; i++ {
		p := "*a" + string(rune('a'+i-2))
		if i == 1 {
			p = "*a0"
		}
		name := "a" + string(rune('a'+i-1))
		b.WriteString(name + ": &" + name + " [" + strings.Repeat(p+",", 8) + p + "]\n")
	}
	_, diags := Parse("f", []byte(b.String()))
	if len(diags) != 1 || diags[0].Code != "yaml/too-large" {
		t.Errorf("findings %v", diags)
	}
}

func TestNearest_Names(t *testing.T) {
	names := []string{"selector", "namespaceSelector", "notSelector", "nets", "ports", "order"}
	for in, want := range map[string]string{
		"selectr": "selector", "Selector": "selector", "notSelectors": "notSelector", "net": "nets", "ordre": "order", "bogus": "", "x": "",
	} {
		if got := Nearest(in, names); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestSuggestion(t *testing.T) {
	there := []string{"n1", "n2", "n3", "n4", "n5", "n6", "n7"}
	for _, row := range []struct {
		name  string
		there []string
		want  string
	}{{"edge", there, "there is n1, n2, n3, n4, n5 and 2 more"}, {"edge", there[:2], "there is n1, n2"}, {"N3", there, `did you mean "n3"?`}} {
		if got := Suggestion(row.name, row.there); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// Whatever is in a file, every place lies within it, and JSON written from what
// was read reads back as the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a: b\n", "- 1\n- {x: y}\n", "a: &x [1]\nb: *x\nc: {<<: {d: e}}\n", "{\"a\": [1, null, \"x\"]}", "a: |\n  b\n",
		"--- !!str x\n---\nkind: a\nkind: b\n", "\t", "%YAML 1.1\n---\na: !x b\n", "? [a]\n: b\n", "a: \"\\x41\nb\"\n", "\xef\xbb\xbfa: ü\r\nb: c\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		docs, diags := Parse("f", data)
		for _, d := range diags {
			checkSpan(t, data, d.Span)
		}
		for _, n := range docs {
			checkNode(t, data, n)
			text, err := n.JSON()
			if err != nil {
				continue
			}
			again, more := Parse("f", text)
			if len(again) != 1 || len(more) != 0 {
				t.Fatalf("%s reads as %d documents, %v", text, len(again), more)
			}
			if back, _ := again[0].JSON(); string(back) != string(text) {
				t.Fatalf("%s reads back as %s", text, back)
			}
		}
	})
}

func checkNode(t *testing.T, data []byte, n *Node) {
	checkSpan(t, data, n.Span)
	if n.Raw && n.Kind == String {
		s := n.TextSpan(0, len(n.Text))
		if s.End.Byte > len(data)+3 {
			t.Fatalf("text of %q ends at %d of %d", n.Text, s.End.Byte, len(data))
		}
	}
	for _, i := range n.Items {
		checkNode(t, data, i)
	}
	for _, f := range n.Fields {
		checkSpan(t, data, f.KeySpan)
		checkNode(t, data, f.Value)
	}
}

func checkSpan(t *testing.T, data []byte, s diag.Span) {
	if s.Start.Line < 1 || s.Start.Col < 1 || s.Start.Byte < 0 || s.End.Byte < s.Start.Byte || s.End.Byte > len(data) {
		t.Fatalf("place %+v in %d bytes", s, len(data))
	}
}

// However many processors read a file, its documents and findings come in order.
func TestParse_ManyDocumentsStayInOrder(t *testing.T) {
	var text strings.Builder
	for i := range 500 {
		fmt.Fprintf(&text, "---\nat: %d\nok: yes\n", i)
	}
	for _, procs := range []int{1, 2, 7} {
		before := runtime.GOMAXPROCS(procs)
		docs, diags := Parse("a.yaml", []byte(text.String()))
		runtime.GOMAXPROCS(before)
		if len(docs) != 500 || len(diags) != 500 {
			t.Fatalf("%d documents, %d findings on %d processors", len(docs), len(diags), procs)
		}
		for i, d := range docs {
			if d.Get("at").Text != strconv.Itoa(i) || d.Span.Start.Line != 3*i+2 || diags[i].Span.Start.Line != 3*i+3 {
				t.Fatalf("document %d is %s at line %d, its finding at line %d", i, d.Get("at").Text, d.Span.Start.Line, diags[i].Span.Start.Line)
			}
		}
	}
}
