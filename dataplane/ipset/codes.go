package ipset

import "tortie/compiler/diag"

// Codes explains the codes of this package's findings.
func Codes() []diag.Entry {
	return []diag.Entry{{
		Code: "import/unreadable-set", Severity: diag.Error, Title: "A line that ipset save does not print",
		Text: "The lines are create NAME TYPE OPTIONS and add NAME ENTRY, of a set that was created before.", Fix: "Give the output as it is, and the whole of it.",
		Example: "add cali40s:web 10.0.0.1\n",
	}}
}
