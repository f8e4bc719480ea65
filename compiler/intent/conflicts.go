package intent

import (
	"net/netip"
	"slices"

	"tortie/compiler/diag"
)

// conflicts reports denies that an allow defeats, because it is asked earlier.
func (l *linker) conflicts() {
	all := l.program.Statements
	for i := range all {
		deny := &all[i]
		var by *Statement
		most := nothing
		for j := range all {
			if how := deny.defeatedBy(&all[j], j < i); how > most && !deny.saidBefore(all, j) {
				by, most = &all[j], how
			}
		}
		if by != nil {
			l.diags.Add(defeat(deny, by, most))
		}
	}
}

func defeat(deny, allow *Statement, how share) diag.Finding {
	f := diag.Finding{Code: "intent/defeated", Severity: diag.Warning, Span: deny.Rule.Span,
		Hint:    "give intent " + deny.Doc.Name + " a lower order or an earlier tier",
		Message: "an allow of intent " + allow.Doc.Name + " comes first, so this deny has no effect on what that allows",
		Related: []diag.Related{{Span: allow.Rule.Span, Message: "allowed here"}}}
	if deny.Rule.Section != allow.Rule.Section {
		f.Message = "nodePorts of intent " + allow.Doc.Name + " allows before hosts are asked, so this deny has no effect on what that allows"
		f.Hint = "say it under deny of nodePorts, too"
	}
	if allow.Doc.Stage && !deny.Doc.Stage {
		f.Message += " once that intent, which is staged, is enforced"
	}
	if how == part {
		f.Message += "; the rest of it counts"
	}
	return f
}

// defeatedBy says how much of a deny an allow takes that stands before it or not.
// What nodePorts allows, hosts are not asked about, wherever the statements stand.
func (s *Statement) defeatedBy(allow *Statement, before bool) share {
	if !s.Rule.Deny || allow.Rule.Deny {
		return nothing
	}
	to := s.To
	switch {
	case s.Rule.Section == allow.Rule.Section:
		if !before || s.Doc == allow.Doc || allow.Rule.At != 0 && allow.Rule.At != s.Rule.At {
			return nothing
		}
	case s.Rule.Section == Normal && allow.Rule.Section == NodePorts && s.Rule.At != Out:
		to = slices.DeleteFunc(slices.Clone(to), func(a *Atom) bool { return a.Kind != Hosts })
	default:
		return nothing
	}
	from, at := compare(allow.From, s.From), compare(allow.To, to)
	on := portsShare(allow.On, s.On)
	if on == nothing || !defeats(from, at) {
		return nothing
	}
	if from.covered == whole && at.covered == whole && len(to) == len(s.To) && on == whole {
		return whole
	}
	return part
}

// saidBefore reports whether a deny that comes before an allow already takes from
// it what this one would.
func (s *Statement) saidBefore(all []Statement, allow int) bool {
	a := &all[allow]
	for i := range all {
		d := &all[i]
		if d.Rule.Deny && d != s && d.Rule.Section == a.Rule.Section && (d.Doc == a.Doc || i < allow) &&
			(d.Rule.At == 0 || d.Rule.At == s.Rule.At) && compare(d.From, s.From).covered == whole &&
			(compare(d.To, s.To).covered == whole || compare(d.To, a.To).covered == whole) &&
			(portsCover(d.On, s.On) || portsCover(d.On, a.On)) {
			return true
		}
	}
	return false
}

// defeats reports whether an allow takes from a deny what the deny was written for.
// An allow that is narrower at an end and no wider at the other is an exception
// from the deny, and meant to be.
func defeats(from, to overlap) bool {
	switch {
	case from.covered != nothing && to.covered != nothing:
		return true
	case from.covered != nothing:
		return to.inside && from.beyond
	}
	return to.covered != nothing && from.inside && to.beyond
}

// share is how much of something is meant.
type share uint8

const (
	nothing share = iota
	part
	whole
)

// overlap is what an allow and a deny have in common at one end.
type overlap struct {
	covered share // what the allow takes of the deny's ends
	inside  bool  // some of the allow's ends are the deny's
	beyond  bool  // some of them perhaps are not
}

func compare(allow, deny []*Atom) overlap {
	o := overlap{}
	missed := false
	for _, a := range deny {
		switch {
		case among(a, allow):
			o.covered = part
		case slices.ContainsFunc(allow, func(w *Atom) bool { return w.takesPart(a) }):
			o.covered, missed = part, true
		default:
			missed = true
		}
	}
	if o.covered == part && !missed {
		o.covered = whole
	}
	for _, a := range allow {
		o.inside = o.inside || among(a, deny)
		o.beyond = o.beyond || !among(a, deny)
	}
	return o
}

// takesPart reports whether networks surely have a part of another atom: one of its
// networks; or of pods and hosts what they have of a family.
func (a *Atom) takesPart(o *Atom) bool {
	if a.Kind != Nets {
		return false
	}
	if o.Kind == Nets {
		return slices.ContainsFunc(o.Party.Nets, func(n netip.Prefix) bool { return netsWithin([]netip.Prefix{n}, a.Party) })
	}
	return len(a.Party.Except) == 0 && slices.ContainsFunc(a.Party.Nets, func(n netip.Prefix) bool { return n.Bits() == 0 })
}

// portsShare says how much of a deny's ports an allow has.
func portsShare(allow, deny []PortTerm) share {
	if portsCover(allow, deny) {
		return whole
	}
	if len(deny) == 0 || slices.ContainsFunc(deny, func(d PortTerm) bool {
		return slices.ContainsFunc(allow, func(a PortTerm) bool { return d.within(a) || a.within(d) || a.HasPorts && d.HasPorts && a.meets(d) })
	}) {
		return part
	}
	return nothing
}

// meets reports whether two ranges of ports have one in common.
func (t PortTerm) meets(o PortTerm) bool {
	return t.Proto == o.Proto && t.First <= o.Last && o.First <= t.Last
}
