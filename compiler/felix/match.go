package felix

import (
	"tortie/compiler/resolve"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// ruleMatch makes the conditions of a policy rule that fit into one rule:
// protocol, then source, then destination, then what is negated.
func (r *renderer) ruleMatch(in *resolve.Rule) []cond {
	var m []cond
	if in.Protocol != 0 {
		m = append(m, protoIs{proto: in.Protocol})
	}
	m = r.sideMatch(m, nf.Src, &in.Src, in.Protocol, false)
	m = r.sideMatch(m, nf.Dst, &in.Dst, in.Protocol, false)
	if in.ICMP != nil {
		m = append(m, icmpIs{icmp: *in.ICMP})
	}
	if in.NotProtocol != 0 {
		m = append(m, protoIs{proto: in.NotProtocol, not: true})
	}
	m = r.sideMatch(m, nf.Src, &in.NotSrc, in.Protocol, true)
	m = r.sideMatch(m, nf.Dst, &in.NotDst, in.Protocol, true)
	if in.NotICMP != nil {
		m = append(m, icmpIs{icmp: *in.NotICMP, not: true})
	}
	return m
}

// sideMatch makes the conditions of one end. Positive nets and named ports are
// one at most here: blocks took the others.
func (r *renderer) sideMatch(m []cond, dir nf.Dir, s *resolve.Match, proto packet.Proto, not bool) []cond {
	for _, n := range s.Nets {
		m = append(m, netIs{dir: dir, net: n, not: not})
	}
	for _, id := range s.Sets {
		m = append(m, inSet{dir: dir, set: r.setName(id), not: not})
	}
	if !not {
		for _, id := range s.Services {
			m = append(m, inSet{dir: dir, set: r.setName(id), withPort: true})
		}
	}
	for _, split := range splitPorts(s.Ports) {
		m = append(m, portIn{dir: dir, proto: proto, ports: split, not: not})
	}
	for _, id := range s.NamedPorts {
		m = append(m, inSet{dir: dir, set: r.setName(id), withPort: true, not: not})
	}
	return m
}

// multiportSlots is how many ports one multiport match takes; a range takes two.
const multiportSlots = 15

// splitPorts cuts a list of ports into lists that fit into a multiport match.
// Both modes do.
func splitPorts(ports []resolve.PortRange) [][]resolve.PortRange {
	var out [][]resolve.PortRange
	free := 0
	for _, p := range ports {
		need := 1
		if p.From != p.To {
			need = 2
		}
		if len(out) == 0 || need > free {
			out = append(out, nil)
			free = multiportSlots
		}
		last := len(out) - 1
		out[last] = append(out[last], p)
		free -= need
	}
	return out
}

// blocks collects the rules that stand before a policy rule because parts of its
// match are alternatives that one rule cannot say. The scratch0 bit says that
// all blocks so far match, scratch1 that the present one does.
type blocks struct {
	r     *renderer
	used  bool
	first bool // a positive block was made
	rules []rule
}

// splitRule moves what needs blocks out of the rule, in the order ports, nets,
// excluded nets, source before destination.
func (b *blocks) splitRule(in *resolve.Rule) {
	b.ports(nf.Src, &in.Src, in.Protocol)
	b.ports(nf.Dst, &in.Dst, in.Protocol)
	b.nets(nf.Src, &in.Src)
	b.nets(nf.Dst, &in.Dst)
	b.notNets(nf.Src, &in.Src, &in.NotSrc)
	b.notNets(nf.Dst, &in.Dst, &in.NotDst)
}

func (b *blocks) ports(dir nf.Dir, s *resolve.Match, proto packet.Proto) {
	splits := splitPorts(s.Ports)
	if len(splits)+len(s.NamedPorts) < 2 {
		return
	}
	b.begin(0)
	mark := b.markToSet()
	for _, split := range splits {
		var m []cond
		if proto != 0 {
			m = append(m, protoIs{proto: proto})
		}
		b.add(setBits(mark), append(m, portIn{dir: dir, proto: proto, ports: split})...)
	}
	for _, id := range s.NamedPorts {
		b.add(setBits(mark), inSet{dir: dir, set: b.r.setName(id), withPort: true})
	}
	b.end()
	s.Ports, s.NamedPorts = nil, nil
}

func (b *blocks) nets(dir nf.Dir, s *resolve.Match) {
	if len(s.Nets) < 2 {
		return
	}
	b.begin(0)
	mark := b.markToSet()
	for _, n := range s.Nets {
		b.add(setBits(mark), netIs{dir: dir, net: n})
	}
	b.end()
	s.Nets = nil
}

// notNets makes a block that clears scratch0 for each excluded net, unless the
// only net of that side is one excluded one.
func (b *blocks) notNets(dir nf.Dir, s, not *resolve.Match) {
	if len(s.Nets)+len(not.Nets) < 2 {
		return
	}
	b.begin(b.r.marks.scratch0)
	for _, n := range not.Nets {
		b.add(clearBits(b.r.marks.scratch0), netIs{dir: dir, net: n})
	}
	not.Nets = nil
}

func (b *blocks) add(act nf.Target, match ...cond) { b.rules = append(b.rules, on(act, match...)) }

// begin resets both bits before the first block.
func (b *blocks) begin(initially uint32) {
	if b.used {
		return
	}
	b.used = true
	b.add(setMasked(initially, b.r.marks.scratch0|b.r.marks.scratch1))
}

// markToSet is scratch0 itself in the first positive block.
func (b *blocks) markToSet() uint32 {
	if b.first {
		return b.r.marks.scratch1
	}
	return b.r.marks.scratch0
}

// end joins a further positive block's result into scratch0.
func (b *blocks) end() {
	if !b.first {
		b.first = true
		return
	}
	b.add(clearBits(b.r.marks.scratch0), allClear(b.r.marks.scratch1))
}
