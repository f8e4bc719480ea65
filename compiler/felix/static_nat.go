package felix

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

func (r *renderer) staticNAT(l *layer) {
	r.hook(l, "PREROUTING", []rule{on(jump(caliPrerouting))}, nil)
	// Behind kube-proxy, in both insert modes.
	l.hooks = append(l.hooks, hooked{base: "POSTROUTING", back: []rule{on(jump(caliPostrouting))}})
	r.hook(l, "OUTPUT", []rule{on(jump(caliOutput))}, nil)
	l.add(r.natPrerouting(), chain{name: caliOutput, rules: []rule{on(jump(fipDNAT))}}, r.natPostrouting())
	l.add(r.natOutgoingChain())
	l.add(r.floatingIPs()...)
}

// metadataVIP is where virtual machines of OpenStack look for their metadata.
var metadataVIP = netip.AddrFrom4([4]byte{169, 254, 169, 254})

func (r *renderer) natPrerouting() chain {
	c := chain{name: caliPrerouting, rules: []rule{on(jump(fipDNAT))}}
	if r.v4() && r.set.OpenStack && r.set.OpenStackMetaIP.IsValid() {
		to := r.set.OpenStackMetaPort
		c.rules = append(c.rules, on(
			nf.NAT{Kind: nf.DNAT, Addr: r.set.OpenStackMetaIP, AddrTo: r.set.OpenStackMetaIP, Port: to, PortTo: to},
			protoIs{proto: packet.ProtoTCP}, r.portTo(packet.ProtoTCP, 80), hostNet(nf.Dst, metadataVIP)))
	}
	return c
}

func (r *renderer) masquerade() nf.NAT {
	return nf.NAT{Kind: nf.Masquerade, FullyRandom: !r.set.MasqueradeKeepsPort}
}

func (r *renderer) snat(to netip.Addr) nf.NAT {
	return nf.NAT{Kind: nf.SNAT, Addr: to, AddrTo: to, FullyRandom: !r.set.SNATKeepsPort}
}

// natPostrouting translates what leaves by a tunnel with an address of the node
// that is not the tunnel's.
func (r *renderer) natPostrouting() chain {
	c := chain{name: caliPostrouting, rules: []rule{on(jump(fipSNAT)), on(jump(natOutgoing))}}
	for _, t := range r.tunnels() {
		c.rules = append(c.rules, on(r.masquerade(),
			ifaceIs{dir: nf.Dst, name: t}, addrLocal{dir: nf.Src, limitOut: true, not: true}, fromLocal))
	}
	return c
}

func (r *renderer) tunnels() []string {
	var out []string
	if r.v4() && r.set.IPIP && r.set.IPIPTunnelAddr.IsValid() {
		out = append(out, "tunl0")
	}
	if r.v4() && r.set.VXLAN && r.set.VXLANTunnelAddr.IsValid() {
		out = append(out, "vxlan.calico")
	}
	if !r.v4() && r.set.VXLANv6 && r.set.VXLANTunnelAddr6.IsValid() {
		out = append(out, "vxlan-v6.calico")
	}
	if iface, _, enabled := r.wireguard(); enabled && iface != "" {
		out = append(out, iface)
	}
	return out
}

// natOutgoingChain translates what leaves the pools that want it for anywhere
// outside of all pools.
func (r *renderer) natOutgoingChain() chain {
	c := chain{name: natOutgoing}
	active := slices.ContainsFunc(r.familyPools(), func(p resolve.Pool) bool { return p.Masquerade })
	if !active {
		return c
	}
	plain := r.masquerade()
	if a := r.set.NATOutgoingAddress; a.IsValid() {
		plain = r.snat(a)
		if packet.FamilyOf(a) != r.family {
			r.badSetting("natoutgoingaddress", "natOutgoingAddress "+a.String()+" is not of the family of a natOutgoing pool; Felix crashes")
		}
	}
	if ports := r.set.NATPortRange; ports.To > 0 {
		ranged := plain
		ranged.Port, ranged.PortTo = ports.From, ports.To
		for _, proto := range []packet.Proto{packet.ProtoTCP, packet.ProtoUDP} {
			match := r.natOutgoingMatch(proto)
			c.rules = append(c.rules, on(ranged, match...), on(nf.Return{}, match...))
		}
	}
	c.rules = append(c.rules, on(plain, r.natOutgoingMatch(0)...))
	return c
}

func (r *renderer) natOutgoingMatch(proto packet.Proto) []cond {
	m := []cond{
		inSet{dir: nf.Src, set: r.setName(setMasqPools)},
		inSet{dir: nf.Dst, set: r.setName(setAllPools), not: true},
	}
	if r.set.NATExcludeHosts {
		m = append(m, inSet{dir: nf.Dst, set: r.setName(setAllHosts), not: true})
	}
	if proto != 0 {
		m = append(m, protoIs{proto: proto})
	}
	if f := r.set.NATOutgoingInterfaceFilter; f != "" {
		m = append(m, r.outInterface(f))
	}
	return m
}

// outInterface reads an interface filter; iptables takes a + at its end for
// anything, nftables does not.
func (r *renderer) outInterface(filter string) cond {
	name, wild := strings.CutSuffix(filter, "+")
	if wild && r.nft {
		r.badSetting("iptablesnatoutgoinginterfacefilter", "iptablesNATOutgoingInterfaceFilter "+filter+" is no nftables pattern; Felix crashes")
	}
	return ifaceIs{dir: nf.Dst, name: name, prefix: wild}
}

func (r *renderer) familyPools() []resolve.Pool {
	var out []resolve.Pool
	for _, p := range r.view.Pools {
		if packet.FamilyOf(p.CIDR.Addr()) == r.family {
			out = append(out, p)
		}
	}
	return out
}

// floatingIPs are the translations from floating addresses to workloads, and
// back for workloads that talk to themselves. One address goes to the first of
// several by text.
func (r *renderer) floatingIPs() []chain {
	in, back := chain{name: fipDNAT}, chain{name: fipSNAT}
	dnat := map[string]resolve.FloatingIP{}
	for i := range r.view.Workloads {
		w := &r.view.Workloads[i]
		if !r.set.FloatingIPs && w.Orchestrator != "openstack" {
			continue
		}
		for _, f := range w.NAT {
			old, ok := dnat[f.External.String()]
			if packet.FamilyOf(f.External) == r.family && (!ok || f.Internal.String() < old.Internal.String()) {
				dnat[f.External.String()] = f
			}
		}
	}
	snat := map[string]resolve.FloatingIP{}
	for _, ext := range sortedKeys(dnat) {
		f := dnat[ext]
		in.rules = append(in.rules, on(nf.NAT{Kind: nf.DNAT, Addr: f.Internal, AddrTo: f.Internal}, hostNet(nf.Dst, f.External)))
		if _, ok := snat[f.Internal.String()]; !ok {
			snat[f.Internal.String()] = f
		}
	}
	for _, own := range sortedKeys(snat) {
		f := snat[own]
		back.rules = append(back.rules, on(
			r.snat(f.External),
			hostNet(nf.Dst, f.Internal), hostNet(nf.Src, f.Internal)))
	}
	return []chain{in, back}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// cidrBlockChain ends packets for service addresses that no service has.
func (r *renderer) cidrBlockChain() chain {
	c := chain{name: cidrBlock}
	var act nf.Target
	switch r.set.ServiceLoop {
	case resolve.LoopDrop:
		act = nf.Drop{}
	case resolve.LoopReject:
		act = nf.Reject{With: nf.RejectDefault}
	default:
		return c
	}
	nets := r.netsOfFamily(r.view.LoopCIDRs)
	slices.SortFunc(nets, func(a, b netip.Prefix) int { return strings.Compare(a.String(), b.String()) })
	for _, n := range nets {
		c.rules = append(c.rules, on(act, netIs{dir: nf.Dst, net: n}))
	}
	return c
}
