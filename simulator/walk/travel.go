package walk

import (
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/route"
	"tortie/simulator/trace"
)

// End is one end of a connection: a process of Host when Link is empty, else
// whatever sits behind Link of Host.
type End struct {
	Addr netip.Addr
	Host host.Name
	Link host.LinkName
	// Unknown says why it is not known where at Host the end is; empty if it is.
	Unknown string
}

// Journey is the way of one packet through the fleet.
type Journey struct {
	// Verdict is Allow when the packet arrived somewhere.
	Verdict trace.Verdict
	// At is where it arrived.
	At End
	// Packet is the packet as it arrived.
	Packet packet.Packet
	// Legs are what became of it on each host.
	Legs []Outcome
	// Why says why it ended when no rule did it.
	Why string
	// Reset says that it was rejected by an RST that came back, which ends the connection
	// for who sent it; an ICMP error does not.
	Reset bool
}

// Last is the outcome on the last host.
func (j *Journey) Last() *Outcome { return &j.Legs[len(j.Legs)-1] }

// maxLegs bounds the hosts on one way; more is a routing loop.
const maxLegs = 16

// Send takes a packet from an end to where it arrives.
func (w *Walker) Send(from End, p packet.Packet, bound host.LinkName) Journey {
	if from.Link == "" {
		return w.follow(w.Output(from.Host, p, bound))
	}
	return w.follow(w.Receive(from.Host, from.Link, p))
}

// follow takes a packet on from its outcome on one host.
func (w *Walker) follow(o Outcome) Journey {
	j := Journey{Legs: []Outcome{o}}
	for {
		o = *j.Last()
		j.Packet = o.Packet
		switch o.Fate {
		case Sent:
			if !w.cross(&j, &o) {
				return j
			}
			if len(j.Legs) >= maxLegs {
				j.Verdict, j.Why = trace.Deny, "the packet goes round in circles between hosts"
				return j
			}
			continue
		case Delivered:
			j.Verdict, j.At = trace.Allow, End{Addr: o.Packet.Dst, Host: o.Node}
		case Unknown:
			j.Verdict, j.Why = trace.Unknown, o.Reason
		default:
			j.Verdict, j.Why = trace.Deny, o.Reason
			if a := w.answered(&o); a != nil {
				j.Verdict, j.Reset = trace.Reject, a.Proto == packet.ProtoTCP
			}
		}
		return j
	}
}

// cross hands the packet to who owns the next hop on the link's segment; without
// one it has arrived behind the link.
func (w *Walker) cross(j *Journey, o *Outcome) bool {
	if to, ok := w.neighbour(o.Node, o.Out, o.NextHop); ok {
		if len(o.Fragments) > 0 {
			return w.crossInParts(j, o, to)
		}
		j.Legs = append(j.Legs, w.Receive(to.Host, to.Link, o.Packet))
		return true
	}
	j.At = End{Addr: o.Packet.Dst, Host: o.Node, Link: o.Out}
	j.Verdict = trace.Allow
	if in := innermost(&j.Packet); in.Src == in.Dst {
		j.Verdict, j.Why = trace.Deny, "it comes back to "+in.Dst.String()+" with that same source address, which its kernel refuses: "+
			"whoever reaches itself by a service needs masquerade"
		return false
	}
	if e := w.endpointAt(o.Node, o.Out); e != nil && !hasAddr(e, o.Packet.Dst) {
		j.Verdict, j.Why = trace.Deny, "the endpoint behind "+string(o.Out)+" does not have the address "+o.Packet.Dst.String()
	} else if e == nil {
		w.astray(j, o)
	}
	return false
}

// crossInParts hands on a packet that was sent in fragments, to a host that puts
// them together again; elsewhere they may have different fates.
func (w *Walker) crossInParts(j *Journey, o *Outcome, to host.Port) bool {
	if n := w.byName[to.Host]; !n.plan(o.Packet.Family()).tracks {
		j.Verdict, j.Why = trace.Unknown, "it goes on in fragments, which "+string(to.Host)+" judges one by one"
		return false
	}
	for i := range o.Fragments {
		leg := w.Receive(to.Host, to.Link, o.Fragments[i])
		if i == len(o.Fragments)-1 {
			j.Legs = append(j.Legs, leg)
		}
	}
	return true
}

// astray judges a packet that left the fleet although its destination is in it,
// is there for rules to translate, or is nobody's: nobody answers for the destination itself as a next hop, and what a router
// outside does with it is not known.
func (w *Walker) astray(j *Journey, o *Outcome) {
	dst := o.Packet.Dst
	e := w.ends[dst]
	if e == nil {
		if v := w.virtualAt(dst); v != nil && !(v.Untranslated && w.unnumbered(o)) {
			untranslated(j, o, v)
		}
		return
	}
	if e.HostNetwork {
		return
	}
	if o.NextHop == dst || !o.NextHop.IsValid() {
		j.Verdict, j.Why = trace.Deny, "it leaves by "+string(o.Out)+", but "+e.Name+" with the address "+dst.String()+" is on "+string(e.Host)+": no route leads there"
		return
	}
	j.Verdict, j.Why = trace.Unknown, "it leaves by "+string(o.Out)+" to "+o.NextHop.String()+", which is no node; how it goes on to "+e.Name+" is not known"
}

// unnumbered reports whether a packet left by a link without addresses, as pods have: to
// one that only the host's capture knows of.
func (w *Walker) unnumbered(o *Outcome) bool {
	l := w.byName[o.Node].state.FindLink(o.Out)
	return l != nil && len(l.Addrs) == 0
}

// neighbour is the host's link on the same segment that has the next hop's
// address.
func (w *Walker) neighbour(h host.Name, l host.LinkName, hop netip.Addr) (host.Port, bool) {
	for i := range w.fleet.Segments {
		s := &w.fleet.Segments[i]
		if !member(s, h, l) {
			continue
		}
		for _, m := range s.Members {
			n := w.byName[m.Host]
			if n == nil || m.Host == h && m.Link == l {
				continue
			}
			if link := n.state.FindLink(m.Link); link != nil && linkHas(link, hop) {
				return m, true
			}
		}
	}
	return host.Port{}, false
}

func member(s *host.Segment, h host.Name, l host.LinkName) bool {
	for _, m := range s.Members {
		if m.Host == h && m.Link == l {
			return true
		}
	}
	return false
}

func linkHas(l *host.Link, a netip.Addr) bool {
	for i := range l.Addrs {
		if l.Addrs[i].Prefix.Addr() == a {
			return true
		}
	}
	return false
}

func (w *Walker) endpointAt(h host.Name, l host.LinkName) *host.Endpoint {
	for i := range w.fleet.Endpoints {
		e := &w.fleet.Endpoints[i]
		if e.Host == h && e.Link == l && !e.HostNetwork {
			return e
		}
	}
	return nil
}

func hasAddr(e *host.Endpoint, a netip.Addr) bool {
	for _, b := range e.Addrs {
		if a == b {
			return true
		}
	}
	return false
}

// answered is the answer to the packet that gets anywhere, nil without one; a redirect is
// none.
func (w *Walker) answered(o *Outcome) *packet.Packet {
	for i := range o.Answers {
		p := &o.Answers[i].Packet
		if p.Proto == packet.ProtoICMP && p.ICMPType == 5 {
			continue
		}
		if a := w.follow(o.Answers[i]); a.Verdict == trace.Allow {
			return p
		}
	}
	return nil
}

// FindEnd says where an address is: an endpoint of the fleet, a host, or behind
// the link that a host's routes name. With several hosts an address outside
// enters by the first host that has a link to it.
func (w *Walker) FindEnd(a netip.Addr) (End, bool) {
	if e := w.ends[a]; e != nil {
		if e.HostNetwork {
			return End{Addr: a, Host: e.Host}, true
		}
		return End{Addr: a, Host: e.Host, Link: e.Link}, true
	}
	if owner := w.ownerOf(a); owner != "" {
		return End{Addr: a, Host: owner}, true
	}
	for _, n := range w.nodes {
		r := n.routes.Lookup(&route.Flow{Dst: a})
		if r.Err == route.OK && r.Unknown == "" && r.Type == host.RouteUnicast && r.Dev != n.routes.Loopback() {
			return End{Addr: a, Host: n.state.Name, Link: r.Dev}, true
		}
	}
	return w.entry(a)
}
