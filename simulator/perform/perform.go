package perform

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"tortie/dataplane/host"
	"tortie/dataplane/lab"
	"tortie/dataplane/nf"
	"tortie/simulator/scenario"
	"tortie/simulator/trace"
)

// performance is a rehearsed scenario in the kernel.
type performance struct {
	lab      *lab.Lab
	sessions map[string]*lab.Conn
	out      *scenario.Comparison
	room     int // of connection tables, 0 is the kernel's own
	write    func(*nf.Table, *nf.Chain, *nf.Rule) string
	// before are the counters before a step, now those after it.
	before, now map[rule]uint64
	// rules and tables are what the last comparison of a step compared.
	rules, tables int
	// drawn are the ends with a port that the kernel drew, and those that the simulator
	// supposed.
	drawn map[string]string
	// strangers are the entries of connections that are not compared.
	strangers map[host.Name][]entry
}

// Quieten makes the simulator's nodes send no redirects, as those of namespaces do
// not: a kernel limits its ICMP errors together with them.
func Quieten(f *host.Fleet) {
	for i := range f.Hosts {
		f.Hosts[i].Sysctls["net.ipv4.conf.all.send_redirects"] = "0"
		f.Hosts[i].Sysctls["net.ipv4.conf.default.send_redirects"] = "0"
	}
}

// Options say how to perform. Nodes have connection tables for Room entries, 0 is the
// kernel's own size; Write writes a rule for a person; Progress, if set, is told what is
// done next.
type Options struct {
	Room     int
	Write    func(*nf.Table, *nf.Chain, *nf.Rule) string
	Progress func(string)
}

// Perform plays the steps in network namespaces, beginning with the fleet first, and
// compares.
func Perform(r *Rehearsal, first *host.Fleet, opt Options) (*scenario.Comparison, error) {
	progress := func(format string, args ...any) {
		if opt.Progress != nil {
			opt.Progress(fmt.Sprintf(format, args...))
		}
	}
	progress("building %d nodes and %d pods", len(first.Hosts), len(first.Endpoints))
	l, err := lab.Build(first, r.outside)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	p := &performance{lab: l, sessions: map[string]*lab.Conn{}, room: opt.Room, write: opt.Write, strangers: map[host.Name][]entry{}, drawn: map[string]string{},
		out: &scenario.Comparison{Differences: []string{}}}
	for _, port := range r.ports {
		if !slices.Contains(r.closed, port) {
			if err := l.Listen(port.proto, port.port); err != nil {
				return nil, err
			}
		}
	}
	if opt.Room > 0 {
		if err := l.Limit(opt.Room); err != nil {
			return nil, err
		}
	}
	if err := p.quieten(first); err != nil {
		return nil, err
	}
	for i := range r.steps {
		progress("%s of %d", r.steps[i].where, len(r.steps))
		if err := p.step(&r.steps[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", r.steps[i].where, err)
		}
	}
	return p.out, nil
}

// step does a step and compares what came of it.
func (p *performance) step(s *rehearsed) error {
	if s.pinned != nil {
		if err := p.replace(s.pinned); err != nil {
			return err
		}
	}
	if err := p.act(s); err != nil {
		return err
	}
	compare := p.compare
	if s.unjudged != "" {
		compare = p.leave
	}
	if err := compare(s); err != nil {
		return err
	}
	p.lab.GiveUp()
	return nil
}

// replace programs other rules, whose counters begin anew.
func (p *performance) replace(f *host.Fleet) error {
	if err := p.lab.Replace(f); err != nil {
		return err
	}
	var err error
	p.before, err = p.counts(f)
	return err
}

// quieten waits until nobody says anything any more about having just begun.
func (p *performance) quieten(f *host.Fleet) error {
	for range settleTries {
		now, err := p.counts(f)
		if err != nil || maps.Equal(now, p.before) {
			return err
		}
		p.before = now
		time.Sleep(settlePause)
	}
	return nil
}

func (p *performance) act(s *rehearsed) error {
	switch c := p.sessions[s.Connection]; s.Action {
	case scenario.ActionOpen:
		return p.open(s)
	case scenario.ActionChange, scenario.ActionNodeRules:
		if err := p.replace(s.fleet); err != nil {
			return err
		}
		return p.lab.Remove()
	case scenario.ActionIdle:
		return p.lab.Idle(s.Idle)
	case scenario.ActionForget:
		return p.lab.Forget(s.Forget)
	case scenario.ActionSend:
		return p.answer(s, c.Send)
	case scenario.ActionReply:
		return p.answer(s, c.Reply)
	case scenario.ActionClose:
		c.Close()
	case scenario.ActionReset:
		c.Reset()
	}
	return nil
}

func (p *performance) differ(s *rehearsed, text string) {
	p.out.Differences = append(p.out.Differences, s.where+": "+text)
}

// settle is how often, and after how long each time, what a step left behind is
// looked at until it is as expected: the last packets may still be on their way.
const (
	settleTries = 30
	settlePause = 50 * time.Millisecond
)

// maxHits is how many rules that differ are said of one step.
const maxHits = 10

// compare compares counters and connection tables after a step.
func (p *performance) compare(s *rehearsed) error {
	var hits, entries []string
	for range settleTries {
		var err error
		if entries, err = p.compareEntries(s); err != nil {
			return err
		}
		if hits, err = p.compareHits(s); err != nil {
			return err
		}
		if len(hits)+len(entries) == 0 {
			break
		}
		time.Sleep(settlePause)
	}
	p.before = p.now
	p.out.Rules, p.out.Entries = p.out.Rules+p.rules, p.out.Entries+p.tables
	if n := len(hits); n > maxHits {
		hits = append(hits[:maxHits], fmt.Sprintf("and %d more rules", n-maxHits))
	}
	for _, d := range append(hits, entries...) {
		p.differ(s, d)
	}
	return nil
}

// leave leaves a step uncompared, with the entries that it left in tables.
func (p *performance) leave(s *rehearsed) error {
	p.out.NotCompared = append(p.out.NotCompared, s.where+": "+s.unjudged)
	if err := p.quieten(s.fleet); err != nil {
		return err
	}
	got, err := p.entries(s)
	if err != nil {
		return err
	}
	for i := range s.fleet.Hosts {
		name := s.fleet.Hosts[i].Name
		p.strangers[name] = slices.Concat(p.strangers[name], missing(s.entries[name], got[name]), missing(got[name], s.entries[name]))
	}
	return nil
}

// answer asks and compares the answer with the simulator's verdict.
func (p *performance) answer(s *rehearsed, ask func() (lab.Answer, error)) error {
	got, err := ask()
	if s.unjudged != "" {
		return err
	}
	p.out.Answers++
	want := map[trace.Verdict]lab.Answer{trace.Allow: lab.Answered, trace.Reject: lab.Refused, trace.Deny: lab.Silence}[s.verdict]
	if want == lab.Answered && s.Open != nil && s.Open.Closed {
		want = lab.Refused
	}
	if got != want {
		p.differ(s, fmt.Sprintf("the simulator says %s, the kernel met %s", s.verdict, got))
	}
	return err
}

// open opens the step's connections, several at a time.
func (p *performance) open(s *rehearsed) error {
	conns := make([]*lab.Conn, len(s.tries))
	answers := make([]lab.Answer, len(s.tries))
	errs := make([]error, len(s.tries))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 32)
	for i := range s.tries {
		if i == 0 || s.tries[i].Dst != s.tries[i-1].Dst {
			if err := p.lab.Reach(s.tries[i]); err != nil {
				return err
			}
		}
		if i == 1 {
			wg.Wait() // what rules remember of a client they learn from the first
		}
		slots <- struct{}{}
		wg.Go(func() {
			conns[i], answers[i], errs[i] = p.lab.Open(s.tries[i])
			if s.Open.Close {
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
	if s.Open.As != "" {
		p.sessions[s.Open.As] = conns[len(conns)-1]
	}
	if s.unjudged != "" {
		return nil
	}
	if len(answers) == 1 {
		p.answer(s, func() (lab.Answer, error) { return answers[0], nil })
	} else {
		p.answers(s, answers)
	}
	return p.compareArrivals(s, conns)
}

// answers compares how many of many connections were answered. Where room is
// short, the kernel may have made some by dropping connections early.
func (p *performance) answers(s *rehearsed, got []lab.Answer) {
	allowed := 0
	for _, a := range got {
		p.out.Answers++
		if a == lab.Answered {
			allowed++
		}
	}
	margin := 0
	if p.room > 0 {
		for _, n := range s.early {
			margin = max(margin, n)
		}
	}
	if allowed < s.allowed || allowed > s.allowed+margin {
		p.differ(s, fmt.Sprintf("the simulator allows %d of %d connections, the kernel %d", s.allowed, len(s.tries), allowed))
	}
}

// compareArrivals compares the ends of each connection as the far end saw them.
func (p *performance) compareArrivals(s *rehearsed, conns []*lab.Conn) error {
	if len(conns) > 1 && s.allowed < len(conns) {
		return nil // which of them arrived is chance
	}
	for i, c := range conns {
		want := s.arrivals[i]
		got, ok, err := p.lab.Seen(c, host.Port{Host: want.at.Host, Link: want.at.Link})
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		p.out.Arrivals++
		if d := want.differs(got); d != "" {
			p.differ(s, d)
		}
	}
	return nil
}

// differs says how an arrival differs from the kernel's; "" is not at all.
func (a *arrival) differs(got lab.Arrival) string {
	if a.at.Host == "" {
		return fmt.Sprintf("the simulator lets nothing arrive, the kernel saw %s at %s", got.From, got.To)
	}
	from, to := got.From, got.To
	if from.Addr() == a.p.Src && to.Addr() == a.p.Dst && to.Port() == a.p.DstPort && (a.drawn || from.Port() == a.p.SrcPort) {
		return ""
	}
	return fmt.Sprintf("the far end saw %s at %s in the kernel, and %s at %s in the simulator", from, to, trace.End(&a.p, true), trace.End(&a.p, false))
}
