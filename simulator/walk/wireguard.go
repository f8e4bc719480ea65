package walk

import (
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// WireGuard's data message: a header and a tag around the packet, which is padded
// (MESSAGE_PADDING_MULTIPLE of drivers/net/wireguard/messages.h).
const (
	wireGuardMessage = 32
	wireGuardPadding = 16
)

// encrypt puts a packet that leaves by a WireGuard link into the packet to the peer
// that is allowed its destination (wg_xmit, send4, send6). The handshake that comes
// before the first one is taken to get through when this packet and the answer do.
func (n *node) encrypt(f *flight, l *host.Link) {
	peer := allowedPeer(l.WireGuard, f.p.Dst)
	if peer == nil {
		f.drop(n, 0, "no peer of "+string(l.Name)+" is allowed "+f.p.Dst.String())
		n.icmpUnreach(f, 1, 3, f.p.Src.Is6())
		return
	}
	inner := f.p
	length := ipLen(&inner)
	if padded := (length + wireGuardPadding - 1) &^ (wireGuardPadding - 1); l.MTU == 0 || padded <= l.MTU {
		length = padded
	} else {
		length = max(length, l.MTU)
	}
	n.sendOuter(f, l, &packet.Packet{
		Dst: peer.Endpoint.Addr(), Proto: packet.ProtoUDP, SrcPort: l.WireGuard.Port, DstPort: peer.Endpoint.Port(),
		TTL: n.ttl, TOS: inner.TOS & 3, Mark: l.WireGuard.Mark, Inner: &inner, PayloadLen: uint16(length + wireGuardMessage),
	})
}

// allowedPeer is the peer with the longest allowed network around the address
// (wg_allowedips_lookup_dst); nil without one.
func allowedPeer(w *host.WireGuard, a netip.Addr) *host.WireGuardPeer {
	var best *host.WireGuardPeer
	bits := -1
	for i := range w.Peers {
		for _, net := range w.Peers[i].Allowed {
			if net.Bits() > bits && net.Contains(a) {
				best, bits = &w.Peers[i], net.Bits()
			}
		}
	}
	return best
}

// decrypt reports whether the packet inside comes from a peer that is allowed its
// source (wg_packet_consume_data_done). A peer is known by its key, and here by
// the address that it sends from.
func (n *node) decrypt(f *flight, l *host.Link) bool {
	from, inner := f.p.Src, f.p.Inner
	peer := allowedPeer(l.WireGuard, inner.Src)
	switch {
	case peer != nil && peer.Endpoint.Addr() == from:
		return true
	case n.w.ownerOf(from) == "":
		f.unknown(n, "the sender of the packet to "+string(l.Name)+" is not known: no node has its address "+from.String())
	case peer == nil:
		f.drop(n, 0, "no peer of "+string(l.Name)+" is allowed "+inner.Src.String())
	default:
		f.drop(n, 0, "node "+string(n.w.ownerOf(from))+" is not the peer of "+string(l.Name)+" that is allowed "+inner.Src.String())
	}
	return false
}

// ownerOf is the host of the fleet that has the address; "" is none.
func (w *Walker) ownerOf(a netip.Addr) host.Name {
	for _, n := range w.nodes {
		if _, own := n.routes.Owns(a); own && !a.IsLoopback() {
			return n.state.Name
		}
	}
	return ""
}
