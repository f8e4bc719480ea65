package check

import (
	"bufio"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestZZDiff(t *testing.T) {
	dir := os.Getenv("HCHECK")
	if dir == "" {
		t.Skip()
	}
	open := func(n string) *bufio.Scanner {
		f, err := os.Open(dir + "/" + n)
		if err != nil {
			t.Fatal(err)
		}
		s := bufio.NewScanner(f)
		s.Buffer(make([]byte, 1<<20), 1<<26)
		return s
	}
	cases, answers := open("cases.jsonl"), open("answers.jsonl")
	n, missed, extra := 0, 0, 0
	type rec struct{ Kind, Text, Why, Class string }
	var out []rec
	for cases.Scan() && answers.Scan() {
		var text string
		var a struct {
			Decode, Validator string
			CRD               []string
		}
		json.Unmarshal(cases.Bytes(), &text)
		json.Unmarshal(answers.Bytes(), &a)
		want := a.Decode != "" || a.Validator != "" && !strings.HasPrefix(a.Validator, "panic") || len(a.CRD) > 0
		got := errorsOf(all("x.yaml", text))
		n++
		why := a.Decode + " | " + a.Validator + " | " + strings.Join(a.CRD, "; ")
		if want && len(got) == 0 {
			missed++
			out = append(out, rec{"", text, why, "MISSED"})
		}
		if !want && len(got) > 0 {
			extra++
			out = append(out, rec{"", text, render(got, text), "EXTRA"})
		}
	}
	f, _ := os.Create(dir + "/diffs.json")
	json.NewEncoder(f).Encode(out)
	f.Close()
	t.Logf("%d cases, %d missed, %d extra", n, missed, extra)
}
