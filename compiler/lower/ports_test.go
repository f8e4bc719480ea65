package lower

import (
	"strings"
	"testing"
)

func TestAddPort(t *testing.T) {
	for given, want := range map[string]string{
		"100:200 150:300":     "100:300",
		"302 100:400":         "100:400",
		"100:400 302":         "100:400",
		"80 443 80":           "80 443",
		"1:5 10:20 http 4:12": "1:20 http",
		"http 80 metrics":     "http 80 metrics",
		"80 81":               "80 81",
		"8080:8100 8101":      "8080:8101",
		"10:20 30:40 21:29":   "10:40",
	} {
		var list []string
		for _, p := range strings.Fields(given) {
			list = addPort(list, p)
		}
		if got := strings.Join(list, " "); got != want {
			t.Errorf("%s: got %s, want %s", given, got, want)
		}
	}
}
