package walk

import (
	"net/netip"
	"slices"
	"time"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/eval"
	"tortie/simulator/route"
	"tortie/simulator/trace"
)

// Options say how packets are walked. The zero value is the default.
type Options struct {
	// Choose decides what the kernel leaves to chance; nil takes the most likely
	// alternative.
	Choose func(eval.Choice) int
	// OfPolicy tells the chains of captured nodes that hold policies, as the origin
	// of their rules does for modelled ones; nil knows none.
	OfPolicy func(nf.ChainName) bool
	// Explore asks Choose about unknown matches as well.
	Explore bool
	// KnownNeighbours says that everyone knows its IPv6 neighbours, so that no rule
	// can drop their discovery.
	KnownNeighbours bool
	// Port chooses ports that the kernel would draw (see conntrack.Config).
	Port func(t conntrack.Tuple, attempt int, n uint32) uint32
}

// Walker walks packets through a fleet. It keeps what the hosts remember:
// connections and the state of rules.
type Walker struct {
	fleet  *host.Fleet
	nodes  []*node
	byName map[host.Name]*node
	now    time.Duration
	rec    *trace.Recorder
	opts   Options
	free   []*flight
	// ends are the addresses of the fleet's endpoints.
	ends       map[netip.Addr]*host.Endpoint
	virtual    virtual
	assumption assumption
	// notes are what was assumed, each once.
	notes []string
}

// node is one host, compiled.
type node struct {
	w      *Walker
	state  *host.State
	routes *route.Tables
	ct     *conntrack.Table
	eng    *eval.Engine
	mem    eval.State
	choose func(eval.Choice) int
	plan4  plan
	plan6  plan
	ifaces map[host.LinkName]eval.Iface
	counts map[countKey]*countList
	peers  map[netip.Addr]peer
	frags  map[fragKey]*fragQueue
	ipvs   ipvsTable
	hops   map[hopKey]int
	// bridges are the links that are bridges.
	bridges map[host.LinkName]bool
	// devices are the chains that packets meet outside the hooks of IP.
	devices []deviceChain
	ttl     uint8
}

// peer is what a host remembers of redirects and errors sent to an address
// (struct inet_peer).
type peer struct {
	sent int
	last time.Duration
	// spent is what is gone of the allowance of errors, at the time of at.
	spent, at time.Duration
}

// New compiles a fleet, which must not change afterwards.
func New(f *host.Fleet, o Options) *Walker {
	w := &Walker{opts: o}
	w.compile(f)
	return w
}

// chooser asks Options.Choose on behalf of a host; nil without one.
func (w *Walker) chooser(h host.Name) func(eval.Choice) int {
	ask := w.opts.Choose
	if ask == nil {
		return nil
	}
	return func(c eval.Choice) int {
		c.Host = string(h)
		return ask(c)
	}
}

// Replace goes on with another fleet: rules, routes and endpoints are its own,
// while the clock goes on and hosts of the same name keep their connections, as
// when Felix programs a node anew. What rules remember begins anew, but for what
// the kernel keeps by name. Connections that programs
// remove then stay until Remove.
func (w *Walker) Replace(f *host.Fleet) {
	old := w.byName
	w.compile(f)
	for _, n := range w.nodes {
		if o := old[n.state.Name]; o != nil {
			n.ct, n.peers, n.frags = o.ct, o.peers, o.frags
			n.ipvs.keep(&o.ipvs)
			n.mem.Keep(&o.mem, o.eng, n.eng)
		}
	}
}

// compile takes the fleet over, with hosts that remember nothing.
func (w *Walker) compile(f *host.Fleet) {
	w.fleet, w.nodes, w.byName, w.ends = f, nil, map[host.Name]*node{}, map[netip.Addr]*host.Endpoint{}
	w.virtual = newVirtual(f)
	for i := range f.Hosts {
		n := newNode(w, &f.Hosts[i])
		w.nodes = append(w.nodes, n)
		w.byName[n.state.Name] = n
	}
	for i := range f.Endpoints {
		for _, a := range f.Endpoints[i].Addrs {
			w.ends[a] = &f.Endpoints[i]
		}
	}
}

// NewHost compiles a fleet of one host: a dump of a live node.
func NewHost(s *host.State, o Options) *Walker {
	return New(&host.Fleet{Hosts: []host.State{*s}}, o)
}

func newNode(w *Walker, s *host.State) *node {
	n := &node{w: w, state: s, routes: route.New(s), eng: eval.New(&s.Ruleset),
		ct: conntrack.NewTable(conntrackConfig(s, w.opts)), ifaces: map[host.LinkName]eval.Iface{},
		counts: map[countKey]*countList{}, peers: map[netip.Addr]peer{}, frags: map[fragKey]*fragQueue{}, hops: map[hopKey]int{}, ttl: 64,
		choose: w.chooser(s.Name), ipvs: newIPVS(s.IPVS), bridges: map[host.LinkName]bool{}, devices: deviceChains(&s.Ruleset)}
	for i := range s.Links {
		l := &s.Links[i]
		n.ifaces[l.Name] = eval.Iface{Name: string(l.Name), Index: linkIndex(l, i)}
		if l.Kind == "bridge" {
			n.bridges[l.Name] = true
		}
	}
	n.plan4 = newPlan(n.eng, &s.Ruleset, packet.IPv4, n.ipvs.has(packet.IPv4))
	n.plan6 = newPlan(n.eng, &s.Ruleset, packet.IPv6, n.ipvs.has(packet.IPv6))
	n.plan4.missing, n.plan6.missing = n.missing(host.PartRules, packet.IPv4), n.missing(host.PartRules, packet.IPv6)
	return n
}

// linkIndex is the link's index, made up where the capture has none.
func linkIndex(l *host.Link, i int) int {
	if l.Index != 0 {
		return l.Index
	}
	return i + 1
}

// Record makes the walker record into r from now on; nil records nothing.
func (w *Walker) Record(r *trace.Recorder) { w.rec = r }

// Now is the walker's clock; 0 is the moment of the capture.
func (w *Walker) Now() time.Duration { return w.now }

// Advance moves the clock forward.
func (w *Walker) Advance(d time.Duration) { w.now += max(d, 0) }

// Conntrack returns the connection table of a host, or nil.
func (w *Walker) Conntrack(h host.Name) *conntrack.Table {
	if n := w.byName[h]; n != nil {
		return n.ct
	}
	return nil
}

// Engine returns the compiled rules of a host, or nil.
func (w *Walker) Engine(h host.Name) *eval.Engine {
	if n := w.byName[h]; n != nil {
		return n.eng
	}
	return nil
}

// Reset forgets every connection and what rules remember.
func (w *Walker) Reset() {
	for _, n := range w.nodes {
		n.ct.Reset()
		n.mem = eval.State{}
		clear(n.counts)
		clear(n.peers)
		n.ipvs.flush()
		clear(n.frags)
		clear(n.hops)
	}
}

// assume notes what had to be supposed.
func (w *Walker) assume(text string) {
	if !slices.Contains(w.notes, text) {
		w.notes = append(w.notes, text)
	}
}

func (n *node) plan(fam packet.Family) *plan {
	if fam == packet.IPv4 {
		return &n.plan4
	}
	return &n.plan6
}

// iface is a link as rules see it; an unknown one has no index.
func (n *node) iface(l host.LinkName) eval.Iface {
	if i, ok := n.ifaces[l]; ok {
		return i
	}
	return eval.Iface{Name: string(l)}
}

func (n *node) steps(h nf.Hook, f *flight) []step { return n.plan(f.p.Family()).hooks[h] }
