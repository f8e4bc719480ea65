package yamlpos

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

var (
	plain   = regexp.MustCompile(`^[A-Za-z_/.][A-Za-z0-9_./-]*$`)
	network = regexp.MustCompile(`^[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?$`)
	words   = []string{"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", ".inf", ".nan", ".", "..", "-"}
)

// Quote writes a string as one word of YAML, in quotes where readers of YAML might
// take it for something else, inside of flow mappings too.
func Quote(s string) string {
	if plain.MatchString(s) && !slices.Contains(words, strings.ToLower(s)) || network.MatchString(s) {
		return s
	}
	if strings.Contains(s, "'") && !strings.ContainsAny(s, "\\\"") && printable(s) {
		return `"` + s + `"`
	}
	if printable(s) && !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	q, _ := json.Marshal(s)
	return string(q)
}

func printable(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffd {
			return false
		}
	}
	return true
}
