package scenario

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

// Schema is the version of the JSON form.
const Schema = "tortie.replay/v1"

// Result is what became of a scenario.
type Result struct {
	Schema   string       `json:"schema"`
	Scenario string       `json:"scenario"`
	Passed   int          `json:"passed"`
	Failed   int          `json:"failed"`
	Steps    []StepResult `json:"steps"`
	Notes    []string     `json:"notes,omitempty"`
	// Kernel is the comparison with the kernel, if there was one.
	Kernel *Comparison `json:"kernel,omitempty"`
}

// Comparison is how the kernel compares with the simulator over all steps: how
// many answers, first packets as the far end saw them, rules hit and entries of
// connection tables were compared, and what differed. NotCompared are the steps that
// were not, and why.
type Comparison struct {
	Answers     int      `json:"answers"`
	Arrivals    int      `json:"arrivals"`
	Rules       int      `json:"rules"`
	Entries     int      `json:"entries"`
	Differences []string `json:"differences"`
	NotCompared []string `json:"notCompared,omitempty"`
}

// StepResult is what became of a step. Verdict is empty where no packet was
// sent.
type StepResult struct {
	Step   int           `json:"step"`
	Name   string        `json:"name,omitempty"`
	Source *trace.Source `json:"source,omitempty"`
	Action Action        `json:"action"`
	Text   string        `json:"text"`
	// Time is the clock's time before the step, in seconds.
	Time    float64       `json:"time"`
	Verdict trace.Verdict `json:"verdict,omitempty"`
	Reason  *trace.Reason `json:"reason,omitempty"`
	// Opened and Allowed count the connections of an open.
	Opened  int `json:"opened,omitempty"`
	Allowed int `json:"allowed,omitempty"`
	// From and To are the ends of the first packet as the far end sees it; empty
	// when it does not arrive.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Backends are the outcomes of a service with several backends; the rest is
	// about one of them: the first that is refused, if there is one.
	Backends  []trace.Backend   `json:"backends,omitempty"`
	Conntrack []trace.Conntrack `json:"conntrack,omitempty"`
	// Removed says which connections kube-proxy and Felix removed from nodes' tables,
	// and why.
	Removed []string `json:"removed,omitempty"`
	// Expected is how many expectations the step had; Failures are those that
	// were not met.
	Expected int      `json:"expected"`
	Failures []string `json:"failures,omitempty"`
	Notes    []string `json:"notes,omitempty"`

	backend string   // to which the first packet was translated
	chosen  []string // notes on how it was
	picks   []int    // how the step chose at random
}

// note adds notes that the step does not have yet.
func (s *StepResult) note(notes []string) {
	for _, n := range notes {
		if !slices.Contains(s.Notes, n) {
			s.Notes = append(s.Notes, n)
		}
	}
}

// arrived notes how the first packet of a connection arrived.
func (s *StepResult) arrived(c *walk.Session) {
	if _, p, ok := c.Arrived(); ok {
		s.From, s.To = trace.End(&p, true), trace.End(&p, false)
	}
}

// OK reports whether every expectation was met, and the kernel agrees if it was
// asked.
func (r *Result) OK() bool {
	return r.Failed == 0 && (r.Kernel == nil || len(r.Kernel.Differences) == 0)
}

// WriteJSON writes the result as tortie.replay/v1, indented, and a newline.
func (r *Result) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// WriteText writes one line for each step, and below it what was not met and what was
// assumed, each note once; color paints whether a step did as expected. How rules were
// taken that chose a backend is left out: the step says for how many it holds.
func (r *Result) WriteText(w io.Writer, color bool) error {
	said := slices.Clone(r.Notes)
	for i := range r.Steps {
		s := &r.Steps[i]
		notes := without(s.Notes, slices.Concat(said, s.chosen))
		said = append(said, notes...)
		if err := s.writeText(w, color, notes); err != nil {
			return err
		}
	}
	for _, n := range r.Notes {
		if _, err := fmt.Fprintf(w, "note: %s\n", n); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(w, "%s: %d expectations met, %d not\n", r.Scenario, r.Passed, r.Failed); err != nil || r.Kernel == nil {
		return err
	}
	return r.Kernel.writeText(w)
}

func (k *Comparison) writeText(w io.Writer) error {
	lines := slices.Clone(k.Differences)
	for _, n := range k.NotCompared {
		lines = append(lines, "not compared: "+n)
	}
	last := fmt.Sprintf("compared %d answers, %d arrivals at the far end, %d rules hit, %d entries of connection tables: %d differences",
		k.Answers, k.Arrivals, k.Rules, k.Entries, len(k.Differences))
	if n := len(k.NotCompared); n > 0 {
		last += fmt.Sprintf(", %d steps not compared", n)
	}
	for _, line := range append(lines, last) {
		if _, err := fmt.Fprintf(w, "kernel: %s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// without leaves out some of the words.
func without(words, some []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(some, w) })
}

func (s *StepResult) writeText(w io.Writer, color bool, notes []string) error {
	sign := "     "
	switch {
	case len(s.Failures) > 0:
		sign = paint(color, "1;31", "FAIL ")
	case s.Expected > 0:
		sign = paint(color, "1;32", "ok   ")
	}
	line := fmt.Sprintf("%s%3d  %-8s %s", sign, s.Step, clock(s.Time), s.Text)
	if s.Name != "" {
		line += "  (" + s.Name + ")"
	}
	line += s.outcome()
	for _, more := range slices.Concat(s.Removed, s.Failures) {
		line += "\n            " + more
	}
	for _, n := range notes {
		line += "\n            note: " + n
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

func paint(on bool, code, text string) string {
	if !on {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// outcome says in a few words what the packets met.
func (s *StepResult) outcome() string {
	if s.Verdict == "" {
		return ""
	}
	text := "\n            " + string(s.Verdict)
	if s.Opened > 1 {
		text = fmt.Sprintf("\n            %d of %d allowed", s.Allowed, s.Opened)
	}
	if n := len(s.Backends); n > 0 {
		text += fmt.Sprintf(" by %s of %d backends", howMany(s.sameVerdict(), n), n)
	}
	return text + reasonText(s.Reason)
}

func howMany(n, all int) string {
	if n == all {
		return "each"
	}
	return fmt.Sprint(n)
}

// sameVerdict counts the backends with the verdict of the step.
func (s *StepResult) sameVerdict() int {
	n := 0
	for i := range s.Backends {
		if s.Backends[i].Verdict == s.Verdict {
			n++
		}
	}
	return n
}

func reasonText(r *trace.Reason) string {
	if r == nil || r.Node == "" {
		return ""
	}
	text := " on " + r.Node
	if r.Chain != "" {
		text += " in " + r.Table + " " + r.Chain
	}
	switch p := r.Policy; {
	case p != nil && p.Kind == "Profiles":
		text += ": no profile allows it"
	case p != nil && p.Kind == "Tier":
		text += ": end of tier " + p.Name
	case p != nil:
		text += ": " + p.Kind + " " + policyName(p)
		if p.Rule > 0 {
			text += fmt.Sprintf(" %s rule %d", p.Direction, p.Rule)
		}
	case r.Text != "":
		text += ": " + r.Text
	}
	return text
}

func policyName(p *trace.Policy) string {
	if p.Namespace != "" {
		return p.Namespace + "/" + p.Name
	}
	return p.Name
}

func clock(seconds float64) string {
	return (time.Duration(seconds*float64(time.Second)) / time.Millisecond * time.Millisecond).String()
}
