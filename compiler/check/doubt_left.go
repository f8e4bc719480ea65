package check

import (
	"net/netip"
	"slices"

	"tortie/compiler/yamlpos"
)

// prefixesOf reads a list of networks; ok is false if one cannot be read.
func prefixesOf(list *yamlpos.Node) (out []netip.Prefix, ok bool) {
	for _, n := range items(list) {
		p, _, err := parseNet(n.Text)
		if err != nil {
			return nil, false
		}
		out = append(out, p)
	}
	return out, true
}

// nothingLeft says whether some networks together cover a network: one does, or
// they cover both of its halves.
func nothingLeft(net netip.Prefix, not []netip.Prefix) bool {
	not = slices.DeleteFunc(slices.Clone(not), func(x netip.Prefix) bool { return !x.Overlaps(net) })
	if len(not) == 0 {
		return false
	}
	if slices.ContainsFunc(not, func(x netip.Prefix) bool { return x.Bits() <= net.Bits() }) {
		return true
	}
	low, high := halves(net)
	return nothingLeft(low, not) && nothingLeft(high, not)
}

// halves splits a network that is more than one address.
func halves(net netip.Prefix) (low, high netip.Prefix) {
	bits := net.Bits()
	low = netip.PrefixFrom(net.Masked().Addr(), bits+1)
	addr := low.Addr().AsSlice()
	addr[bits/8] |= 0x80 >> (bits % 8)
	a, _ := netip.AddrFromSlice(addr)
	return low, netip.PrefixFrom(a, bits+1)
}

// coveredNets warns where the notNets leave nothing of the nets.
func (o on) coveredNets(end path) {
	nets, ok := prefixesOf(o.node(end.add("nets")))
	not, readable := prefixesOf(o.node(end.add("notNets")))
	if len(nets) == 0 || !ok || !readable {
		return
	}
	if !slices.ContainsFunc(nets, func(n netip.Prefix) bool { return !nothingLeft(n, not) }) {
		o.reportAt("rule/never", o.src.At(end.add("notNets")...), "remove the networks that are excluded again",
			"%s leaves nothing of nets: the rule matches no packet", dotted(end.add("notNets")))
	}
}

// portDoubts warns where the notPorts leave nothing of the ports.
func (o on) portDoubts(end path) {
	n := o.node(end)
	if n == nil {
		return
	}
	ports, not := portRanges(n, "ports"), portRanges(n, "notPorts")
	if len(ports) == 0 || len(ports) != len(items(n.Get("ports"))) {
		return
	}
	if !slices.ContainsFunc(ports, func(p portRange) bool { return !noPortLeft(p, not) }) {
		o.reportAt("rule/never", o.src.At(end.add("notPorts")...), "remove the ports that are excluded again",
			"%s leaves nothing of ports: the rule matches no packet", dotted(end.add("notPorts")))
	}
}

// noPortLeft says whether some ranges together cover a range of ports, or one is
// of the same name.
func noPortLeft(p portRange, not []portRange) bool {
	if p.name != "" {
		return slices.ContainsFunc(not, func(q portRange) bool { return q.name == p.name })
	}
	next := int(p.low)
	for moved := true; moved && next <= int(p.high); {
		moved = false
		for _, q := range not {
			if q.name == "" && int(q.low) <= next && next <= int(q.high) {
				next, moved = int(q.high)+1, true
			}
		}
	}
	return next > int(p.high)
}
