package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"tortie/dataplane/packet"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// oraclePacket is a packet as policies see it.
type oraclePacket struct {
	src, dst           netip.Addr
	proto              packet.Proto
	sport, dport       uint16
	icmpType, icmpCode uint8
	// part is what the packet is within its connection.
	part oraclePart
}

// oraclePart is a packet's part in a connection.
type oraclePart uint8

const (
	oracleFirstPacket  oraclePart = iota // begins a connection: SYN, INIT, a query, a datagram
	oracleAnswerPacket                   // answers the first: SYN-ACK, INIT-ACK, an ICMP answer, a datagram
	oracleLaterPacket                    // the third of a handshake
	oracleLastPacket                     // the fourth of an SCTP handshake
)

// oracleState is what conntrack says of a packet.
type oracleState uint8

const (
	oracleCtNew oracleState = iota
	oracleCtEstablished
	oracleCtInvalid
	oracleCtUntracked
)

// oracleEntry is what a node remembers of the connection under test.
type oracleEntry struct {
	src, dst netip.Addr // of the first packet, as it came
	answered bool
	snat     netip.Addr // the source it was given; invalid when kept
	// sport is the first packet's source port, snatPort the one it was given.
	sport, snatPort uint16
}

// oraclePlace is where a packet starts or ends: a process of a node, or what is
// behind an interface of it.
type oraclePlace struct{ node, iface string }

// oracleRun is one connection under test.
type oracleRun struct {
	*oracleWorld
	entries map[string]*oracleEntry // by node; outer packets of tunnels apart
	why     string
}

// connect says whether a connection is allowed, request and reply, and why not.
func (w *oracleWorld) connect(from oraclePlace, p oraclePacket) (bool, string) {
	r := &oracleRun{oracleWorld: w, entries: map[string]*oracleEntry{}}
	first := p
	at, got, ok := r.send(from, p)
	if !ok {
		return false, "request: " + r.why
	}
	for _, part := range oracleDialog(p) {
		if part == oracleLaterPacket {
			p = first
			p.part = part
			if there, _, ok := r.send(from, p); !ok || there != at {
				return false, "later packet: " + r.why
			}
			continue
		}
		back := oracleMirror(got)
		back.part = part
		home, end, ok := r.send(at, back)
		switch {
		case !ok:
			return false, "reply: " + r.why
		case !w.samePlace(home, from):
			return false, fmt.Sprintf("the reply arrived at %v", home)
		case end.src != first.dst || end.dst != first.src:
			return false, "the reply has other addresses"
		}
	}
	return true, ""
}

// oracleDialog are the packets that follow the first one.
func oracleDialog(p oraclePacket) []oraclePart {
	switch {
	case p.proto == packet.ProtoTCP:
		return []oraclePart{oracleAnswerPacket, oracleLaterPacket}
	case p.proto == packet.ProtoSCTP:
		return []oraclePart{oracleAnswerPacket, oracleLaterPacket, oracleLastPacket}
	}
	return []oraclePart{oracleAnswerPacket}
}

func oracleMirror(p oraclePacket) oraclePacket {
	p.src, p.dst, p.sport, p.dport = p.dst, p.src, p.dport, p.sport
	if p.proto.IsICMP() {
		p.icmpType = map[uint8]uint8{8: 0, 13: 14, 128: 129}[p.icmpType]
	}
	return p
}

// samePlace: outside is one place, whichever node leads there.
func (w *oracleWorld) samePlace(a, b oraclePlace) bool {
	return a == b || a.iface == "eth0" && b.iface == "eth0"
}

func (r *oracleRun) drop(format string, args ...any) bool {
	r.why = fmt.Sprintf(format, args...)
	return false
}

// send takes a packet from a place to where it arrives.
func (r *oracleRun) send(from oraclePlace, p oraclePacket) (oraclePlace, oraclePacket, bool) {
	n, in := r.node(from.node), from.iface
	for range 8 {
		out, ok := r.cross(n, in, &p, "")
		if !ok {
			return oraclePlace{}, p, false
		}
		switch {
		case out == "" || strings.HasPrefix(out, "cali"):
			return oraclePlace{n.name, out}, p, true
		case out == "eth0":
			next := r.nextNode(n, p.dst)
			if next == nil {
				return oraclePlace{n.name, out}, p, true
			}
			n, in = next, "eth0"
		default:
			peer := r.nextNode(n, p.dst)
			if !r.tunnel(n, peer, out) {
				return oraclePlace{}, p, false
			}
			n, in = peer, out
		}
	}
	r.drop("goes in circles")
	return oraclePlace{}, p, false
}

// tunnel takes the outer packet of a tunnel from node to node.
func (r *oracleRun) tunnel(n, peer *oracleNode, device string) bool {
	outer := oraclePacket{src: n.v4, dst: peer.v4, proto: packet.ProtoIPIP}
	if device == "vxlan.calico" {
		outer.proto, outer.sport, outer.dport = packet.ProtoUDP, 50000, 4789
	}
	key := " outer of " + device
	if _, ok := r.cross(n, "", &outer, key); !ok {
		return false
	}
	_, ok := r.cross(peer, "eth0", &outer, key)
	return ok
}

// route is the interface by which a node sends to an address; "" is itself.
func (r *oracleRun) route(n *oracleNode, a netip.Addr) string {
	if n.owns(a) {
		return ""
	}
	if p := r.podAt(a); p != nil && p.node == n.name {
		return p.iface
	}
	peer := r.nextNode(n, a)
	if peer == nil || peer.v4 == a || peer.v6 == a || a.Is6() {
		return "eth0"
	}
	return r.deviceTo(n, peer, a)
}

// nextNode is the other node that has an address or the pod with it.
func (w *oracleWorld) nextNode(n *oracleNode, a netip.Addr) *oracleNode {
	for _, m := range w.nodes {
		if m != n && m.owns(a) {
			return m
		}
	}
	if p := w.podAt(a); p != nil && p.node != n.name {
		return w.node(p.node)
	}
	return nil
}

// deviceTo is the interface that leads to pods on other nodes, as the pool says.
func (w *oracleWorld) deviceTo(n, peer *oracleNode, a netip.Addr) string {
	switch pool, far := w.poolOf(a), n.subnet != peer.subnet; {
	case pool == nil:
	case pool.VXLANMode == v3.VXLANModeAlways, far && pool.VXLANMode == v3.VXLANModeCrossSubnet:
		return "vxlan.calico"
	case pool.IPIPMode == v3.IPIPModeAlways, far && pool.IPIPMode == v3.IPIPModeCrossSubnet:
		return "tunl0"
	}
	return "eth0"
}

func (w *oracleWorld) poolOf(a netip.Addr) *v3.IPPoolSpec {
	for _, o := range w.snap.IPPools {
		if oracleNet(o.Object.Spec.CIDR).Contains(a) {
			return &o.Object.Spec
		}
	}
	return nil
}

// classify is what conntrack says of a packet that a node sees, given the entry.
func oracleClassify(e *oracleEntry, p *oraclePacket, tunnelled bool) oracleState {
	if e == nil {
		switch {
		case p.part == oracleFirstPacket, !oracleHandshakes(p.proto):
			return oracleCtNew
		case p.part == oracleLaterPacket && p.proto == packet.ProtoTCP: // picked up in the middle (tcp_loose)
			return oracleCtNew
		}
		return oracleCtInvalid
	}
	reply := p.src != e.src
	switch {
	case reply || e.answered:
		return oracleCtEstablished
	case p.part == oracleLaterPacket && !tunnelled: // the handshake's answer was not seen
		return oracleCtInvalid
	}
	return oracleCtNew
}

// oracleHandshakes reports whether an answer of the protocol looks different from a
// first packet.
func oracleHandshakes(p packet.Proto) bool {
	return p == packet.ProtoTCP || p == packet.ProtoSCTP || p.IsICMP()
}

func oracleProtoPorts(list *[]v3.ProtoPort, def []v3.ProtoPort) []v3.ProtoPort {
	if list == nil {
		return def
	}
	return *list
}

// oracleFailsafe reports whether a port is one of the list's.
func oracleFailsafe(list []v3.ProtoPort, p *oraclePacket, port uint16, peer netip.Addr) bool {
	return slices.ContainsFunc(list, func(f v3.ProtoPort) bool {
		proto := f.Protocol
		if proto == "" {
			proto = "tcp"
		}
		return strings.EqualFold(proto, p.proto.String()) && f.Port == port && (f.Net == "" || oracleNet(f.Net).Contains(peer))
	})
}
