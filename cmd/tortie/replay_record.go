package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/lab"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/scenario"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// rehearsal is what the simulator did, step by step, for the kernel to do again.
type rehearsal struct {
	steps []rehearsed
	// outside are the addresses beyond the fleet that take part.
	outside []lab.Outside
	ports   []labPort // on which someone must answer
	closed  []labPort // on which nobody may
}

type labPort struct {
	proto packet.Proto
	port  uint16
}

// rehearsed is one step.
type rehearsed struct {
	where      string
	action     scenario.Action
	connection string
	fleet      *host.Fleet
	tries      []lab.Try
	open       *scenario.Open
	idle       time.Duration
	forget     host.Name
	verdict    trace.Verdict
	allowed    int
	entries    map[host.Name][]string
	// free are the entries whose translated port the kernel draws at random.
	free map[host.Name][]string
}

// watch is scenario.World.Watch.
func (r *rehearsal) watch(script *scenario.Scenario) func(*scenario.Player, int, *scenario.StepResult) error {
	return func(p *scenario.Player, i int, got *scenario.StepResult) error {
		s := &script.Steps[i]
		one := rehearsed{where: fmt.Sprintf("step %d (%s)", i+1, s.Text), action: s.Action, connection: s.Connection, fleet: p.Fleet,
			open: s.Open, idle: s.Idle, forget: s.Forget, verdict: got.Verdict, allowed: got.Allowed}
		one.entries, one.free = entriesOf(p)
		for _, session := range p.Opened {
			one.tries = append(one.tries, r.try(session, p, s.Open))
		}
		r.steps = append(r.steps, one)
		return nil
	}
}

// try is a session as the lab opens it.
func (r *rehearsal) try(s *walk.Session, p *scenario.Player, o *scenario.Open) lab.Try {
	first, from := s.First(), s.From()
	t := lab.Try{From: host.Port{Host: from.Host, Link: from.Link}, Src: first.Src, Dst: first.Dst, Proto: first.Proto,
		SrcPort: first.SrcPort, DstPort: first.DstPort}
	if first.Proto.IsICMP() {
		t.SrcPort = first.ICMPID
	}
	if from.Link != "" {
		r.meet(p.Fleet, lab.Outside{Addr: from.Addr, At: t.From})
	}
	ports := &r.ports
	if o.Closed {
		ports = &r.closed
	}
	addPort(ports, first.Proto, first.DstPort)
	if at, arrived, ok := s.Arrived(); ok {
		addPort(ports, arrived.Proto, arrived.DstPort)
		if at.Link != "" {
			r.meet(p.Fleet, lab.Outside{Addr: arrived.Dst, At: host.Port{Host: at.Host, Link: at.Link}})
		}
	} else if at, ok := p.Walker.FindEnd(first.Dst); ok && at.Link != "" {
		r.meet(p.Fleet, lab.Outside{Addr: first.Dst, At: host.Port{Host: at.Host, Link: at.Link}})
	}
	return t
}

func addPort(list *[]labPort, proto packet.Proto, port uint16) {
	if p := (labPort{proto, port}); (proto == packet.ProtoTCP || proto == packet.ProtoUDP) && !slices.Contains(*list, p) {
		*list = append(*list, p)
	}
}

// meet remembers an address that is neither a pod's nor a node's.
func (r *rehearsal) meet(f *host.Fleet, o lab.Outside) {
	for i := range f.Endpoints {
		if e := &f.Endpoints[i]; e.Host == o.At.Host && e.Link == o.At.Link {
			return
		}
	}
	if !slices.Contains(r.outside, o) {
		r.outside = append(r.outside, o)
	}
}

// entriesOf are the connections that each node remembers, and those of them with
// a port drawn at random.
func entriesOf(p *scenario.Player) (out, free map[host.Name][]string) {
	out, free = map[host.Name][]string{}, map[host.Name][]string{}
	for i := range p.Fleet.Hosts {
		name := p.Fleet.Hosts[i].Name
		list := []string{}
		for _, c := range p.Walker.Conntrack(name).List(p.Walker.Now()) {
			if !c.Tuples[conntrack.Original].Src.Is4() {
				continue
			}
			list = append(list, entryOf(c))
			if c.FreePort {
				free[name] = append(free[name], entryOf(c))
			}
		}
		slices.Sort(list)
		out[name] = list
	}
	return out, free
}

// entryOf describes a connection so that the kernel's can be compared.
func entryOf(c *conntrack.Conn) string {
	state := ""
	switch c.Tuples[0].Proto {
	case packet.ProtoTCP:
		state = c.TCP.State.String()
	case packet.ProtoSCTP:
		state = c.SCTP.State.String()
	}
	text := []string{fmt.Sprintf("%s %s", c.Tuples[0].Proto, state)}
	for _, t := range c.Tuples {
		if t.Proto.IsICMP() {
			text = append(text, fmt.Sprintf("%s>%s id %d", t.Src, t.Dst, t.SrcPort))
		} else {
			text = append(text, fmt.Sprintf("%s:%d>%s:%d", t.Src, t.SrcPort, t.Dst, t.DstPort))
		}
	}
	return flags(text, c.Status&conntrack.SeenReply == 0, c.Status&conntrack.Assured != 0, c.Mark)
}

// kernelEntry describes a connection of the kernel in the same way.
func kernelEntry(c *kernel.Conn) string {
	text := []string{fmt.Sprintf("%s %s", c.Proto, c.State)}
	for _, t := range []kernel.Tuple{c.Orig, c.Reply} {
		if c.Proto.IsICMP() {
			text = append(text, fmt.Sprintf("%s>%s id %d", t.Src, t.Dst, t.SrcPort))
		} else {
			text = append(text, fmt.Sprintf("%s:%d>%s:%d", t.Src, t.SrcPort, t.Dst, t.DstPort))
		}
	}
	return flags(text, c.Unreplied, c.Assured, c.Mark)
}

func flags(text []string, unreplied, assured bool, mark uint32) string {
	if unreplied {
		text = append(text, "UNREPLIED")
	}
	if assured {
		text = append(text, "ASSURED")
	}
	if mark != 0 {
		text = append(text, fmt.Sprintf("mark %#x", mark))
	}
	return strings.Join(text, " ")
}
