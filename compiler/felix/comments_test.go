package felix

import (
	"strings"
	"testing"
)

func TestComments_FitTheirRoom(t *testing.T) {
	long := strings.Repeat("a", 300)
	if got := iptablesComments([]string{long, "b"}); len(got) != 2 || len(got[0]) != 256 || got[1] != "b" {
		t.Errorf("iptables: %q", got)
	}
	for name, row := range map[string]struct {
		in   []string
		want string
	}{
		"none":  {nil, ""},
		"short": {[]string{"k=v", "l=w"}, "k=v l=w"},
		"two":   {[]string{long, "b"}, long[:53] + " b"},
		"one":   {[]string{long}, long[:105]},
	} {
		if got := strings.Join(nftComments(row.in), "|"); got != row.want {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
}
