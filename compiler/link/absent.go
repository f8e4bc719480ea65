package link

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/dataplane/host"
)

// Absent says why a pod or workload endpoint of the input, by namespace and name,
// is at no node's link; "" when there is none of that name.
func (l *Linker) Absent(name string) string {
	for _, o := range l.snapshot.Pods {
		if o.Object.Namespace+"/"+o.Object.Name != name {
			continue
		}
		why := calico.WhyNoEndpoint(o.Object)
		if why == "" {
			why = l.notHere(o.Object.Spec.NodeName)
		}
		return "pod " + name + at(o.Source) + " " + why
	}
	for _, e := range l.model.Endpoints {
		if e.Value.Namespace+"/"+e.Value.Pod == name {
			return "pod " + name + at(e.Source) + " " + l.notHere(e.Value.Node)
		}
	}
	return ""
}

func (l *Linker) notHere(node string) string {
	return fmt.Sprintf("is on node %s, which is not in the input; it has %s", node, some(l.NodeNames()))
}

// some names nodes, of many the first.
func some(names []host.Name) string {
	var out []string
	for i, n := range names {
		if i == 4 && len(names) > 5 {
			return strings.Join(out, ", ") + fmt.Sprintf(" and %d more", len(names)-i)
		}
		out = append(out, string(n))
	}
	if out == nil {
		return "no nodes"
	}
	return strings.Join(out, ", ")
}

func at(s cluster.Source) string {
	if s.File == "" {
		return ""
	}
	return fmt.Sprintf(" (%s:%d)", s.File, s.Span().Start.Line)
}

// Claims says what there is to say of who has an address: that several pods do, or
// a pod that is not on a node of the input, or that a pod asks for it in vain; "" is
// nothing.
func (l *Linker) Claims(a netip.Addr) string {
	var here, all []string
	nodes := l.NodeNames()
	for _, e := range l.model.Endpoints {
		if slices.ContainsFunc(e.Value.NATs, func(n calico.NAT) bool { return n.External == a }) && l.withoutEffect(&e.Value) {
			return fmt.Sprintf("%s is the floating IP that %s asks for%s, and floatingIPs is Disabled: nobody translates it", a, e.Value.Workload, at(e.Source))
		}
		if !slices.ContainsFunc(e.Value.Nets, func(n netip.Prefix) bool { return n.Addr() == a }) {
			continue
		}
		name := e.Value.Namespace + "/" + e.Value.Pod
		all = append(all, fmt.Sprintf("%s on %s%s", name, e.Value.Node, at(e.Source)))
		if slices.Contains(nodes, host.Name(e.Value.Node)) {
			here = append(here, name)
		}
	}
	switch {
	case len(all) > 1 && len(here) > 0:
		return fmt.Sprintf("%s is the address of %s; in the cluster one of them has it, and the input does not say which", a, strings.Join(all, " and of "))
	case len(all) > 0 && len(here) == 0:
		return fmt.Sprintf("%s is the address of %s, a node that is not in the input: it is taken for an address outside", a, strings.Join(all, " and of "))
	}
	return ""
}
