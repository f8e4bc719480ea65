package lower

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/intent"
	"tortie/dataplane/packet"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// failsafes are ports of hosts that stay open: in, out.
type failsafes [2][]v3.ProtoPort

// The ports that Felix leaves open where its configuration says nothing.
var defaultFailsafe = failsafes{
	{{Protocol: "tcp", Port: 22}, {Protocol: "udp", Port: 68}, {Protocol: "tcp", Port: 179}, {Protocol: "tcp", Port: 2379},
		{Protocol: "tcp", Port: 2380}, {Protocol: "tcp", Port: 5473}, {Protocol: "tcp", Port: 6443}, {Protocol: "tcp", Port: 6666},
		{Protocol: "tcp", Port: 6667}},
	{{Protocol: "udp", Port: 53}, {Protocol: "udp", Port: 67}, {Protocol: "tcp", Port: 179}, {Protocol: "tcp", Port: 2379},
		{Protocol: "tcp", Port: 2380}, {Protocol: "tcp", Port: 5473}, {Protocol: "tcp", Port: 6443}, {Protocol: "tcp", Port: 6666},
		{Protocol: "tcp", Port: 6667}},
}

// addConfiguration reads what the compiler has to know of Felix's configuration: that
// of all nodes, and of the nodes that have another.
func (f *facts) addConfiguration(s *cluster.Snapshot) {
	common, _ := s.FelixConfigurationsOf("", nil)
	for _, o := range common {
		if m := o.Object.Spec.NFTablesMode; m != nil {
			f.nftables = *m == v3.NFTablesModeEnabled
		}
		f.failsafe = f.failsafe.with(&o.Object.Spec)
	}
	names := map[string]map[string]string{} // of nodes, with their labels
	for _, h := range f.heps {
		names[h.node] = nil
	}
	for _, n := range f.nodes {
		names[n.name] = n.labels
	}
	for name, labels := range names {
		own, _ := s.FelixConfigurationsOf(name, labels)
		if len(own) == len(common) {
			continue
		}
		ports := f.failsafe
		for _, o := range own {
			ports = ports.with(&o.Object.Spec)
		}
		f.failsafes[name] = ports
	}
}

// with are the ports where a configuration may say others.
func (ports failsafes) with(spec *v3.FelixConfigurationSpec) failsafes {
	for dir, own := range [2]*[]v3.ProtoPort{spec.FailsafeInboundHostPorts, spec.FailsafeOutboundHostPorts} {
		if own != nil {
			ports[dir] = *own
		}
	}
	return ports
}

// failsafeAt are the ports that all hosts of a party leave open.
func (f *facts) failsafeAt(a *intent.Atom, dir int) []v3.ProtoPort {
	var out []v3.ProtoPort
	heps := f.hepsOf(a)
	for i, h := range heps {
		ports, own := f.failsafes[h.node]
		if !own {
			ports = f.failsafe
		}
		if i == 0 {
			out = slices.Clone(ports[dir])
		}
		out = slices.DeleteFunc(out, func(p v3.ProtoPort) bool { return !slices.Contains(ports[dir], p) })
	}
	if len(heps) == 0 {
		return f.failsafe[dir]
	}
	return out
}

func (f *facts) isFailsafe(a *intent.Atom, dir int, proto packet.Proto, port uint16) bool {
	return slices.ContainsFunc(f.failsafeAt(a, dir), func(p v3.ProtoPort) bool { return failsafeFor(p, proto, port) })
}

func failsafeFor(p v3.ProtoPort, proto packet.Proto, port uint16) bool {
	return (strings.EqualFold(p.Protocol, proto.String()) || p.Protocol == "" && proto == packet.ProtoTCP) && p.Port == port
}

var failsafeField = [2]string{"failsafeInboundHostPorts", "failsafeOutboundHostPorts"}

// atFailsafes reports denies, and allows for some, at ports that hosts leave open to
// everybody whatever is said of them.
func (c *compiler) atFailsafes(s *intent.Statement) {
	for dir := range directions {
		names := map[string][]string{} // of parties, by the ports
		for _, a := range c.holdsHosts(s, dir) {
			if open := strings.Join(openPorts(s.On, c.facts.failsafeAt(a, dir)), ", "); open != "" {
				names[open] = append(names[open], a.Party.Name)
			}
		}
		for _, open := range slices.Sorted(maps.Keys(names)) {
			c.atFailsafe(s, dir, strings.Join(names[open], ", "), open)
		}
	}
}

func (c *compiler) atFailsafe(s *intent.Statement, dir int, hosts, ports string) {
	switch {
	case s.Rule.Deny:
		c.warn("intent/failsafe", s.Rule.Span, "take the port from "+failsafeField[dir]+" of the FelixConfiguration, or leave it out here",
			"failsafe ports come first: at the hosts of %s this denies nothing on %s", hosts, ports)
	case dir == 0 && !slices.Contains(kinds(s.From), intent.Any):
		c.diags.Add(diag.Finding{Code: "intent/failsafe", Severity: diag.Note, Span: s.Rule.Span,
			Hint:    "to open it for these only, take it from " + failsafeField[dir] + " of the FelixConfiguration",
			Message: fmt.Sprintf("failsafe ports come first: the hosts of %s are open to everybody on %s", hosts, ports)})
	}
}

// openPorts are those of some ports that failsafes leave open to everybody.
func openPorts(on []intent.PortTerm, failsafe []v3.ProtoPort) []string {
	var out []string
	for _, t := range on {
		open := t.HasPorts
		for p := int(t.First); open && p <= int(t.Last); p++ {
			open = slices.ContainsFunc(failsafe, func(x v3.ProtoPort) bool {
				return failsafeFor(x, t.Proto, uint16(p)) && (x.Net == "" || strings.HasSuffix(x.Net, "/0"))
			})
		}
		if open {
			out = append(out, termText(t))
		}
	}
	return out
}
