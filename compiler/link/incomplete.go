package link

import (
	"slices"

	"tortie/compiler/cluster"
)

// incomplete says which namespaces of pods out of a cluster the input lacks: the
// cluster has them, and Felix their profiles. It is empty for all of them.
func incomplete(s *cluster.Snapshot) string {
	known := map[string]bool{}
	for i := range s.Namespaces {
		known[s.Namespaces[i].Object.Name] = true
	}
	var lacking []string
	for i := range s.Pods {
		p := &s.Pods[i]
		if ns := p.Object.Namespace; p.Source.FromServer() && !known[ns] && !slices.Contains(lacking, ns) {
			lacking = append(lacking, ns)
		}
	}
	if len(lacking) == 0 {
		return ""
	}
	slices.Sort(lacking)
	return "pods of a cluster in the input, but no Namespace " + someOf(lacking) +
		": what its profile kns.NAME allows there is denied here, and selectors of namespaces miss its labels"
}
