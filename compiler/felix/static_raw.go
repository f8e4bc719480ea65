package felix

import (
	"net/netip"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

func hostNet(d nf.Dir, a netip.Addr) cond {
	return netIs{dir: d, net: netip.PrefixFrom(a, a.BitLen())}
}

func (r *renderer) staticRaw(l *layer) {
	r.hook(l, "PREROUTING", []rule{on(jump(caliPrerouting))}, nil)
	r.hook(l, "OUTPUT", []rule{on(jump(caliOutput))}, nil)
	l.add(r.rawPrerouting(), r.rawOutput(), r.wireguardMarkChain())
	l.add(r.failsafes("raw")...)
}

// untrackVXLAN keeps VXLAN out of connection tracking: its two directions have
// different ports.
func (r *renderer) untrackVXLAN() []rule {
	if !r.vxlan() {
		return nil
	}
	port := portIn{
		dir: nf.Dst, proto: packet.ProtoUDP, single: true,
		ports: []resolve.PortRange{{From: r.set.VXLANPort, To: r.set.VXLANPort}},
	}
	return []rule{on(nf.NoTrack{}, protoIs{proto: packet.ProtoUDP}, port)}
}

// rawPrerouting marks packets of workloads and checks their sources; others
// meet untracked policy.
func (r *renderer) rawPrerouting() chain {
	c := chain{name: caliPrerouting, rules: []rule{on(clearBits(r.marks.calico()))}}
	if (r.set.Wireguard || r.set.WireguardV6) && r.set.WireguardEncryptHost {
		c.rules = append(c.rules, on(jump(wireguardMark)))
	}
	c.rules = append(c.rules, r.untrackVXLAN()...)
	workload := r.marks.scratch0
	for _, w := range r.workloadIfaces(nf.Src) {
		c.rules = append(c.rules, on(setBits(workload), w))
	}
	c.rules = append(c.rules, on(jump(rpfSkip), bitSet(workload)))
	if r.set.OpenStack && r.v4() {
		c.rules = append(c.rules, on(nf.Accept{},
			protoIs{proto: packet.ProtoUDP}, hostNet(nf.Src, netip.IPv4Unspecified()),
			r.portFrom(packet.ProtoUDP, 68), r.portTo(packet.ProtoUDP, 67)))
	}
	c.rules = append(c.rules,
		on(r.deny(), bitSet(workload), rpFailed{}),
		on(jump(fromHostEP), allClear(workload)),
		on(nf.Accept{}, bitSet(r.marks.accept)))
	return c
}

func (r *renderer) rawOutput() chain {
	c := chain{name: caliOutput, rules: []rule{
		on(clearBits(r.marks.calico())),
		on(jump(toHostEP)),
	}}
	c.rules = append(c.rules, r.untrackVXLAN()...)
	c.rules = append(c.rules, on(nf.Accept{}, bitSet(r.marks.accept)))
	return c
}

// wireguardMarkChain marks packets that come neither from lo, workloads nor
// WireGuard itself.
func (r *renderer) wireguardMarkChain() chain {
	c := chain{name: wireguardMark}
	for _, name := range []string{"lo", r.set.WireguardIface, r.set.WireguardIfaceV6} {
		c.rules = append(c.rules, on(nf.Return{}, ifaceIs{dir: nf.Src, name: name}))
	}
	for _, w := range r.workloadIfaces(nf.Src) {
		c.rules = append(c.rules, on(nf.Return{}, w))
	}
	c.rules = append(c.rules, on(setBits(r.marks.wireguard)))
	return c
}

// failsafes are the two chains of ports that host endpoint policy cannot close.
// In the raw table the answers' ports are open as well, because there is no
// connection to look at yet. A port's net is the other end's.
func (r *renderer) failsafes(table string) []chain {
	in := chain{name: failsafeIn, rules: r.failsafePorts(r.set.FailsafeInbound, nf.Dst, nf.Src)}
	out := chain{name: failsafeOut, rules: r.failsafePorts(r.set.FailsafeOutbound, nf.Dst, nf.Dst)}
	if table == "raw" {
		in.rules = append(in.rules, r.failsafePorts(r.set.FailsafeOutbound, nf.Src, nf.Src)...)
		out.rules = append(out.rules, r.failsafePorts(r.set.FailsafeInbound, nf.Src, nf.Dst)...)
	}
	return []chain{in, out}
}

func (r *renderer) failsafePorts(list []resolve.ProtoPort, port, net nf.Dir) []rule {
	var out []rule
	for _, p := range list {
		one := portIn{dir: port, proto: p.Proto, ports: []resolve.PortRange{{From: p.Port, To: p.Port}}}
		match := []cond{protoIs{proto: p.Proto}, one}
		if p.Net.IsValid() {
			if packet.FamilyOf(p.Net.Addr()) != r.family {
				continue
			}
			match = append(match, netIs{dir: net, net: p.Net})
		}
		out = append(out, on(nf.Accept{}, match...))
	}
	return out
}
