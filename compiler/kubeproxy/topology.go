package kubeproxy

import "slices"

// plan says which endpoints a service port uses on this node, and what follows
// for its chains (topology.go; the head of the loop in both proxiers).
type plan struct {
	// cluster and local are the endpoints for the two traffic policies, reachable
	// is both together.
	cluster, local, reachable []endpoint
	// any says that the cluster has an endpoint; internal and external that
	// packets to the ClusterIP or to the other addresses can use one.
	any, internal, external bool
}

func planOf(s *service, node, zone string) plan {
	p := categorize(s, node, zone)
	p.internal, p.external = p.any, p.any
	if s.internalLocal && len(p.local) == 0 {
		p.internal = false
	}
	if s.externalLocal && len(p.local) == 0 {
		p.external = false
	}
	return p
}

func categorize(s *service, node, zone string) plan {
	var p plan
	if len(s.endpoints) == 0 {
		return p
	}
	if s.usesCluster() {
		fits := topology(s.endpoints, node, zone)
		p.cluster = filter(s.endpoints, func(e *endpoint) bool { return e.ready && fits(e) })
		if len(p.cluster) == 0 {
			p.cluster = filter(s.endpoints, leaving)
		}
		p.any = len(p.cluster) > 0
	}
	if !s.usesLocal() {
		p.reachable = p.cluster
		return p
	}
	p.any = p.any || slices.ContainsFunc(s.endpoints, func(e endpoint) bool { return e.ready || leaving(&e) })
	p.local = filter(s.endpoints, func(e *endpoint) bool { return e.local && e.ready })
	if len(p.local) == 0 {
		p.local = filter(s.endpoints, func(e *endpoint) bool { return e.local && !e.ready && leaving(e) })
	}
	p.reachable = union(p.cluster, p.local)
	return p
}

// leaving reports whether an endpoint still serves while it terminates.
func leaving(e *endpoint) bool { return e.serving && e.terminating }

// topology decides by the hints of all ready endpoints which of them may be
// used: those for this node, else those for its zone, else all.
func topology(list []endpoint, node, zone string) func(*endpoint) bool {
	ready := filter(list, func(e *endpoint) bool { return e.ready })
	forNode := func(e *endpoint) bool { return slices.Contains(e.nodes, node) }
	forZone := func(e *endpoint) bool { return slices.Contains(e.zones, zone) }
	hinted := func(hints func(*endpoint) []string, here func(*endpoint) bool) bool {
		some := false
		for i := range ready {
			if len(hints(&ready[i])) == 0 {
				return false
			}
			some = some || here(&ready[i])
		}
		return some
	}
	switch {
	case hinted(func(e *endpoint) []string { return e.nodes }, forNode):
		return forNode
	case hinted(func(e *endpoint) []string { return e.zones }, forZone):
		return forZone
	}
	return func(*endpoint) bool { return true }
}

func filter(list []endpoint, keep func(*endpoint) bool) []endpoint {
	var out []endpoint
	for i := range list {
		if keep(&list[i]) {
			out = append(out, list[i])
		}
	}
	return out
}

// union joins two lists, each endpoint once, sorted as readEndpoints does.
func union(a, b []endpoint) []endpoint {
	byText := map[string]endpoint{}
	var texts []string
	for _, e := range append(slices.Clone(a), b...) {
		t := e.text()
		if _, have := byText[t]; !have {
			texts = append(texts, t)
		}
		byText[t] = e
	}
	slices.Sort(texts)
	out := make([]endpoint, 0, len(texts))
	for _, t := range texts {
		out = append(out, byText[t])
	}
	return out
}
