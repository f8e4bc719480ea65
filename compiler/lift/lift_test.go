package lift

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"tortie/compiler/check"
	"tortie/compiler/cluster"
	"tortie/compiler/intent"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/golden"
)

// liftText lifts the policies of a text. What it gives is the documents, and a line
// of report for each policy and raw rule.
func liftText(t testing.TB, text string) (docs, report string) {
	t.Helper()
	s, _ := cluster.Read([]cluster.File{{Name: "in.yaml", Data: []byte(text)}}, cluster.Options{})
	r := Lift(s)
	var b, lines strings.Builder
	for _, d := range r.Intents {
		if b.Len() > 0 {
			b.WriteString("---\n")
		}
		if err := d.WriteYAML(&b); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range r.Report {
		fmt.Fprintf(&lines, "%s %s", l.Policy, l.Outcome)
		if l.Rule > 0 {
			fmt.Fprintf(&lines, " %s rule %d", l.Direction, l.Rule)
		}
		if l.Why != "" {
			lines.WriteString(": " + l.Why)
		}
		lines.WriteByte('\n')
	}
	return b.String(), lines.String()
}

// readAgain reads what was lifted and resolves its names.
func readAgain(t testing.TB, docs string) {
	t.Helper()
	nodes, diags := yamlpos.Parse("lifted.yaml", []byte(docs))
	var parsed []*intent.Document
	for _, n := range nodes {
		d, found := intent.Parse(n)
		parsed, diags = append(parsed, d), append(diags, found...)
	}
	if _, found := intent.Link(parsed, intent.Options{}); true {
		diags = append(diags, found...)
	}
	if diags.HasErrors() {
		t.Errorf("what was lifted is not read: %v\n%s", diags, docs)
	}
}

// TestLift_Cases holds what each kind of policy becomes: in testdata/cases.txt each
// case has a title, its objects, the documents and the report.
func TestLift_Cases(t *testing.T) {
	const file = "testdata/cases.txt"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	cases := strings.Split("\n"+string(data), "\n== ")[1:]
	if len(cases) < 15 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		title, rest, _ := strings.Cut(c, "\n")
		objects, _, _ := strings.Cut(rest, "-- intents --\n")
		docs, report := liftText(t, objects)
		readAgain(t, docs)
		if report == "" {
			t.Errorf("%s: no policy was read", title)
		}
		fmt.Fprintf(&got, "== %s\n%s-- intents --\n%s-- report --\n%s", title, objects, docs, report)
	}
	golden.Check(t, file, []byte(got.String()))
}

// FuzzLift: whatever is read is lifted, or kept and said so, and what is lifted is
// read again.
func FuzzLift(f *testing.F) {
	data, err := os.ReadFile("testdata/cases.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range strings.Split("\n"+string(data), "\n== ")[1:] {
		_, rest, _ := strings.Cut(c, "\n")
		objects, _, _ := strings.Cut(rest, "-- intents --\n")
		f.Add(objects)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, diags := cluster.Read([]cluster.File{{Name: "in.yaml", Data: []byte(text)}}, cluster.Options{})
		if diags.HasErrors() || check.Run(s, check.Options{ErrorsOnly: true}).HasErrors() {
			_ = Lift(s) // the program would not; it must not panic all the same
			return
		}
		docs, _ := liftText(t, text)
		readAgain(t, docs)
	})
}
