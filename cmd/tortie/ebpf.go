package main

import (
	"fmt"
	"net/netip"
	"strings"

	"tortie/cmd/policies"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/chance"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// ebpfNodes are the modelled nodes of a fleet whose Felix is in eBPF mode.
func ebpfNodes(l *loaded, f *host.Fleet, dumped map[host.Name]bool) (names []string) {
	for i := range f.Hosts {
		if name := f.Hosts[i].Name; l.linker != nil && !dumped[name] && l.linker.EBPF(name) {
			names = append(names, string(name))
		}
	}
	return names
}

// byPolicies is connect for clusters in eBPF mode. Of a service it judges every
// backend and shows the first that is refused, or the first.
func (t *traceFlags) byPolicies(l *loaded, f *host.Fleet, src walk.End, dst netip.Addr, to end) (trace.Connection, error) {
	e := policies.NewChainless(l.linker, f)
	if !src.Addr.IsValid() {
		src.Addr = addrOf(f, src.Host, dst)
	}
	p := packet.Packet{Src: src.Addr, Dst: dst, Proto: to.proto, TTL: 64, SrcPort: t.portFor(to.proto), DstPort: to.port,
		ICMPType: to.icmp.typ, ICMPCode: to.icmp.code}
	switch {
	case to.icmp.set:
	case to.proto == packet.ProtoICMP:
		p.ICMPType = 8 // echo request
	case to.proto == packet.ProtoICMPv6:
		p.ICMPType = 128
	}
	service, backends := l.linker.Backends(src.Host, dst, to.port, to.proto)
	if service == "" {
		return e.Judge(src, p), nil
	}
	if len(backends) == 0 {
		return e.Unasked(p, trace.Deny, fmt.Sprintf("service %s has no ready endpoint for port %d/%s", service, to.port, to.proto)), nil
	}
	all := outcomesOf{wanted: chance.Wanted{Name: t.backend, Fleet: f}}
	for _, b := range backends {
		p.Dst, p.DstPort = b.Addr(), b.Port()
		if p.Dst == p.Src {
			all.add(b.String(), e.Unasked(p, trace.Unknown, "a pod that reaches itself by a service is not judged in eBPF mode"))
			continue
		}
		all.add(b.String(), e.Judge(src, p))
	}
	c, err := all.shown()
	if err != nil {
		return trace.Connection{}, err
	}
	return *c, nil
}

// addrOf is a node's first address of the family of another one.
func addrOf(f *host.Fleet, node host.Name, like netip.Addr) netip.Addr {
	r := resolver{fleet: f}
	a, err := r.nodeAddr(string(node), packet.FamilyOf(like))
	if err != nil && like.Is4() {
		return netip.IPv4Unspecified()
	} else if err != nil {
		return netip.IPv6Unspecified()
	}
	return a
}

// ebpfNote says by what a connection was judged.
func ebpfNote(nodes []string) string {
	return strings.Join(nodes, ", ") + ": eBPF mode, in which Felix programs no chains: the verdict is what the policies of pods say; " +
		"packets, routes, NAT and connection tracking were not followed"
}
