package walk

import (
	"net/netip"
	"time"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/route"
	"tortie/simulator/trace"
)

var unset netip.Addr

const broadcastType = host.RouteBroadcast

func attach(f *flight) conntrack.Ref { return conntrack.Attach(f.ctx.Ct) }

// icmpError is an ICMP error to be sent.
type icmpError struct {
	proto     packet.Proto
	typ, code uint8
}

func errTimeExceeded(v6 bool) icmpError {
	if v6 {
		return icmpError{packet.ProtoICMPv6, 3, 0}
	}
	return icmpError{packet.ProtoICMP, 11, 0}
}

func errTooBig(v6 bool) icmpError {
	if v6 {
		return icmpError{packet.ProtoICMPv6, 2, 0}
	}
	return icmpError{packet.ProtoICMP, 3, 4}
}

func (n *node) icmpUnreach(f *flight, code4, code6 uint8, v6 bool) {
	if v6 {
		n.icmpAnswer(f, icmpError{packet.ProtoICMPv6, 1, code6})
		return
	}
	n.icmpAnswer(f, icmpError{packet.ProtoICMP, 3, code4})
}

// The pace of redirects (ip_rt_send_redirect) and of the ICMP errors that
// icmp_ratemask names.
const (
	redirectLoad    = 20 * time.Millisecond
	redirectSilence = redirectLoad << 10
	redirectNumber  = 9
	icmpRateLimit   = time.Second
)

// redirect tells the source of a packet that leaves by the link it came in by to
// go there itself (ip_rt_send_redirect).
func (n *node) redirect(f *flight) {
	now, p := n.w.now, n.peers[f.p.Src]
	if p.sent > 0 && now > p.last+redirectSilence {
		p.sent = 0
	}
	switch {
	case p.sent >= redirectNumber:
		p.last = now
	case p.sent == 0 || now > p.last+redirectLoad<<p.sent:
		n.aside(func() { n.icmpAnswer(f, icmpError{packet.ProtoICMP, 5, 1}) })
		p.last, p.sent = now, p.sent+1
	}
	n.peers[f.p.Src] = p
}

// aside does what belongs to no packet of the connection: its steps are recorded
// only where all are wanted.
func (n *node) aside(do func()) {
	rec := n.w.rec
	if !rec.WantsMisses() {
		n.w.rec = nil
	}
	do()
	n.w.rec = rec
}

// The allowance of ICMP errors about missing routes per source (ip_rt_error_cost,
// ip_rt_error_burst): five at once, then one a second.
const (
	errorCost  = time.Second
	errorBurst = 5 * time.Second
)

// mayComplain reports whether the host still tells a source that there is no route
// for its packets (ip_error).
func (n *node) mayComplain(src netip.Addr) bool {
	p := n.peers[src]
	p.spent, p.at = max(0, p.spent-(n.w.now-p.at)), n.w.now
	ok := p.spent+errorCost <= errorBurst
	if ok {
		p.spent += errorCost
	}
	n.peers[src] = p
	return ok
}

// limited reports whether an ICMP error is held back: a redirect to the same
// address empties the bucket that it shares with the errors of icmp_ratemask.
// That bucket's own limit, a burst of six, is not modelled.
func (n *node) limited(f *flight, e icmpError) bool {
	if e.proto != packet.ProtoICMP || e.typ == 5 || e.typ == 3 && e.code == 4 {
		return false
	}
	p, ok := n.peers[f.p.Src]
	return ok && p.sent > 0 && n.w.now < p.last+icmpRateLimit
}

// icmpAnswer sends an ICMP error about the packet to its source (icmp_send,
// icmp6_send), unless it is one itself or not meant for one host.
func (n *node) icmpAnswer(f *flight, e icmpError) {
	if !mayAnswer(f, e) || n.toMany(f) && e.typ != 2 {
		return
	}
	if n.limited(f, e) {
		n.w.assume(string(n.state.Name) + " holds back its ICMP error to " + f.p.Src.String() + ", to which it has just sent a redirect: the kernel limits both together")
		return
	}
	quoted := f.p
	a := packet.Packet{Dst: f.p.Src, Proto: e.proto, TTL: n.ttl, ICMPType: e.typ, ICMPCode: e.code, Inner: &quoted}
	if e.proto == packet.ProtoICMP {
		a.TOS = f.p.TOS&0x1e | 0xc0 // internetwork control
	}
	if _, own := n.routes.Owns(f.p.Dst); f.dst.Local() || own && e.proto == packet.ProtoICMPv6 {
		a.Src = f.p.Dst
	} else if e.proto == packet.ProtoICMPv6 && f.in != "" && !n.prefersSource(a.Dst) {
		a.Src = n.routes.SelectAddr6(f.in, a.Dst)
	}
	n.answer(f, &a, false)
}

// prefersSource reports whether the route to an address says which source to
// take; if not, ICMPv6 errors have an address of the link that the offender came
// in by (icmpv6_rt_has_prefsrc).
func (n *node) prefersSource(dst netip.Addr) bool {
	r := n.routeOut(&route.Flow{Dst: dst}, false)
	return r.Err == route.OK && r.Route != nil && r.Route.PrefSrc.IsValid()
}

func mayAnswer(f *flight, e icmpError) bool {
	p := &f.p
	switch {
	case f.silent:
		return false
	case p.FragOffset != 0 && p.Src.Is4() || p.Src.IsUnspecified() || p.Src.IsMulticast():
		return false
	case p.Dst.IsMulticast() && !(e.proto == packet.ProtoICMPv6 && e.typ == 2):
		return false
	case p.Dst.Is4() && f.dst.Type == broadcastType:
		return false
	case p.FragOffset != 0: // IPv6 does not know what it is a part of
		return true
	case p.Proto == packet.ProtoICMP:
		return isICMPQuery(p.ICMPType)
	case p.Proto == packet.ProtoICMPv6:
		return p.ICMPType >= 128 && p.ICMPType != 137
	}
	return true
}

// isICMPQuery reports whether an ICMPv4 type is known and no error.
func isICMPQuery(t uint8) bool {
	switch t {
	case 3, 4, 5, 11, 12:
		return false
	}
	return t <= 18
}

// rejectCodes are the ICMP codes of REJECT's answers, IPv4 and IPv6.
var rejectCodes = map[nf.RejectWith][2]uint8{
	nf.RejectDefault: {3, 4}, nf.RejectPortUnreach: {3, 4}, nf.RejectHostUnreach: {1, 3},
	nf.RejectNetUnreach: {0, 0}, nf.RejectProtoUnreach: {2, 4}, nf.RejectNetProhib: {9, 1},
	nf.RejectHostProhib: {10, 1}, nf.RejectAdminProhib: {13, 1}, nf.RejectNoRoute: {0, 0},
	nf.RejectPolicyFail: {13, 5}, nf.RejectRejectRoute: {13, 6},
}

// reject answers as nf_reject_ipv4.c and nf_reject_ipv6.c do. The packet itself
// has ended already.
func (n *node) reject(h nf.Hook, with nf.RejectWith, f *flight) {
	if r := n.w.rec; r.On() {
		r.Add(trace.Step{Kind: trace.KindReject, Hook: h.String(), Text: "answer of REJECT"})
	}
	if with == nf.RejectTCPReset {
		n.reset(f)
		return
	}
	if f.p.FragOffset != 0 || f.p.BadChecksum || n.uncheckable(f) {
		return
	}
	c, ok := rejectCodes[with]
	if !ok {
		return
	}
	n.icmpUnreach(f, c[0], c[1], f.p.Src.Is6())
}

// uncheckable reports whether the packet is a first fragment with a checksum over
// the whole datagram: REJECT finds it wrong and does not answer (nf_ip_checksum),
// unless the network card vouches for it, which is rare.
func (n *node) uncheckable(f *flight) bool {
	if !f.p.MoreFragments {
		return false
	}
	switch f.p.Proto {
	case packet.ProtoAH, packet.ProtoESP, packet.ProtoSCTP, packet.ProtoUDPLite, packet.ProtoDCCP:
		return false
	}
	n.w.assume("REJECT does not answer first fragments: their checksum is over the whole datagram")
	return true
}

// reset sends a TCP RST to the source (nf_send_reset).
func (n *node) reset(f *flight) {
	p := &f.p
	if p.Proto != packet.ProtoTCP || p.FragOffset != 0 || p.BadChecksum || n.uncheckable(f) || p.TCP.Flags&packet.RST != 0 ||
		f.dst.Type == broadcastType || p.Dst.IsMulticast() {
		return
	}
	a := packet.Packet{Src: p.Dst, Dst: p.Src, Proto: packet.ProtoTCP, TTL: n.ttl, DontFragment: p.Src.Is4(),
		SrcPort: p.DstPort, DstPort: p.SrcPort}
	a.TCP.Flags = packet.RST
	if p.TCP.Flags&packet.ACK != 0 {
		a.TCP.Seq = p.TCP.Ack
	} else {
		a.TCP.Flags |= packet.ACK
		a.TCP.Ack = p.TCP.Seq + uint32(p.PayloadLen)
		if p.TCP.Flags&packet.SYN != 0 {
			a.TCP.Ack++
		}
		if p.TCP.Flags&packet.FIN != 0 {
			a.TCP.Ack++
		}
	}
	n.ct.SetClosing(f.ctx.Ct, n.w.now)
	n.answer(f, &a, true)
}
