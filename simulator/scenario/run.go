package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/simulator/chance"
	"tortie/simulator/eval"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// World is what a scenario plays in.
type World struct {
	// Fleet is the fleet that the scenario begins with.
	Fleet *host.Fleet
	// Change makes the fleet after a step that changes objects or rules of other programs,
	// by the step's index in the document; it is called once for each, in order. PartErrors say which
	// parts of the step are wrong; with a fleet all the same, made without them, the
	// steps behind are played to find what is wrong with those.
	Change func(step int) (*host.Fleet, error)
	// Request turns the ends of an Open into a request without source port, and into
	// what there is to note of such a connection besides its way (nil is nothing).
	// EndErrors say which of the ends are wrong.
	Request func(w *walk.Walker, f *host.Fleet, o *Open) (walk.Request, func(*trace.Connection) []string, error)
	// Policies are those that a reason may name now, with kind, namespace, name and
	// tier: policies, profiles, tiers and services. Nil leaves them unchecked in
	// expectations.
	Policies func() []trace.Policy
	// Explain fills in which policies rules were made from.
	Explain func(c *trace.Connection, f *host.Fleet)
	// RuleText writes a rule (see trace.Recorder).
	RuleText func(t *nf.Table, c *nf.Chain, r *nf.Rule) string
	// Watch, if set, is called after each step.
	Watch func(p *Player, step *Step, r *StepResult)
}

// EndError is an end that cannot be found: Field is "from", "to" or "backend".
type EndError struct {
	Field string
	Err   error
}

func (e *EndError) Error() string { return e.Err.Error() }

// PartError is a mistake at a part of a step: the names of its fields and indices
// of its lists.
type PartError struct {
	Part []any
	Err  error
}

func (e *PartError) Error() string { return e.Err.Error() }

// Player plays a scenario step by step.
type Player struct {
	Walker *walk.Walker
	Fleet  *host.Fleet
	// Opened are the connections that the last step opened.
	Opened []*walk.Session
	// Spoke is the connection on which the last step sent something; nil if it opened
	// some, or sent nothing.
	Spoke *walk.Session
	// Paths are the ways of the last step's packets.
	Paths []trace.Packet
	// Chance is how the last step chose at random; nil if it did not.
	Chance *chance.Script

	run      *run
	sessions map[string]*walk.Session
	nextPort uint16
	random   *chance.Script
	given    []int // how to choose at random
	mute     bool  // record nothing
}

// run is a scenario while it is being played.
type run struct {
	script *Scenario
	world  World
	// fleets are those that changes made, by index of their step.
	fleets map[int]*host.Fleet
	// requests are what steps open, by their index.
	requests map[int]request
	// picks are how the steps so far chose at random.
	picks [][]int
	// failed are the steps that could not be played.
	failed   map[int]bool
	policies [][]trace.Policy // that there are and were, by change
	diags    diag.List
}

// request is what a step opens, and what there is to note of it (World.Request).
type request struct {
	walk.Request
	notes func(*trace.Connection) []string
}

// firstPort is the source port of the first connection that names none.
const firstPort = 40000

// Run plays the scenario. Findings are what is wrong with the script: ends that
// do not exist, objects that cannot be read. Steps that have one are left out.
func Run(s *Scenario, world World) (*Result, diag.List) {
	r := &run{script: s, world: world, fleets: map[int]*host.Fleet{}, requests: map[int]request{}, failed: map[int]bool{}}
	r.learn()
	p := r.player()
	out := &Result{Schema: Schema, Scenario: s.Name, Notes: slices.Clone(p.Fleet.Notes), Steps: []StepResult{}}
	for i := range s.Steps {
		var got StepResult
		err := errSkip
		if !s.Steps[i].faulty {
			p, got, err = r.step(p, i)
		}
		for _, n := range p.Fleet.Notes {
			if !slices.Contains(out.Notes, n) {
				out.Notes = append(out.Notes, n)
			}
		}
		r.picks = append(r.picks, got.picks)
		p.checkNames(&s.Steps[i])
		if err != nil {
			r.failed[i] = r.fleets[i] == nil
			r.fail(&s.Steps[i], err)
			if s.Steps[i].Action == ActionChange && r.failed[i] {
				break // what follows would miss its objects
			}
			continue
		}
		p.judge(&s.Steps[i], &got)
		if world.Watch != nil {
			world.Watch(p, &s.Steps[i], &got)
		}
		out.Passed += got.Expected - len(got.Failures)
		out.Failed += len(got.Failures)
		out.Steps = append(out.Steps, got)
	}
	return out, r.diags
}

// fail reports a step that cannot be played, by each of its errors.
func (r *run) fail(s *Step, err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			r.fail(s, one)
		}
		return
	}
	var end *EndError
	var part *PartError
	switch {
	case errors.Is(err, errSkip), errors.Is(err, ErrReported):
	case errors.As(err, &end):
		r.bad(s, err.Error(), "open", end.Field)
	case errors.As(err, &part):
		r.bad(s, err.Error(), part.Part...)
	default:
		r.bad(s, err.Error())
	}
}

// bad reports a mistake at a part of a step. A second line of the message is a
// hint.
func (r *run) bad(s *Step, message string, part ...any) {
	message, hint, _ := strings.Cut(message, "\n")
	f := diag.Finding{Code: CodeBad, Severity: diag.Error, Span: s.Span, Message: message, Hint: hint}
	if r.script.place != nil {
		f.Span = r.script.place(join([]any{"spec", "steps", s.Index}, part...)...)
	}
	if !slices.Contains(findingKeys(r.diags), findingKey(f)) {
		r.diags.Add(f)
	}
}

func findingKey(f diag.Finding) string { return f.Span.String() + f.Message }

func findingKeys(l diag.List) []string {
	keys := make([]string, len(l))
	for i, f := range l {
		keys[i] = findingKey(f)
	}
	return keys
}

func (r *run) player() *Player {
	p := &Player{run: r, sessions: map[string]*walk.Session{}, nextPort: firstPort, Fleet: r.world.Fleet}
	p.limit()
	p.Walker = walk.New(p.Fleet, walk.Options{Choose: func(c eval.Choice) int {
		if p.random == nil {
			p.random = &chance.Script{}
		}
		return p.random.Choose(c)
	}})
	return p
}

// limit gives every node the connection table that the script asks for.
func (p *Player) limit() {
	if p.run.script.ConntrackMax == 0 {
		return
	}
	for i := range p.Fleet.Hosts {
		h := &p.Fleet.Hosts[i]
		if h.Sysctls == nil {
			h.Sysctls = map[string]string{}
		}
		h.Sysctls["net.netfilter.nf_conntrack_max"] = strconv.Itoa(p.run.script.ConntrackMax)
	}
}

// ErrReported is what is wrong with a step when a finding elsewhere says it already.
var ErrReported = errors.New("reported elsewhere")

// errSkip is a step that needs one which failed.
var errSkip = errors.New("an earlier step failed")

// play does what a step says.
func (p *Player) play(i int) (StepResult, error) {
	s := &p.run.script.Steps[i]
	r := StepResult{Step: s.Index + 1, Name: s.Name, Action: s.Action, Text: s.Text, Time: p.Walker.Now().Seconds()}
	if s.Span.File != "" {
		r.Source = &trace.Source{File: s.Span.File, Line: s.Span.Start.Line}
	}
	p.Paths, p.Opened, p.Spoke, p.Chance, p.random = nil, nil, nil, nil, nil
	switch s.Action {
	case ActionOpen:
		return r, p.open(i, &r)
	case ActionIdle:
		p.Walker.Advance(s.Idle)
	case ActionForget:
		return r, p.forget(s.Forget)
	case ActionChange, ActionNodeRules:
		var err error
		r.Removed, err = p.change(i)
		return r, err
	case ActionCheck:
		if s.Connection != "" && p.sessions[s.Connection] == nil {
			return r, errSkip
		}
	default:
		return r, p.speak(s, &r)
	}
	return r, nil
}

// change plays on with other objects, and says which connections programs removed.
func (p *Player) change(i int) (removed []string, failed error) {
	f := p.run.fleets[i]
	if f == nil {
		var err error
		if f, err = p.run.world.Change(p.run.script.Steps[i].Index); f == nil {
			return nil, err
		}
		p.run.fleets[i] = f
		p.run.learn()
		defer func() { failed = err }()
	}
	p.Fleet = f
	p.limit()
	p.Walker.Replace(f)
	return p.Walker.Remove(), nil
}

func (p *Player) forget(node host.Name) error {
	if node != "" && p.Fleet.FindHost(node) == nil {
		return &PartError{[]any{"forget"}, errors.New(p.noNode(node))}
	}
	for i := range p.Fleet.Hosts {
		if name := p.Fleet.Hosts[i].Name; node == "" || node == name {
			p.Walker.Conntrack(name).Flush()
		}
	}
	return nil
}

// noNode says that a node does not exist, and on a second line what to write.
func (p *Player) noNode(name host.Name) string {
	var names []string
	for i := range p.Fleet.Hosts {
		names = append(names, string(p.Fleet.Hosts[i].Name))
	}
	return fmt.Sprintf("no node %q\n%s", name, p.run.hint(string(name), names))
}

// speak sends packets of an open connection.
func (p *Player) speak(s *Step, r *StepResult) error {
	c := p.sessions[s.Connection]
	if c == nil {
		return errSkip
	}
	p.Spoke = c
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
	p.Chance = p.random
	return nil
}

// record does something with a connection and notes what became of it.
func (p *Player) record(do func() trace.Connection, r *StepResult) trace.Connection {
	if p.mute {
		return do()
	}
	p.Walker.Record(&trace.Recorder{Text: p.run.world.RuleText})
	c := do()
	p.Walker.Record(nil)
	if p.run.world.Explain != nil {
		p.run.world.Explain(&c, p.Fleet)
	}
	if r.Verdict == "" || r.Verdict == trace.Allow && c.Verdict != trace.Allow {
		r.Verdict, r.Reason = c.Verdict, &c.Reason
	}
	r.Conntrack = c.Conntrack
	p.Paths = append(p.Paths, c.Packets...)
	r.note(c.Notes)
	return c
}

// request is what a step opens, as it was when the step was played first: where a
// connection enters depends on the objects of that time.
func (p *Player) request(i int) (request, error) {
	if r, ok := p.run.requests[i]; ok {
		return r, nil
	}
	req, notes, err := p.run.world.Request(p.Walker, p.Fleet, p.run.script.Steps[i].Open)
	if err != nil {
		return request{}, err
	}
	p.run.requests[i] = request{req, notes}
	return p.run.requests[i], nil
}

// open opens the connections of a step.
func (p *Player) open(i int, r *StepResult) error {
	asked, err := p.request(i)
	if err != nil {
		return err
	}
	o, req, notes := p.run.script.Steps[i].Open, asked.Request, asked.notes
	req.Closed, req.HalfOpen = o.Closed, o.HalfOpen
	if o.SrcPort != 0 {
		p.nextPort = o.SrcPort
	}
	for i := range max(o.Count, 1) {
		p.random = &chance.Script{Picks: p.given}
		if req.Proto.HasPorts() {
			req.SrcPort = p.nextPort
			p.nextPort = max(p.nextPort+1, 1024)
		} else if req.Proto.IsICMP() {
			req.ICMPID = p.nextPort
			p.nextPort++
		}
		s, c := p.openOne(req, r)
		p.Opened = append(p.Opened, s)
		r.chosen = append(r.chosen, chance.Notes(&c)...)
		if i == 0 {
			p.Chance, r.backend = p.random, chance.Backend(&c)
			r.arrived(s)
			if notes != nil {
				r.note(notes(&c))
			}
		}
		if r.Opened++; c.Verdict == trace.Allow {
			r.Allowed++
		}
		if o.Close && s.IsOpen() {
			p.record(s.Close, &StepResult{})
		}
	}
	if o.As != "" {
		p.sessions[o.As] = p.Opened[len(p.Opened)-1]
	}
	return nil
}

func (p *Player) openOne(req walk.Request, r *StepResult) (s *walk.Session, c trace.Connection) {
	c = p.record(func() (c trace.Connection) {
		s, c = p.Walker.Open(req)
		return c
	}, r)
	return s, c
}
