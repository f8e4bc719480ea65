package walk

import (
	"fmt"
	"time"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/eval"
	"tortie/simulator/route"
	"tortie/simulator/trace"
)

// IPVS stands at LOCAL_IN behind the filter chains: a packet for a virtual
// server does not reach the process behind INPUT but is sent by LOCAL_OUT and
// POSTROUTING to a real server, with its destination translated. Its answers are
// forwarded and get the virtual server's address behind the filter chains of
// FORWARD (net/netfilter/ipvs/ip_vs_core.c, ip_vs_xmit.c).

// The priorities of IPVS's functions at the hooks (ip_vs_ops4, ip_vs_ops6).
const (
	priIPVSInOut   = nf.PriNATSrc - 2 // LOCAL_IN: answers for this host
	priIPVSIn      = nf.PriNATSrc - 1 // LOCAL_IN: to a virtual server
	priIPVSOwnOut  = nf.PriNATDst + 1 // LOCAL_OUT: answers of this host
	priIPVSOwnIn   = nf.PriNATDst + 2 // LOCAL_OUT: this host to a virtual server
	priIPVSForward = nf.PriNATSrc     // FORWARD: answers
)

// ipvsIn is ip_vs_in_hook; false says that the packet went on from here or ended.
func (n *node) ipvsIn(h nf.Hook, f *flight) bool {
	if f.ctx.IPVS != nil || f.answered {
		return true // IPVS had it already
	}
	if f.p.Proto.IsICMP() && f.p.Inner != nil {
		if to, from := ends(f.p.Inner); find(n.ipvs.in, from, to) != nil {
			f.unknown(n, "an ICMP error about an answer that IPVS translated")
			return false
		}
		return true
	}
	client, virtual := ends(&f.p)
	c, v := find(n.ipvs.in, client, virtual), n.ipvs.servers[virtual]
	if c != nil && !lists(v, c.real) && f.p.Proto != packet.ProtoTCP {
		n.ipvs.remove(c)
		if confirmed(&f.ctx.Ct) { // ip_vs_conn_uses_old_conntrack
			f.drop(n, h, "IPVS: the connection's real server is gone")
			return false
		}
		c = nil
	}
	if c == nil {
		if v == nil || !begins(&f.p) {
			return true
		}
		if c = n.schedule(v, client, virtual); c == nil {
			f.drop(n, h, "IPVS: the virtual server "+trace.End(&f.p, false)+" has no real server")
			f.end.Origin = v.Origin
			n.icmpUnreach(f, 3, 4, f.p.Src.Is6())
			return false
		}
	}
	n.ipvs.see(c, &f.p, true, n.w.now)
	return n.toReal(h, c, f)
}

// confirmed reports whether an earlier packet made the conntrack entry of this one.
func confirmed(r *conntrack.Ref) bool { return r.Conn != nil && r.Conn.Status&conntrack.Confirmed != 0 }

// begins reports whether IPVS makes a connection of a packet that belongs to
// none (tcp_conn_schedule, sctp_conn_schedule).
func begins(p *packet.Packet) bool {
	switch p.Proto {
	case packet.ProtoTCP:
		return p.TCP.Flags&(packet.SYN|packet.RST) == packet.SYN
	case packet.ProtoSCTP:
		return len(p.SCTP) > 0 && p.SCTP[0].Type == sctpInit
	}
	return true
}

// schedule chooses a real server: that of the client where the service is
// persistent, else any, as choices are made in this walk.
func (n *node) schedule(v *host.VirtualServer, client, virtual ipvsEnd) *ipvsConn {
	var able []ipvsEnd
	for _, s := range v.Servers {
		if s.Weight > 0 {
			able = append(able, ipvsEnd{s.Addr, virtual.proto, s.Port})
		}
	}
	if len(able) == 0 {
		return nil
	}
	who := ipvsPair{ipvsEnd{addr: client.addr}, virtual}
	real, known := n.ipvs.sticky[who]
	if !known || v.Persistent == 0 || n.ipvs.until[who] <= n.w.now || !lists(v, real) {
		real = able[n.chooseServer(v, able)]
	}
	if v.Persistent != 0 {
		n.ipvs.sticky[who], n.ipvs.until[who] = real, n.w.now+time.Duration(v.Persistent)*time.Second
	}
	c := &ipvsConn{client: client, virtual: virtual, real: real}
	n.ipvs.add(c)
	return c
}

func (n *node) chooseServer(v *host.VirtualServer, able []ipvsEnd) int {
	i := 0
	if n.choose != nil && len(able) > 1 {
		i = n.choose(eval.Choice{Kind: eval.ChoiceServer, N: len(able)})
	}
	i = min(max(i, 0), len(able)-1)
	if r := n.w.rec; r.On() && len(able) > 1 {
		r.Add(trace.Step{Kind: trace.KindChoice, Text: fmt.Sprintf("IPVS chooses %s of %d real servers (scheduler %s)", able[i].addr, len(able), v.Scheduler)})
	}
	return i
}

// toReal is ip_vs_nat_xmit: the destination becomes the real server. One that is
// on this host gets the packet where it stands; for another the packet is sent.
func (n *node) toReal(h nf.Hook, c *ipvsConn, f *flight) bool {
	dst := n.routeOut(&route.Flow{Dst: c.real.addr, Proto: c.real.proto}, true)
	v6 := f.p.Src.Is6()
	switch {
	case dst.Unknown != "":
		f.unknown(n, dst.Unknown)
		return false
	case dst.Err != route.OK:
		f.drop(n, h, "IPVS: no route to the real server: "+dst.Err.String())
		return false
	case !dst.Local() && f.p.Src.IsLoopback():
		f.drop(n, h, "IPVS: a loopback source for a real server elsewhere")
		return false
	case !dst.Local() && f.p.TTL <= 1:
		f.drop(n, h, "time to live exceeded")
		n.icmpAnswer(f, errTimeExceeded(v6))
		return false
	}
	if mtu := n.routes.MTU(dst.Dev); !dst.Local() && mtu > 0 && ipLen(&f.p) > mtu && (v6 || f.p.DontFragment) {
		f.drop(n, h, "too big for the next link")
		n.icmpAnswer(f, errTooBig(v6))
		return false
	}
	f.ctx.IPVS = &eval.VirtualServer{Proto: c.virtual.proto, Addr: c.virtual.addr, Port: c.virtual.port}
	f.p.Dst, f.p.DstPort = c.real.addr, c.real.port
	f.ctx.Ct.AlterReply(c.real.addr, c.real.port)
	n.recordIPVS(h, "IPVS translated", c, f)
	if dst.Local() {
		return true
	}
	f.p.TTL--
	f.dst, f.hasDst, f.bound = dst, true, ""
	n.recordRoute(f)
	n.localOut(f)
	return false
}

// recordIPVS records a translation, with the service behind it.
func (n *node) recordIPVS(h nf.Hook, text string, c *ipvsConn, f *flight) {
	if r := n.w.rec; r.On() {
		s := trace.Step{Kind: trace.KindNAT, Hook: h.String(), Text: text, From: trace.End(&f.p, true), To: trace.End(&f.p, false)}
		if v := n.ipvs.servers[c.virtual]; v != nil {
			s.Origin = v.Origin
		}
		r.Add(s)
	}
}

// ipvsOut is ip_vs_out_hook: answers of a real server, and ICMP errors of it,
// come from the virtual server.
func (n *node) ipvsOut(h nf.Hook, f *flight) bool {
	if f.ctx.IPVS != nil || f.answered {
		return true
	}
	if f.p.Proto.IsICMP() && f.p.Inner != nil {
		client, real := ends(f.p.Inner)
		c := find(n.ipvs.out, real, client)
		if c == nil {
			return true
		}
		f.p.Src, f.p.Inner.Dst, f.p.Inner.DstPort = c.virtual.addr, c.virtual.addr, c.virtual.port
		return n.answeredByIPVS(h, c, f)
	}
	real, client := ends(&f.p)
	c := find(n.ipvs.out, real, client)
	if c == nil {
		return true
	}
	n.ipvs.see(c, &f.p, false, n.w.now)
	f.p.Src, f.p.SrcPort = c.virtual.addr, c.virtual.port
	return n.answeredByIPVS(h, c, f)
}

// answeredByIPVS routes a translated answer anew unless it is for this host
// (ip_vs_route_me_harder).
func (n *node) answeredByIPVS(h nf.Hook, c *ipvsConn, f *flight) bool {
	f.answered = true
	n.recordIPVS(h, "IPVS translated back", c, f)
	if h == nf.LocalIn || f.dst.Local() {
		return true
	}
	return n.reroute(h, f)
}

// ipvsMissing ends a packet for an address of virtual servers that are not known.
func (n *node) ipvsMissing(f *flight) bool {
	missing := n.state.IPVSMissing
	if missing == "" || !f.p.Proto.HasPorts() {
		return false
	}
	if own, ok := n.routes.Owns(f.p.Dst); !ok || own != missing {
		n.w.assume("node ports of " + string(n.state.Name) + " may be virtual servers of IPVS, which are not in the capture")
		return false
	}
	f.unknown(n, f.p.Dst.String()+" may be a virtual server of IPVS, whose servers are not in the capture")
	return true
}
