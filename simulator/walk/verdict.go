package walk

import (
	"cmp"
	"strings"

	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
	"tortie/simulator/eval"
	"tortie/simulator/trace"
)

// reason says what decided about a journey: the rule that ended it; or for one
// that arrived the rule that let it pass, where that rule only reads a mark the
// rule that set it.
func (w *Walker) reason(j *Journey) trace.Reason {
	o := j.Last()
	n := w.byName[o.Node]
	if n == nil {
		return trace.Reason{Node: string(o.Node), Text: o.Reason}
	}
	r := trace.Reason{Node: string(o.Node), Text: j.Why}
	if o.Hook != 0 {
		r.Hook = o.Hook.String()
	}
	switch {
	case j.Verdict == trace.Allow:
		for i := len(j.Legs) - 1; i >= 0; i-- {
			leg := &j.Legs[i]
			if m := w.byName[leg.Node]; m != nil && !leg.Accepted.IsZero() {
				r.Node = string(leg.Node)
				if r = m.ruleReason(r, leg.behind()); leg.Marked.IsZero() {
					r.Origin = cmp.Or(r.Origin, leg.AcceptedOrigin)
				}
				return r
			}
		}
		r.Text = "no rule forbids it"
	case !o.Rule.IsZero():
		r = n.ruleReason(r, o.Rule)
	}
	r.Origin = cmp.Or(r.Origin, o.Origin)
	return r
}

// behind is the rule that let the packet pass.
func (o *Outcome) behind() eval.RuleRef {
	if !o.Marked.IsZero() {
		return o.Marked
	}
	return o.Accepted
}

// ruleReason fills in the rule.
func (n *node) ruleReason(r trace.Reason, ref eval.RuleRef) trace.Reason {
	t, c, rule := n.eng.Place(ref)
	if t == nil || c == nil {
		return r
	}
	r.Backend, r.Family, r.Table, r.Chain, r.Rule = t.Backend.String(), t.Family.String(), string(t.Name), string(c.Name), int(ref.Rule)
	if c.Base != nil && r.Hook == "" {
		r.Hook = c.Base.Hook.String()
	}
	if rule == nil {
		if r.Text == "" && c.Base != nil {
			r.Text = "policy " + c.Base.Policy.String()
		}
		return r
	}
	r.Line, r.Origin = rule.Line, rule.Origin
	if text := n.w.rec.RuleText(t, c, rule); text != "" {
		r.Text = text
	}
	return r
}

// concerns reports whether a connection is the dialog's.
func (d *dialog) concerns(c *conntrack.Conn) bool {
	for _, p := range []*packet.Packet{&d.first, innermost(&d.peer)} {
		if !p.Src.IsValid() {
			continue
		}
		for dir := range c.Tuples {
			t := &c.Tuples[dir]
			if t.Proto == p.Proto && t.Src == p.Src && t.Dst == p.Dst &&
				(!p.Proto.HasPorts() || t.SrcPort == p.SrcPort && t.DstPort == p.DstPort) {
				return true
			}
		}
	}
	return false
}

// stateOf names the protocol's state, or whether a reply was seen.
func stateOf(c *conntrack.Conn) string {
	switch c.Tuples[conntrack.Original].Proto {
	case packet.ProtoTCP:
		return c.TCP.State.String()
	case packet.ProtoSCTP:
		return c.SCTP.State.String()
	}
	if c.Status&conntrack.SeenReply == 0 {
		return "UNREPLIED"
	}
	return "REPLIED"
}

func statusOf(c *conntrack.Conn) string {
	var words []string
	for _, b := range []struct {
		bit  conntrack.Status
		word string
	}{{conntrack.SeenReply, "SEEN_REPLY"}, {conntrack.Assured, "ASSURED"}, {conntrack.SrcNAT, "SNAT"}, {conntrack.DstNAT, "DNAT"}} {
		if c.Status&b.bit != 0 {
			words = append(words, b.word)
		}
	}
	return strings.Join(words, ",")
}
