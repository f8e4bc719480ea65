package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

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

// settle is how long the kernel may take until its last packets have gone.
const settle = 1500 * time.Millisecond

// compareEntries compares every node's connection table. Of many connections,
// which ones found room is chance: then only their number counts.
func (p *performance) compareEntries(s *rehearsed) error {
	for i := range s.fleet.Hosts {
		name := s.fleet.Hosts[i].Name
		want := p.settled(s.entries[name])
		var got []string
		for end := time.Now().Add(settle); ; time.Sleep(50 * time.Millisecond) {
			list, err := p.lab.Connections(name)
			if err != nil {
				return err
			}
			got = nil
			for i := range list {
				got = append(got, kernelEntry(&list[i]))
			}
			slices.Sort(got)
			got = p.settled(got)
			if slices.Equal(want, got) || time.Now().After(end) {
				break
			}
		}
		p.out.Entries += len(want)
		if len(s.tries) > 1 && len(want) == len(got) {
			continue
		}
		if d := missing(want, got); d != "" {
			p.differ("%s: only in the simulator's table of %s: %s", s.where, name, d)
		}
		if d := missing(got, want); d != "" {
			p.differ("%s: only in the kernel's table of %s: %s", s.where, name, d)
		}
	}
	return nil
}

// settled leaves out connections whose last message was lost: TCP sends it again
// whenever it likes.
func (p *performance) settled(entries []string) []string {
	out := slices.Clone(entries)
	for _, c := range p.sessions {
		if t := c.Try(); c.Waits() {
			tuple := fmt.Sprintf(" %s:%d>%s:%d ", t.Src, t.SrcPort, t.Dst, t.DstPort)
			out = slices.DeleteFunc(out, func(e string) bool { return strings.Contains(e, tuple) })
		}
	}
	return out
}

// missing lists what of a is not in b, at most five.
func missing(a, b []string) string {
	var out []string
	for _, e := range a {
		if !slices.Contains(b, e) {
			out = append(out, e)
		}
	}
	if n := len(out); n > 5 {
		out = append(out[:5], fmt.Sprintf("and %d more", n-5))
	}
	return strings.Join(out, "; ")
}
