package difftest

import (
	"fmt"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// node is the host under test in the walk, with the rules that packets hit.
type node struct {
	name host.Name
	w    *walk.Walker
	rec  trace.Recorder
	hits map[Place]int
	// unknown says why the walk could not tell what becomes of a packet.
	unknown string
	// free says that the kernel draws a port at random.
	free  bool
	state *host.State
}

func newNode(s *host.State) *node {
	n := &node{name: s.Name, w: walk.NewHost(s, walk.Options{}), state: s, hits: map[Place]int{}}
	n.rec.All = true // also what a redirect hits
	n.w.Record(&n.rec)
	return n
}

// reset forgets connections and counters.
func (n *node) reset() {
	n.w.Reset()
	n.hits, n.unknown = map[Place]int{}, ""
	n.rec.Take()
}

// undecided says why the last packet's way is not compared with the kernel: the
// walk cannot tell it, or the kernel draws something at random; "" if it is.
func (n *node) undecided() string {
	switch {
	case n.unknown != "":
		return "unknown: " + n.unknown
	case n.free:
		return "the kernel draws a port"
	}
	return ""
}

// departure is where a packet went.
type departure struct {
	delivered  bool
	link       host.LinkName // sent by this link
	outputDrop bool          // dropped in OUTPUT, which a sender sees
	ct         conntrack.Ref
	p          packet.Packet
}

func (n *node) receive(link host.LinkName, p packet.Packet) []departure {
	return n.departures(n.w.Receive(n.name, link, p))
}

func (n *node) send(p packet.Packet) []departure {
	return n.departures(n.w.Output(n.name, p, ""))
}

// sendBy sends from a socket that is bound to a link.
func (n *node) sendBy(link host.LinkName, p packet.Packet) []departure {
	return n.departures(n.w.Output(n.name, p, link))
}

// sendICMP sends a packet of the kernel's own ICMP code.
func (n *node) sendICMP(p packet.Packet) []departure {
	return n.departures(n.w.OutputICMP(n.name, p))
}

// sendAbout sends what the kernel's IP layer says about a packet of a connection.
func (n *node) sendAbout(p packet.Packet, ct conntrack.Ref) []departure {
	return n.departures(n.w.OutputAnswer(n.name, p, ct))
}

// departures flattens what became of a packet and of the answers it caused.
func (n *node) departures(o walk.Outcome) []departure {
	AddHits(n.hits, n.state, n.rec.Take())
	d := departure{p: o.Packet}
	var out []departure
	switch o.Fate {
	case walk.Delivered:
		d.delivered, d.ct = true, o.Ct
	case walk.Sent:
		d.link = o.Out
		for _, part := range o.Fragments {
			part.Mark = 0
			out = append(out, departure{link: o.Out, p: part})
		}
	case walk.Unknown:
		n.unknown = o.Reason
		if _, _, rule := n.w.Engine(n.name).Place(o.Rule); rule != nil {
			n.unknown += because(rule)
		}
	default:
		d.outputDrop = o.Hook == nf.LocalOut
	}
	if o.Ct.Conn != nil && o.Ct.Conn.FreePort {
		n.free = true
	}
	d.p.Mark = 0
	if out == nil {
		out = []departure{d}
	}
	for _, a := range o.Answers {
		out = append(out, n.departures(a)...)
	}
	return out
}

// because names what of a rule may be unknown.
func because(r *nf.Rule) string {
	for _, s := range r.Body {
		switch s.(type) {
		case nf.MatchLength:
			return " (-m length, of a packet with TCP options or a quoted packet)"
		case nf.MatchConnLimit:
			return " (connlimit, whose count may depend on the kernel's time)"
		case nf.MatchLookup:
			return " (th dport of ICMP)"
		}
	}
	return fmt.Sprintf(" (%#v)", r.Body)
}
