package check

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/yamlpos"
)

// hostDoubts warns of host endpoints that are cut off, that stand for one interface
// together, or whose node is not there or has other addresses.
func (r *run) hostDoubts(in *selected, chosen []bool, enforced bool) {
	nodes := r.nodeAddresses(in.model)
	first := map[string]string{}
	for i, h := range in.hosts {
		if h.Source.Node == nil || h.Value.Auto {
			continue
		}
		o := r.on(object{src: h.Source})
		if !chosen[i] && enforced && len(h.Value.Profiles) == 0 {
			o.reportAt("endpoint/cut-off", h.Source.At("spec"), "add a policy that selects it, or a profile, before the host endpoint", "no policy of the input selects HostEndpoint %s and it has no profile: everything but failsafe ports is denied", h.Value.Name)
		}
		if _, ok := nodes[h.Value.Node]; !ok && len(nodes) > 0 {
			hint := "check the name"
			if near := yamlpos.Nearest(h.Value.Node, sortedKeys(nodes)); near != "" {
				hint = "did you mean " + near + "?"
			}
			o.report("endpoint/unknown-node", path{"spec", "node"}, hint, "no node %q in the input", h.Value.Node)
		}
		o.expectedElsewhere(&h.Value, nodes)
		o.sameInterface(&h.Value, first)
	}
}

// nodeAddresses are the addresses by which each node of the input is known.
func (r *run) nodeAddresses(m *cluster.Model) map[string][]netip.Addr {
	out := map[string][]netip.Addr{}
	for i := range m.Nodes {
		n := &m.Nodes[i].Value
		out[n.Name] = nil
		for _, text := range n.IPs() {
			if a, err := netip.ParseAddr(text); err == nil {
				out[n.Name] = append(out[n.Name], a)
			}
		}
	}
	for _, src := range r.snap.Others {
		name := src.Node.Lookup("metadata", "name")
		if src.Kind != "HostNetwork" || name == nil {
			continue
		}
		if _, ok := out[name.Text]; !ok {
			continue
		}
		for _, link := range items(src.Node.Lookup("spec", "interfaces")) {
			for _, a := range items(child(link, "addresses")) {
				if p, err := netip.ParsePrefix(a.Text); err == nil {
					out[name.Text] = append(out[name.Text], p.Addr())
				}
			}
		}
	}
	return out
}

// expectedElsewhere reports expected addresses of another node; and, of a host
// endpoint that is found by its addresses, that the node is known by others only.
func (o on) expectedElsewhere(h *calico.HostEndpoint, nodes map[string][]netip.Addr) {
	own, at := nodes[h.Node], path{"spec", "expectedIPs"}
	if len(own) == 0 {
		return
	}
	unknown := len(h.ExpectedIPs) > 0
	for i, ip := range h.ExpectedIPs {
		if slices.Contains(own, ip) {
			unknown = false
			continue
		}
		for _, name := range sortedKeys(nodes) {
			if slices.Contains(nodes[name], ip) {
				o.report("endpoint/other-node", at.add(i), "correct the address, or the node", "%s is an address of node %s, not of %s", ip, name, h.Node)
				unknown = false
				break
			}
		}
	}
	if unknown && h.InterfaceName == "" {
		o.reportAt("endpoint/unknown-address", o.src.At(at...), "compare them with the node's interfaces, or name the interface",
			"node %s is known by other addresses only (%s): without interfaceName the endpoint is found by its addresses", h.Node, joinAddrs(own))
	}
}

func joinAddrs(all []netip.Addr) string {
	var out []string
	for _, a := range all {
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

// sameInterface reports a host endpoint for what an earlier one stands for: an
// interface by its name, or without one an address.
func (o on) sameInterface(h *calico.HostEndpoint, first map[string]string) {
	const hint = "keep one of the two"
	if h.InterfaceName != "" {
		key := h.Node + "\x00" + h.InterfaceName
		if other, ok := first[key]; ok {
			o.report("endpoint/same-interface", path{"spec", "interfaceName"}, hint, "HostEndpoint %s stands for this interface of the node too", other)
		}
		first[key] = h.Name
		return
	}
	for i, ip := range h.ExpectedIPs {
		key := h.Node + "\x00\x00" + ip.String()
		if other, ok := first[key]; ok {
			o.report("endpoint/same-interface", path{"spec", "expectedIPs", i}, hint, "HostEndpoint %s stands for the interface with this address too", other)
			return
		}
		first[key] = h.Name
	}
}

// profileDoubts warns of endpoints with a profile that is not there, if the input
// has profiles or is a whole cluster's.
func (r *run) profileDoubts(in *selected) {
	if len(r.snap.Profiles) == 0 && !in.whole {
		return
	}
	have := map[string]bool{}
	for _, p := range in.model.Profiles {
		have[p.Value.Name] = true
	}
	for _, sub := range subjects(r.snap) {
		o := r.on(sub)
		if o.replaced || !isCalicoVersion(o.src.APIVersion) || o.src.Kind != "HostEndpoint" && o.src.Kind != "WorkloadEndpoint" {
			continue
		}
		for i, n := range items(o.node(path{"spec", "profiles"})) {
			made := strings.HasPrefix(n.Text, calico.NamespaceProfilePrefix) || strings.HasPrefix(n.Text, calico.ServiceAccountProfile)
			if have[n.Text] || made && !in.whole {
				continue
			}
			hint := "add the Profile, or correct the name"
			if near := yamlpos.Nearest(n.Text, sortedKeys(have)); near != "" {
				hint = "did you mean " + near + "?"
			}
			o.report("endpoint/unknown-profile", path{"spec", "profiles", i}, hint, "no Profile %q in the input: Felix takes it as one that denies everything", n.Text)
		}
	}
}
