package walk

import (
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
)

// assumption is a state of connection tracking that is taken for granted on every
// host, for packets of one protocol that no host knows yet.
type assumption struct {
	on    bool
	state conntrack.Info
	proto packet.Proto
}

// assumed replaces what connection tracking says of a packet by what is taken for
// granted. A packet without a connection cannot be given one.
func (n *node) assumed(ref, had conntrack.Ref, f *flight) conntrack.Ref {
	a := &n.w.assumption
	if !a.on || had != (conntrack.Ref{}) || f.p.Proto != a.proto || isTunnel(&f.p) {
		return ref
	}
	switch {
	case a.state == conntrack.Invalid || a.state == conntrack.Untracked:
		ref.Conn = nil
	case ref.Conn == nil:
		n.w.assume("connection tracking of " + string(n.state.Name) + " gives this packet no connection, so it cannot be " + a.state.String())
		return ref
	}
	ref.Info = a.state
	return ref
}

// segment sends one TCP segment with flags of its own in place of a handshake, and
// what a peer would answer to it.
func (d *dialog) segment() {
	p, flags := d.first, d.req.Flags
	p.DontFragment = p.Src.Is4()
	p.TCP = packet.TCP{Seq: clientSeq, Flags: flags, Window: 64240}
	if flags&packet.ACK != 0 {
		p.TCP.Ack = serverSeq
	}
	if !d.request(p) || flags&packet.RST != 0 {
		return
	}
	d.reply(func(p *packet.Packet) {
		p.TCP = packet.TCP{Seq: serverSeq, Ack: clientSeq + 1, Flags: packet.ACK, Window: 509}
		if flags&(packet.SYN|packet.ACK) == packet.SYN {
			p.TCP.Flags |= packet.SYN
		}
	})
}
