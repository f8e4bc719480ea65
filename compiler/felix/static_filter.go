package felix

import (
	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// Chains that are there whatever the policies are.
const (
	caliInput       = "cali-INPUT"
	caliOutput      = "cali-OUTPUT"
	caliForward     = "cali-FORWARD"
	caliPrerouting  = "cali-PREROUTING"
	caliPostrouting = "cali-POSTROUTING"
	wlToHost        = "cali-wl-to-host"
	failsafeIn      = "cali-failsafe-in"
	failsafeOut     = "cali-failsafe-out"
	cidrBlock       = "cali-cidr-block"
	rpfSkip         = "cali-rpf-skip"
	wireguardMark   = "cali-wireguard-incoming-mark"
	forwardCheck    = "cali-forward-check"
	forwardEPMark   = "cali-forward-endpoint-mark"
	fipDNAT         = "cali-fip-dnat"
	fipSNAT         = "cali-fip-snat"
	natOutgoing     = "cali-nat-outgoing"
	egressDSCP      = "cali-egress-dscp"
)

// hook hangs rules into a base chain: in front of other programs' rules unless
// the insert mode says otherwise, and behind them.
func (r *renderer) hook(l *layer, base nf.ChainName, front, back []rule) {
	if r.set.ChainInsertAppend {
		front, back = nil, append(front, back...)
	}
	l.hooks = append(l.hooks, hooked{base: base, front: front, back: back})
}

func (r *renderer) staticFilter(l *layer) {
	accepted := bitSet(r.marks.accept)
	r.hook(l, "INPUT", []rule{on(jump(caliInput))}, nil)
	r.hook(l, "FORWARD", []rule{on(jump(caliForward))},
		[]rule{on(r.filterAllow(), accepted), on(setBits(r.marks.accept))})
	r.hook(l, "OUTPUT", []rule{on(jump(caliOutput))}, nil)
	l.add(r.filterForward(), r.filterInput(), r.workloadToHost(), r.filterOutput(), r.cidrBlockChain())
	l.add(r.failsafes("filter")...)
	if r.set.IPVS {
		l.add(r.forwardCheckChain(), r.forwardMarkChain())
	}
}

func (r *renderer) filterForward() chain {
	c := chain{name: caliForward}
	c.rules = append(c.rules,
		on(clearBits(r.marks.calico()&^r.marks.accept)),
		on(jump(fromHostForward), allClear(r.marks.accept)))
	for _, p := range r.set.InterfacePrefixes {
		c.rules = append(c.rules,
			on(jump(fromWorkload), ifaceIs{dir: nf.Src, name: p, prefix: true}),
			on(jump(toWorkload), ifaceIs{dir: nf.Dst, name: p, prefix: true}))
	}
	c.rules = append(c.rules, on(jump(toHostForward)), on(jump(cidrBlock)))
	return c
}

func (r *renderer) filterInput() chain {
	c := chain{name: caliInput, rules: r.tunnelInput()}
	if r.set.IPVS {
		c.rules = append(c.rules,
			on(clearBits(r.marks.endpoint)),
			on(jump(forwardCheck)),
			on(nf.Return{}, notClear(r.marks.endpoint)))
	}
	for _, w := range r.workloadIfaces(nf.Src) {
		c.rules = append(c.rules, on(goTo(wlToHost), w))
	}
	accepted := bitSet(r.marks.accept)
	c.rules = append(c.rules,
		on(r.filterAllow(), accepted),
		on(clearBits(r.marks.calico())),
		on(jump(fromHostEP)),
		on(r.filterAllow(), accepted))
	return c
}

// vxlan reports whether VXLAN is on in this family.
func (r *renderer) vxlan() bool { return r.v4() && r.set.VXLAN || !r.v4() && r.set.VXLANv6 }

// wireguard returns the family's WireGuard interface and port if it is on.
func (r *renderer) wireguard() (iface string, port uint16, on bool) {
	if r.v4() {
		return r.set.WireguardIface, r.set.WireguardPort, r.set.Wireguard
	}
	return r.set.WireguardIfaceV6, r.set.WireguardPortV6, r.set.WireguardV6
}

var (
	toLocal   = addrLocal{dir: nf.Dst}
	fromLocal = addrLocal{dir: nf.Src}
)

// tunnelInput lets tunnel packets of other nodes in and drops those of anyone
// else.
func (r *renderer) tunnelInput() []rule {
	var out []rule
	if r.v4() && r.set.IPIP {
		ipip := protoIs{proto: packet.ProtoIPIP}
		out = append(out,
			on(r.filterAllow(), ipip, inSet{dir: nf.Src, set: r.setName(setAllHosts)}, toLocal),
			on(r.deny(), ipip))
	}
	if r.vxlan() {
		drop := nf.Target(nf.Drop{})
		if !r.v4() {
			drop = r.deny()
		}
		udp := r.udpTo(r.set.VXLANPort)
		out = append(out,
			on(r.filterAllow(), udp[0], udp[1], inSet{dir: nf.Src, set: r.setName(setAllVXLAN)}, toLocal),
			on(drop, udp[0], udp[1], toLocal))
	}
	if _, port, enabled := r.wireguard(); enabled {
		udp := r.udpTo(port)
		out = append(out, on(r.filterAllow(), udp[0], udp[1], toLocal))
	}
	return out
}

// tunnelOutput lets tunnel packets to other nodes out.
func (r *renderer) tunnelOutput() []rule {
	var out []rule
	if r.v4() && r.set.IPIP {
		out = append(out, on(r.filterAllow(),
			protoIs{proto: packet.ProtoIPIP}, inSet{dir: nf.Dst, set: r.setName(setAllHosts)}, fromLocal))
	}
	if r.vxlan() {
		udp := r.udpTo(r.set.VXLANPort)
		out = append(out, on(r.filterAllow(),
			udp[0], udp[1], fromLocal, inSet{dir: nf.Dst, set: r.setName(setAllVXLAN)}))
	}
	if _, port, enabled := r.wireguard(); enabled {
		udp := r.udpTo(port)
		out = append(out, on(r.filterAllow(), udp[0], udp[1], fromLocal))
	}
	return out
}

func (r *renderer) filterOutput() chain {
	accepted := bitSet(r.marks.accept)
	c := chain{name: caliOutput, rules: []rule{on(r.filterAllow(), accepted)}}
	if r.set.IPVS {
		c.rules = append(c.rules, on(goTo(forwardEPMark), notClear(r.marks.endpoint)))
	}
	c.rules = append(c.rules, r.skipWorkloads()...)
	c.rules = append(c.rules, r.tunnelOutput()...)
	c.rules = append(c.rules,
		on(clearBits(r.marks.calico())),
		on(jump(toHostEP), dnated{not: true}),
		on(r.filterAllow(), accepted))
	return c
}

// neighbourTypes are the ICMPv6 messages that workloads may always send to
// their host: multicast listener discovery, router solicitation, neighbour
// solicitation and advertisement.
var neighbourTypes = []uint8{130, 131, 132, 133, 135, 136}

// workloadToHost applies a workload's egress policy and then the configured
// action to packets for the host.
func (r *renderer) workloadToHost() chain {
	c := chain{name: wlToHost}
	if !r.v4() {
		for _, t := range neighbourTypes {
			c.rules = append(c.rules, on(r.filterAllow(),
				protoIs{proto: packet.ProtoICMPv6}, icmpIs{icmp: resolve.ICMP{Type: t}}))
		}
	}
	if r.set.OpenStack {
		c.rules = append(c.rules, r.openStackToHost()...)
	}
	c.rules = append(c.rules, on(jump(fromWorkload)), on(r.toHost()))
	return c
}

// openStackToHost lets virtual machines reach the metadata server, DHCP and DNS.
func (r *renderer) openStackToHost() []rule {
	var out []rule
	tcp, udp := protoIs{proto: packet.ProtoTCP}, protoIs{proto: packet.ProtoUDP}
	if r.v4() && r.set.OpenStackMetaIP.IsValid() {
		out = append(out, on(r.filterAllow(), tcp, hostNet(nf.Dst, r.set.OpenStackMetaIP),
			r.portTo(packet.ProtoTCP, r.set.OpenStackMetaPort)))
	}
	from, to := uint16(68), uint16(67)
	if !r.v4() {
		from, to = 546, 547
	}
	return append(out,
		on(r.filterAllow(), udp, r.portFrom(packet.ProtoUDP, from), r.portTo(packet.ProtoUDP, to)),
		on(r.filterAllow(), udp, r.portTo(packet.ProtoUDP, 53)))
}

func (r *renderer) portFrom(proto packet.Proto, port uint16) cond {
	return portIn{dir: nf.Src, proto: proto, ports: []resolve.PortRange{{From: port, To: port}}}
}
