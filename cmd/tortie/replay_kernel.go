package main

import (
	"fmt"
	"slices"
	"sync"

	"tortie/dataplane/host"
	"tortie/dataplane/lab"
	"tortie/simulator/scenario"
	"tortie/simulator/trace"
)

// performance plays a rehearsed scenario in the kernel.
type performance struct {
	lab      *lab.Lab
	sessions map[string]*lab.Conn
	out      *scenario.Comparison
}

// perform plays the steps in network namespaces and compares.
func perform(r *rehearsal, first *host.Fleet, conntrackMax int) (*scenario.Comparison, error) {
	l, err := lab.Build(first, r.outside)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	p := &performance{lab: l, sessions: map[string]*lab.Conn{}, out: &scenario.Comparison{Differences: []string{}}}
	for _, port := range r.ports {
		if !slices.Contains(r.closed, port) {
			if err := l.Listen(port.proto, port.port); err != nil {
				return nil, err
			}
		}
	}
	if conntrackMax > 0 {
		if err := l.Limit(conntrackMax); err != nil {
			return nil, err
		}
	}
	for i := range r.steps {
		if err := p.step(&r.steps[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", r.steps[i].where, err)
		}
		if err := p.compareEntries(&r.steps[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", r.steps[i].where, err)
		}
	}
	return p.out, nil
}

func (p *performance) step(s *rehearsed) error {
	switch s.action {
	case scenario.ActionOpen:
		return p.open(s)
	case scenario.ActionChange:
		return p.lab.Replace(s.fleet)
	case scenario.ActionIdle:
		return p.lab.Idle(s.idle)
	case scenario.ActionForget:
		return p.lab.Forget(s.forget)
	case scenario.ActionSend:
		p.answer(s, p.sessions[s.connection].Send())
	case scenario.ActionReply:
		p.answer(s, p.sessions[s.connection].Reply())
	case scenario.ActionClose:
		p.sessions[s.connection].Close()
	case scenario.ActionReset:
		p.sessions[s.connection].Reset()
	}
	return nil
}

func (p *performance) differ(format string, args ...any) {
	p.out.Differences = append(p.out.Differences, fmt.Sprintf(format, args...))
}

// answer compares one answer with the simulator's verdict.
func (p *performance) answer(s *rehearsed, got lab.Answer) {
	p.out.Answers++
	want := map[trace.Verdict]lab.Answer{trace.Allow: lab.Answered, trace.Reject: lab.Refused, trace.Deny: lab.Silence}[s.verdict]
	if want == lab.Answered && s.open != nil && s.open.Closed {
		want = lab.Refused
	}
	if got != want {
		p.differ("%s: the simulator says %s, the kernel met %s", s.where, s.verdict, got)
	}
}

// open opens the step's connections, several at a time.
func (p *performance) open(s *rehearsed) error {
	conns := make([]*lab.Conn, len(s.tries))
	answers := make([]lab.Answer, len(s.tries))
	errs := make([]error, len(s.tries))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 32)
	for i := range s.tries {
		slots <- struct{}{}
		wg.Go(func() {
			conns[i], answers[i], errs[i] = p.lab.Open(s.tries[i])
			if s.open.Close {
				conns[i].Close()
			}
			<-slots
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if s.open.As != "" {
		p.sessions[s.open.As] = conns[len(conns)-1]
	}
	if len(answers) == 1 {
		p.answer(s, answers[0])
		return nil
	}
	allowed := 0
	for _, a := range answers {
		p.out.Answers++
		if a == lab.Answered {
			allowed++
		}
	}
	if allowed != s.allowed {
		p.differ("%s: the simulator allows %d of %d connections, the kernel %d", s.where, s.allowed, len(s.tries), allowed)
	}
	return nil
}
