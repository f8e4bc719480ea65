package difftest

import (
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tortie/dataplane/dump"
	"tortie/dataplane/nf"
)

// capturePatterns are the rule sets recorded from real programs that the
// repository has.
var capturePatterns = []string{
	"../../dataplane/iptables/testdata/*save",
	"../../dataplane/nftables/testdata/corpus/*.nft",
	"../../dataplane/nftables/testdata/corpus/*.json",
	"../../compiler/kubeproxy/testdata/captures/*.gz",
	"../../examples/captured-node/*/*save.txt",
	"testdata/felix/*.json.gz",
}

// share is how many rules of a capture there are, and how many of them are
// modelled in every statement.
type share struct{ rules, modelled int }

func (s share) percent() float64 {
	if s.rules == 0 {
		return 100
	}
	return 100 * float64(s.modelled) / float64(s.rules)
}

// Every rule of Felix's is modelled, and at least 99 of 100 of the others', in
// each file. TORTIE_CAPTURES names a further folder to look through.
func TestCaptures_ShareOfRulesModelled(t *testing.T) {
	total, files := share{}, 0
	for _, name := range captureFiles(t) {
		s := shareOf(t, name)
		if s.rules == 0 {
			continue
		}
		files++
		total.rules, total.modelled = total.rules+s.rules, total.modelled+s.modelled
		t.Logf("%6.2f %% of %5d rules: %s", s.percent(), s.rules, strings.TrimPrefix(name, "../../"))
		if felix := strings.Contains(name, "felix"); felix && s.modelled != s.rules || s.percent() < 99 {
			t.Errorf("%s: %d of %d rules are not modelled", name, s.rules-s.modelled, s.rules)
		}
	}
	t.Logf("%d of %d rules in %d files are fully modelled (%.3f %%)", total.modelled, total.rules, files, total.percent())
}

func captureFiles(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range capturePatterns {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(names), err)
		}
		out = append(out, names...)
	}
	more := os.Getenv("TORTIE_CAPTURES")
	if more == "" {
		return out
	}
	err := filepath.WalkDir(more, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			out = append(out, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// shareOf reads one file of captures. The number of rules is counted in the
// text, so that a rule that was not read at all counts as not modelled.
func shareOf(t *testing.T, name string) share {
	t.Helper()
	var files []dump.File
	if strings.HasSuffix(name, ".json.gz") {
		rec, err := loadPacked(os.DirFS(filepath.Dir(name)), filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		for n, text := range rec.Files {
			files = append(files, dump.File{Name: n, Text: text})
		}
	} else {
		files = []dump.File{{Name: filepath.Base(name), Text: readMaybeGzip(t, name)}}
	}
	var s share
	for _, f := range files {
		s.rules += rulesInText(f.Text)
	}
	state, _ := dump.ReadFiles(files, "n")
	for _, table := range state.Ruleset.Tables {
		for _, c := range table.Chains {
			for _, r := range c.Rules {
				if modelled(r) {
					s.modelled++
				}
			}
		}
	}
	return s
}

func readMaybeGzip(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(name, ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	iptablesRule = regexp.MustCompile(`(?m)^(\[\d+:\d+\] )?-A `)
	nftTable     = regexp.MustCompile(`(?m)^table \S+ \S+ \{`)
	jsonRule     = regexp.MustCompile(`\{"rule": ?\{`)
)

// rulesInText counts rules without a parser.
func rulesInText(text string) int {
	switch {
	case strings.HasPrefix(strings.TrimSpace(text), "{"):
		return len(jsonRule.FindAllString(text, -1))
	case !nftTable.MatchString(text):
		return len(iptablesRule.FindAllString(text, -1))
	}
	n, inChain := 0, false
	for _, l := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(l, "\tchain "):
			inChain = true
		case l == "\t}":
			inChain = false
		case inChain && strings.HasPrefix(l, "\t\t") && !strings.HasPrefix(l, "\t\ttype ") && !strings.HasPrefix(l, "\t\tcomment "):
			n++
		}
	}
	return n
}

// modelled reports whether the walk knows what every statement of the rule does.
func modelled(r nf.Rule) bool {
	for _, s := range r.Body {
		switch s := s.(type) {
		case nf.OpaqueMatch, nf.OpaqueTarget:
			return false
		case nf.MatchSet:
			if s.Options != "" {
				return false
			}
		}
	}
	return true
}
