package walk

import (
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/route"
)

// The ICMPv6 types of neighbour discovery (RFC 4861).
const (
	neighbourSolicitation  = 135
	neighbourAdvertisement = 136
)

// discovery returns the outcome of a message of IPv6 neighbour discovery that a
// rule of a host on the way stops, or nil. IPv6 has no ARP: a host that drops
// these messages cannot be reached once its neighbours have forgotten it. What
// is not known (a link without addresses) stops nothing.
func (w *Walker) discovery(from End, j *Journey) *Outcome {
	rec := w.rec
	w.rec = nil
	defer func() { w.rec = rec }()
	if n := w.byName[from.Host]; n != nil && from.Link != "" {
		if o := n.askedBy(from.Link, n.towards(from.Link, from.Addr)); o != nil {
			return o
		}
	}
	for i := range j.Legs {
		leg := &j.Legs[i]
		n := w.byName[leg.Node]
		if n == nil || leg.Fate != Sent || !leg.NextHop.Is6() {
			continue
		}
		if o := n.asks(leg.Out, leg.NextHop); o != nil {
			return o
		}
		if i+1 < len(j.Legs) {
			if next := w.byName[j.Legs[i+1].Node]; next != nil {
				if o := next.askedBy(j.Legs[i+1].In, n.routes.SelectAddr6(leg.Out, leg.NextHop)); o != nil {
					return o
				}
			}
		}
	}
	return nil
}

// towards is the neighbour by which an address behind the link is reached.
func (n *node) towards(l host.LinkName, a netip.Addr) netip.Addr {
	if r := n.routes.Lookup(&route.Flow{Dst: a}); r.Err == route.OK && r.Dev == l {
		return r.NextHop(a)
	}
	return a
}

// asks is the host looking for a neighbour: a solicitation leaves, an
// advertisement comes back.
func (n *node) asks(l host.LinkName, hop netip.Addr) *Outcome {
	own := n.addrOn(l, hop)
	if !own.IsValid() {
		return nil
	}
	if o := stopped(n.w.Output(n.state.Name, ndMessage(neighbourSolicitation, own, solicitedNode(hop)), l)); o != nil {
		return o
	}
	return stopped(n.w.Receive(n.state.Name, l, ndMessage(neighbourAdvertisement, hop, own)))
}

// askedBy is a neighbour looking for the host.
func (n *node) askedBy(l host.LinkName, from netip.Addr) *Outcome {
	own := n.addrOn(l, from)
	if !own.IsValid() || !from.Is6() {
		return nil
	}
	if o := stopped(n.w.Receive(n.state.Name, l, ndMessage(neighbourSolicitation, from, solicitedNode(own)))); o != nil {
		return o
	}
	return stopped(n.w.Output(n.state.Name, ndMessage(neighbourAdvertisement, own, from), l))
}

// addrOn is the host's address on a link in the subnet of a neighbour; invalid
// without one: then who asks for what is not known.
func (n *node) addrOn(l host.LinkName, neighbour netip.Addr) netip.Addr {
	link := n.state.FindLink(l)
	if link == nil || link.Loopback || link.VXLAN != nil || link.Kind == "wireguard" {
		return netip.Addr{}
	}
	for i := range link.Addrs {
		p := link.Addrs[i].Prefix
		if p.Addr().Is6() && p.Addr() != neighbour && p.Masked().Contains(neighbour) {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

func ndMessage(typ uint8, src, dst netip.Addr) packet.Packet {
	return packet.Packet{Src: src, Dst: dst, Proto: packet.ProtoICMPv6, TTL: 255, ICMPType: typ, PayloadLen: 24}
}

func solicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

// stopped returns an outcome that a rule or policy brought about.
func stopped(o Outcome) *Outcome {
	if (o.Fate == Dropped || o.Fate == Rejected) && !o.Rule.IsZero() {
		return &o
	}
	return nil
}
