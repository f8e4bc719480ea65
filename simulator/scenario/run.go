package scenario

import (
	"fmt"
	"slices"
	"strconv"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// World is what a scenario plays in.
type World struct {
	// Fleet is the fleet that the scenario begins with.
	Fleet *host.Fleet
	// Change makes the fleet after the step of that index, an ActionChange.
	Change func(step int) (*host.Fleet, error)
	// Request turns the ends of an Open into a request without source port.
	Request func(w *walk.Walker, f *host.Fleet, o *Open) (walk.Request, error)
	// Explain fills in which policies rules were made from.
	Explain func(c *trace.Connection, f *host.Fleet)
	// RuleText writes a rule (see trace.Recorder).
	RuleText func(t *nf.Table, c *nf.Chain, r *nf.Rule) string
	// Watch, if set, is called after each step.
	Watch func(p *Player, step int, r *StepResult) error
}

// Player plays a scenario step by step.
type Player struct {
	Walker *walk.Walker
	Fleet  *host.Fleet
	// Opened are the connections that the last step opened.
	Opened []*walk.Session

	world    World
	script   *Scenario
	sessions map[string]*walk.Session
	nextPort uint16
	paths    []trace.Packet // the ways of the step's packets
}

// firstPort is the source port of the first connection that names none.
const firstPort = 40000

// Run plays the scenario. The error is for a script that cannot be played: an
// end that does not exist, objects that cannot be read.
func Run(s *Scenario, world World) (*Result, error) {
	p := &Player{world: world, script: s, sessions: map[string]*walk.Session{}, nextPort: firstPort, Fleet: world.Fleet}
	p.limit()
	p.Walker = walk.New(p.Fleet, walk.Options{})
	out := &Result{Schema: Schema, Scenario: s.Name, Notes: p.Fleet.Notes, Steps: []StepResult{}}
	for i := range s.Steps {
		r, err := p.play(i)
		if err != nil {
			return nil, fmt.Errorf("%s: step %d: %w", s.Steps[i].Span, i+1, err)
		}
		p.judge(s.Steps[i].Expect, &r)
		if world.Watch != nil {
			if err := world.Watch(p, i, &r); err != nil {
				return nil, fmt.Errorf("%s: step %d: %w", s.Steps[i].Span, i+1, err)
			}
		}
		out.Passed += r.Expected - len(r.Failures)
		out.Failed += len(r.Failures)
		out.Steps = append(out.Steps, r)
	}
	return out, nil
}

// limit gives every node the connection table that the script asks for.
func (p *Player) limit() {
	if p.script.ConntrackMax == 0 {
		return
	}
	for i := range p.Fleet.Hosts {
		h := &p.Fleet.Hosts[i]
		if h.Sysctls == nil {
			h.Sysctls = map[string]string{}
		}
		h.Sysctls["net.netfilter.nf_conntrack_max"] = strconv.Itoa(p.script.ConntrackMax)
	}
}

// play does what a step says.
func (p *Player) play(i int) (StepResult, error) {
	s := &p.script.Steps[i]
	r := StepResult{Step: i + 1, Name: s.Name, Action: s.Action, Text: s.Text, Time: p.Walker.Now().Seconds()}
	if s.Span.File != "" {
		r.Source = &trace.Source{File: s.Span.File, Line: s.Span.Start.Line}
	}
	p.paths, p.Opened = nil, nil
	switch s.Action {
	case ActionOpen:
		return r, p.open(s.Open, &r)
	case ActionIdle:
		p.Walker.Advance(s.Idle)
	case ActionForget:
		return r, p.forget(s.Forget)
	case ActionChange:
		return r, p.change(i)
	case ActionCheck:
	default:
		return r, p.speak(s, &r)
	}
	return r, nil
}

func (p *Player) change(step int) error {
	f, err := p.world.Change(step)
	if err != nil {
		return err
	}
	p.Fleet = f
	p.limit()
	p.Walker.Replace(f)
	return nil
}

func (p *Player) forget(node host.Name) error {
	found := false
	for i := range p.Fleet.Hosts {
		if name := p.Fleet.Hosts[i].Name; node == "" || node == name {
			p.Walker.Conntrack(name).Flush()
			found = true
		}
	}
	if !found {
		return fmt.Errorf("no node %q", node)
	}
	return nil
}

// Session returns the connection of that name.
func (p *Player) Session(name string) (*walk.Session, error) {
	if s := p.sessions[name]; s != nil {
		return s, nil
	}
	return nil, fmt.Errorf("no connection %q was opened", name)
}

// speak sends packets of an open connection.
func (p *Player) speak(s *Step, r *StepResult) error {
	c, err := p.Session(s.Connection)
	if err != nil {
		return err
	}
	p.record(func() trace.Connection {
		switch s.Action {
		case ActionSend:
			return c.Send()
		case ActionReply:
			return c.Reply()
		case ActionClose:
			return c.Close()
		}
		return c.Reset()
	}, r)
	return nil
}

// record does something with a connection and notes what became of it.
func (p *Player) record(do func() trace.Connection, r *StepResult) trace.Verdict {
	p.Walker.Record(&trace.Recorder{Text: p.world.RuleText})
	c := do()
	p.Walker.Record(nil)
	if p.world.Explain != nil {
		p.world.Explain(&c, p.Fleet)
	}
	if r.Verdict == "" || r.Verdict == trace.Allow && c.Verdict != trace.Allow {
		r.Verdict, r.Reason = c.Verdict, &c.Reason
	}
	r.Conntrack = c.Conntrack
	p.paths = append(p.paths, c.Packets...)
	for _, n := range c.Notes {
		if !slices.Contains(r.Notes, n) {
			r.Notes = append(r.Notes, n)
		}
	}
	return c.Verdict
}

// open opens connections.
func (p *Player) open(o *Open, r *StepResult) error {
	req, err := p.world.Request(p.Walker, p.Fleet, o)
	if err != nil {
		return err
	}
	req.Closed = o.Closed
	if o.SrcPort != 0 {
		p.nextPort = o.SrcPort
	}
	for range max(o.Count, 1) {
		if req.Proto.HasPorts() {
			req.SrcPort = p.nextPort
			p.nextPort = max(p.nextPort+1, 1024)
		} else if req.Proto.IsICMP() {
			req.ICMPID = p.nextPort
			p.nextPort++
		}
		var s *walk.Session
		v := p.record(func() (c trace.Connection) {
			s, c = p.Walker.Open(req)
			return c
		}, r)
		p.Opened = append(p.Opened, s)
		r.Opened++
		if v == trace.Allow {
			r.Allowed++
		}
		if o.Close && s.IsOpen() {
			s.Close()
		}
	}
	if o.As != "" {
		p.sessions[o.As] = p.Opened[len(p.Opened)-1]
	}
	return nil
}
