package check

import (
	"bufio"
	"compress/gzip"
	"os"
	"strings"
	"testing"
)

// judged reads a recording in testdata: objects made at random, each after a line that
// says whether it is refused, and without what they all begin with.
//
// judged.txt.gz has 10,000 of all of Calico's kinds, made from the schemas of Calico
// v3.32.1 and judged by those schemas with their rules (run by the API server's own
// packages) and by Calico v3.32.1's validator. judged-services.txt.gz has 5,000 Services
// and EndpointSlices, judged by the validation of Kubernetes v1.36.3 behind its defaults.
func judged(t *testing.T, file, head string, each func(text string, refused bool)) {
	t.Helper()
	f, err := os.Open("testdata/" + file)
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
			each(head+text.String(), verdict == "# refused")
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
	holdJudged(t, "judged.txt.gz", "apiVersion: projectcalico.org/v3\n", 5000, 3000)
}

func TestJudged_Services(t *testing.T) {
	holdJudged(t, "judged-services.txt.gz", "", 2500, 2000)
}

// holdJudged holds the checks against a recording of at least so many objects.
func holdJudged(t *testing.T, file, head string, leastRefused, leastAccepted int) {
	t.Helper()
	refused, accepted, wrong := 0, 0, 0
	judged(t, file, head, func(text string, want bool) {
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
	if refused < leastRefused || accepted < leastAccepted {
		t.Errorf("%d refused and %d accepted objects read", refused, accepted)
	}
	t.Logf("%d refused, %d accepted", refused, accepted)
}
