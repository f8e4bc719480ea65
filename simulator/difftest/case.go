package difftest

import (
	"fmt"
	"maps"
	"net/netip"
	"sort"
	"time"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// Case is a rule set of the router and packets that are sent one after the
// other.
type Case struct {
	Seed    uint64
	Ruleset nf.Ruleset
	Shots   []Shot
	// Network is what the router's network has besides that of every case.
	Network Network
	// Family is that of most packets and of the rules.
	Family packet.Family
	// LeftOut says of packets that were made and then left out, because walk and
	// kernel need not agree about them, why.
	LeftOut []string `json:",omitempty"`
}

// Shot is one packet: from a side, or from a process of the router.
type Shot struct {
	From   string
	Packet packet.Packet
	// Wire is the packet as it goes over the wire where that is more than its
	// header values, in fragments; nil is Packet encoded.
	Wire []byte `json:",omitempty"`
}

// Frame is a packet that the router sent to a side.
type Frame struct {
	Side   string
	Packet packet.Packet
}

// Observed is what happened in a case: the frames after each shot, and the
// packets that each rule counted.
type Observed struct {
	Frames [][]Frame
	Hits   map[Place]int
	// Conns are the connections at the end, by their original tuple.
	Conns map[string]kernel.Conn
	// Unknown is why the walk could not tell, by shot; "" where it could.
	Unknown []string
	// Free says by shot that the kernel draws something at random.
	Free []bool
	// Took is how long the kernel's run took; connections are so much older.
	Took time.Duration
}

// Network is routing that differs from case to case.
type Network struct {
	Rules   []host.Rule
	Routes  []host.Route
	Sysctls map[string]string
}

// state is the router with the case's rules.
func (c *Case) state() *host.State {
	s := c.network()
	s.Ruleset = c.Ruleset
	return s
}

// network is the router without netfilter's rules.
func (c *Case) network() *host.State {
	s := routerState()
	s.Rules, s.Routes = c.Network.Rules, append(s.Routes, c.Network.Routes...)
	maps.Copy(s.Sysctls, c.Network.Sysctls)
	return s
}

// router is the router in the walk.
type router struct {
	n     *node
	stack *stack
	// many says that the last frame went to many hosts.
	many bool
}

func newRouter(s *host.State) *router {
	return &router{n: newNode(s), stack: &stack{name: routerName, conns: map[flow]*tcpConn{}, closed: true}}
}

// shoot sends one packet and returns what leaves the router because of it.
func (r *router) shoot(s Shot) []Frame {
	var frame [6]byte
	toMany(frame[:], s)
	r.many = frame[0] != 0
	if s.From == Local {
		return r.follow(r.n.send(s.Packet), 0)
	}
	return r.follow(r.n.receive(routerLinks[s.From], s.Packet), 0)
}

// try is shoot with a fresh memory of what could not be told.
func (r *router) try(s Shot) []Frame {
	r.n.unknown, r.n.free = "", false
	return r.shoot(s)
}

// follow lets the router's own stack answer what it is delivered.
func (r *router) follow(list []departure, depth int) []Frame {
	var out []Frame
	for _, d := range list {
		for side, link := range routerLinks {
			if d.link == link {
				out = append(out, Frame{side, d.p})
			}
		}
		if d.delivered && depth < 8 {
			for _, a := range r.stack.receive(&d.p) {
				if r.many && (a.Inner != nil || a.Proto == packet.ProtoTCP) {
					continue // nothing but echo answers such a frame
				}
				send := r.n.send
				if d.p.Proto == packet.ProtoSCTP {
					send = func(p packet.Packet) []departure { return r.n.sendAbout(p, d.ct) }
				} else if a.Proto.IsICMP() {
					send = r.n.sendICMP
				}
				out = append(out, r.follow(send(a), depth+1)...)
			}
		}
	}
	return out
}

// Walk runs the case in the simulator.
func (c *Case) Walk() *Observed {
	r := newRouter(c.state())
	o := &Observed{}
	for _, s := range c.Shots {
		o.Frames = append(o.Frames, r.try(s))
		o.Unknown = append(o.Unknown, r.n.unknown)
		o.Free = append(o.Free, r.n.free)
	}
	o.Hits = r.n.hits
	o.Conns = map[string]kernel.Conn{}
	for _, conn := range r.n.w.Conntrack(routerName).List(r.n.w.Now()) {
		if k, err := kernel.ParseConn(conn.Line(r.n.w.Now())); err == nil {
			o.Conns[connKey(k)] = k
		}
	}
	return o
}

// connKey names a connection by what it began with.
func connKey(c kernel.Conn) string { return fmt.Sprintf("%s %+v", c.Proto, c.Orig) }

// Kernel runs the case in namespaces. The frames that the walk expects say how
// many to wait for.
func (c *Case) Kernel(expected *Observed) (*Observed, error) {
	l, err := newLab(c.network())
	if err != nil {
		return nil, err
	}
	defer l.Close()
	if err := kernel.ApplyRuleset(l.router, &c.Ruleset); err != nil {
		return nil, err
	}
	if _, err := l.receive(0, 0); err != nil {
		return nil, err
	}
	o, start := &Observed{}, time.Now()
	for i, s := range c.Shots {
		if err := l.send(s); err != nil {
			return nil, fmt.Errorf("packet %d: %w", i, err)
		}
		frames, err := l.receive(len(expected.Frames[i]), 100*time.Millisecond)
		if err != nil {
			return nil, err
		}
		o.Frames = append(o.Frames, frames)
	}
	late, err := l.receive(1, 2*time.Millisecond)
	if err != nil {
		return nil, err
	}
	if n := len(o.Frames); n > 0 {
		o.Frames[n-1] = append(o.Frames[n-1], late...)
	}
	back, err := kernel.ReadBack(l.router, &c.Ruleset)
	if err != nil {
		return nil, err
	}
	o.Hits = Counters(back)
	o.Conns = map[string]kernel.Conn{}
	for _, fam := range families {
		conns, err := kernel.Connections(l.router, fam)
		if err != nil {
			return nil, err
		}
		for _, k := range conns {
			o.Conns[connKey(k)] = k
		}
	}
	o.Took = time.Since(start)
	return o, nil
}

// Differences says where walk and kernel disagree, one line each.
func (c *Case) Differences(walk, kern *Observed) []string {
	var out []string
	for i := range c.Shots {
		w, k := texts(walk.Frames[i]), texts(kern.Frames[i])
		if fmt.Sprint(w) != fmt.Sprint(k) {
			out = append(out, fmt.Sprintf("packet %d from %s %s\n  walk   %v\n  kernel %v", i, c.Shots[i].From, text(c.Shots[i].Packet), w, k))
		}
	}
	places := map[Place]bool{}
	for p := range walk.Hits {
		places[p] = true
	}
	for p := range kern.Hits {
		places[p] = true
	}
	var counts []string
	for p := range places {
		if w, k := walk.Hits[p], kern.Hits[p]; w != k && HasCounter(&c.Ruleset, p) {
			counts = append(counts, fmt.Sprintf("rule %s %s %s: walk counts %d, kernel %d", p.Table, p.Chain, p.Index, w, k))
		}
	}
	counts = append(counts, connDifferences(walk, kern)...)
	sort.Strings(counts)
	return append(out, counts...)
}

// connDifferences compares the connections at the end; in the kernel time has
// passed.
func connDifferences(walk, kern *Observed) []string {
	var out []string
	for key, w := range walk.Conns {
		k, ok := kern.Conns[key]
		if !ok {
			out = append(out, fmt.Sprintf("connection %+v: not in the kernel", w))
			continue
		}
		if older := w.Timeout - k.Timeout; older > 0 && older <= 1+int(kern.Took/time.Second) {
			k.Timeout = w.Timeout
		}
		if w != k {
			out = append(out, fmt.Sprintf("connection: walk   %+v\n            kernel %+v", w, k))
		}
	}
	for key, k := range kern.Conns {
		if _, ok := walk.Conns[key]; !ok {
			out = append(out, fmt.Sprintf("connection %+v: not in the walk", k))
		}
	}
	return out
}

// texts writes frames in a fixed order.
func texts(frames []Frame) []string {
	var out []string
	for _, f := range frames {
		out = append(out, f.Side+" "+text(f.Packet))
	}
	sort.Strings(out)
	return out
}

// text writes what is compared of a packet.
func text(p packet.Packet) string {
	s := fmt.Sprintf("%s>%s %s ttl %d", netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort), p.Proto, p.TTL)
	if p.IsFragment() {
		s += fmt.Sprintf(" fragment at %d more %v len %d", int(p.FragOffset)*8, p.MoreFragments, p.PayloadLen)
	}
	switch {
	case p.FragOffset != 0:
	case p.Proto == packet.ProtoTCP:
		s += fmt.Sprintf(" flags %02x seq %d ack %d len %d", uint8(p.TCP.Flags), p.TCP.Seq, p.TCP.Ack, p.PayloadLen)
	case p.Proto == packet.ProtoSCTP:
		s += fmt.Sprintf(" tag %d chunks %v", p.Vtag, p.SCTP)
	case p.Proto.IsICMP():
		s += fmt.Sprintf(" type %d code %d", p.ICMPType, p.ICMPCode)
		if p.Inner != nil {
			in := p.Inner
			s += fmt.Sprintf(" about (%s>%s %s", netip.AddrPortFrom(in.Src, in.SrcPort), netip.AddrPortFrom(in.Dst, in.DstPort), in.Proto)
			if in.Proto.IsICMP() {
				s += fmt.Sprintf(" type %d id %d", in.ICMPType, in.ICMPID)
			}
			return s + ")"
		}
		s += fmt.Sprintf(" id %d seq %d", p.ICMPID, p.ICMPSeq)
	}
	return s
}
