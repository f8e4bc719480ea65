package kubeproxy

import (
	"fmt"
	"net/netip"
	"slices"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// ipvs makes the virtual servers, sets and iptables rules of one family.
type ipvs struct {
	*ipt
	sets    map[nf.SetName]*nf.Set
	seen    map[nf.SetName]map[string]bool
	servers []host.VirtualServer
	// bound are the addresses of kube-ipvs0, with the origin of the first service that
	// has each.
	bound map[netip.Addr]int
	// nodeIPs accept node ports, own are all addresses of other links.
	nodeIPs []netip.Addr
	own     map[netip.Addr]bool
	// noNode are the load balancer ports that the node itself must not use.
	noNode []serverKey
	// taken are the virtual servers so far.
	taken map[serverKey]bool
}

// serverKey names a virtual server.
type serverKey struct {
	addr   netip.Addr
	port   uint16
	proto  packet.Proto
	origin int
}

// ipvsParts is what IPVS mode programs for one family.
type ipvsParts struct {
	tables  []nf.Table
	sets    []nf.Set
	servers []host.VirtualServer
	bound   []netip.Addr
}

// ipvsMode makes the parts of one family, as syncProxyRules of
// pkg/proxy/ipvs/proxier.go does.
func ipvsMode(in *input) ipvsParts {
	b := &ipvs{ipt: &ipt{input: in}, sets: map[nf.SetName]*nf.Set{}, seen: map[nf.SetName]map[string]bool{},
		bound: map[netip.Addr]int{}, own: map[netip.Addr]bool{}, taken: map[serverKey]bool{}}
	for _, t := range []**iptTable{&b.mangle, &b.nat, &b.filter} {
		*t = &iptTable{chains: map[nf.ChainName][]nf.Rule{}}
	}
	b.mangle.name, b.nat.name, b.filter.name = "mangle", "nat", "filter"
	b.nodeAddresses()
	for _, d := range ipvsSets {
		b.sets[d.name] = newIPVSSet(d, in.family)
		b.seen[d.name] = map[string]bool{}
	}
	for i := range in.services {
		b.service(&in.services[i])
	}
	for _, a := range b.boundAddrs() {
		b.addTo(setIPVSIPs, b.bound[a], nf.AddrDatum(a))
	}
	b.rules()
	out := ipvsParts{tables: []nf.Table{b.table(b.nat), b.table(b.filter)}, servers: b.servers, bound: b.boundAddrs()}
	for _, d := range ipvsSets {
		out.sets = append(out.sets, *b.sets[d.name])
	}
	return out
}

// nodeAddresses finds the node's addresses (GetAllLocalAddressesExcept) and
// which of them accept node ports.
func (b *ipvs) nodeAddresses() {
	for _, a := range append(slices.Clone(b.node.ips), b.Addresses...) {
		if familyOf(a) == b.family && !a.IsLoopback() && !(a.Is6() && a.IsLinkLocalUnicast()) {
			b.own[a] = true
		}
	}
	if !b.matchAll {
		b.nodeIPs = slices.DeleteFunc(b.nodePortAddrs(), netip.Addr.IsLoopback)
		return
	}
	for a := range b.own {
		b.nodeIPs = append(b.nodeIPs, a)
	}
	sortAddrs(b.nodeIPs)
}

func (b *ipvs) boundAddrs() []netip.Addr {
	var out []netip.Addr
	for a := range b.bound {
		out = append(out, a)
	}
	sortAddrs(out)
	return out
}

// service makes the set entries and virtual servers of one service port.
func (b *ipvs) service(s *service) {
	for i := range s.endpoints {
		if e := &s.endpoints[i]; e.local {
			b.addTo(setLoopBack, s.origin, nf.AddrDatum(e.addr), portDatum(s.proto, e.port), nf.AddrDatum(e.addr))
		}
	}
	b.addPort(setClusterIP, s, s.clusterIP)
	b.server(s, s.clusterIP, s.portNumber, true, s.internalLocal)
	for _, a := range s.externalIPs {
		if s.externalLocal {
			b.addPort(setExternalIPLocal, s, a)
		} else {
			b.addPort(setExternalIP, s, a)
		}
		b.server(s, a, s.portNumber, !b.own[a], s.externalLocal)
	}
	for _, a := range s.balancers {
		b.balancer(s, a)
	}
	if s.nodePort != 0 {
		if len(b.nodeIPs) == 0 {
			return // kube-proxy leaves the health check port out, too
		}
		b.nodePort(s)
	}
	if s.healthCheck != 0 {
		b.addTo(setHealthCheck, s.origin, nf.NumDatum(uint64(s.healthCheck)))
	}
}

func (b *ipvs) balancer(s *service, a netip.Addr) {
	b.addPort(setBalancer, s, a)
	if s.externalLocal {
		b.addPort(setBalancerLocal, s, a)
	}
	if len(s.sourceRanges) > 0 {
		b.addPort(setBalancerFW, s, a)
		fromNode := false
		for _, p := range s.sourceRanges {
			b.addTo(setBalancerCIDR, s.origin, nf.AddrDatum(a), portDatum(s.proto, s.portNumber), nf.PrefixDatum(p))
			fromNode = fromNode || p.Contains(b.nodeIP)
		}
		if fromNode {
			b.addTo(setBalancerSource, s.origin, nf.AddrDatum(a), portDatum(s.proto, s.portNumber), nf.AddrDatum(a))
		} else {
			b.noNode = append(b.noNode, serverKey{a, s.portNumber, s.proto, s.origin})
		}
	}
	b.server(s, a, s.portNumber, !b.own[a], s.externalLocal)
}

func (b *ipvs) nodePort(s *service) {
	sets := []nf.SetName{setNodePort(s.proto, false)}
	if s.externalLocal {
		sets = append(sets, setNodePort(s.proto, true))
	}
	for _, name := range sets {
		if s.proto != packet.ProtoSCTP {
			b.addTo(name, s.origin, nf.NumDatum(uint64(s.nodePort)))
			continue
		}
		for _, a := range b.nodeIPs {
			b.addTo(name, s.origin, nf.AddrDatum(a), portDatum(s.proto, s.nodePort))
		}
	}
	for _, a := range b.nodeIPs {
		b.server(s, a, s.nodePort, false, s.externalLocal)
	}
}

// server makes a virtual server. With the policy Local it has the local
// endpoints, and those of the cluster when there are none (syncEndpoint). Of two
// services with one address and port the first counts; in kube-proxy it is the
// one that it comes to last.
func (b *ipvs) server(s *service, a netip.Addr, port uint16, bind, local bool) {
	key := serverKey{addr: a, port: port, proto: s.proto}
	if b.taken[key] {
		return
	}
	b.taken[key] = true
	v := host.VirtualServer{Addr: a, Port: port, Proto: s.proto, Scheduler: b.Scheduler, Origin: s.origin}
	if v.Scheduler == "" {
		v.Scheduler = "rr"
	}
	v.HashPort = v.Scheduler == "mh"
	if s.affinity {
		v.Persistent = s.affinitySecond
	}
	if _, there := b.bound[a]; bind && !there {
		b.bound[a] = s.origin
	}
	list := s.plan.cluster
	if local && len(s.plan.local) > 0 {
		list = s.plan.local
	}
	for i := range list {
		v.Servers = append(v.Servers, host.RealServer{Addr: list[i].addr, Port: list[i].port, Weight: 1})
	}
	b.servers = append(b.servers, v)
}

// addTo adds an element to a set, once.
func (b *ipvs) addTo(name nf.SetName, origin int, key ...nf.Datum) {
	text := ""
	for _, d := range key {
		text += fmt.Sprintln(d.Addr, d.AddrTo, d.Proto, d.Num)
	}
	if !b.seen[name][text] {
		b.seen[name][text] = true
		b.sets[name].Elements = append(b.sets[name].Elements, nf.Element{Key: key, Origin: origin})
	}
}

// addPort adds an address with the service's port.
func (b *ipvs) addPort(name nf.SetName, s *service, a netip.Addr) {
	b.addTo(name, s.origin, nf.AddrDatum(a), portDatum(s.proto, s.portNumber))
}

func portDatum(p packet.Proto, port uint16) nf.Datum {
	return nf.Datum{Proto: p, Num: uint64(port), NumTo: uint64(port)}
}
