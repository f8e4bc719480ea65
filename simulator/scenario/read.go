package scenario

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"tortie/compiler/diag"
	"tortie/dataplane/host"
	"tortie/simulator/conntrack"
	"tortie/simulator/trace"
)

// Source is what Read asks of the text that a Document was decoded from.
type Source struct {
	// At is the place of a part of the document (names of fields, indices of
	// lists).
	At func(path ...any) diag.Span
	// End says what is wrong with the name of an end; dest is for the end that a
	// connection goes to, which names a port if its protocol has ports.
	End func(name string, dest bool) error
	// Nearest is the word that was probably meant, or "".
	Nearest func(word string, all []string) string
}

// reader turns a document into a script.
type reader struct {
	doc    *Document
	src    Source
	names  []string // of connections opened so far
	script *Scenario
	diags  diag.List
}

// Read turns a document into a script. Findings say all that is wrong with it;
// known are those of decoding: steps that hold one are not read any further. A
// script with findings can be run, to find more.
func Read(doc *Document, src Source, known diag.List) (*Scenario, diag.List) {
	r := &reader{doc: doc, src: src, script: &Scenario{place: src.At, nearest: src.Nearest}}
	r.head()
	r.script.broken = len(doc.Spec.Files) == 0
	for i := range doc.Spec.Steps {
		path := []any{"spec", "steps", i}
		d, span, before := &doc.Spec.Steps[i], src.At(path...), len(r.diags)
		s := r.step(i, path)
		if faulty(known, span) {
			r.diags = r.diags[:before] // what follows from the mistake
			s.faulty = true
		}
		s.Span, s.faulty = span, s.faulty || len(r.diags) > before
		if d.Expect != nil && !s.faulty {
			s.Expect = r.expect(d.Expect, &s, join(path, "expect"))
		}
		r.script.Steps = append(r.script.Steps, s)
	}
	return r.script, r.diags
}

// faulty reports whether a finding lies within a span.
func faulty(known diag.List, span diag.Span) bool {
	return slices.ContainsFunc(known, func(f diag.Finding) bool {
		return f.Severity == diag.Error && f.Span.Start.Byte >= span.Start.Byte && f.Span.Start.Byte < span.End.Byte
	})
}

// join is a longer path; the shorter one stays as it is.
func join(path []any, more ...any) []any { return append(slices.Clip(path), more...) }

func (r *reader) bad(message, hint string, path ...any) {
	r.diags.Add(diag.Finding{Code: CodeBad, Severity: diag.Error, Message: message, Hint: hint, Span: r.src.At(path...)})
}

// oneOf returns a word that is one of some, and reports one that is not.
func (r *reader) oneOf(what, word string, words []string, path ...any) string {
	if word == "" || slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) }) {
		return word
	}
	r.bad(fmt.Sprintf("%s %q is none of %s", what, word, strings.Join(words, ", ")), r.meant(word, words), path...)
	return ""
}

// meant is a hint at the word that was probably meant.
func (r *reader) meant(word string, words []string) string { return meant(r.src.Nearest, word, words) }

func meant(nearest func(string, []string) string, word string, words []string) string {
	if nearest == nil {
		return ""
	}
	if near := nearest(word, words); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// number is an optional number, within limits.
func (r *reader) number(field string, n *int, otherwise, low, high int, path ...any) int {
	if n == nil {
		return otherwise
	}
	if *n >= low && *n <= high {
		return *n
	}
	r.bad(fmt.Sprintf("%s %d is not from %d to %d", field, *n, low, high), "", join(path, field)...)
	return otherwise
}

func (r *reader) head() {
	d := &r.doc.Spec
	r.script.Name = cmp.Or(r.doc.Metadata.Name, r.src.At().File)
	r.script.ConntrackMax = r.number("conntrackMax", d.ConntrackMax, 0, 1, math.MaxInt32, "spec")
	if len(d.Files) == 0 {
		r.bad("no objects", "name files of objects in spec.files", "spec")
	}
	if len(d.Steps) == 0 {
		r.bad("no steps", "name at least one step in spec.steps, as - open: {from: shop/web, to: shop/db:5432}", "spec")
	}
	r.script.Dataplane = r.oneOf("dataplane", d.Dataplane, []string{"iptables", "nftables"}, "spec", "dataplane")
	r.script.KubeProxy = r.oneOf("kubeProxy", d.KubeProxy, []string{"iptables", "nftables", "ipvs", "none"}, "spec", "kubeProxy")
}

// step reads what a step does.
func (r *reader) step(i int, path []any) Step {
	d := &r.doc.Spec.Steps[i]
	s := Step{Index: i, Name: d.Name, Action: ActionCheck, Text: "look"}
	n := 0
	is := func(set bool, a Action, text string) {
		if set {
			n++
			s.Action, s.Text = a, text
		}
	}
	is(d.Open != nil, ActionOpen, "")
	is(len(d.Apply)+len(d.Objects)+len(d.Delete) > 0, ActionChange, changeText(d))
	is(len(d.NodeRules) > 0, ActionNodeRules, nodeRulesText(d.NodeRules))
	is(d.Idle != "", ActionIdle, "idle "+d.Idle)
	is(d.Forget != "", ActionForget, "forget the connections of "+d.Forget)
	for _, w := range []struct {
		name   string
		action Action
	}{{d.Send, ActionSend}, {d.Reply, ActionReply}, {d.Close, ActionClose}, {d.Reset, ActionReset}, {d.Check, ActionCheck}} {
		if w.name == "" {
			continue
		}
		is(true, w.action, string(w.action)+" "+w.name)
		s.Connection = w.name
		if !slices.Contains(r.names, w.name) {
			hint := cmp.Or(r.meant(w.name, r.names), "open: {…, as: "+w.name+"}")
			r.bad(fmt.Sprintf("no step before this one opens %q", w.name), hint, join(path, string(w.action))...)
		}
	}
	if n > 1 {
		r.bad("a step does one thing", "make it several steps", path...)
	}
	if n == 0 && d.Expect == nil {
		r.bad("the step does nothing", "open, send, reply, close, reset, idle, forget, apply, objects, delete, nodeRules, check or expect", path...)
	}
	r.details(d, &s, path)
	return s
}

// details reads what some actions need besides.
func (r *reader) details(d *StepDoc, s *Step, path []any) {
	switch s.Action {
	case ActionOpen:
		r.open(d.Open, s, join(path, "open"))
	case ActionIdle:
		t, err := time.ParseDuration(d.Idle)
		if err != nil || t <= 0 {
			r.bad(fmt.Sprintf("%q is no duration", d.Idle), `write "121s" or "2m"`, join(path, "idle")...)
		}
		s.Idle = t
	case ActionForget:
		if d.Forget != "*" {
			s.Forget = host.Name(d.Forget)
		}
	case ActionChange:
		for i, ref := range d.Delete {
			if ref.Kind == "" || ref.Name == "" {
				r.bad("an object to delete is named by kind and name", "delete: [{kind: NetworkPolicy, namespace: shop, name: db}]", join(path, "delete", i)...)
			}
		}
	}
}

func changeText(d *StepDoc) string {
	var words []string
	for _, f := range d.Apply {
		words = append(words, "apply "+f)
	}
	for _, o := range d.Objects {
		meta, _ := o["metadata"].(map[string]any)
		words = append(words, fmt.Sprintf("apply %v %v", o["kind"], meta["name"]))
	}
	for _, o := range d.Delete {
		words = append(words, "delete "+o.Kind+" "+o.Name)
	}
	return strings.Join(words, ", ")
}

func nodeRulesText(files map[string]string) string {
	var words []string
	for _, node := range slices.Sorted(maps.Keys(files)) {
		words = append(words, "rules of others on "+node+": "+cmp.Or(files[node], "none"))
	}
	return strings.Join(words, ", ")
}

// maxCount is how many connections one step may open: as many as there are source
// ports from 1024 on.
const maxCount = 65536 - 1024

func (r *reader) open(d *OpenDoc, s *Step, path []any) {
	for field, name := range map[string]string{"from": d.From, "to": d.To} {
		if err := r.src.End(name, field == "to"); err != nil {
			message, hint, _ := strings.Cut(err.Error(), "\n")
			r.bad(message, hint, join(path, field)...)
		}
	}
	port := r.number("sourcePort", d.SourcePort, 0, 1, 65535, path...)
	count := r.number("count", d.Count, 1, 1, maxCount, path...)
	if last := port + count - 1; port > 0 && last > 65535 {
		r.bad(fmt.Sprintf("%d connections from source port %d on take ports up to %d; the last port is 65535", count, port, last), "", join(path, "count")...)
	}
	family := 0
	if d.Family != nil {
		family = *d.Family
		if family != 4 && family != 6 {
			r.bad(fmt.Sprintf("family %d is neither 4 nor 6", family), "", join(path, "family")...)
		}
	}
	if d.HalfOpen && (d.Close || d.Closed) {
		r.bad("what is halfOpen neither closes nor is answered by a closed port", "leave close and closed out", join(path, "halfOpen")...)
	}
	s.Open = &Open{From: d.From, To: d.To, As: d.As, SrcPort: uint16(port), Count: count, Backend: d.Backend, Family: family,
		Close: d.Close, Closed: d.Closed, HalfOpen: d.HalfOpen}
	s.Text = d.From + " → " + d.To
	if d.Backend != "" {
		s.Text += " by " + d.Backend
	}
	if count > 1 {
		s.Text = strconv.Itoa(count) + " × " + s.Text
	}
	if slices.Contains(r.names, d.As) {
		r.bad(fmt.Sprintf("an earlier step opens %q already", d.As), "give each connection a name of its own", join(path, "as")...)
	}
	if d.As != "" {
		r.names = append(r.names, d.As)
	}
}

// silent reports whether the action sends no packet.
func (a Action) silent() bool {
	return a == ActionIdle || a == ActionForget || a == ActionChange || a == ActionNodeRules || a == ActionCheck
}

func (r *reader) expect(d *ExpectDoc, s *Step, path []any) *Expect {
	e := &Expect{Verdict: trace.Verdict(d.Verdict), Allowed: d.Allowed}
	r.oneOf("verdict", d.Verdict, []string{"allow", "deny", "reject", "unknown"}, join(path, "verdict")...)
	if s.Action.silent() && (d.Verdict != "" || d.By != nil || d.At != nil || d.Allowed != nil || d.Arrives != nil || len(d.Packets) > 0) {
		r.bad("the step sends no packet, so there is no verdict", "expect conntrack or entries", path...)
	}
	if d.By != nil {
		r.policyWords(d.By, join(path, "by"))
		e.NoPolicy = d.By.None
		if p := d.By.policy(); p != (trace.Policy{}) {
			e.By = &p
		}
		if e.NoPolicy == (e.By != nil) {
			r.bad("by names a policy, or says none: true", "", join(path, "by")...)
		}
	}
	if d.At != nil {
		e.At = &Place{Node: d.At.Node, Hook: d.At.Hook, Table: d.At.Table, Chain: d.At.Chain}
		r.oneOf("hook", d.At.Hook, []string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}, join(path, "at", "hook")...)
	}
	if d.Allowed != nil && s.Open != nil && (*d.Allowed < 0 || *d.Allowed > s.Open.Count) {
		r.bad(fmt.Sprintf("%d of %d connections cannot be allowed", *d.Allowed, s.Open.Count), "", join(path, "allowed")...)
	}
	r.arrives(d.Arrives, s, e, join(path, "arrives"))
	r.entries(d, s, e, path)
	for i, c := range d.Packets {
		r.policyWords(&c.By, join(path, "packets", i, "by"))
		if c.Count < 0 {
			r.bad("no rule meets fewer than 0 packets", "", join(path, "packets", i, "count")...)
		}
		e.Packets = append(e.Packets, RuleCount{Policy: c.By.policy(), Node: host.Name(c.Node), Packets: c.Count})
	}
	return e
}

// policyWords checks the words by which a policy is named.
func (r *reader) policyWords(d *PolicyDoc, path []any) {
	r.oneOf("direction", d.Direction, []string{"ingress", "egress"}, join(path, "direction")...)
	r.oneOf("kind", d.Kind, policyKinds, join(path, "kind")...)
	if d.Rule < 0 {
		r.bad(fmt.Sprintf("there is no rule %d", d.Rule), "rules count from 1", join(path, "rule")...)
	}
}

// policyKinds are the kinds of what rules come from.
var policyKinds = []string{"NetworkPolicy", "GlobalNetworkPolicy", "KubernetesNetworkPolicy", "StagedNetworkPolicy", "StagedGlobalNetworkPolicy",
	"StagedKubernetesNetworkPolicy", "ClusterNetworkPolicy", "KubernetesClusterNetworkPolicy", "Profile", "Profiles", "Tier", "Service"}

// arrives reads how the first packet arrives.
func (r *reader) arrives(d *ArrivesDoc, s *Step, e *Expect, path []any) {
	if d == nil {
		return
	}
	if s.Action != ActionOpen {
		r.bad("only an open has a first packet", "expect arrives of the step that opens the connection", path...)
	}
	for field, text := range map[string]string{"from": d.From, "to": d.To} {
		if _, _, err := splitEnd(text); text != "" && err != nil {
			r.bad(err.Error(), `write "192.0.2.1" or "192.0.2.1:8080", "2001:db8::1" or "[2001:db8::1]:8080"`, join(path, field)...)
		}
	}
	if d.From == "" && d.To == "" {
		r.bad("arrives names no address", "arrives: {from: 192.0.2.1, to: \"10.244.1.5:8080\"}", path...)
	}
	e.Arrives = &Arrives{From: d.From, To: d.To}
}

// splitEnd reads an address with or without a port.
func splitEnd(text string) (netip.Addr, uint16, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a, 0, nil
	}
	ap, err := netip.ParseAddrPort(text)
	if err != nil {
		return netip.Addr{}, 0, fmt.Errorf("%q is no address", text)
	}
	return ap.Addr(), ap.Port(), nil
}

// entries reads what must be in connection tables.
func (r *reader) entries(d *ExpectDoc, s *Step, e *Expect, path []any) {
	if len(d.Conntrack) > 0 && s.Connection == "" && s.Action != ActionOpen {
		r.bad("the step is about no connection", "check: NAME looks at one; entries counts all", join(path, "conntrack")...)
	}
	for i, c := range d.Conntrack {
		at := join(path, "conntrack", i)
		one := Entry{Node: host.Name(c.Node), Absent: c.State == "ABSENT", State: c.State}
		switch {
		case c.State == "":
			r.bad("no state", "ABSENT, PRESENT, or a state such as ESTABLISHED", at...)
		case c.State == "PRESENT", c.State == "ABSENT":
			one.State = ""
		default:
			r.oneOf("state", c.State, entryStates(), join(at, "state")...)
		}
		e.Entries = append(e.Entries, one)
	}
	for _, n := range slices.Sorted(maps.Keys(d.Entries)) {
		if e.Counts == nil {
			e.Counts = map[host.Name]int{}
		}
		if d.Entries[n] < 0 {
			r.bad("a node remembers no fewer than 0 connections", "", join(path, "entries", n)...)
		}
		e.Counts[host.Name(n)] = d.Entries[n]
	}
}

// entryStates are the states of connections, and words about them.
func entryStates() []string {
	words := []string{"ABSENT", "PRESENT", "REPLIED", "UNREPLIED"}
	for s := conntrack.TCPSynSent; s < conntrack.TCPStates; s++ {
		words = append(words, s.String())
	}
	for s := conntrack.SCTPClosed; s < conntrack.SCTPStates; s++ {
		if !slices.Contains(words, s.String()) {
			words = append(words, s.String())
		}
	}
	return words
}
