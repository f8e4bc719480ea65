package walk

import (
	"fmt"
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
)

// encapsulate puts a packet that leaves by a VXLAN, IP-in-IP or WireGuard link into
// its outer packet, which the host sends as its own (vxlan_xmit_one, ip_tunnel_xmit,
// wg_xmit). The outer packet loses the connection (skb_scrub_packet); it keeps the
// mark, but for WireGuard's. False says that the link is no tunnel.
func (n *node) encapsulate(f *flight) bool {
	l := n.state.FindLink(f.dst.Dev)
	if l == nil || l.VXLAN == nil && l.WireGuard == nil && l.Kind != "ipip" {
		return false
	}
	if len(f.cuts) > 0 {
		f.unknown(n, "fragments into a tunnel")
		return true
	}
	if l.WireGuard != nil {
		n.encrypt(f, l)
		return true
	}
	hop := f.dst.NextHop(f.p.Dst)
	inner := f.p
	outer := packet.Packet{TTL: n.ttl, Mark: f.p.Mark, Inner: &inner}
	if l.VXLAN != nil {
		outer.Dst, outer.Src = tunnelPeer(l.VXLAN, hop), l.VXLAN.Local
		outer.Proto, outer.SrcPort, outer.DstPort = packet.ProtoUDP, tunnelPort(&f.p), l.VXLAN.Port
		outer.PayloadLen = uint16(ipLen(&f.p) + 22) // VXLAN and Ethernet headers
		if why := n.missing(host.PartNeighbours, 0); why != "" && !outer.Dst.IsValid() {
			f.unknown(n, "the tunnel of "+string(l.Name)+" to "+hop.String()+": "+why)
			return true
		}
		if !outer.Dst.IsValid() {
			f.drop(n, 0, "no tunnel to "+hop.String()+" by "+string(l.Name))
			return true
		}
	} else {
		outer.Dst, outer.Src, outer.Proto = hop, l.TunnelLocal, packet.ProtoIPIP
		outer.TTL, outer.PayloadLen, outer.DontFragment = f.p.TTL, uint16(ipLen(&f.p)), true
	}
	n.sendOuter(f, l, &outer)
	return true
}

func (n *node) sendOuter(f *flight, l *host.Link, outer *packet.Packet) {
	if f.depth >= maxDepth {
		f.unknown(n, "tunnels in tunnels")
		return
	}
	inner := f.end
	a := n.w.take(outer, f.depth+1)
	a.on(n)
	a.doubt = f.doubt
	if r := n.w.rec; r.On() {
		s := trace.Step{Kind: trace.KindEncap, Text: "into the tunnel of " + string(l.Name) + " to " + outer.Dst.String(), OutIface: string(l.Name)}
		if l.WireGuard != nil {
			s.Text = fmt.Sprintf("into the tunnel of %s to %s, encrypted, with mark %#x", l.Name, trace.End(outer, false), outer.Mark)
			s.Mark = fmt.Sprintf("%#x", outer.Mark)
		}
		r.Add(s)
	}
	n.output(a, false)
	f.end = n.w.give(a)
	f.end.Answers = append(inner.Answers, f.end.Answers...)
	if f.end.Fate == Sent { // the rules of the inner packet are the ones of interest
		f.end.Accepted, f.end.AcceptedOrigin, f.end.Marked = inner.Accepted, inner.AcceptedOrigin, inner.Marked
	}
}

// tunnelPeer is the far end of the tunnel for a next hop; invalid without one.
func tunnelPeer(v *host.VXLAN, hop netip.Addr) netip.Addr {
	for i := range v.FDB {
		if v.FDB[i].Via == hop {
			return v.FDB[i].Remote
		}
	}
	return netip.Addr{}
}

// tunnelPort stands for the hash by which the kernel chooses the outer source
// port (udp_flow_src_port); it is the same for all packets of a direction.
func tunnelPort(p *packet.Packet) uint16 {
	return 0xc000 | (p.SrcPort^p.DstPort<<1^uint16(p.Proto))&0x3fff
}

// decapsulate takes the inner packet out of one that was delivered to a tunnel
// of the host; it comes in by the tunnel's link. False says that there is none.
func (n *node) decapsulate(f *flight) bool {
	if f.p.Inner == nil {
		return false
	}
	l := n.tunnelOf(&f.p)
	if l == nil {
		return n.refuseTunnel(f)
	}
	if l.WireGuard != nil && !n.decrypt(f, l) {
		return true
	}
	if r := n.w.rec; r.On() {
		r.Add(trace.Step{Kind: trace.KindDecap, Text: "out of the tunnel of " + string(l.Name), InIface: string(l.Name)})
	}
	inner := *f.p.Inner
	inner.Mark = f.p.Mark
	if l.WireGuard != nil {
		inner.Mark = 0 // wg_reset_packet
	}
	f.end = n.enter(l.Name, &inner, f.depth+1)
	return true
}

// refuseTunnel ends a packet of a tunnel whose host has no device for it; an ICMP
// error about one is for the host itself.
func (n *node) refuseTunnel(f *flight) bool {
	if !isTunnel(&f.p) {
		return false
	}
	f.drop(n, 0, "no device of this host takes the packets of that tunnel")
	return true
}

// tunnelOf is the tunnel that a delivered packet belongs to. VXLAN devices listen in
// the family of their local address, WireGuard in both.
func (n *node) tunnelOf(p *packet.Packet) *host.Link {
	for i := range n.state.Links {
		l := &n.state.Links[i]
		switch {
		case l.VXLAN != nil && p.Proto == packet.ProtoUDP && p.DstPort == l.VXLAN.Port && l.VXLAN.Local.Is4() == p.Dst.Is4():
			return l
		case l.WireGuard != nil && p.Proto == packet.ProtoUDP && p.DstPort == l.WireGuard.Port:
			return l
		case l.Kind == "ipip" && p.Proto == packet.ProtoIPIP:
			return l
		}
	}
	return nil
}

// innermost is the packet inside of all tunnels.
func innermost(p *packet.Packet) *packet.Packet {
	for isTunnel(p) {
		p = p.Inner
	}
	return p
}

func isTunnel(p *packet.Packet) bool {
	return p.Inner != nil && !p.Proto.IsICMP()
}
