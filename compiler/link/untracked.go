package link

import (
	"fmt"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/dataplane/host"
)

// untrackedIgnored reports the doNotTrack policies that select host endpoints of all
// interfaces, once each: Felix has raw chains for named interfaces only and leaves them
// out (felix/dataplane/linux/endpoint_mgr.go at v3.32).
func (l *Linker) untrackedIgnored() (out diag.List) {
	type ignored struct {
		policy *cluster.Sourced[calico.Policy]
		first  string
		hosts  int
	}
	var all []*ignored
	of := map[calico.PolicyID]*ignored{}
	for _, h := range l.index.HostEndpoints() {
		if h.InterfaceName != "*" {
			continue
		}
		policies := l.index.Untracked(h)
		if len(policies) == 0 || l.EBPF(host.Name(h.Node)) {
			continue
		}
		for _, p := range policies {
			if of[p.Value.ID] == nil {
				of[p.Value.ID] = &ignored{policy: p, first: h.Name}
				all = append(all, of[p.Value.ID])
			}
			of[p.Value.ID].hosts++
		}
	}
	for _, i := range all {
		who := "host endpoint " + i.first
		if i.hosts > 1 {
			who += fmt.Sprintf(" and %d more", i.hosts-1)
		}
		out.Add(diag.Finding{Code: "link/untracked-ignored", Severity: diag.Warning, Span: i.policy.Source.At("spec", "doNotTrack"),
			Message: fmt.Sprintf("%s %s selects %s, whose interfaceName is *: Felix ignores doNotTrack policies there, so it neither allows nor denies anything", i.policy.Value.ID.Kind, i.policy.Value.ID.Name, who),
			Hint:    "select host endpoints that name their interface, or leave doNotTrack out"})
	}
	return out
}
