package check

import (
	"slices"
	"sort"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
)

// Beyond returns what more says beyond known: nothing of an object that is refused
// (what Felix would make of it does not matter then), and nothing twice. Notes that
// have no place are about what a model assumes, not about an object, and are left
// out.
func Beyond(s *cluster.Snapshot, known, more diag.List) (out diag.List) {
	objects := placesOf(s)
	refused, twice := map[diag.Span]bool{}, map[diag.Span]bool{}
	said := map[diag.Span][]string{}
	for _, f := range known {
		at := objects.of(f.Span)
		refused[at] = refused[at] || f.Severity == diag.Error && at.File != ""
		twice[at] = twice[at] || f.Code == "rule/protocol-twice"
		said[f.Span] = append(said[f.Span], f.Code)
	}
	for _, f := range more {
		at := objects.of(f.Span)
		switch {
		case f.Severity == diag.Note && f.Span.File == "":
		case refused[at] && f.Span.File != "":
		case twice[at] && f.Code == "felix/breaks" && strings.HasPrefix(f.Message, "protocol and notProtocol"): // said better by its own code
		case slices.Contains(said[f.Span], f.Code):
		default:
			out.Add(f)
		}
	}
	return out
}

// places are where objects begin, by file and in order.
type places map[string][]diag.Span

func placesOf(s *cluster.Snapshot) places {
	p := places{}
	add := func(at diag.Span) { p[at.File] = append(p[at.File], at) }
	for _, o := range subjects(s) {
		add(o.src.Span())
	}
	for _, o := range s.Others {
		add(o.Span())
	}
	for file := range p {
		slices.SortFunc(p[file], diag.Span.Compare)
	}
	return p
}

// of is where the object begins that a place is in.
func (p places) of(at diag.Span) diag.Span {
	list := p[at.File]
	i := sort.Search(len(list), func(i int) bool { return list[i].Compare(at) > 0 })
	if i == 0 {
		return diag.Span{File: at.File}
	}
	return list[i-1]
}
