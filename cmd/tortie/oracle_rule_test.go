package main

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/dataplane/packet"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/lib/numorstring"
)

// rules reads the rules of a policy in a namespace ("" is a global one).
func (w *oracleWorld) rules(rules []v3.Rule, ns string) []oracleRule {
	var out []oracleRule
	for i := range rules {
		r := &rules[i]
		out = append(out, oracleRule{string(r.Action), func(p *oraclePacket) bool { return w.matches(r, ns, p) }})
	}
	return out
}

// matches reports whether every criterion of a rule holds.
func (w *oracleWorld) matches(r *v3.Rule, ns string, p *oraclePacket) bool {
	switch {
	case r.IPVersion != nil && (*r.IPVersion == 4) != p.src.Is4():
		return false
	case r.Protocol != nil && !oracleProto(*r.Protocol, p.proto):
		return false
	case r.NotProtocol != nil && oracleProto(*r.NotProtocol, p.proto):
		return false
	case r.ICMP != nil && !oracleICMP(r.ICMP, p):
		return false
	case r.NotICMP != nil && !w.notICMP(r.NotICMP, p):
		return false
	}
	return w.end(&r.Source, r, ns, p, p.src, p.sport, true) && w.end(&r.Destination, r, ns, p, p.dst, p.dport, false)
}

func oracleProto(want numorstring.Protocol, have packet.Proto) bool {
	switch strings.ToLower(want.String()) {
	case "tcp":
		return have == packet.ProtoTCP
	case "udp":
		return have == packet.ProtoUDP
	case "sctp":
		return have == packet.ProtoSCTP
	case "udplite":
		return have == packet.ProtoUDPLite
	case "icmp":
		return have == packet.ProtoICMP
	case "icmpv6":
		return have == packet.ProtoICMPv6
	}
	return want.NumVal == uint8(have)
}

func oracleICMP(want *v3.ICMPFields, p *oraclePacket) bool {
	return p.proto.IsICMP() && (want.Type == nil || *want.Type == int(p.icmpType)) && (want.Code == nil || *want.Code == int(p.icmpCode))
}

// notICMP: with type and code a packet has to differ in one of them; the rules that
// Felix writes in nftables mode ask that it differs in both.
func (w *oracleWorld) notICMP(not *v3.ICMPFields, p *oraclePacket) bool {
	if w.nftables && not.Type != nil && not.Code != nil && p.proto.IsICMP() {
		return *not.Type != int(p.icmpType) && *not.Code != int(p.icmpCode)
	}
	return !oracleICMP(not, p)
}

// end reports whether one end of a packet is as a rule asks.
func (w *oracleWorld) end(e *v3.EntityRule, r *v3.Rule, ns string, p *oraclePacket, a netip.Addr, port uint16, source bool) bool {
	switch {
	case len(e.Nets) > 0 && !oracleInNets(e.Nets, a):
		return false
	case len(e.NotNets) > 0 && oracleInNets(e.NotNets, a):
		return false
	case len(e.NotNets) > 0 && !oracleHasFamily(e.NotNets, a), len(e.Nets) > 0 && !oracleHasFamily(e.Nets, a):
		return false // a rule with networks is for packets of their family
	case oracleAsks(e) && !w.known(e, ns, a):
		return false
	case e.NotSelector != "" && !oraclePositive(e, ns) && w.selected(e.NotSelector, a):
		return false
	case len(e.Ports) > 0 && !w.inPorts(e.Ports, e, r, ns, p, a, port):
		return false
	case len(e.NotPorts) > 0 && w.inPorts(e.NotPorts, e, r, ns, p, a, port):
		return false
	case e.Services != nil && !w.inService(e.Services, p, a, port, source):
		return false
	}
	return true
}

func oracleInNets(nets []string, a netip.Addr) bool {
	return slices.ContainsFunc(nets, func(n string) bool { return oracleNet(n).Contains(a) })
}

func oracleHasFamily(nets []string, a netip.Addr) bool {
	return slices.ContainsFunc(nets, func(n string) bool { return oracleNet(n).Addr().Is4() == a.Is4() })
}

// oracleAsks reports whether an end asks for known things. A notSelector in a
// policy of a namespace does too: it is for things of that namespace.
func oracleAsks(e *v3.EntityRule) bool {
	return e.Selector != "" || e.NamespaceSelector != "" || e.ServiceAccounts != nil || e.NotSelector != ""
}

// known reports whether the address belongs to something that an end asks for.
func (w *oracleWorld) known(e *v3.EntityRule, ns string, a netip.Addr) bool {
	if !oraclePositive(e, ns) {
		return true
	}
	return slices.ContainsFunc(w.things, func(t *oracleThing) bool { return t.has(a) && oracleAsksFor(e, ns, t) })
}

// oracleAsksFor reports whether a thing is one that an end asks for.
func oracleAsksFor(e *v3.EntityRule, ns string, t *oracleThing) bool {
	switch {
	case !oraclePositive(e, ns):
		return true
	case e.NamespaceSelector != "" && !t.inNamespaces(e.NamespaceSelector):
		return false
	case e.NamespaceSelector == "" && ns != "" && t.ns != ns:
		return false
	case e.ServiceAccounts != nil && !t.isAccount(e.ServiceAccounts.Selector, e.ServiceAccounts.Names):
		return false
	}
	// Where several things have the address, notSelector is asked of the same
	// one (Felix joins the two selectors).
	return oracleSelects(e.Selector, t.labels) && (e.NotSelector == "" || !oracleSelects(e.NotSelector, t.labels))
}

// oraclePositive reports whether an end asks for things by more than notSelector.
func oraclePositive(e *v3.EntityRule, ns string) bool {
	return ns != "" || e.Selector != "" || e.NamespaceSelector != "" || e.ServiceAccounts != nil
}

func (w *oracleWorld) selected(text string, a netip.Addr) bool {
	return slices.ContainsFunc(w.things, func(t *oracleThing) bool { return t.has(a) && oracleSelects(text, t.labels) })
}

// inPorts reports whether a port is listed: by number, or by a name that the
// endpoint with the address gives to this port and protocol. The endpoint itself
// has to be one that the rule asks for: that something else with the address is, as
// a network set, does not count.
func (w *oracleWorld) inPorts(ports []numorstring.Port, e *v3.EntityRule, r *v3.Rule, ns string, p *oraclePacket, a netip.Addr, port uint16) bool {
	for _, want := range ports {
		if want.PortName == "" {
			if p.proto.HasPorts() && port >= want.MinPort && port <= want.MaxPort {
				return true
			}
			continue
		}
		proto := "TCP" // a named port without a protocol is one of TCP
		if r.Protocol != nil {
			proto = strings.ToUpper(r.Protocol.String())
		}
		if w.namedPort(want.PortName, proto, p, a, port, func(t *oracleThing) bool { return oracleAsksFor(e, ns, t) }) {
			return true
		}
	}
	return false
}

func (w *oracleWorld) namedPort(name, proto string, p *oraclePacket, a netip.Addr, port uint16, asked func(*oracleThing) bool) bool {
	if proto != strings.ToUpper(p.proto.String()) {
		return false
	}
	for _, t := range w.things {
		if t.has(a) && asked(t) && slices.Contains(t.ports, oraclePort{name, proto, port}) {
			return true
		}
	}
	return false
}

// inService reports whether an address (and as a destination its port) is one of
// a service's endpoints. The documentation says that a rule without the service's
// namespace means the policy's own; libcalico-go hands Felix an empty one, in which
// there is no service.
func (w *oracleWorld) inService(s *v3.ServiceMatch, p *oraclePacket, a netip.Addr, port uint16, source bool) bool {
	for _, o := range w.snap.EndpointSlices {
		sl := o.Object
		if sl.Namespace != s.Namespace || sl.Labels["kubernetes.io/service-name"] != s.Name {
			continue
		}
		has := false
		for _, e := range sl.Endpoints {
			has = has || slices.Contains(e.Addresses, a.String())
		}
		if has && source {
			return true
		}
		for _, sp := range sl.Ports {
			proto := "TCP"
			if sp.Protocol != nil {
				proto = string(*sp.Protocol)
			}
			if has && sp.Port != nil && *sp.Port == int32(port) && proto == strings.ToUpper(p.proto.String()) {
				return true
			}
		}
	}
	return false
}
