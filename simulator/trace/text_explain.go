package trace

import "fmt"

// maxConsidered is how many policies the short text lists.
const maxConsidered = 12

// explanation writes what policies had to say. For an allowed connection that
// is who allowed each side, for a denied one also who was asked and what to do.
func (t *textWriter) explanation(x *Explanation, v Verdict) {
	if x == nil || len(x.Sides) == 0 {
		return
	}
	t.printf("\n")
	var lines [][]string
	for _, s := range x.Sides {
		lines = append(lines, []string{s.title(), s.Text, sourceText(s.Source)})
	}
	t.table("    ", lines)
	if v == Allow || len(x.Considered) == 0 {
		return
	}
	last := x.Sides[len(x.Sides)-1]
	t.printf("\nconsidered for %s, in order\n", last.title())
	t.considered(x.Considered)
	if n := x.Nearest; n != nil {
		t.printf("\nnearest rule that allows: %s%s\n", t.paint.bold(nearestName(n)), parenthesised(sourceText(n.Source)))
		for _, f := range n.Failed {
			t.printf("    %s\n", f.Text)
		}
	}
	if x.Suggestion != "" {
		t.printf("\nto allow it: %s\n", t.paint.bold(x.Suggestion))
	}
}

// title is "ingress of shop/web-1"; the stages beside the normal one are named.
func (s *Side) title() string {
	text := s.Direction + " of " + s.Endpoint
	if s.Kind == "HostEndpoint" {
		text = s.Direction + " of host endpoint " + s.Endpoint
	}
	if s.Stage != "normal" {
		text += " (" + s.Stage + ")"
	}
	if s.Packet == Reply {
		text += ", reply"
	}
	return text
}

// considered writes the list; a long run of policies of which no rule matched is
// one line of the short text.
func (t *textWriter) considered(list []Considered) {
	var lines [][]string
	short := !t.all && len(list) > maxConsidered
	skipped := 0
	flush := func() {
		if skipped > 0 {
			lines = append(lines, []string{"   ", "", fmt.Sprintf("%d more", skipped), "no rule matched"})
			skipped = 0
		}
	}
	for _, c := range list {
		if short && !c.Deciding && c.Outcome == "no rule matched" {
			skipped++
			continue
		}
		flush()
		lead := "   "
		if c.Deciding {
			lead = "==>"
		}
		lines = append(lines, []string{lead, c.Tier, consideredName(c.Policy), c.Text, sourceText(c.Source)})
	}
	flush()
	t.table("  ", lines)
}

func consideredName(p *Policy) string {
	switch p.Kind {
	case "Tier":
		return "end of the tier"
	case "Profiles":
		return "end of the profiles"
	}
	return policyName(p)
}

func nearestName(n *Nearest) string {
	if n.Policy.Kind == "Profile" {
		return "profile " + n.Policy.Name
	}
	return fmt.Sprintf("%s %s rule %d", policyName(n.Policy), n.Policy.Direction, n.Policy.Rule)
}

func sourceText(s *Source) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d", s.File, s.Line)
}

func parenthesised(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}
