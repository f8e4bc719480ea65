package lower

import (
	"slices"

	"tortie/compiler/diag"
)

// Certain are the findings about a part of a program that are as true of the whole,
// where known are those about the whole: mistakes of single statements, and names that
// objects cannot have. What intents are called like decides the names of all of their
// objects, so a mistake there leaves nothing certain about names.
func Certain(part, known diag.List) (out diag.List) {
	has := func(code string) bool {
		return slices.ContainsFunc(known, func(f diag.Finding) bool { return f.Code == code })
	}
	codes := []string{"intent/no-cluster", "intent/service-ports"}
	if !has("intent/duplicate") && !has("intent/bad-name") {
		codes = append(codes, "intent/bad-name", "intent/name-collision", "intent/name-taken")
	}
	for _, f := range part {
		again := func(o diag.Finding) bool { return o.Code == f.Code && o.Span == f.Span }
		if f.Severity == diag.Error && slices.Contains(codes, f.Code) && !slices.ContainsFunc(known, again) {
			out.Add(f)
		}
	}
	return out
}
