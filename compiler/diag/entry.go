package diag

import (
	"cmp"
	"slices"
)

// Entry explains a code. Every package that reports findings lists the entries of
// its codes beside them. Example is a minimal input that yields the code, if one
// input can; Fix says what to do instead.
type Entry struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	Text     string   `json:"text"`
	Example  string   `json:"example,omitempty"`
	Fix      string   `json:"fix"`
}

// Catalogue joins lists of entries, sorted by code.
func Catalogue(lists ...[]Entry) []Entry {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b Entry) int { return cmp.Compare(a.Code, b.Code) })
	return all
}
