package intent

import (
	"slices"

	"tortie/compiler/diag"
	"tortie/dataplane/packet"
)

// statement resolves a rule and checks it for where it stands.
func (l *linker) statement(d *Document, r *Rule) {
	before := errorsIn(l.diags)
	s := Statement{Doc: d, Rule: r, From: l.parties(d, r.From), To: l.parties(d, r.To), On: l.ports(d, r.On)}
	if len(s.From) == 0 || len(s.To) == 0 || len(r.On) > 0 && len(s.On) == 0 {
		return // reported; half a statement would mean something else
	}
	l.noService(r.From, s.From)
	switch r.Section {
	case Normal:
		l.normal(&s)
	case NodePorts:
		l.onlyHosts(r.To, s.To, r.Section)
	case Forward:
		l.noService(r.To, s.To)
	case FastPath:
		l.onlyHosts(r.To, s.To, r.Section)
		l.fastPathPorts(&s)
	}
	l.families(&s)
	l.date(&s)
	l.repeated(&s)
	r.Wrong = errorsIn(l.diags) > before
	l.program.Statements = append(l.program.Statements, s)
}

// errorsIn counts errors.
func errorsIn(l diag.List) (n int) {
	for i := range l {
		if l[i].Severity == diag.Error {
			n++
		}
	}
	return n
}

// normal wants pods or hosts where the statement holds. A service in to stands for
// the pods behind it.
func (l *linker) normal(s *Statement) {
	ends, where := append(slices.Clone(s.From), s.To...), "neither end names"
	switch s.Rule.At {
	case In:
		ends, where = s.To, "the end at which it holds does not name"
	case Out:
		ends, where = s.From, "the end at which it holds does not name"
	}
	if !slices.ContainsFunc(ends, func(a *Atom) bool { return a.Subject() || a.Kind == Service }) {
		l.report("intent/no-subject", diag.Error, s.Rule.Span, "name pods or hosts at one end",
			"%s pods or hosts, so the statement would be enforced nowhere", where)
	}
}

// subjects reports parties at which no policy can be put.
func (l *linker) subjects(r Ref, atoms []*Atom) {
	for _, a := range atoms {
		if !a.Subject() {
			l.report("intent/not-protectable", diag.Error, r.Span, "name pods or hosts", "party %s is %s, where no policy can be put", r.Name, a.Kind)
			return
		}
	}
}

func (l *linker) onlyHosts(refs []Ref, atoms []*Atom, s Section) {
	for _, a := range atoms {
		if a.Kind != Hosts {
			l.report("intent/not-hosts", diag.Error, refs[0].Span, "name a party with hosts", "%s works at hosts, and party %s is %s", s, a.Party.Name, a.Kind)
			return
		}
	}
}

func (l *linker) noService(refs []Ref, atoms []*Atom) {
	for _, a := range atoms {
		if a.Kind == Service {
			l.report("intent/service-end", diag.Error, refs[0].Span, "name the pods behind the service",
				"party %s is a service, which can only stand in to of allow and deny", a.Party.Name)
			return
		}
	}
}

// fastPathPorts: without numbered ports the replies could not be told apart.
func (l *linker) fastPathPorts(s *Statement) {
	at := s.Rule.Span
	if len(s.On) == 0 {
		l.report("intent/fast-path-ports", diag.Error, at, "give on: [udp/11211]", "fastPath needs ports: without them the replies cannot be told from other packets")
		return
	}
	for _, t := range s.On {
		if !t.HasPorts {
			l.report("intent/fast-path-ports", diag.Error, s.Rule.On[0].Span, "write tcp, udp or sctp ports as numbers", "fastPath needs numbered ports")
			return
		}
	}
}

// families reports a statement between networks of different families.
func (l *linker) families(s *Statement) {
	var from, to packet.Family
	for i, a := range s.From {
		if f := a.Family(); i == 0 || f == from {
			from = f
		} else {
			from = 0
		}
	}
	for i, a := range s.To {
		if f := a.Family(); i == 0 || f == to {
			to = f
		} else {
			to = 0
		}
	}
	var on packet.Family
	for i, t := range s.On {
		f := t.family()
		if i > 0 && f != on {
			f = 0
		}
		on = f
	}
	for _, pair := range [][2]packet.Family{{from, to}, {from, on}, {to, on}} {
		if pair[0] != 0 && pair[1] != 0 && pair[0] != pair[1] {
			l.report("intent/families", diag.Warning, s.Rule.Span, "give networks of both families", "no packet is both %s and %s, so the statement never applies", pair[0], pair[1])
			return
		}
	}
}

// family is the family that a term implies, 0 for none.
func (t PortTerm) family() packet.Family {
	switch t.Proto {
	case packet.ProtoICMP:
		return packet.IPv4
	case packet.ProtoICMPv6:
		return packet.IPv6
	}
	return 0
}

func (l *linker) date(s *Statement) {
	if s.Rule.Until != "" && l.opt.Today != "" && s.Rule.Until < l.opt.Today {
		l.report("intent/expired", diag.Warning, s.Rule.UntilSpan, "take the statement out, or give it a later date",
			"the statement's last day was %s; it still holds", s.Rule.Until)
	}
}

// repeated reports a statement that an earlier one of the document already makes.
func (l *linker) repeated(s *Statement) {
	for i := range l.program.Statements {
		o := &l.program.Statements[i]
		if o.Doc == s.Doc && (o.Rule.At == 0 || o.Rule.At == s.Rule.At) && o.Rule.Section == s.Rule.Section && o.Rule.Deny == s.Rule.Deny &&
			covers(o.From, s.From) && covers(o.To, s.To) && portsCover(o.On, s.On) {
			l.diags.Add(diag.Finding{Code: "intent/duplicate", Severity: diag.Warning, Span: s.Rule.Span, Hint: "leave it out",
				Message: "an earlier statement already says this", Related: []diag.Related{{Span: o.Rule.Span, Message: "said here"}}})
			return
		}
	}
}

// covers reports whether each atom of b is one of a.
func covers(a, b []*Atom) bool {
	if slices.Contains(a, anyAtom) {
		return true
	}
	return !slices.ContainsFunc(b, func(x *Atom) bool { return !slices.Contains(a, x) })
}

func portsCover(a, b []PortTerm) bool {
	if len(a) == 0 {
		return true
	}
	return len(b) > 0 && !slices.ContainsFunc(b, func(t PortTerm) bool { return !slices.ContainsFunc(a, t.within) })
}

// within reports whether a term is part of another.
func (t PortTerm) within(o PortTerm) bool {
	switch {
	case t == o, o.Proto == 0:
		return true
	case t.Proto != o.Proto || o.Name != "":
		return false
	case o.HasPorts:
		return t.HasPorts && t.First >= o.First && t.Last <= o.Last
	case o.HasType:
		return t.HasType && t.Type == o.Type && (!o.HasCode || t.HasCode && t.Code == o.Code)
	}
	return true
}

// unused reports parties and ports that no statement names.
func (l *linker) unused() {
	for _, d := range l.program.Docs {
		if len(d.Protect)+len(d.Rules)+len(d.Guards)+len(d.Raw) == 0 {
			continue // a document of names for others
		}
		for i := range d.Parties {
			if p := &d.Parties[i]; !l.used[p] {
				l.report("intent/unused", diag.Warning, p.Span, "leave it out", "party %s is not used", p.Name)
			}
		}
		for i := range d.Ports {
			if g := &d.Ports[i]; !l.used[g] {
				l.report("intent/unused", diag.Warning, g.Span, "leave it out", "the list of ports %s is not used", g.Name)
			}
		}
	}
}

// denied reports allows of which a deny of the same document, which counts first,
// leaves nothing.
func (l *linker) denied() {
	all := l.program.Statements
	for i := range all {
		for j := range all {
			deny, allow := &all[i], &all[j]
			if deny.Rule.Deny && !allow.Rule.Deny && deny.Doc == allow.Doc && deny.takes(allow) {
				l.diags.Add(diag.Finding{Code: "intent/denied", Severity: diag.Warning, Span: allow.Rule.Span,
					Hint:    "leave it out, make the deny narrower, or allow it in an intent that is asked earlier",
					Message: "a deny of this intent takes everything that this allows: denies count first",
					Related: []diag.Related{{Span: deny.Rule.Span, Message: "denied here"}}})
			}
		}
	}
}

// takes reports whether a deny surely is about all that an allow is about. What is
// denied at one end is not allowed by both.
func (s *Statement) takes(allow *Statement) bool {
	all := func(wide, narrow []*Atom) bool {
		return !slices.ContainsFunc(narrow, func(x *Atom) bool { return !among(x, wide) })
	}
	// A service's ports are its own.
	translated := slices.ContainsFunc(allow.To, func(a *Atom) bool { return a.Kind == Service && !slices.Contains(s.To, a) })
	return s.Rule.Section == allow.Rule.Section && (allow.Rule.At == 0 || s.Rule.At == allow.Rule.At) &&
		all(s.From, allow.From) && all(s.To, allow.To) && (len(s.On) == 0 || !translated && portsCover(s.On, allow.On))
}
