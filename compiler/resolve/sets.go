package resolve

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/dataplane/packet"
)

// setSpec says what an IP set holds.
type setSpec struct {
	id string
	// selector and, for named ports, port and proto ("any", "tcp", "udp", "sctp").
	selector    *compiled
	port, proto string
	// service is "namespace/name"; ports says that members carry ports.
	service string
	ports   bool
	// addrs makes it a set of addresses, not of networks.
	addrs bool
}

// istioSet is the set of all pods of Istio's ambient mesh.
const istioSet = "all-istio-weps"

// selectorSet returns the ID of the set of a selector's addresses, or of its
// endpoints with a named port; false when the selector cannot be parsed.
func (s *scanner) selectorSet(text, port, proto string) (string, bool) {
	c := s.selectors.get(text)
	if c == nil {
		return "", false
	}
	id := c.id
	if proto != "" && proto != "none" {
		id = uniqueID("n", c.id+","+proto+","+port)
	} else {
		port, proto = "", ""
	}
	if s.sets[id] == nil {
		s.sets[id] = &setSpec{id: id, selector: c, port: port, proto: proto}
	}
	return id, true
}

func (s *scanner) service(e calico.RuleEnd, ports bool) string {
	name := e.ServiceNS + "/" + e.Service
	kind := "svcnoport"
	if ports {
		kind = "svc"
	}
	id := uniqueID(kind, name)
	if s.sets[id] == nil {
		s.sets[id] = &setSpec{id: id, service: name, ports: ports}
	}
	return id
}

// item is something that can be a member of selector sets.
type item struct {
	labels *labelled
	nets   []netip.Prefix
	ports  []calico.EndpointPort
	// spoofs says that the endpoint asks for spoofed source prefixes; Felix
	// ignores it unless it is set to allow that.
	spoofs bool
}

// members fills one set (felix/labelindex/named_port_index.go,
// felix/serviceindex). Sets of networks lose what a wider network covers
// unless nftablesMode is Disabled.
func (x *Index) members(s *setSpec, set *Settings) IPSet {
	out := IPSet{ID: s.id, Type: SetNet}
	switch {
	case s.service != "":
		if s.ports {
			out.Type = SetIPPort
		}
		out.Members = x.serviceMembers(s)
	case s.proto != "":
		out.Type = SetIPPort
		x.eachSelected(s.selector, set, func(it *item) { out.Members = append(out.Members, namedPortMembers(s, it)...) })
	default:
		if s.addrs {
			out.Type = SetIP
		}
		x.eachSelected(s.selector, set, func(it *item) {
			for _, n := range it.nets {
				out.Members = append(out.Members, Member{Prefix: n.Masked()})
			}
		})
	}
	out.Members = sortedMembers(out.Members)
	if set.SuppressOverlaps && out.Type == SetNet {
		out.Members = widest(out.Members)
	}
	return out
}

// eachSelected calls f for every item that the selector selects.
func (x *Index) eachSelected(c *compiled, set *Settings, f func(*item)) {
	for i := range x.items {
		it := &x.items[i]
		if (!it.spoofs || set.SpoofingAllowed) && c.eval(it.labels) {
			f(it)
		}
	}
}

func namedPortMembers(s *setSpec, it *item) []Member {
	var out []Member
	for _, p := range it.ports {
		if p.Name != s.port {
			continue
		}
		proto := protoOf(&p.Protocol)
		if s.proto != "any" && s.proto != namedPortProto(&p.Protocol) {
			continue
		}
		for _, n := range it.nets {
			out = append(out, Member{Prefix: fullPrefix(n.Addr()), Proto: proto, Port: p.Port})
		}
	}
	return out
}

func (x *Index) serviceMembers(s *setSpec) []Member {
	var out []Member
	for _, slice := range x.slices[s.service] {
		for _, ep := range slice.Endpoints {
			for _, text := range ep.Addresses {
				addr, err := netip.ParseAddr(text)
				if err != nil {
					continue
				}
				if !s.ports {
					out = append(out, Member{Prefix: fullPrefix(addr)})
					continue
				}
				for _, p := range slice.Ports {
					if p.Port != nil {
						out = append(out, Member{Prefix: fullPrefix(addr), Proto: servicePortProto(p.Protocol), Port: uint16(*p.Port)})
					}
				}
			}
		}
	}
	return out
}

// servicePortProto: TCP unless the slice says UDP or SCTP.
func servicePortProto[T ~string](p *T) packet.Proto {
	if p != nil {
		switch strings.ToUpper(string(*p)) {
		case "UDP":
			return packet.ProtoUDP
		case "SCTP":
			return packet.ProtoSCTP
		}
	}
	return packet.ProtoTCP
}

func compareMembers(a, b Member) int {
	return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()),
		cmp.Compare(a.Proto, b.Proto), cmp.Compare(a.Port, b.Port))
}

func sortedMembers(m []Member) []Member {
	slices.SortFunc(m, compareMembers)
	return slices.Compact(m)
}

// widest drops every prefix that another one contains. Members are sorted, so a
// containing prefix comes first.
func widest(members []Member) []Member {
	var out []Member
	for _, m := range members {
		if n := len(out); n > 0 && out[n-1].Prefix.Contains(m.Prefix.Addr()) && out[n-1].Prefix.Bits() <= m.Prefix.Bits() {
			continue
		}
		out = append(out, m)
	}
	return out
}

func sortedSpecs(sets map[string]*setSpec) []*setSpec {
	out := make([]*setSpec, 0, len(sets))
	for _, s := range sets {
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].id < out[j].id })
	return out
}

// itemsOf lists everything that rule selectors can select: workload endpoints
// and host endpoints of all nodes, and network sets.
func itemsOf(m *cluster.Model, labels *labelIndex) []item {
	var out []item
	for _, e := range m.Endpoints {
		out = append(out, item{labels.of(e.Value.Labels, e.Value.Profiles), e.Value.Nets, e.Value.Ports, len(e.Value.AllowSpoofed) > 0})
	}
	for _, h := range m.HostEndpoints {
		nets := make([]netip.Prefix, len(h.Value.ExpectedIPs))
		for i, a := range h.Value.ExpectedIPs {
			nets[i] = fullPrefix(a)
		}
		out = append(out, item{labels.of(h.Value.Labels, h.Value.Profiles), nets, h.Value.Ports, false})
	}
	for _, n := range m.NetworkSets {
		out = append(out, item{labels.of(n.Value.Labels, n.Value.Profiles), n.Value.Nets, nil, false})
	}
	return out
}
