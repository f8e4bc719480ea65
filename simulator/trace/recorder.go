package trace

import "tortie/dataplane/nf"

// Recorder collects the steps of one packet. A nil Recorder collects nothing;
// callers test On before they build a Step, so that recording that is off
// allocates nothing.
type Recorder struct {
	Steps []Step
	// Node is put into every step that names none.
	Node string
	// All asks for the rules that did not match, too.
	All bool
	// Text writes a rule as its tool does; nil leaves the texts empty.
	Text func(t *nf.Table, c *nf.Chain, r *nf.Rule) string
}

// On reports whether anything is recorded.
func (r *Recorder) On() bool { return r != nil }

// WantsMisses reports whether rules that did not match are recorded.
func (r *Recorder) WantsMisses() bool { return r != nil && r.All }

// Add records a step. It returns the step's index, and -1 when recording is
// off.
func (r *Recorder) Add(s Step) int {
	if r == nil {
		return -1
	}
	if s.Node == "" {
		s.Node = r.Node
	}
	r.Steps = append(r.Steps, s)
	return len(r.Steps) - 1
}

// Note records a note.
func (r *Recorder) Note(text string) {
	if r != nil {
		r.Add(Step{Kind: KindNote, Text: text})
	}
}

// RuleText writes a rule, with an empty text when there is no writer.
func (r *Recorder) RuleText(t *nf.Table, c *nf.Chain, rule *nf.Rule) string {
	if r == nil || r.Text == nil {
		return ""
	}
	return r.Text(t, c, rule)
}

// Take returns the steps so far and begins anew.
func (r *Recorder) Take() []Step {
	if r == nil {
		return nil
	}
	steps := r.Steps
	r.Steps = nil
	return steps
}

// MarkDeciding marks the last rule, policy, drop or reject step as the one that
// decided, and returns it; false without one.
func (r *Recorder) MarkDeciding() (Step, bool) {
	if r == nil {
		return Step{}, false
	}
	for i := len(r.Steps) - 1; i >= 0; i-- {
		switch s := &r.Steps[i]; s.Kind {
		case KindRule, KindPolicy, KindDrop, KindReject:
			if s.Matched != MatchedNo {
				s.Deciding = true
				return *s, true
			}
		}
	}
	return Step{}, false
}
