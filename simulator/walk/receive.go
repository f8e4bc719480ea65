package walk

import (
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/route"
	"tortie/simulator/trace"
)

// Receive walks a packet that comes in by a link of a host.
func (w *Walker) Receive(h host.Name, link host.LinkName, p packet.Packet) Outcome {
	n := w.byName[h]
	if n == nil {
		return Outcome{Fate: Unknown, Node: h, Reason: "no such host", Packet: p}
	}
	p.Mark = 0
	return n.enter(link, &p, 0)
}

// enter walks a packet that comes in by a link, with the mark that it has.
func (n *node) enter(link host.LinkName, p *packet.Packet, depth int) Outcome {
	f := n.w.take(p, depth)
	f.on(n)
	f.in, f.ctx.In, f.ctx.Bridged = link, n.iface(link), n.bridges[link]
	f.ctx.FrameDst = p.Dst
	switch {
	case depth > maxDepth:
		f.unknown(n, "too many packets because of one")
	case !f.p.Src.IsValid() || !f.p.Dst.IsValid() || f.p.Src.Is4() != f.p.Dst.Is4():
		f.unknown(n, "a packet without addresses of one family")
	case n.barred(link) != "":
		f.drop(n, 0, n.barred(link)+"; nothing comes in by it")
	case n.unmodelled(link) != "":
		f.unknown(n, n.unmodelled(link))
	case n.unwalked(nf.Ingress, link) != "":
		f.unknown(n, n.unwalked(nf.Ingress, link))
	case f.p.Src.Is6() && n.badIPv6(f):
		f.drop(n, 0, "impossible IPv6 address")
	default:
		n.input(f)
	}
	return n.w.give(f)
}

// badIPv6 are the checks of ip6_rcv_core.
func (n *node) badIPv6(f *flight) bool {
	lo := f.in == n.routes.Loopback()
	switch {
	case !lo && (f.p.Src.IsLoopback() || f.p.Dst.IsLoopback()):
		return true
	case f.p.Src.IsMulticast():
		return true
	}
	return f.p.Dst.IsMulticast() && f.p.Dst.As16()[1]&15 == 0
}

// input is PREROUTING and what follows.
func (n *node) input(f *flight) {
	dst := f.p.Dst
	if !n.hook(nf.PreRouting, f) {
		return
	}
	if f.hasDst && f.p.Dst == dst {
		n.deliver(f) // looped back: the route is kept
		return
	}
	q := f.flow()
	f.dst = n.routeIn(&q)
	f.hasDst = true
	n.recordRoute(f)
	switch {
	case f.dst.Unknown != "":
		f.unknown(n, f.dst.Unknown)
	case f.dst.Err != route.OK:
		n.noRoute(f)
	case f.dst.Local():
		n.deliver(f)
	default:
		n.forward(f)
	}
}

func (n *node) recordRoute(f *flight) {
	n.noteHop(&f.dst, f.p.Dst)
	n.noteSupposed(f.p.Family())
	r := n.w.rec
	if !r.On() {
		return
	}
	s := trace.Step{Kind: trace.KindRoute, OutIface: string(f.dst.Dev)}
	switch {
	case f.dst.Unknown != "":
		s.Text = "unknown: " + f.dst.Unknown
	case f.dst.Err != route.OK:
		s.Text = f.dst.Err.String()
	case f.dst.Local():
		s.Text = "for this host"
	default:
		s.Text = "by " + string(f.dst.Dev) + " to " + f.dst.NextHop(f.p.Dst).String()
	}
	r.Add(s)
}

// noRoute drops the packet; ip_error answers where the host forwards.
func (n *node) noRoute(f *flight) {
	f.drop(n, 0, f.dst.Err.String())
	v6 := f.p.Src.Is6()
	if !v6 && (!n.routes.Forwards(f.in, packet.IPv4) || !n.mayComplain(f.p.Src)) {
		return
	}
	switch f.dst.Err {
	case route.HostUnreach:
		n.icmpUnreach(f, 1, 0, v6)
	case route.NetUnreach:
		n.icmpUnreach(f, 0, 0, v6)
	case route.Prohibited:
		n.icmpUnreach(f, 13, 1, v6)
	}
}

// checksumBreak is the number of bytes up to which the kernel computes a checksum
// once more rather than trust the one that it has (CHECKSUM_BREAK of skbuff.h).
const checksumBreak = 76

// spoiled reports whether the kernel believes the packet's checksum to be wrong:
// connection tracking computed it, with the header of IPv6, whose DSCP was changed
// after that (udp6_csum_init, csum_complete_sw).
func (f *flight) spoiled() bool {
	p := &f.p
	return f.summed && f.tos != p.TOS && p.Src.Is6() && p.Proto == packet.ProtoUDP && 8+int(p.PayloadLen) > checksumBreak
}

// deliver is LOCAL_IN and the process behind it.
func (n *node) deliver(f *flight) {
	f.ctx.Out = n.iface("")
	v6 := f.p.Src.Is6() // IPv6 puts datagrams together behind INPUT
	if !v6 && !n.gather(nf.LocalIn, f) || !n.hook(nf.LocalIn, f) || v6 && !n.gather(nf.LocalIn, f) {
		return
	}
	if f.spoiled() {
		f.unknown(n, "a longer UDP datagram of IPv6 whose DSCP a rule changed: the kernel finds its checksum wrong, unless the network card has looked at it")
		return
	}
	if n.ipvsMissing(f) || n.decapsulate(f) {
		return
	}
	f.finish(n, Delivered, "")
	if r := n.w.rec; r.On() {
		r.Add(trace.Step{Kind: trace.KindLocal, Text: "delivered to " + trace.End(&f.p, false)})
	}
}

// forward is ip_forward and ip6_forward, then FORWARD.
func (n *node) forward(f *flight) {
	v6 := f.p.Src.Is6()
	switch {
	case v6 && !n.routes.Forwards(f.in, packet.IPv6):
		f.drop(n, 0, "IPv6 forwarding is off")
		return
	case f.ctx.FrameDst != f.p.Dst && n.toMany(f):
		f.drop(n, 0, "a frame for many hosts is not forwarded")
		return
	case f.p.TTL <= 1:
		f.drop(n, 0, "time to live exceeded")
		n.icmpAnswer(f, errTimeExceeded(v6))
		return
	case v6 && !n.mayForward6(f):
		return
	}
	if mtu := n.routes.MTU(f.dst.Dev); mtu > 0 && f.longest() > mtu && (v6 || f.p.DontFragment) {
		f.drop(n, 0, "too big for the next link")
		n.icmpAnswer(f, errTooBig(v6))
		return
	}
	f.p.TTL--
	if f.dst.Redirect {
		n.redirect(f)
	}
	if f.doubt = n.routes.DoubtsForwarding(f.p.Family()); f.doubt == "" {
		n.noteForwarding(f)
	}
	f.ctx.Out = n.iface(f.dst.Dev)
	if !n.hook(nf.Forward, f) {
		return
	}
	n.postRouting(f)
}

// toMany reports whether the frame that the packet came in was for a group or for
// all of its link.
func (n *node) toMany(f *flight) bool {
	dst := f.ctx.FrameDst
	return dst.IsMulticast() || dst == limitedBroadcast || dst.Is4() && n.routes.AddrType(dst, f.in) == host.RouteBroadcast
}

var forwardingNotes = map[packet.Family]string{
	packet.IPv4: "IPv4 forwarding is supposed to be on: no sysctl of it is known",
	packet.IPv6: "IPv6 forwarding is supposed to be on: no sysctl of it is known",
}

func (n *node) noteForwarding(f *flight) {
	if fam := f.p.Family(); n.routes.AssumesForwarding(fam) {
		n.w.assume(forwardingNotes[fam])
	}
}

func (n *node) mayForward6(f *flight) bool {
	src := f.p.Src
	switch {
	case src.IsUnspecified() || src.IsLoopback() || src.IsMulticast():
		f.drop(n, 0, "source that is not forwarded")
		return false
	case src.IsLinkLocalUnicast():
		f.drop(n, 0, "beyond the scope of the source")
		n.icmpAnswer(f, icmpError{proto: packet.ProtoICMPv6, typ: 1, code: 2})
		return false
	}
	return true
}

// ipLen is the length of the IP packet in bytes.
func ipLen(p *packet.Packet) int {
	n := 20
	if p.Src.Is6() {
		n = 40
	}
	switch p.Proto {
	case packet.ProtoTCP:
		n += 20
		if p.TCP.MSS != 0 {
			n += 4
		}
	case packet.ProtoUDP, packet.ProtoUDPLite, packet.ProtoICMP, packet.ProtoICMPv6:
		n += 8
	case packet.ProtoSCTP:
		n += 12
	}
	return n + int(p.PayloadLen)
}
