package lift

import (
	"fmt"
	"regexp"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/intent"
)

var (
	notInNames = regexp.MustCompile(`[^a-z0-9]+`)
	values     = regexp.MustCompile(`['"]([^'"]+)['"]`)
)

// longest is how long a name may be, with room for a number behind it.
const longest = 50

// plainName makes a name of the language of any text.
func plainName(text, otherwise string) string {
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(text), "-"), "-")
	if len(name) > longest {
		name = strings.Trim(name[:longest], "-")
	}
	if name == "" || name == intent.AnyParty {
		return otherwise
	}
	return name
}

// unique puts a number behind a name that is taken.
func unique(name string, used map[string]bool) string {
	out := name
	for i := 2; used[out]; i++ {
		out = fmt.Sprintf("%s-%d", name, i)
	}
	used[out] = true
	return out
}

// documentName names the document of a policy after it.
func documentName(id calico.PolicyID, tier string) string {
	return plainName(strings.TrimPrefix(id.Name, tier+"."), "policy")
}

// partyName names a party after what it selects.
func partyName(y *intent.Party) string {
	switch {
	case y.Service != "":
		_, name, _ := strings.Cut(y.Service, "/")
		return plainName(name, "service")
	case len(y.Nets) == 1:
		return plainName("net-"+y.Nets[0].String(), "nets")
	case len(y.Nets) > 1:
		return "nets"
	case len(y.Accounts) > 0:
		return plainName(strings.Join(y.Accounts, "-"), "accounts")
	}
	var words []string
	for _, s := range []*intent.Selector{y.Pods, y.Namespaces} {
		if s == nil || len(words) > 0 {
			continue
		}
		for _, m := range values.FindAllStringSubmatch(s.Text, 3) {
			words = append(words, m[1])
		}
	}
	if len(words) == 0 && y.Namespace != "" {
		words = []string{y.Namespace}
	}
	return plainName(strings.Join(words, "-"), "pods")
}
