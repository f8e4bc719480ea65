package eval

import (
	"cmp"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// test is ip_set_test: whether the packet is in the set, by the directions of
// the rule.
func (c *ipset) test(w *scratch, dirs []nf.Dir, returnNomatch bool) Truth {
	if c.opaque != "" {
		return Unknown3
	}
	if c.isList {
		return c.testList(w, dirs, returnNomatch)
	}
	if len(dirs) < len(c.dims) || c.family != 0 && c.family != w.family {
		return No
	}
	var key [3]value
	if t := c.key(w, dirs, &key); t != Yes {
		return t
	}
	if len(c.dims) == 2 && c.dims[1] == dimIface {
		return c.testIface(w, key, dirs[1], returnNomatch)
	}
	if c.id != 0 {
		if t, ok := w.c.State.element(c.id, key[:len(c.dims)], w.c.Now); ok {
			return t
		}
	}
	i := c.x.find(key[:len(c.dims)], w.c.Now)
	if i >= 0 && c.origins != nil {
		w.origin = cmp.Or(c.origins[c.x.entries[i].data], w.origin)
	}
	return c.result(i, returnNomatch)
}

func (c *ipset) result(i int, returnNomatch bool) Truth {
	if i < 0 {
		return No
	}
	nomatch := c.x.entries[i].nomatch
	if returnNomatch && c.nomatch {
		return truth(nomatch)
	}
	return truth(!nomatch)
}

func (c *ipset) testList(w *scratch, dirs []nf.Dir, returnNomatch bool) Truth {
	res := No
	for _, id := range c.members {
		switch w.e.ipsets[id].test(w, dirs, returnNomatch) {
		case Yes:
			return Yes
		case Unknown3:
			res = Unknown3
		}
	}
	return res
}

// testIface is hash:net,iface: the most specific net of the set that holds the
// address decides, whatever its interfaces (IP_SET_HASH_WITH_MULTI).
func (c *ipset) testIface(w *scratch, key [3]value, d nf.Dir, returnNomatch bool) Truth {
	iface := w.c.In.Name
	if d == nf.Dst {
		iface = w.c.Out.Name
	}
	if iface == "" {
		return No
	}
	name := nameValue(iface)
	for ci := range c.x.combos {
		seen := false
		for i := c.x.head[c.x.combos[ci].hash(key[:1])]; i != 0; i = c.x.next[i-1] {
			e := &c.x.entries[i-1]
			if !e.has(key[:1]) || !c.x.combos[ci].owns(e) {
				continue
			}
			seen = true
			if c.ifaces[i-1].name.has(name) && e.live(w.c.Now) {
				return c.result(int(i-1), returnNomatch)
			}
		}
		if seen {
			return No
		}
	}
	return No
}

// key fills in the key of the packet. No means that the packet has no such key.
func (c *ipset) key(w *scratch, dirs []nf.Dir, key *[3]value) Truth {
	if len(c.dims) > len(key) {
		return Unknown3
	}
	for i, d := range c.dims {
		switch d {
		case dimIP:
			key[i] = w.src
			if dirs[i] == nf.Dst {
				key[i] = w.dst
			}
			key[i] = key[i].masked(c.netmask)
		case dimPort:
			v, ok := setPort(w.p, w.family, dirs[i])
			if !ok || c.bitPort && w.p.Proto != packet.ProtoTCP && w.p.Proto != packet.ProtoUDP {
				return No
			}
			if c.bitPort {
				v &= 0xffff
			}
			key[i] = num(v)
		case dimMark:
			key[i] = num(uint64(w.p.Mark & c.mark))
		case dimMAC:
			return Unknown3
		}
	}
	return Yes
}

// setPort is ip_set_get_ip4_port and ip_set_get_ip6_port: protocol<<16|port. A
// fragment without ports has none; ICMP's port is type<<8|code; protocols
// without ports have port 0.
func setPort(p *packet.Packet, f packet.Family, d nf.Dir) (uint64, bool) {
	base := uint64(p.Proto) << 16
	known := p.Proto.IsICMP() || p.Proto.HasPorts() && p.Proto != packet.ProtoDCCP
	if p.Proto == 0 && f == packet.IPv4 || p.FragOffset != 0 && (known || f == packet.IPv6) {
		return 0, false
	}
	switch {
	case known && p.Truncated:
		return 0, false
	case p.Proto.IsICMP():
		return base | uint64(p.ICMPType)<<8 | uint64(p.ICMPCode), true
	case known && d == nf.Dst:
		return base | uint64(p.DstPort), true
	case known:
		return base | uint64(p.SrcPort), true
	}
	return base, true
}
