package perform

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/lab"
	"tortie/dataplane/packet"
	"tortie/simulator/scenario"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// Rehearsal is what the simulator did, step by step, for the kernel to do again.
type Rehearsal struct {
	steps []rehearsed
	// outside are the addresses beyond the fleet that take part.
	outside []lab.Outside
	ports   []port // on which someone must answer
	closed  []port // on which nobody may
	// answering are the ports of those at which somebody was reached.
	answering []port
	memory    memory
}

type port struct {
	proto packet.Proto
	port  uint16
}

// rehearsed is one step.
type rehearsed struct {
	*scenario.Step
	where string
	// fleet is the fleet as it is now, and pinned the same with every random choice
	// of the step made; nil if there was none.
	fleet, pinned *host.Fleet
	tries         []lab.Try
	arrivals      []arrival
	verdict       trace.Verdict
	// unjudged is why the step cannot be compared; "" is that it can.
	unjudged string
	allowed  int
	hits     map[rule]int
	entries  map[host.Name][]entry
	// early are how many connections of each node a kernel short of room may drop.
	early map[host.Name]int
}

// arrival is the first packet of a connection as the far end sees it; the zero
// value did not arrive.
type arrival struct {
	at walk.End
	p  packet.Packet
	// drawn says that its source port is one that a kernel draws at random.
	drawn bool
}

// Watch is scenario.World.Watch.
func (r *Rehearsal) Watch(p *scenario.Player, s *scenario.Step, got *scenario.StepResult) {
	one := rehearsed{Step: s, where: fmt.Sprintf("step %d (%s)", s.Index+1, s.Text), fleet: p.Fleet, verdict: got.Verdict, allowed: got.Allowed}
	one.entries, one.early = entriesOf(p)
	one.hits = walkedHits(p.Paths)
	one.unjudged = cmp.Or(r.memory.watch(s, p.Fleet, p.Paths), r.unjudged(s, got, p.Paths))
	if p.Chance != nil {
		one.pinned = pin(p.Fleet, p.Walker, p.Chance)
	}
	for _, session := range p.Opened {
		one.tries = append(one.tries, r.try(session, p, s.Open))
		one.arrivals = append(one.arrivals, arrivalOf(session))
	}
	if p.Spoke != nil { // where a first packet after a change leads
		r.arrive(p.Spoke, p.Fleet, true)
	}
	r.steps = append(r.steps, one)
}

// unjudged says why a step cannot be compared, "" if it can: what the simulator does
// not know, and what comes after it on the same connection.
func (r *Rehearsal) unjudged(s *scenario.Step, got *scenario.StepResult, paths []trace.Packet) string {
	for i := range r.steps {
		before := &r.steps[i]
		if before.Open == nil || s.Connection == "" || before.Open.As != s.Connection {
			continue
		}
		if before.unjudged != "" {
			return fmt.Sprintf("the connection of step %d was not", before.Index+1)
		}
		if len(before.tries) > 0 && before.tries[0].Proto.IsICMP() && s.Action != scenario.ActionCheck {
			return "a ping is one question there, and nobody goes on with it"
		}
	}
	text := ""
	if got.Reason != nil {
		text = got.Reason.Text
	}
	switch {
	case r.lost(s):
		return "a message on the connection was lost, and when TCP sends it again is chance"
	case slices.ContainsFunc(got.Notes, func(n string) bool { return strings.HasPrefix(n, walk.NoDiscovery) }):
		return "everyone knows the neighbours there: " + walk.NoDiscovery
	case slices.ContainsFunc(paths, func(p trace.Packet) bool { return p.Verdict == trace.Unknown }):
		return "the simulator does not know: " + text
	}
	return ""
}

// lost reports whether a step ends a connection of which the last message of either side
// did not arrive.
func (r *Rehearsal) lost(s *scenario.Step) bool {
	if s.Action != scenario.ActionClose && s.Action != scenario.ActionReset {
		return false
	}
	lost := map[scenario.Action]bool{}
	for i := range r.steps {
		if b := &r.steps[i]; b.Connection == s.Connection && (b.Action == scenario.ActionSend || b.Action == scenario.ActionReply) {
			lost[b.Action] = b.verdict != trace.Allow
		}
	}
	return lost[scenario.ActionSend] || lost[scenario.ActionReply]
}

// Impossible says what of the rehearsal no lab can do, by step; "" is nothing.
func (r *Rehearsal) Impossible() string {
	for _, p := range r.answering {
		if slices.Contains(r.closed, p) {
			return fmt.Sprintf("port %d/%s is closed for one step and answers in another, which ports cannot there; use two ports", p.port, p.proto)
		}
	}
	for i := range r.steps {
		s := &r.steps[i]
		if what := rewired(r.steps[0].fleet, s.fleet); what != "" {
			return fmt.Sprintf("%s: %s; nodes, links and routes stay as they are at the beginning", s.where, what)
		}
		for j := range s.fleet.Hosts {
			if h := &s.fleet.Hosts[j]; len(h.IPVS) > 0 {
				return fmt.Sprintf("node %s has virtual servers of IPVS, which the kernel's part has not; --kube-proxy iptables or nftables", h.Name)
			}
		}
		for _, t := range s.tries {
			if t.Proto != packet.ProtoTCP && t.Proto != packet.ProtoUDP && !t.Proto.IsICMP() {
				return fmt.Sprintf("%s: connections of %s are not opened there, only those of TCP, UDP and ICMP", s.where, t.Proto)
			}
		}
	}
	return ""
}

// rewired says what of a fleet is no longer as it was besides rules; "" is nothing.
func rewired(before, now *host.Fleet) string {
	if before == now {
		return ""
	}
	for i := range now.Hosts {
		if s := &now.Hosts[i]; before.FindHost(s.Name) == nil {
			return fmt.Sprintf("node %s is new", s.Name)
		}
	}
	for i := range before.Hosts {
		old := &before.Hosts[i]
		s := now.FindHost(old.Name)
		switch {
		case s == nil:
			return fmt.Sprintf("node %s is gone", old.Name)
		case !reflect.DeepEqual(old.Links, s.Links):
			return fmt.Sprintf("node %s has other links", s.Name)
		case !reflect.DeepEqual(old.Routes, s.Routes), !reflect.DeepEqual(old.Rules, s.Rules):
			return fmt.Sprintf("node %s has other routes", s.Name)
		}
	}
	return ""
}

func arrivalOf(s *walk.Session) arrival {
	at, p, ok := s.Arrived()
	if !ok {
		return arrival{}
	}
	return arrival{at: at, p: p, drawn: p.Proto.HasPorts() && p.SrcPort != s.First().SrcPort}
}

// try is a session as the lab opens it.
func (r *Rehearsal) try(s *walk.Session, p *scenario.Player, o *scenario.Open) lab.Try {
	first, from := s.First(), s.From()
	t := lab.Try{From: host.Port{Host: from.Host, Link: from.Link}, Src: first.Src, Dst: first.Dst, Proto: first.Proto,
		SrcPort: first.SrcPort, DstPort: first.DstPort, HalfOpen: o.HalfOpen}
	if first.Proto.IsICMP() {
		t.SrcPort, t.Type, t.Code = first.ICMPID, first.ICMPType, first.ICMPCode
	}
	if from.Link != "" {
		r.meet(p.Fleet, lab.Outside{Addr: from.Addr, At: t.From})
	}
	ports := &r.ports
	if o.Closed {
		ports = &r.closed
	}
	addPort(ports, first.Proto, first.DstPort)
	if r.arrive(s, p.Fleet, !o.Closed) {
		return t
	}
	if at, ok := p.Walker.FindEnd(first.Dst); ok && at.Link != "" {
		r.meet(p.Fleet, lab.Outside{Addr: first.Dst, At: host.Port{Host: at.Host, Link: at.Link}, Nobody: p.Walker.IsVirtual(first.Dst)})
	}
	return t
}

// arrive remembers who has to be where a connection arrived, and whether someone has to
// listen there; false says that it did not arrive.
func (r *Rehearsal) arrive(s *walk.Session, f *host.Fleet, listen bool) bool {
	at, p, ok := s.Arrived()
	if !ok {
		return false
	}
	if listen {
		addPort(&r.ports, p.Proto, p.DstPort)
		addPort(&r.answering, p.Proto, p.DstPort)
	} else {
		addPort(&r.closed, p.Proto, p.DstPort)
	}
	if at.Link != "" {
		r.meet(f, lab.Outside{Addr: p.Dst, At: host.Port{Host: at.Host, Link: at.Link}})
	}
	return true
}

func addPort(list *[]port, proto packet.Proto, number uint16) {
	if p := (port{proto, number}); (proto == packet.ProtoTCP || proto == packet.ProtoUDP) && !slices.Contains(*list, p) {
		*list = append(*list, p)
	}
}

// meet remembers an address that is neither a pod's nor a node's.
func (r *Rehearsal) meet(f *host.Fleet, o lab.Outside) {
	for i := range f.Endpoints {
		if e := &f.Endpoints[i]; e.Host == o.At.Host && e.Link == o.At.Link {
			return
		}
	}
	if !slices.Contains(r.outside, o) {
		r.outside = append(r.outside, o)
	}
}
