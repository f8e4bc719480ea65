package felix

import (
	"hash/fnv"
	"math/bits"
	"slices"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// With kube-proxy in IPVS mode, forwarded packets for services go through INPUT
// and OUTPUT. INPUT marks them with their endpoint; OUTPUT goes on by the mark.

// spread puts the bits of n, lowest first, at the set bits of mask.
func spread(n, mask uint32) uint32 {
	var out uint32
	for ; n != 0 && mask != 0; n >>= 1 {
		bit := mask & -mask
		mask &^= bit
		if n&1 != 0 {
			out |= bit
		}
	}
	return out
}

// endpointNames are the interfaces of the endpoints that get a mark: of active
// workloads and of host endpoints, the one of all interfaces included.
func (r *renderer) endpointNames() []string {
	var names []string
	for _, w := range activeWorkloads(r.view.Workloads) {
		names = append(names, w.Iface)
	}
	for _, b := range r.bindHosts() {
		names = append(names, b.iface)
	}
	return names
}

// allocateEndpointMarks gives each interface a mark: the hash of its name, or
// the next free number. When two names collide, Felix gives the number to the
// one it hears of first; here that is the first by name.
func allocateEndpointMarks(names []string, m marks) map[string]uint32 {
	slices.Sort(names)
	size := uint32(1) << min(bits.OnesCount32(m.endpoint), 31)
	used := map[uint32]bool{0: true, 1: true} // 1 is the mark of other interfaces
	out := map[string]uint32{}
	for _, name := range slices.Compact(names) {
		h := fnv.New32()
		h.Write([]byte(name))
		n := h.Sum32() % size
		for tries := uint32(0); used[n] && tries < size; tries++ {
			n = (n + 1) % size
		}
		if !used[n] {
			used[n] = true
			out[name] = spread(n, m.endpoint)
		}
	}
	return out
}

// setMarkChain marks packets with their endpoint.
func (r *renderer) setMarkChain(iface string) chain {
	c := chain{name: r.chainName(setMark, iface)}
	if mark, ok := r.epMarks[iface]; ok {
		c.rules = []rule{on(setMasked(mark, r.marks.endpoint))}
	}
	return c
}

// markDispatch makes the chains that set the mark by interface and that go on by
// the mark.
func (r *renderer) markDispatch(hosts []string) []chain {
	var wls []string
	for _, w := range activeWorkloads(r.view.Workloads) {
		wls = append(wls, w.Iface)
	}
	slices.Sort(wls)
	named, _ := splitAny(hosts)
	var out []chain
	set := chain{name: setEPMark}
	for _, part := range []struct {
		infix string
		names []string
	}{{"-wep", wls}, {"-hep", named}} {
		d := dispatch{chain: setEPMark, prefix: setMark, dir: nf.Src, infix: part.infix}
		tree := r.dispatchTree(d, part.names)
		out = append(out, tree[:len(tree)-1]...)
		set.rules = append(set.rules, tree[len(tree)-1].rules...)
	}
	for _, w := range r.workloadIfaces(nf.Src) {
		set.rules = append(set.rules, on(r.deny(), w))
	}
	set.rules = append(set.rules, on(setMasked(r.marks.nonCali, r.marks.endpoint)))
	return append(out, set, r.fromMark(wls, named))
}

func (r *renderer) fromMark(wls, hosts []string) chain {
	c := chain{name: fromEPMark}
	add := func(names []string, prefix string) {
		for _, name := range names {
			if mark, ok := r.epMarks[name]; ok {
				c.rules = append(c.rules, on(goTo(r.chainName(prefix, name)),
					markIs{value: mark, mask: r.marks.endpoint}))
			}
		}
	}
	add(wls, wlFrom)
	add(hosts, fwdFrom)
	c.rules = append(c.rules, on(r.deny()))
	return c
}

// forwardCheckChain finds the packets of INPUT that IPVS will forward.
func (r *renderer) forwardCheckChain() chain {
	c := chain{name: forwardCheck, rules: []rule{on(nf.Return{}, established)}}
	here := inSet{dir: nf.Dst, set: r.setName(setThisHost)}
	for _, split := range splitPorts(r.set.KubeNodePortRanges) {
		for _, proto := range []packet.Proto{packet.ProtoTCP, packet.ProtoUDP} {
			c.rules = append(c.rules, on(goTo(setEPMark),
				protoIs{proto: proto}, portIn{dir: nf.Dst, proto: proto, ports: split}, here))
		}
	}
	away := here
	away.not = true
	c.rules = append(c.rules, on(jump(setEPMark), away))
	return c
}

// forwardMarkChain is what cali-FORWARD is for other packets.
func (r *renderer) forwardMarkChain() chain {
	c := chain{name: forwardEPMark, rules: []rule{
		on(jump(fromEPMark), markIs{value: r.marks.nonCali, mask: r.marks.endpoint, not: true}),
	}}
	for _, w := range r.workloadIfaces(nf.Dst) {
		c.rules = append(c.rules, on(jump(toWorkload), w))
	}
	c.rules = append(c.rules,
		on(jump(toHostForward)),
		on(clearBits(r.marks.endpoint)),
		on(r.filterAllow(), bitSet(r.marks.accept)))
	return c
}
