package check

import (
	"cmp"

	"tortie/compiler/diag"
)

// Catalogue returns the entries of all codes that reading and checking objects
// can yield, sorted by code.
func Catalogue() []diag.Entry {
	return diag.Catalogue(readingDocs, valueDocs, metaDocs, namespaceDocs, policyDocs, ruleDocs, stagedDocs, tierDocs, poolDocs,
		endpointDocs, felixDocs, bgpDocs, kubernetesDocs, serviceDocs, warningDocs, doubtDocs, reachDocs, selectedDocs)
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
