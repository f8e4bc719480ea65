package check

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
)

const corpus = "testdata/bad-objects"

// verdicts reads the table of EXPECTED.md: for each case, whether the API server
// or Calico's validator refuses it.
func verdicts(t *testing.T) map[string]bool {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(corpus, "EXPECTED.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(line, "|")
		if len(cells) > 3 && len(cells[1]) > 4 && cells[1][1] >= '0' && cells[1][1] <= '9' {
			out[strings.TrimSpace(cells[1])] = strings.Contains(cells[2]+cells[3], "REJ")
		}
	}
	return out
}

// all reads and checks a text.
func all(name, text string) diag.List {
	s, out := cluster.Read([]cluster.File{{Name: name, Data: []byte(text)}}, cluster.Options{})
	return append(out, Run(s, Options{})...)
}

func errorsOf(l diag.List) diag.List {
	var out diag.List
	for _, f := range l {
		if f.Severity == diag.Error {
			out.Add(f)
		}
	}
	return out
}

// unseen are the cases that no look at the object alone can refuse.
var unseen = map[string]string{
	"081-ns-missing": "the API server refuses it for the want of the namespace, which the input need not have: a note",
}

func TestCorpus_RefusedIffTheServerOrTheValidatorRefuses(t *testing.T) {
	want := verdicts(t)
	refused, accepted := 0, 0
	for name, reject := range want {
		if unseen[name] != "" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(corpus, name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		got := errorsOf(all(name+".yaml", string(data)))
		switch {
		case reject && len(got) == 0:
			t.Errorf("%s: accepted", name)
		case !reject && len(got) > 0:
			t.Errorf("%s: refused: %s", name, render(got, string(data)))
		case reject:
			refused++
		default:
			accepted++
		}
	}
	if len(want) < 70 {
		t.Errorf("%d cases read from the table", len(want))
	}
	t.Logf("%d refused, %d accepted, %d need the server's own objects", refused, accepted, len(unseen))
}

func render(l diag.List, text string) string {
	var b strings.Builder
	l.WriteText(&b, diag.TextOptions{Source: func(string) []byte { return []byte(text) }})
	return b.String()
}

// Every error has a place in the text, a hint and an entry in the catalogue.
func TestCorpus_ErrorsHavePlaceAndHint(t *testing.T) {
	known := map[string]bool{}
	for _, e := range Catalogue() {
		known[e.Code] = true
	}
	for name := range verdicts(t) {
		data, err := os.ReadFile(filepath.Join(corpus, name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range all(name+".yaml", string(data)) {
			if f.Span.Start.Line < 1 || f.Span.Start.Col < 1 {
				t.Errorf("%s: no place: %+v", name, f)
			}
			if f.Hint == "" {
				t.Errorf("%s: no hint: %+v", name, f)
			}
			if !known[f.Code] {
				t.Errorf("%s: code %s is not in the catalogue", name, f.Code)
			}
		}
	}
}

// What can be read of an object is checked, though something else of it cannot.
func TestRun_ChecksTheRestOfWhatCannotBeRead(t *testing.T) {
	text := `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: x}
spec:
  selector: app = 'web'
  ingress:
  - action: Alow
    protocol: TCP
    destination: {ports: [70000, "80-90"]}
`
	var got []string
	for _, f := range errorsOf(all("f", text)) {
		got = append(got, f.Span.String()+" "+f.Code)
	}
	slices.Sort(got)
	want := []string{"f:5:17 selector/syntax", "f:7:13 value/not-one-of", "f:9:27 yaml/bad-value", "f:9:34 value/port-name"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
