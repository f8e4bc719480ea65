package difftest

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// The types of neighbour discovery and multicast listener messages.
const (
	routerSolicitation    = 133
	neighbourSolicitation = 135
	neighbourAdvert       = 136
	listenerReport        = 143
	listenerReport1       = 131 // of version 1
)

// discovery makes a message of neighbour discovery; only hop limit 255 counts.
func discovery(typ uint8, src, dst netip.Addr) packet.Packet {
	return packet.Packet{Src: src, Dst: dst, Proto: packet.ProtoICMPv6, TTL: 255, ICMPType: typ, PayloadLen: 24}
}

// solicitedNode is the multicast group on which an address is asked for.
func solicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0xff, 0x02, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

// coldness says in which directions machines do not know their IPv6 neighbour
// yet: the others node1, or node1 the others.
type coldness struct{ inward, outward bool }

// coldnesses are what the neighbour caches may have been like at a probe.
var coldnesses = []coldness{{}, {true, true}, {true, false}, {false, true}}

// resolve says whether an IPv6 packet can cross the segment between node1 and a
// machine with that address. In a cold world the sender asks for its neighbour
// first, and its question and the answer pass node1's rules like any packet; who
// was asked has learned the asker. The question goes to the address itself
// instead of its multicast group, whose members the walk does not know.
func (w *world) resolve(remote netip.Addr, toNode bool) bool {
	if !remote.Is6() || w.resolved || toNode && !w.cold.inward || !toNode && !w.cold.outward {
		return true
	}
	local := w.linkAddr(segment, false)
	if !local.IsValid() {
		return true
	}
	kept := w.node.hits // discovery is noise, see neighbourNoise
	w.node.hits = map[Place]int{}
	defer func() { w.node.hits = kept }()
	if toNode {
		w.resolved = w.accepted(discovery(neighbourSolicitation, remote, local)) && w.sent(discovery(neighbourAdvert, local, remote), segment)
	} else {
		w.resolved = w.sent(discovery(neighbourSolicitation, local, solicitedNode(remote)), segment) && w.accepted(discovery(neighbourAdvert, remote, local))
	}
	return w.resolved
}

func (w *world) accepted(p packet.Packet) bool {
	return w.node.receive(segment, p)[0].delivered
}

func (w *world) sent(p packet.Packet, link host.LinkName) bool {
	return w.node.sendBy(link, p)[0].link == link
}

// linkAddr is the global or link-local IPv6 address of a link of node1.
func (w *world) linkAddr(name host.LinkName, linkLocal bool) netip.Addr {
	if l := w.state.FindLink(name); l != nil {
		for _, a := range l.Addrs {
			if ip := a.Prefix.Addr(); ip.Is6() && ip.IsLinkLocalUnicast() == linkLocal {
				return ip
			}
		}
	}
	return netip.Addr{}
}

// neighbourNoise are the rules that neighbour discovery on all links hits: it
// runs beside every IPv6 probe.
func (w *world) neighbourNoise(r *Recording, out map[Place]bool) {
	if !slices.ContainsFunc(r.Places, func(p Place) bool { return strings.Contains(p.Table, "6 ") }) {
		return
	}
	for i := range w.state.Links {
		l := &w.state.Links[i]
		own := w.linkAddr(l.Name, true)
		if !own.IsValid() {
			continue
		}
		addrs := []netip.Addr{own}
		if a := w.linkAddr(l.Name, false); a.IsValid() {
			addrs = append(addrs, a)
		}
		for _, peer := range w.peers(l.Name) {
			for _, a := range addrs {
				w.exchange(l.Name, a, peer, out)
			}
		}
	}
}

// peers are the IPv6 addresses behind a link that probes use, and a link-local
// one.
func (w *world) peers(link host.LinkName) []netip.Addr {
	out := []netip.Addr{netip.MustParseAddr("fe80::1234:56ff:fe78:9abc")}
	for a, machine := range w.owner {
		if a.Is6() && (w.pods[link] == machine || link == segment && w.links[machine] == "") {
			out = append(out, a)
		}
	}
	return out
}

// exchange sends every message of neighbour discovery between node1's address on
// a link and a peer, both ways.
func (w *world) exchange(link host.LinkName, own, peer netip.Addr, out map[Place]bool) {
	allRouters, reports := netip.MustParseAddr("ff02::2"), netip.MustParseAddr("ff02::16")
	for _, p := range []packet.Packet{
		discovery(neighbourSolicitation, peer, solicitedNode(own)), discovery(neighbourSolicitation, peer, own),
		discovery(neighbourAdvert, peer, own), discovery(routerSolicitation, peer, allRouters), discovery(listenerReport, peer, reports),
	} {
		w.reset()
		w.node.receive(link, p)
		w.addHits(out)
	}
	for _, p := range []packet.Packet{
		discovery(neighbourSolicitation, own, solicitedNode(peer)), discovery(neighbourSolicitation, own, peer),
		discovery(neighbourAdvert, own, peer), discovery(routerSolicitation, own, allRouters), discovery(listenerReport, own, reports),
	} {
		w.reset()
		w.node.sendBy(link, p)
		w.addHits(out)
	}
}
