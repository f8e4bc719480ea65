package kubeproxy

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/cluster"
	"tortie/dataplane/packet"
)

// endpoint is one address and port behind a service port (BaseEndpointInfo).
type endpoint struct {
	addr                               netip.Addr
	port                               uint16
	on                                 string // the node's name
	local, ready, serving, terminating bool
	zones, nodes                       []string // hints
}

// place says on which node the endpoint is, and whether that is this one.
func (e *endpoint) place(on *string, node string) {
	if on != nil {
		e.on, e.local = *on, node != "" && *on == node
	}
}

// text is address and port as hashes and comments have them.
func (e *endpoint) text() string {
	return net.JoinHostPort(e.addr.String(), strconv.Itoa(int(e.port)))
}

// endpointKey names a service port: what kube-proxy joins endpoints and
// services by.
type endpointKey struct {
	namespace, service, port string
	proto                    packet.Proto
}

// endpointMap collects endpoints; of the same address and port a later one
// counts unless it is terminating.
type endpointMap map[endpointKey]map[string]endpoint

func (m endpointMap) add(k endpointKey, e endpoint) {
	if m[k] == nil {
		m[k] = map[string]endpoint{}
	}
	t := e.text()
	if _, have := m[k][t]; !have || !e.terminating {
		m[k][t] = e
	}
}

// readEndpoints reads the endpoints of all service ports in a family, each list
// in kube-proxy's order: by the text of address and port.
func readEndpoints(s *cluster.Snapshot, node string, f packet.Family) map[endpointKey][]endpoint {
	m := endpointMap{}
	for i := range s.EndpointSlices {
		m.addSlice(s, i, node, f)
	}
	for _, i := range unsliced(s) {
		m.addEndpoints(s, i, node, f)
	}
	out := make(map[endpointKey][]endpoint, len(m))
	for k, byText := range m {
		texts := make([]string, 0, len(byText))
		for t := range byText {
			texts = append(texts, t)
		}
		slices.Sort(texts)
		for _, t := range texts {
			out[k] = append(out[k], byText[t])
		}
	}
	return out
}

const (
	sliceServiceLabel = "kubernetes.io/service-name"
	headlessLabel     = "service.kubernetes.io/headless"
)

// serviceName names a service.
type serviceName struct{ namespace, name string }

// unsliced are the Endpoints objects, by index, that no slice stands for.
func unsliced(s *cluster.Snapshot) (out []int) {
	sliced := map[serviceName]bool{}
	for i := range s.EndpointSlices {
		o := s.EndpointSlices[i].Object
		sliced[serviceName{o.Namespace, o.Labels[sliceServiceLabel]}] = true
	}
	for i := range s.Endpoints {
		if o := s.Endpoints[i].Object; !sliced[serviceName{o.Namespace, o.Name}] {
			out = append(out, i)
		}
	}
	return out
}

func (m endpointMap) addSlice(s *cluster.Snapshot, i int, node string, f packet.Family) {
	o := s.EndpointSlices[i].Object
	name := o.Labels[sliceServiceLabel]
	_, headless := o.Labels[headlessLabel]
	if name == "" || headless || string(o.AddressType) != familyName(f) {
		return
	}
	for _, p := range o.Ports {
		if p.Port == nil || portOf(*p.Port) == 0 {
			continue
		}
		k := endpointKey{namespace: o.Namespace, service: name}
		if p.Name != nil {
			k.port = *p.Name
		}
		proto := ""
		if p.Protocol != nil {
			proto = string(*p.Protocol)
		}
		var ok bool
		if k.proto, ok = protoOf(proto); !ok {
			continue
		}
		for n := range o.Endpoints {
			if e, ok := sliceEndpoint(s, i, n, node); ok && familyOf(e.addr) == f {
				e.port = uint16(*p.Port)
				m.add(k, e)
			}
		}
	}
}

// sliceEndpoint reads endpoint n of slice i; only its first address counts.
func sliceEndpoint(s *cluster.Snapshot, i, n int, node string) (endpoint, bool) {
	in := &s.EndpointSlices[i].Object.Endpoints[n]
	if len(in.Addresses) == 0 {
		return endpoint{}, false
	}
	addr, ok := ParseAddr(in.Addresses[0])
	e := endpoint{
		addr:        addr,
		ready:       in.Conditions.Ready == nil || *in.Conditions.Ready,
		serving:     in.Conditions.Serving == nil || *in.Conditions.Serving,
		terminating: in.Conditions.Terminating != nil && *in.Conditions.Terminating,
	}
	e.place(in.NodeName, node)
	if in.Hints != nil {
		for _, z := range in.Hints.ForZones {
			e.zones = append(e.zones, z.Name)
		}
		for _, h := range in.Hints.ForNodes {
			e.nodes = append(e.nodes, h.Name)
		}
	}
	return e, ok
}

// addEndpoints reads an Endpoints object that no slice stands for, as the
// mirroring controller would have made slices of it.
func (m endpointMap) addEndpoints(s *cluster.Snapshot, i int, node string, f packet.Family) {
	o := s.Endpoints[i].Object
	if skip := o.Labels["endpointslice.kubernetes.io/skip-mirror"]; strings.EqualFold(skip, "true") {
		return
	}
	for _, sub := range o.Subsets {
		for _, p := range sub.Ports {
			proto, ok := protoOf(string(p.Protocol))
			if !ok || portOf(p.Port) == 0 {
				continue
			}
			k := endpointKey{o.Namespace, o.Name, p.Name, proto}
			for n := range len(sub.NotReadyAddresses) + len(sub.Addresses) {
				ready := n >= len(sub.NotReadyAddresses)
				list, at := sub.NotReadyAddresses, n
				if ready {
					list, at = sub.Addresses, n-len(sub.NotReadyAddresses)
				}
				addr, ok := ParseAddr(list[at].IP)
				if !ok || familyOf(addr) != f {
					continue
				}
				e := endpoint{addr: addr, port: uint16(p.Port), ready: ready, serving: ready}
				e.place(list[at].NodeName, node)
				m.add(k, e)
			}
		}
	}
}

func familyName(f packet.Family) string {
	if f == packet.IPv6 {
		return "IPv6"
	}
	return "IPv4"
}
