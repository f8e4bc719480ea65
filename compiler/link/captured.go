package link

import (
	"tortie/compiler/cluster"
	"tortie/compiler/kubeproxy"
	"tortie/dataplane/host"
)

// NameServices makes the rules of a captured node by which kube-proxy refuses packets
// say of which service they are; in the fleet's origins. Where a service is written is
// in the snapshot, which may be nil.
func NameServices(s *host.State, f *host.Fleet, snap *cluster.Snapshot) {
	known := map[[2]string]int{}
	kubeproxy.Recognize(&s.Ruleset, func(namespace, name string) int {
		key := [2]string{namespace, name}
		if known[key] == 0 {
			known[key] = len(f.Origins)
			f.Origins = append(f.Origins, serviceOrigin(snap, namespace, name))
		}
		return known[key]
	})
}

func serviceOrigin(snap *cluster.Snapshot, namespace, name string) host.Origin {
	o := host.Origin{Kind: "Service", Namespace: namespace, Name: name}
	if snap == nil {
		return o
	}
	for _, s := range snap.Services {
		if s.Object.Namespace == namespace && s.Object.Name == name {
			o.File, o.Line = s.Source.File, s.Source.Line()
		}
	}
	return o
}
