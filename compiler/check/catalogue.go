package check

import (
	"cmp"
	"slices"

	"tortie/compiler/diag"
)

// Entry explains a code. Example is a minimal input that yields it and no other
// error; Fix says what to do instead.
type Entry struct {
	Code     string        `json:"code"`
	Severity diag.Severity `json:"severity"`
	Title    string        `json:"title"`
	Text     string        `json:"text"`
	Example  string        `json:"example,omitempty"`
	Fix      string        `json:"fix"`
}

// Catalogue returns the entries of all codes that reading and checking objects
// can yield, sorted by code.
func Catalogue() []Entry {
	all := slices.Concat(readingDocs, valueDocs, metaDocs, policyDocs, ruleDocs, stagedDocs, tierDocs, poolDocs,
		endpointDocs, felixDocs, bgpDocs, kubernetesDocs, warningDocs, doubtDocs, selectedDocs)
	slices.SortFunc(all, func(a, b Entry) int { return cmp.Compare(a.Code, b.Code) })
	return all
}

var severities = func() map[string]diag.Severity {
	m := map[string]diag.Severity{}
	for _, e := range Catalogue() {
		m[e.Code] = e.Severity
	}
	return m
}()

// severityOf returns the severity of a code; one that has no entry is an error.
func severityOf(code string) diag.Severity {
	return cmp.Or(severities[code], diag.Error)
}
