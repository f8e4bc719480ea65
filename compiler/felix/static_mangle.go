package felix

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

func (r *renderer) staticMangle(l *layer) {
	r.hook(l, "PREROUTING", []rule{on(jump(caliPrerouting))}, nil)
	r.hook(l, "POSTROUTING", []rule{on(jump(caliPostrouting))}, nil)
	l.add(r.manglePrerouting(), r.manglePostrouting(), r.dscpChain())
	l.add(r.failsafes("mangle")...)
}

// manglePrerouting is pre-DNAT policy for packets that no one decided yet.
func (r *renderer) manglePrerouting() chain {
	accepted := bitSet(r.marks.accept)
	return chain{name: caliPrerouting, rules: []rule{
		on(r.mangleAllow(), established),
		on(r.mangleAllow(), accepted),
		on(jump(fromHostEP)),
		on(r.mangleAllow(), accepted),
	}}
}

// manglePostrouting sets DSCP, and applies host endpoint policy to what the host
// sent to a destination that was changed on the way.
func (r *renderer) manglePostrouting() chain {
	c := chain{name: caliPostrouting}
	if r.set.IstioAmbient {
		mesh := r.setName(setIstio)
		for _, w := range r.workloadIfaces(nf.Dst) {
			c.rules = append(c.rules, on(nf.SetDSCP{DSCP: r.set.IstioDSCP},
				protoIs{proto: packet.ProtoTCP}, ctIs{states: nf.CtNew}, w,
				inSet{dir: nf.Dst, set: mesh}, inSet{dir: nf.Src, set: mesh}))
		}
	}
	c.rules = append(c.rules,
		on(jump(egressDSCP),
			inSet{dir: nf.Src, set: r.setName(setDSCP)},
			inSet{dir: nf.Dst, set: r.setName(setAllPools), not: true},
			inSet{dir: nf.Dst, set: r.setName(setThisHost), not: true}),
		on(nf.Return{}, bitSet(r.marks.accept)))
	if r.set.IPVS {
		c.rules = append(c.rules, on(nf.Return{}, notClear(r.marks.endpoint)))
	}
	c.rules = append(c.rules,
		on(clearBits(r.marks.calico())),
		on(jump(toHostEP), dnated{}),
		on(nf.Return{}, bitSet(r.marks.accept)))
	return c
}

// dscpRule is one endpoint's addresses and value.
type dscpRule struct {
	addrs []netip.Addr
	value uint8
	place resolve.Origin
}

// text is what Felix sorts by and writes as the source.
func (d dscpRule) text() string {
	parts := make([]string, len(d.addrs))
	for i, a := range d.addrs {
		parts[i] = a.String()
	}
	return strings.Join(parts, ",")
}

// dscpRules are the endpoints with a DSCP value and an address of the family.
func (r *renderer) dscpRules() []dscpRule {
	var out []dscpRule
	add := func(addrs []netip.Addr, value uint8, place resolve.Origin) {
		if len(addrs) > 0 {
			out = append(out, dscpRule{addrs, value, place})
		}
	}
	for i := range r.view.Workloads {
		if w := &r.view.Workloads[i]; w.HasDSCP {
			add(prefixAddrs(r.workloadNets(w)), w.DSCP, w.Origin)
		}
	}
	for i := range r.view.Hosts {
		if h := &r.view.Hosts[i]; h.HasDSCP {
			add(r.expected(h), h.DSCP, h.Origin)
		}
	}
	slices.SortStableFunc(out, func(a, b dscpRule) int { return cmp.Compare(a.text(), b.text()) })
	return out
}

func prefixAddrs(in []netip.Prefix) []netip.Addr {
	out := make([]netip.Addr, len(in))
	for i, p := range in {
		out[i] = p.Addr()
	}
	return out
}

func (r *renderer) workloadNets(w *resolve.Workload) []netip.Prefix {
	if r.v4() {
		return w.IPv4
	}
	return w.IPv6
}

func (r *renderer) expected(h *resolve.HostEndpoint) []netip.Addr {
	if r.v4() {
		return h.ExpectedIPv4
	}
	return h.ExpectedIPv6
}

// dscpChain sets the endpoints' values. iptables makes one rule per address;
// nftables does not read a list of addresses, and Felix fails.
func (r *renderer) dscpChain() chain {
	c := chain{name: egressDSCP}
	for _, d := range r.dscpRules() {
		if r.nft && len(d.addrs) > 1 {
			r.problemAt(d.place, "DSCP for several addresses ("+d.text()+") is no nftables rule; Felix crashes")
		}
		for _, a := range d.addrs {
			c.rules = append(c.rules, on(nf.SetDSCP{DSCP: d.value}, hostNet(nf.Src, a)))
		}
	}
	return c
}
