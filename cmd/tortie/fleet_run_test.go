package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/lab"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/difftest"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// fleetRun is one cluster in the kernel and in the walk.
type fleetRun struct {
	fleet *host.Fleet
	lab   *lab.Lab
	walk  *walk.Walker
	hits  map[host.Name]map[difftest.Place]int
	sum   *fleetSummary
	diffs []string
	// atOnce is how many connections are opened at a time.
	atOnce int
}

// fleetOpened is a connection that was opened in the kernel.
type fleetOpened struct {
	try            fleetTry
	want           trace.Connection
	conn           *lab.Conn
	answer         lab.Answer
	err            error
	sent, received int // segments of TCP
}

// run plays the case in the kernel and in the walk and returns what differs.
func (c *fleetCase) run(sum *fleetSummary) ([]string, error) {
	f, err := c.fleet()
	if err != nil {
		return nil, err
	}
	l, err := fleetLab(f)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return newFleetRun(f, l, sum).play(c.tries)
}

func newFleetRun(f *host.Fleet, l *lab.Lab, sum *fleetSummary) *fleetRun {
	r := &fleetRun{fleet: f, lab: l, sum: sum, atOnce: 32, hits: map[host.Name]map[difftest.Place]int{}}
	r.walk = walk.New(f, walk.Options{KnownNeighbours: true})
	r.walk.Record(&trace.Recorder{All: true})
	return r
}

// play opens connections in the kernel and in the walk and returns what differs.
func (r *fleetRun) play(tries []fleetTry) ([]string, error) {
	clean, half := r.sort(tries)
	r.sum.clusters++
	before, err := r.counters()
	if err != nil {
		return nil, err
	}
	opened := r.openAll(clean)
	if err := r.settle(opened); err != nil {
		return nil, err
	}
	after, err := r.counters()
	if err != nil {
		return nil, err
	}
	r.walk.Reset()
	for i := range opened {
		if err := r.compare(&opened[i]); err != nil {
			return nil, err
		}
	}
	r.compareCounters(before, after)
	if err := r.compareEntries(opened); err != nil {
		return nil, err
	}
	for i := range opened {
		opened[i].conn.Reset()
	}
	return r.diffs, r.compareHalf(half)
}

func (r *fleetRun) differ(format string, args ...any) {
	r.diffs = append(r.diffs, fmt.Sprintf(format, args...))
}

// answerWait is how long an answer may take that the walk expects: a busy machine is
// slow.
const answerWait = 5 * time.Second

// fleetPorts are those on which everyone answers.
var fleetPorts = []uint16{22, 53, 80, 443, 8055}

// fleetLab builds the fleet and everything outside of it.
func fleetLab(f *host.Fleet) (*lab.Lab, error) {
	var outside []lab.Outside
	for _, v6 := range []bool{false, true} {
		for _, a := range fleetOutside[v6] {
			if !v6 || fleetHas6(f) {
				outside = append(outside, lab.Outside{Addr: a, At: fleetGateway(f)})
			}
		}
	}
	l, err := lab.Build(f, outside)
	if err != nil {
		return nil, err
	}
	for _, v6 := range []bool{false, true} {
		for _, a := range fleetServed[v6] {
			if v6 && !fleetHas6(f) {
				continue
			}
			if err := l.Lead(netip.PrefixFrom(a, a.BitLen()), fleetGateway(f)); err != nil {
				l.Close()
				return nil, err
			}
		}
	}
	for _, port := range fleetPorts {
		for _, proto := range []packet.Proto{packet.ProtoTCP, packet.ProtoUDP} {
			if err := l.Listen(proto, port); err != nil {
				l.Close()
				return nil, err
			}
		}
	}
	return l, nil
}

// sort tells connections whose packets are few and known from those of which one
// side believes that they stand and goes on: what that side sends is a matter of
// its timers.
func (r *fleetRun) sort(tries []fleetTry) (clean, half []fleetTry) {
	for _, t := range tries {
		r.walk.Reset()
		s, c := r.walk.Open(t.request)
		if _, p, ok := s.Arrived(); ok && !t.request.Proto.IsICMP() && !slices.Contains(fleetPorts, p.DstPort) && !t.request.Closed {
			t.request.Closed = true // a node port that stayed one
			r.walk.Reset()
			s, c = r.walk.Open(t.request)
		}
		if c.Verdict == trace.Allow { // what is dropped TCP would send again
			t.wait = answerWait
		}
		n := len(c.Packets)
		byRule := n > 0 && c.Packets[n-1].Reason.Table != ""
		switch {
		case astray(s):
		case c.Verdict == trace.Unknown:
			r.differ("%s: the walk does not know: %s", t, c.Reason.Text)
		case c.Verdict == trace.Allow, n <= 1, n == 2 && byRule && c.Packets[1].Direction == trace.Reply:
			clean = append(clean, t)
		default:
			half = append(half, t)
		}
	}
	return clean, half
}

// astray reports whether a connection leaves the fleet for an address that nobody
// outside has, or that whoever began has itself.
func astray(s *walk.Session) bool {
	at, p, ok := s.Arrived()
	return ok && at.Link == "eth0" && (s.From().Link == "eth0" || !slices.Contains(fleetOutside[p.Dst.Is6()], p.Dst))
}

// openAll opens connections in the kernel, several at a time; those that stand
// stay open.
func (r *fleetRun) openAll(tries []fleetTry) []fleetOpened {
	out := make([]fleetOpened, len(tries))
	slots := make(chan struct{}, r.atOnce)
	var wg sync.WaitGroup
	for i := range tries {
		slots <- struct{}{}
		wg.Go(func() {
			o := &out[i]
			o.try = tries[i]
			o.conn, o.answer, o.err = r.lab.Open(tries[i].try())
			<-slots
		})
	}
	wg.Wait()
	return out
}

// settle waits until TCP has acknowledged everything, and learns how many segments
// that took.
func (r *fleetRun) settle(opened []fleetOpened) error {
	for tries, quiet := 0, 0; quiet < 2 && tries < 40; tries++ {
		time.Sleep(60 * time.Millisecond)
		quiet++
		for i := range opened {
			o := &opened[i]
			if o.err != nil {
				return fmt.Errorf("%s: %w", o.try, o.err)
			}
			if o.answer != lab.Answered || o.try.request.Proto != packet.ProtoTCP {
				continue
			}
			sent, received, err := o.conn.Segments()
			if err != nil {
				return fmt.Errorf("%s: %w", o.try, err)
			}
			if sent != o.sent || received != o.received {
				o.sent, o.received, quiet = sent, received, 0
			}
		}
	}
	return nil
}

// compare opens the connection in the walk, with as many acknowledgements as the
// kernel sent, and compares answers and what the far end sees.
func (r *fleetRun) compare(o *fleetOpened) error {
	s, c := r.walk.Open(o.try.request)
	r.count(&c)
	r.sum.note(o.try, &c)
	want := expects(&c, o.try.request.Closed)
	if want != o.answer {
		r.differ("%s: the walk says %s (%s %s %s: %s), the kernel met %s", o.try, c.Verdict, c.Reason.Node, c.Reason.Table, c.Reason.Chain, c.Reason.Text, o.answer)
		return nil
	}
	if o.answer != lab.Answered || o.try.request.Proto.IsICMP() {
		return nil
	}
	r.compareSeen(o, s)
	if o.try.request.Proto != packet.ProtoTCP {
		return nil
	}
	sent, received := 0, 0
	for i := range c.Packets {
		if c.Packets[i].Direction == trace.Request {
			sent++
		} else {
			received++
		}
	}
	for ; sent < o.sent; sent++ {
		c = s.Acknowledge(false)
		r.count(&c)
	}
	for ; received < o.received; received++ {
		c = s.Acknowledge(true)
		r.count(&c)
	}
	if sent != o.sent || received != o.received {
		r.differ("%s: the kernel's TCP sent %d and received %d segments, fewer than the walk's", o.try, o.sent, o.received)
	}
	return nil
}

// count adds what the packets of a connection hit.
func (r *fleetRun) count(c *trace.Connection) {
	for i := range r.fleet.Hosts {
		s := &r.fleet.Hosts[i]
		if r.hits[s.Name] == nil {
			r.hits[s.Name] = map[difftest.Place]int{}
		}
		for j := range c.Packets {
			difftest.AddHits(r.hits[s.Name], s, c.Packets[j].Steps)
		}
	}
}

func (s *fleetSummary) note(t fleetTry, c *trace.Connection) {
	if s.kinds == nil {
		s.kinds = map[string]int{}
	}
	family := packet.FamilyOf(t.request.Dst)
	s.kinds[fmt.Sprintf("%s %s", family, t.request.Proto)]++
	s.connections++
	switch c.Verdict {
	case trace.Allow:
		s.allowed++
	case trace.Reject:
		s.rejected++
	}
	for i := range c.Packets {
		if slices.ContainsFunc(c.Packets[i].Steps, func(s trace.Step) bool { return s.Kind == trace.KindEncap }) {
			s.tunnelled++
			break
		}
	}
}

// compareSeen compares the addresses that the far end sees. A port that the kernel
// drew is any.
func (r *fleetRun) compareSeen(o *fleetOpened, s *walk.Session) {
	local, remote, ok := o.conn.Seen()
	_, p, arrived := s.Arrived()
	if !ok || !arrived {
		r.differ("%s: answered, and no server has seen it", o.try)
		return
	}
	r.sum.seen++
	from := netip.AddrPortFrom(p.Src, p.SrcPort)
	if r.drawn(&p) {
		from = netip.AddrPortFrom(p.Src, remote.Port())
	}
	if to := netip.AddrPortFrom(p.Dst, p.DstPort); local != to || remote != from {
		r.differ("%s: the far end is %v and sees %v, in the walk %v and %v", o.try, local, remote, to, from)
	}
}

// drawn reports whether the kernel draws a packet's source port.
func (r *fleetRun) drawn(p *packet.Packet) bool {
	for i := range r.fleet.Hosts {
		for _, c := range r.walk.Conntrack(r.fleet.Hosts[i].Name).List(r.walk.Now()) {
			t := &c.Tuples[conntrack.Reply]
			if c.FreePort && t.Proto == p.Proto && t.Dst == p.Src && t.DstPort == p.SrcPort {
				return true
			}
		}
	}
	return false
}

func (r *fleetRun) counters() (map[host.Name]map[difftest.Place]int, error) {
	out := map[host.Name]map[difftest.Place]int{}
	for i := range r.fleet.Hosts {
		s := &r.fleet.Hosts[i]
		back, err := kernel.ReadBack(r.lab.Node(s.Name), &s.Ruleset)
		if err != nil {
			return nil, err
		}
		out[s.Name] = difftest.Counters(back)
	}
	return out, nil
}

// compareCounters compares how often every rule was hit on every node.
func (r *fleetRun) compareCounters(before, after map[host.Name]map[difftest.Place]int) {
	for i := range r.fleet.Hosts {
		s := &r.fleet.Hosts[i]
		places := map[difftest.Place]bool{}
		for _, m := range []map[difftest.Place]int{r.hits[s.Name], after[s.Name]} {
			for p := range m {
				places[p] = difftest.HasCounter(&s.Ruleset, p)
			}
		}
		for p, counts := range places {
			got := after[s.Name][p] - before[s.Name][p]
			if !counts || strings.HasPrefix(p.Table, "arp ") || got == 0 && r.hits[s.Name][p] == 0 {
				continue
			}
			r.sum.rules++
			r.sum.hits += got
			if want := r.hits[s.Name][p]; got != want {
				r.differ("%s: rule %s %s %s: the walk counts %d, the kernel %d", s.Name, p.Table, p.Chain, p.Index, want, got)
			}
		}
	}
	slices.Sort(r.diffs)
}

// compareHalf compares the verdicts of connections that are not clean.
func (r *fleetRun) compareHalf(tries []fleetTry) error {
	if err := r.lab.Forget(""); err != nil {
		return err
	}
	r.walk.Reset()
	for _, o := range r.openAll(tries) {
		if o.err != nil {
			return fmt.Errorf("%s: %w", o.try, o.err)
		}
		_, c := r.walk.Open(o.try.request)
		r.sum.note(o.try, &c)
		r.sum.halfOpen++
		if (c.Verdict == trace.Allow) != (o.answer == lab.Answered) {
			r.differ("%s: the walk says %s (%s), the kernel met %s", o.try, c.Verdict, c.Reason.Text, o.answer)
		}
		o.conn.Reset()
	}
	return nil
}
