package check

import (
	"bufio"
	"compress/gzip"
	"os"
	"strings"
	"testing"
)

// judged reads testdata/judged.txt.gz: 10,000 objects of all of Calico's kinds,
// made at random from the schemas of Calico v3.32.1, each after a line that says
// whether those schemas with their rules (run by the API server's own packages) or
// Calico v3.32.1's validator refuse it.
func judged(t *testing.T, each func(text string, refused bool)) {
	t.Helper()
	f, err := os.Open("testdata/judged.txt.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	verdict := ""
	end := func() {
		if verdict != "" {
			each("apiVersion: projectcalico.org/v3\n"+text.String(), verdict == "# refused")
		}
		text.Reset()
	}
	for lines := bufio.NewScanner(z); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, "# ") {
			end()
			verdict = line
		} else {
			text.WriteString(line + "\n")
		}
	}
	end()
}

func TestJudged_RefusesWhatTheServerOrTheValidatorRefuses(t *testing.T) {
	refused, accepted, wrong := 0, 0, 0
	judged(t, func(text string, want bool) {
		got := errorsOf(all("object.yaml", text))
		if want {
			refused++
		} else {
			accepted++
		}
		if wrong < 10 && want != (len(got) > 0) {
			wrong++
			t.Errorf("refused %v, want %v:\n%s%s", len(got) > 0, want, text, render(got, text))
		}
	})
	if refused < 5000 || accepted < 3000 {
		t.Errorf("%d refused and %d accepted objects read", refused, accepted)
	}
	t.Logf("%d refused, %d accepted", refused, accepted)
}
