package selector

import (
	"os"
	"strings"
	"testing"
)

// The identifiers that a real Felix gave its IP sets tell whether a selector is
// printed to the byte.
func TestUniqueID_RecordedSets(t *testing.T) {
	data, err := os.ReadFile("testdata/setids.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, line := range strings.Split(string(data), "\n") {
		id, rest, ok := strings.Cut(line, " ")
		text, isSelector := strings.CutPrefix(strings.TrimSpace(rest), `selector:"`)
		if !ok || !isSelector || strings.HasPrefix(line, "#") {
			continue
		}
		text = strings.TrimSuffix(text, `"`)
		s, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := s.UniqueID(); !strings.HasPrefix(got, id) {
			t.Errorf("%s: identifier %s, want %s…", text, got, id)
		}
		seen++
	}
	if seen < 30 {
		t.Errorf("compared %d identifiers, expected the recorded ones to be there", seen)
	}
}

func TestString_Canonical(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "all()",
		"  \t":                           "all()",
		"all( )":                         "all()",
		"global()":                       "global()",
		"a=='b'":                         `a == "b"`,
		`a != 'b"c'`:                     `a != 'b"c'`,
		"has( a )":                       "has(a)",
		"!has(a)":                        "!has(a)",
		"!!has(a)":                       "has(a)",
		"! ! !has(a)":                    "!has(a)",
		"a in {'c','b', 'c',}":           `a in {"b", "c"}`,
		"a notin{}":                      "a not in {}",
		"a not  in {'x'}":                `a not in {"x"}`,
		"a startswith 'x'":               `a starts with "x"`,
		"a ends with'x'":                 `a ends with "x"`,
		"a contains\t'x'":                `a contains "x"`,
		"a=='b'&&c=='d'||has(e)":         `((a == "b" && c == "d") || has(e))`,
		"a=='b' && (c=='d' && has(e))":   `(a == "b" && (c == "d" && has(e)))`,
		"((a=='b'))":                     `a == "b"`,
		"!(a=='b' || has(c))":            `!(a == "b" || has(c))`,
		"has/it.-_9 == 'v'":              `has/it.-_9 == "v"`,
		"in == 'x' && contains in {'y'}": `(in == "x" && contains in {"y"})`,
	} {
		s, err := Parse(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		} else if s.String() != want {
			t.Errorf("%q prints %s, want %s", in, s, want)
		}
	}
}

func TestParse_ErrorPlaces(t *testing.T) {
	for in, want := range map[string]string{ // the part that is wrong
		"a = 'b'":                "=",
		"a == b":                 "b",
		"a":                      "",
		"a && has(b)":            "&",
		"'a' == 'b'":             "'",
		"a == 'b":                "'",
		"a == 'b' has(c)":        "has",
		"(a == 'b'":              "",
		"a == 'b')":              ")",
		"a in 'b'":               "'",
		"a in {'b' 'c'}":         "'",
		"a in {b}":               "b",
		"has(a":                  "",
		"has()":                  ")",
		"foo()":                  "(",
		"a starts in {'b'}":      "starts",
		"a == 'b' && ":           "",
		"a == 'b' & c == 'd'":    "&",
		"a == 'b'\n":             "\n",
		"a ! 'b'":                "!",
		"!= 'b'":                 "!",
		strings.Repeat("(", 2e5): "(",
		"ä == 'b'":               "ä",
	} {
		_, err := Parse(in)
		e, ok := err.(*Error)
		if !ok {
			t.Errorf("%q is accepted", in)
			continue
		}
		if got := in[e.From:e.To]; got != want {
			t.Errorf("%.40q: error at %q, want %q (%s)", in, got, want, e.Message)
		}
	}
}

func TestMatches_Operators(t *testing.T) {
	labels := Map{"app": "web", "empty": ""}
	for in, want := range map[string]bool{
		"all()": true, "global()": true, "": true,
		"app == 'web'": true, "app == 'x'": false, "none == 'x'": false, "none == ''": false, "empty == ''": true,
		"app != 'web'": false, "app != 'x'": true, "none != 'x'": true,
		"app in {'a','web'}": true, "app in {}": false, "none in {'a'}": false,
		"app not in {'web'}": false, "app not in {}": true, "none not in {'a'}": true,
		"has(app)": true, "has(none)": false, "has(empty)": true, "!has(none)": true,
		"app contains 'e'": true, "none contains ''": false, "app contains ''": true,
		"app starts with 'we'": true, "app starts with 'eb'": false, "app ends with 'eb'": true, "none ends with ''": false,
		"has(none) || has(app) && app == 'web'": true, "(has(none) || has(app)) && app == 'x'": false,
	} {
		s, err := Parse(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		} else if s.Matches(labels) != want {
			t.Errorf("%q matches: %v, want %v", in, !want, want)
		}
	}
}

func TestPrefixed_EveryLabel(t *testing.T) {
	s, err := Parse("a == 'b' && (!has(c) || d in {'e'}) && all()")
	if err != nil {
		t.Fatal(err)
	}
	want := `(pcns.a == "b" && (!has(pcns.c) || pcns.d in {"e"}) && all())`
	if got := s.Prefixed("pcns.").String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What is printed reads back as the same selector, with the same meaning, and
// every part stands where it says.
func FuzzSelector(f *testing.F) {
	for _, s := range []string{"", "all()", "a == 'b' && !has(c)", "a in {'x', \"y\"} || global()", "a notin{} && b starts with 'q\"'",
		"!(a contains 'b' || !!has(c))", "a = 'b'", "(((", "has( a.b/c )\t"} {
		f.Add(s)
	}
	samples := []Map{{}, {"a": "b"}, {"a": "x", "c": ""}, {"b": "q\"", "c": "d"}}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			e := err.(*Error)
			if e.From < 0 || e.To < e.From || e.To > len(text) || e.Message == "" {
				t.Fatalf("%q: bad error %+v", text, e)
			}
			return
		}
		again, err := Parse(s.String())
		if err != nil {
			t.Fatalf("%q prints %q, which does not read: %v", text, s, err)
		}
		if again.String() != s.String() || again.UniqueID() != s.UniqueID() {
			t.Fatalf("%q prints %q, then %q", text, s, again)
		}
		for _, l := range samples {
			if s.Matches(l) != again.Matches(l) {
				t.Fatalf("%q and %q differ on %v", text, s, l)
			}
		}
		s.Root.Walk(func(e *Expr) {
			if part, err := Parse(text[e.From:e.To]); err != nil || part.Root.Op != e.Op {
				t.Fatalf("%q: the place of %s is %q", text, e.Op, text[e.From:e.To])
			}
		})
	})
}
