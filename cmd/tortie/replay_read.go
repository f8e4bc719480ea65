package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"tortie/compiler/diag"
	"tortie/compiler/intent"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/host"
	"tortie/simulator/scenario"
	"tortie/simulator/trace"
)

// scenarioReader turns a document into a script.
type scenarioReader struct {
	node   *yamlpos.Node
	doc    scenarioDoc
	names  map[string]bool // connections opened so far
	script scenario.Scenario
	diags  diag.List
}

// readScenarios reads the Scenario documents of a file.
func readScenarios(file string, data []byte) ([]*scenarioReader, diag.List) {
	docs, diags := yamlpos.Parse(file, data)
	var out []*scenarioReader
	for _, n := range docs {
		diags = spellIntents(n, diags)
		if n.Str("kind") != "Scenario" || n.Str("apiVersion") != "tortie.dev/v1" {
			diags.Add(diag.Finding{Code: "scenario/other-kind", Severity: diag.Error, Span: n.At("kind"),
				Message: fmt.Sprintf("expected a Scenario of tortie.dev/v1, found %q of %q", n.Str("kind"), n.Str("apiVersion")),
				Hint:    "objects belong into files of their own, named by spec.files"})
			continue
		}
		r := &scenarioReader{node: n, names: map[string]bool{}}
		more, ok := yamlpos.Decode(n, &r.doc, yamlpos.Options{})
		diags = append(diags, more...)
		if !ok || more.HasErrors() {
			continue
		}
		r.convert()
		diags = append(diags, r.diags...)
		out = append(out, r)
	}
	return out, diags
}

// spellIntents makes the word on a field's name in the intents within a scenario;
// findings that say otherwise are left out.
func spellIntents(n *yamlpos.Node, diags diag.List) diag.List {
	steps := n.Lookup("spec", "steps")
	for i := 0; steps.Item(i) != nil; i++ {
		objects := steps.Item(i).Get("objects")
		for j := 0; objects.Item(j) != nil; j++ {
			if o := objects.Item(j); intent.IsIntent(o) {
				diags = withoutWords(diags, intent.Words(o))
				intent.SpellWords(o)
			}
		}
	}
	return diags
}

func (r *scenarioReader) bad(message, hint string, path ...any) {
	r.diags.Add(diag.Finding{Code: "scenario/bad", Severity: diag.Error, Message: message, Hint: hint, Span: r.node.At(path...)})
}

func (r *scenarioReader) convert() {
	d := &r.doc
	r.script.Name, r.script.ConntrackMax = cmp.Or(d.Metadata.Name, r.node.Span.File), d.Spec.ConntrackMax
	if d.Spec.ConntrackMax < 0 {
		r.bad("conntrackMax is negative", "", "spec", "conntrackMax")
	}
	if len(d.Spec.Files) == 0 {
		r.bad("no objects", "name files of objects in spec.files", "spec")
	}
	if dp := d.Spec.Dataplane; dp != "" && dp != "iptables" && dp != "nftables" {
		r.bad(fmt.Sprintf("dataplane %q is neither iptables nor nftables", dp), "", "spec", "dataplane")
	}
	for i := range d.Spec.Steps {
		s := r.step(i)
		s.Span = r.node.At("spec", "steps", i)
		if e := d.Spec.Steps[i].Expect; e != nil {
			s.Expect = r.expect(e, &s, "spec", "steps", i, "expect")
		}
		r.script.Steps = append(r.script.Steps, s)
	}
}

// step reads what a step does.
func (r *scenarioReader) step(i int) scenario.Step {
	d := &r.doc.Spec.Steps[i]
	s := scenario.Step{Name: d.Name, Action: scenario.ActionCheck, Text: "look"}
	path := []any{"spec", "steps", i}
	n := 0
	is := func(set bool, a scenario.Action, text string) {
		if set {
			n++
			s.Action, s.Text = a, text
		}
	}
	is(d.Open != nil, scenario.ActionOpen, "")
	is(len(d.Apply)+len(d.Objects)+len(d.Delete) > 0, scenario.ActionChange, changeText(d))
	is(d.Idle != "", scenario.ActionIdle, "idle "+d.Idle)
	is(d.Forget != "", scenario.ActionForget, "forget the connections of "+d.Forget)
	for _, w := range []struct {
		name   string
		action scenario.Action
	}{{d.Send, scenario.ActionSend}, {d.Reply, scenario.ActionReply}, {d.Close, scenario.ActionClose},
		{d.Reset, scenario.ActionReset}, {d.Check, scenario.ActionCheck}} {
		if w.name == "" {
			continue
		}
		is(true, w.action, string(w.action)+" "+w.name)
		s.Connection = w.name
		if !r.names[w.name] {
			r.bad(fmt.Sprintf("no step before this one opens %q", w.name), "open: {…, as: "+w.name+"}", append(path, string(w.action))...)
		}
	}
	if n > 1 {
		r.bad("a step does one thing", "make it several steps", path...)
	}
	if n == 0 && d.Expect == nil {
		r.bad("the step does nothing", "open, send, reply, close, reset, idle, forget, apply, objects, delete, check or expect", path...)
	}
	r.details(d, &s, path)
	return s
}

// details reads what some actions need besides.
func (r *scenarioReader) details(d *stepDoc, s *scenario.Step, path []any) {
	switch s.Action {
	case scenario.ActionOpen:
		r.open(d.Open, s, append(path, "open"))
	case scenario.ActionIdle:
		t, err := time.ParseDuration(d.Idle)
		if err != nil || t <= 0 {
			r.bad(fmt.Sprintf("%q is no duration", d.Idle), `write "121s" or "2m"`, append(path, "idle")...)
		}
		s.Idle = t
	case scenario.ActionForget:
		if d.Forget != "*" {
			s.Forget = host.Name(d.Forget)
		}
	}
}

func changeText(d *stepDoc) string {
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

func (r *scenarioReader) open(d *openDoc, s *scenario.Step, path []any) {
	if _, err := parseEnd(d.From, false); err != nil {
		r.bad(err.Error(), "", append(path, "from")...)
	}
	if e, err := parseEnd(d.To, true); err != nil {
		r.bad(err.Error(), "", append(path, "to")...)
	} else if e.port == 0 && e.portName == "" && e.proto.HasPorts() {
		r.bad(fmt.Sprintf("%q names no port", d.To), "write "+d.To+":PORT", append(path, "to")...)
	}
	if d.SourcePort < 0 || d.SourcePort > 65535 || d.Count < 0 || d.Count > 100000 {
		r.bad("sourcePort is up to 65535, count up to 100000", "", path...)
	}
	s.Open = &scenario.Open{From: d.From, To: d.To, As: d.As, SrcPort: uint16(d.SourcePort), Count: max(d.Count, 1), Close: d.Close, Closed: d.Closed}
	s.Text = d.From + " → " + d.To
	if d.Count > 1 {
		s.Text = strconv.Itoa(d.Count) + " × " + s.Text
	}
	if d.As != "" {
		r.names[d.As] = true
	}
}

func (r *scenarioReader) expect(d *expectDoc, s *scenario.Step, path ...any) *scenario.Expect {
	e := &scenario.Expect{Verdict: trace.Verdict(d.Verdict), Allowed: d.Allowed}
	if !slices.Contains([]string{"", "allow", "deny", "reject"}, d.Verdict) {
		r.bad(fmt.Sprintf("verdict %q is neither allow, deny nor reject", d.Verdict), "", append(path, "verdict")...)
	}
	silent := s.Action == scenario.ActionIdle || s.Action == scenario.ActionForget || s.Action == scenario.ActionChange || s.Action == scenario.ActionCheck
	if silent && (d.Verdict != "" || d.By != nil || d.At != nil || d.Allowed != nil) {
		r.bad("the step sends no packet, so there is no verdict", "expect conntrack or entries", path...)
	}
	if d.By != nil {
		e.NoPolicy = d.By.None
		if p := d.By.policy(); p != (trace.Policy{}) {
			e.By = &p
		}
	}
	if d.At != nil {
		e.At = &scenario.Place{Node: d.At.Node, Hook: d.At.Hook, Table: d.At.Table, Chain: d.At.Chain}
	}
	for i, c := range d.Conntrack {
		one := scenario.Entry{Node: host.Name(c.Node), Absent: c.State == "ABSENT", State: c.State}
		switch c.State {
		case "":
			r.bad("no state", "ABSENT, PRESENT, or a state such as ESTABLISHED", append(path, "conntrack", i)...)
		case "PRESENT", "ABSENT":
			one.State = ""
		}
		e.Entries = append(e.Entries, one)
	}
	for n, c := range d.Entries {
		if e.Counts == nil {
			e.Counts = map[host.Name]int{}
		}
		e.Counts[host.Name(n)] = c
	}
	for _, c := range d.Packets {
		e.Packets = append(e.Packets, scenario.RuleCount{Policy: c.By.policy(), Node: host.Name(c.Node), Packets: c.Count})
	}
	return e
}

func (d *policyDoc) policy() trace.Policy {
	return trace.Policy{Kind: d.Kind, Namespace: d.Namespace, Name: d.Name, Tier: d.Tier, Direction: d.Direction, Rule: d.Rule}
}
