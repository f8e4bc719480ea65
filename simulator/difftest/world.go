package difftest

import (
	"fmt"
	"net/netip"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// world is the recordings' topology: node1, which the walk simulates, the pods
// behind its links, and the other machines of the segment behind eth0, which are
// only stacks.
type world struct {
	node   *node
	state  *host.State
	stacks map[string]*stack
	owner  map[netip.Addr]string    // of every address outside of node1
	links  map[string]host.LinkName // of pods
	pods   map[host.LinkName]string // the other way round
	queue  []flight
	// cold says who does not know its IPv6 neighbours yet; resolved that they do
	// by now; waiting are packets for an unknown one.
	cold     coldness
	resolved bool
	waiting  []flight
	// slow says that servers take their time to close.
	slow bool
	// eperm says that the node did not let the probe's own first packet out.
	eperm bool
}

// flight is a packet on its way to node1 or to a stack.
type flight struct {
	stack string        // "" for node1
	link  host.LinkName // on which node1 receives it
	p     packet.Packet
}

const (
	nodeName = "node1"
	segment  = host.LinkName("eth0")
)

// newWorld finds the machines of a recording in the ends of its probes.
func newWorld(r *Recording, s *host.State) *world {
	w := &world{node: newNode(s), state: s, stacks: map[string]*stack{}, owner: map[netip.Addr]string{},
		links: map[string]host.LinkName{}, pods: map[host.LinkName]string{}}
	for _, p := range r.Probes {
		w.addEnd(p.From, p.Src)
		w.addEnd(p.To, p.Dst)
	}
	return w
}

// addEnd learns that a name has an address. Names that are addresses stand for
// destinations that nobody has.
func (w *world) addEnd(name, addr string) {
	a, err := netip.ParseAddr(addr)
	if _, literal := netip.ParseAddr(name); err != nil || literal == nil || strings.Contains(name, "/") {
		return
	}
	machine := machineOf(name)
	if machine == nodeName {
		return
	}
	link := w.podLink(a)
	if link == "" {
		machine = remoteOf(machine)
	} else {
		w.links[machine], w.pods[link] = link, machine
	}
	w.owner[a] = machine
}

// machineOf strips what the recordings append to a name for a second address.
func machineOf(name string) string {
	name = strings.TrimSuffix(name, "v6")
	switch name {
	case "ext2", "ext6":
		return "ext"
	case "node16":
		return nodeName
	case "node26":
		return "node2"
	}
	return name
}

// remoteOf is the machine of an end that is not behind a link of node1: pods of
// the other node are addresses of that node.
func remoteOf(machine string) string {
	if machine == "ext" {
		return machine
	}
	return "node2"
}

// podLink is the link behind which an address is: that of its host route.
func (w *world) podLink(a netip.Addr) host.LinkName {
	for _, r := range w.state.Routes {
		if r.Table == host.TableMain && r.Dst.IsSingleIP() && r.Dst.Addr() == a && len(r.Hops) == 1 && r.Hops[0].Dev != segment {
			return r.Hops[0].Dev
		}
	}
	return ""
}

// reset forgets all connections: the recordings flushed them before each probe.
func (w *world) reset() {
	w.stacks, w.queue, w.eperm, w.resolved, w.waiting = map[string]*stack{}, nil, false, false, nil
	w.node.reset()
}

func (w *world) stack(name string) *stack {
	s := w.stacks[name]
	if s == nil {
		s = &stack{name: name, conns: map[flow]*tcpConn{}, slow: w.slow}
		w.stacks[name] = s
	}
	return s
}

// outcome is what a probe did in the walk.
type outcome struct {
	result  string       // as Probe.Result
	banners []bannerText // of the listeners that were reached
	// hits are the rules that were hit, and how often; unknown says why the walk could
	// not tell.
	hits    map[Place]int
	unknown string
}

// mostSteps bounds a probe; packets that run in a circle end by their TTL.
const mostSteps = 2000

// run sends a probe and everything that follows from it.
func (w *world) run(p Probe) (outcome, error) {
	c, err := client(p)
	if err != nil {
		return outcome{}, err
	}
	from := machineOf(strings.Split(p.From, "/")[0])
	if _, pod := w.links[from]; !pod && from != nodeName {
		from = remoteOf(from)
	}
	s := w.stack(from)
	w.send(from, s.start(c))
	if w.eperm && c.proto == packet.ProtoUDP {
		c.result = "EPERM"
	}
	if !w.drain() {
		return outcome{}, fmt.Errorf("more than %d packets", mostSteps)
	}
	if c.result == "" {
		c.result = "timeout"
	}
	out := outcome{result: c.result}
	for _, s := range w.stacks {
		out.banners = append(out.banners, s.said...)
	}
	return out, nil
}

// drain lets packets arrive until none is left; false when they do not end.
func (w *world) drain() bool {
	for i := 0; len(w.queue) > 0; i++ {
		if i == mostSteps {
			return false
		}
		f := w.queue[0]
		w.queue = w.queue[1:]
		w.arrive(f)
	}
	return true
}

// client makes the client of a probe.
func client(p Probe) (*probeClient, error) {
	src, err := netip.ParseAddr(p.Src)
	if err != nil {
		return nil, err
	}
	dst, err := netip.ParseAddr(p.Dst)
	if err != nil {
		return nil, err
	}
	proto, ok := packet.ParseProto(p.Proto)
	if !ok {
		return nil, fmt.Errorf("unknown protocol %q", p.Proto)
	}
	return &probeClient{proto: proto, local: netip.AddrPortFrom(src, p.SrcPort), remote: netip.AddrPortFrom(dst, p.DstPort), icmpID: p.SrcPort}, nil
}

// send takes a packet that the stack of a machine sends to where it goes.
func (w *world) send(machine string, p packet.Packet) {
	if machine == nodeName {
		w.follow(w.node.send(p), true)
		return
	}
	if link, pod := w.links[machine]; pod {
		w.queue = append(w.queue, flight{link: link, p: p})
		return
	}
	if to := w.owner[p.Dst]; to == "ext" || to == "node2" {
		w.queue = append(w.queue, flight{stack: to, p: p})
		return
	}
	if !routedToNode(p.Dst) {
		return
	}
	w.cross(p.Src, true, flight{link: segment, p: p})
}

// The routes of the other machines to node1, besides the segment itself.
var viaNode = []netip.Prefix{
	netip.MustParsePrefix("10.65.0.0/26"), netip.MustParsePrefix("10.96.0.0/12"), netip.MustParsePrefix("172.31.0.0/24"),
	netip.MustParsePrefix("fd00:65::/48"), netip.MustParsePrefix("fd00:172:31::/64"),
}

func routedToNode(a netip.Addr) bool {
	for _, p := range viaNode {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// arrive lets a packet arrive.
func (w *world) arrive(f flight) {
	if f.stack == "" {
		w.follow(w.node.receive(f.link, f.p), false)
		return
	}
	for _, a := range w.stack(f.stack).receive(&f.p) {
		w.send(f.stack, a)
	}
}

// follow takes what node1 made of a packet to its next places.
func (w *world) follow(out []departure, sent bool) {
	for i, d := range out {
		switch {
		case d.delivered:
			w.queue = append(w.queue, flight{stack: nodeName, p: d.p})
		case d.link != "":
			w.emitted(d)
		case sent && i == 0:
			w.eperm = d.outputDrop
		}
	}
}

// emitted takes a packet from a link of node1 to the machine behind it. A pod
// takes only packets for its own addresses, and no machine takes packets from
// another one that carry its own address as source (accept_local is off).
func (w *world) emitted(d departure) {
	to, known := w.owner[d.p.Dst]
	if known && w.owner[d.p.Src] == to {
		return
	}
	pod, isPod := w.pods[d.link]
	switch {
	case isPod && to == pod:
		w.queue = append(w.queue, flight{stack: to, p: d.p})
	case !isPod && known && w.links[to] == "":
		w.cross(d.p.Dst, false, flight{stack: to, p: d.p})
	}
}

// cross takes a packet over the segment, or keeps it until the neighbour is
// known.
func (w *world) cross(remote netip.Addr, toNode bool, f flight) {
	if w.resolve(remote, toNode) {
		w.queue = append(w.queue, f)
	} else {
		w.waiting = append(w.waiting, f)
	}
}
