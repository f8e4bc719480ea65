package scenario_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tortie/compiler/diag"
	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/scenario"
	"tortie/simulator/trace"
	"tortie/simulator/walk"
)

const (
	client = "10.65.0.2"
	first  = "10.65.0.3"
	second = "10.65.0.4"
	vip    = "10.96.0.1"
)

// fleet is a node with three pods, and a service at vip whose backends are the
// last two; deny is a backend that filter FORWARD drops packets to.
func fleet(deny string) *host.Fleet {
	s := host.State{Name: "node1", Links: []host.Link{{Index: 1, Name: "lo", Up: true, Loopback: true}},
		Sysctls: map[string]string{"net.ipv4.ip_forward": "1"}}
	f := &host.Fleet{Origins: []host.Origin{{}}}
	for i, a := range []string{client, first, second} {
		link := host.LinkName(fmt.Sprintf("cali%d", i))
		s.Links = append(s.Links, host.Link{Index: i + 2, Name: link, Up: true})
		addr := netip.MustParseAddr(a)
		s.Routes = append(s.Routes, host.Route{Table: host.TableMain, Type: host.RouteUnicast, Dst: netip.PrefixFrom(addr, 32),
			Scope: host.ScopeLink, Hops: []host.NextHop{{Dev: link}}})
		f.Endpoints = append(f.Endpoints, host.Endpoint{Name: "shop/" + a, Host: "node1", Link: link, Addrs: []netip.Addr{addr}})
	}
	prerouting, _ := nf.IptablesBase("nat", "PREROUTING")
	forward, _ := nf.IptablesBase("filter", "FORWARD")
	s.Ruleset.Tables = []nf.Table{
		{Family: nf.FamilyIP, Name: "nat", Backend: nf.IptablesLegacy, Chains: []nf.Chain{{Name: "PREROUTING", Base: &prerouting, Rules: []nf.Rule{
			{Body: []nf.Stmt{dst(vip), nf.MatchStatistic{Probability: 1 << 30}, toBackend(first)}},
			{Body: []nf.Stmt{dst(vip), toBackend(second)}},
		}}}},
		{Family: nf.FamilyIP, Name: "filter", Backend: nf.IptablesLegacy, Chains: []nf.Chain{{Name: "FORWARD", Base: &forward}}},
	}
	if deny != "" {
		s.Ruleset.Tables[1].Chains[0].Rules = []nf.Rule{{Body: []nf.Stmt{dst(deny), nf.Drop{}}}}
	}
	f.Hosts = []host.State{s}
	return f
}

func dst(a string) nf.Stmt {
	return nf.MatchAddr{Dir: nf.Dst, Prefix: netip.MustParsePrefix(a + "/32")}
}

func toBackend(a string) nf.Stmt {
	addr := netip.MustParseAddr(a)
	return nf.NAT{Kind: nf.DNAT, Addr: addr, AddrTo: addr, Port: 8080, PortTo: 8080}
}

// at gives every part of a document a place of its own, by its path.
func at(path ...any) diag.Span {
	text := []string{}
	for _, p := range path {
		text = append(text, fmt.Sprint(p))
	}
	n := 0
	if len(path) > 2 {
		n = path[2].(int) + 1
	}
	return diag.Span{File: strings.Join(text, "."), Start: diag.Pos{Line: n, Byte: 100 * n}, End: diag.Pos{Byte: 100*n + 100}}
}

func nearest(word string, all []string) string {
	for _, w := range all {
		if strings.HasPrefix(w, word[:1]) {
			return w
		}
	}
	return ""
}

// source takes everything for an end that has no spaces in it.
var source = scenario.Source{At: at, Nearest: nearest, End: func(name string, _ bool) error {
	if name == "" || strings.Contains(name, " ") {
		return fmt.Errorf("%q is no end\nwrite an address", name)
	}
	return nil
}}

// world plays in a fleet; changes deny packets to the second backend.
func world(f *host.Fleet) scenario.World {
	return scenario.World{Fleet: f, Change: func(int) (*host.Fleet, error) { return fleet(second), nil },
		Request: func(w *walk.Walker, f *host.Fleet, o *scenario.Open) (walk.Request, func(*trace.Connection) []string, error) {
			from, err := netip.ParseAddr(o.From)
			if err != nil {
				return walk.Request{}, nil, &scenario.EndError{Field: "from", Err: err}
			}
			to, err := netip.ParseAddrPort(o.To)
			if err != nil {
				return walk.Request{}, nil, &scenario.EndError{Field: "to", Err: err}
			}
			end, ok := w.FindEnd(from)
			if !ok {
				return walk.Request{}, nil, &scenario.EndError{Field: "from", Err: errors.New("nobody has it")}
			}
			return walk.Request{From: end, Dst: to.Addr(), Proto: packet.ProtoTCP, DstPort: to.Port()}, nil, nil
		}}
}

func document(steps ...scenario.StepDoc) *scenario.Document {
	d := &scenario.Document{}
	d.Metadata.Name, d.Spec.Files, d.Spec.Steps = "t", []string{"x"}, steps
	return d
}

func open(o scenario.OpenDoc, e *scenario.ExpectDoc) scenario.StepDoc {
	o.From = client
	return scenario.StepDoc{Open: &o, Expect: e}
}

func play(t *testing.T, f *host.Fleet, steps ...scenario.StepDoc) *scenario.Result {
	t.Helper()
	script, findings := scenario.Read(document(steps...), source, nil)
	if findings.HasErrors() {
		t.Fatal(findings)
	}
	r, findings := scenario.Run(script, world(f))
	if findings.HasErrors() {
		t.Fatal(findings)
	}
	return r
}

// A service with two backends is asked for both, and an expectation holds only if
// it holds for each.
func TestRun_EveryBackend(t *testing.T) {
	toVIP := scenario.OpenDoc{To: vip + ":80"}
	allow := &scenario.ExpectDoc{Verdict: "allow"}
	r := play(t, fleet(""), open(toVIP, allow))
	if got := r.Steps[0]; r.Failed != 0 || len(got.Backends) != 2 || got.Backends[0].Address != first+":8080" {
		t.Errorf("%+v", got)
	}
	r = play(t, fleet(second), open(toVIP, allow), open(toVIP, &scenario.ExpectDoc{Verdict: "deny"}))
	for i, want := range []string{"expected allow, got deny by backend 10.65.0.4:8080", "expected deny, got allow by backend 10.65.0.3:8080"} {
		if f := strings.Join(r.Steps[i].Failures, "\n"); !strings.Contains(f, want) {
			t.Errorf("step %d: %q, want %q", i+1, f, want)
		}
	}
}

// The one that is refused is shown, and is the connection that later steps are about.
func TestRun_GoesOnWithTheRefused(t *testing.T) {
	for deny, verdict := range map[string]trace.Verdict{"": trace.Allow, first: trace.Deny, second: trace.Deny} {
		r := play(t, fleet(deny), open(scenario.OpenDoc{To: vip + ":80", As: "c"}, nil), scenario.StepDoc{Send: "c"})
		if r.Steps[0].Verdict != verdict || r.Steps[1].Verdict != verdict {
			t.Errorf("%q denied: %s, then %s, want %s", deny, r.Steps[0].Verdict, r.Steps[1].Verdict, verdict)
		}
	}
}

func TestRun_PinsABackend(t *testing.T) {
	for _, backend := range []string{second, second + ":8080", "shop/" + second} {
		r := play(t, fleet(first), open(scenario.OpenDoc{To: vip + ":80", Backend: backend},
			&scenario.ExpectDoc{Verdict: "allow", Arrives: &scenario.ArrivesDoc{From: client + ":40000", To: second}}))
		if s := r.Steps[0]; r.Failed != 0 || s.To != second+":8080" || s.Backends != nil {
			t.Errorf("%s: %+v", backend, s)
		}
	}
}

// What happened before the open stays, whichever way is tried.
func TestRun_ReplaysWhatWasBefore(t *testing.T) {
	one := 1
	r := play(t, fleet(""),
		open(scenario.OpenDoc{To: vip + ":80", As: "c", Backend: second}, nil),
		scenario.StepDoc{Delete: []scenario.Ref{{Kind: "X", Name: "x"}}},
		scenario.StepDoc{Send: "c", Expect: &scenario.ExpectDoc{Verdict: "deny"}},
		open(scenario.OpenDoc{To: vip + ":80", Backend: first}, &scenario.ExpectDoc{Verdict: "allow", Entries: map[string]int{"node1": 2}, Allowed: &one}),
		scenario.StepDoc{Forget: "*", Expect: &scenario.ExpectDoc{Entries: map[string]int{"node1": 0}}})
	if r.Failed != 0 || r.Passed != 5 {
		t.Errorf("%d expectations met, %d not: %+v", r.Passed, r.Failed, r.Steps)
	}
}

// What a step opens is settled when it is played first: objects that change later, and
// where connections enter with them, do not change what happened.
func TestRun_AsksOnceWhatAStepOpens(t *testing.T) {
	script, findings := scenario.Read(document(open(scenario.OpenDoc{To: first + ":80", As: "c"}, nil),
		scenario.StepDoc{Delete: []scenario.Ref{{Kind: "X", Name: "x"}}}, open(scenario.OpenDoc{To: vip + ":80"}, nil),
		scenario.StepDoc{Check: "c", Expect: &scenario.ExpectDoc{Conntrack: []scenario.EntryDoc{{Node: "node1", State: "ESTABLISHED"}}}}), source, nil)
	if findings.HasErrors() {
		t.Fatal(findings)
	}
	w := world(fleet(""))
	asked, request := map[string]int{}, w.Request
	w.Request = func(k *walk.Walker, f *host.Fleet, o *scenario.Open) (walk.Request, func(*trace.Connection) []string, error) {
		r, notes, err := request(k, f, o)
		if asked[o.To]++; asked[o.To] > 1 {
			r.From.Link = "elsewhere"
		}
		return r, notes, err
	}
	r, findings := scenario.Run(script, w)
	if findings.HasErrors() || r.Failed != 0 || len(asked) != 2 || asked[first+":80"] != 1 || asked[vip+":80"] != 1 {
		t.Errorf("asked %v, %d failed: %+v", asked, r.Failed, r.Steps)
	}
}

// A half-open connection ends with the SYN-ACK.
func TestRun_HalfOpen(t *testing.T) {
	r := play(t, fleet(""), open(scenario.OpenDoc{To: first + ":80", HalfOpen: true},
		&scenario.ExpectDoc{Verdict: "allow", Conntrack: []scenario.EntryDoc{{Node: "node1", State: "SYN_RECV"}}}))
	if r.Failed != 0 {
		t.Error(r.Steps[0].Failures)
	}
}

// All mistakes are reported, with their places, and none that only follows from
// another.
func TestRead_ReportsEverything(t *testing.T) {
	n, zero, two, last := -1, 0, 2, 65535
	d := document(
		scenario.StepDoc{},
		scenario.StepDoc{Idle: "soon"},
		open(scenario.OpenDoc{To: "a b", As: "web"}, nil),
		scenario.StepDoc{Send: "wbe"},
		scenario.StepDoc{Send: "web", Expect: &scenario.ExpectDoc{Verdict: "alow"}},
		scenario.StepDoc{Idle: "1s", Forget: "node1"},
		scenario.StepDoc{Idle: "1s", Expect: &scenario.ExpectDoc{Verdict: "deny"}},
		open(scenario.OpenDoc{To: "x:1", Count: &n, Family: &zero}, &scenario.ExpectDoc{Allowed: &n, By: &scenario.PolicyDoc{}}),
		open(scenario.OpenDoc{To: "x:1"}, &scenario.ExpectDoc{Allowed: &n, By: &scenario.PolicyDoc{}, Arrives: &scenario.ArrivesDoc{From: "nowhere"},
			Conntrack: []scenario.EntryDoc{{Node: "node1", State: "ESTABLISHD"}}}),
		open(scenario.OpenDoc{To: "x:1", Count: &zero, SourcePort: &zero}, nil),
		open(scenario.OpenDoc{To: "x:1", Count: &two, SourcePort: &last}, nil),
		open(scenario.OpenDoc{To: "x:1", As: "web"}, nil),
	)
	d.Spec.ConntrackMax = &zero
	_, findings := scenario.Read(d, source, nil)
	var got []string
	for _, f := range findings {
		got = append(got, f.Span.File+": "+f.Message)
	}
	want := []string{
		"spec.conntrackMax: conntrackMax 0 is not from 1 to 2147483647",
		"spec.steps.0: the step does nothing",
		`spec.steps.1.idle: "soon" is no duration`,
		`spec.steps.2.open.to: "a b" is no end`,
		`spec.steps.3.send: no step before this one opens "wbe"`,
		`spec.steps.4.expect.verdict: verdict "alow" is none of allow, deny, reject, unknown`,
		"spec.steps.5: a step does one thing",
		"spec.steps.6.expect: the step sends no packet, so there is no verdict",
		"spec.steps.7.open.count: count -1 is not from 1 to 64512",
		"spec.steps.7.open.family: family 0 is neither 4 nor 6",
		"spec.steps.8.expect.by: by names a policy, or says none: true",
		"spec.steps.8.expect.allowed: -1 of 1 connections cannot be allowed",
		`spec.steps.8.expect.arrives.from: "nowhere" is no address`,
		"spec.steps.8.expect.conntrack.0.state: state \"ESTABLISHD\" is none of",
		"spec.steps.9.open.sourcePort: sourcePort 0 is not from 1 to 65535",
		"spec.steps.9.open.count: count 0 is not from 1 to 64512",
		"spec.steps.10.open.count: 2 connections from source port 65535 on take ports up to 65536; the last port is 65535",
		`spec.steps.11.open.as: an earlier step opens "web" already`,
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !strings.HasPrefix(got[i], want[i]) {
			t.Fatalf("finding %d of\n%s\nwant\n%s", i, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if _, findings := scenario.Read(document(), source, nil); len(findings) != 1 || findings[0].Message != "no steps" {
		t.Error(findings)
	}
}

// A step that could not be decoded is neither read nor played; the others are.
func TestRead_StepsThatWereNotDecoded(t *testing.T) {
	d := document(scenario.StepDoc{}, open(scenario.OpenDoc{To: "nowhere:80"}, nil))
	known := diag.List{{Severity: diag.Error, Span: diag.Span{Start: diag.Pos{Byte: 130}}}}
	script, findings := scenario.Read(d, source, known)
	if len(findings) != 0 {
		t.Fatal(findings)
	}
	r, findings := scenario.Run(script, world(fleet("")))
	if len(findings) != 1 || findings[0].Span.File != "spec.steps.1.open.to" || len(r.Steps) != 0 {
		t.Error(findings, r.Steps)
	}
}

// Names that nothing has are mistakes of the script: an expectation of no packets
// would hold for any misspelt policy.
func TestRun_UnknownNames(t *testing.T) {
	steps := []scenario.StepDoc{
		open(scenario.OpenDoc{To: first + ":80", Backend: "shop/x"}, nil),
		open(scenario.OpenDoc{To: vip + ":80", Backend: client}, nil),
		open(scenario.OpenDoc{To: vip + ":80", Backend: "shop/web"}, nil),
		open(scenario.OpenDoc{To: first + ":80"}, &scenario.ExpectDoc{At: &scenario.PlaceDoc{Node: "node2"}, Entries: map[string]int{"node3": 0},
			Packets: []scenario.CountDoc{{By: scenario.PolicyDoc{Name: "debny"}}}}),
		{Forget: "n"},
		open(scenario.OpenDoc{To: first + ":80"}, &scenario.ExpectDoc{By: &scenario.PolicyDoc{Name: "web", Namespace: "shpo", Tier: "defalt"},
			At: &scenario.PlaceDoc{Node: "node2", Table: "filtr", Chain: "FORWRAD"}}),
		open(scenario.OpenDoc{To: first + ":80"}, &scenario.ExpectDoc{By: &scenario.PolicyDoc{Kind: "Profile", Name: "web"},
			At: &scenario.PlaceDoc{Node: "node1", Table: "nat", Chain: "FORWARD"}}),
		open(scenario.OpenDoc{To: first + ":80"}, &scenario.ExpectDoc{At: &scenario.PlaceDoc{Table: "calico", Chain: "filter-FORWARD"},
			Packets: []scenario.CountDoc{{By: scenario.PolicyDoc{Namespace: "shop", Kind: "networkpolicy"}}}}),
		open(scenario.OpenDoc{To: first + ":80"}, &scenario.ExpectDoc{By: &scenario.PolicyDoc{Kind: "Service"},
			At: &scenario.PlaceDoc{Node: "node1", Table: "Filter", Chain: "forward"}}),
	}
	script, findings := scenario.Read(document(steps...), source, nil)
	if len(findings) != 0 {
		t.Fatal(findings)
	}
	w := world(fleet(""))
	w.Policies = func() []trace.Policy {
		return []trace.Policy{{Kind: "Profile", Name: "deny"}, {Kind: "NetworkPolicy", Namespace: "shop", Name: "web", Tier: "default"}}
	}
	_, findings = scenario.Run(script, w)
	var got []string
	for _, f := range findings {
		got = append(got, f.Span.File+": "+f.Message+"; "+f.Hint)
	}
	want := `spec.steps.0.open.backend: "shop/x": the connection is led to no backend; leave it out
spec.steps.1.open.backend: no rule leads to backend "10.65.0.2"; there is 10.65.0.3:8080 (shop/10.65.0.3), 10.65.0.4:8080 (shop/10.65.0.4); 
spec.steps.2.open.backend: no rule leads to backend "shop/web"; there is 10.65.0.3:8080 (shop/10.65.0.3), 10.65.0.4:8080 (shop/10.65.0.4); did you mean "shop/10.65.0.3"?
spec.steps.3.expect.at.node: no node "node2"; did you mean "node1"?
spec.steps.3.expect.entries.node3: no node "node3"; did you mean "node1"?
spec.steps.3.expect.packets.0.by.name: no policy, profile, tier or service is called "debny"; did you mean "deny"?
spec.steps.4.forget: no node "n"; did you mean "node1"?
spec.steps.5.expect.by.namespace: no policy or service is in a namespace "shpo"; did you mean "shop"?
spec.steps.5.expect.by.tier: no tier is called "defalt"; did you mean "default"?
spec.steps.5.expect.at.node: no node "node2"; did you mean "node1"?
spec.steps.5.expect.at.chain: no chain is called "FORWRAD"; did you mean "FORWARD"?
spec.steps.5.expect.at.table: no table is called "filtr"; did you mean "filter"?
spec.steps.6.expect.by: no policy, profile, tier or service is {name: web, kind: Profile}; there is {name: web, kind: NetworkPolicy}
spec.steps.6.expect.at: no chain is {chain: FORWARD, table: nat, node: node1}; there is {chain: FORWARD, table: filter, node: node1}
spec.steps.7.expect.at: {chain: filter-FORWARD, table: calico} is what nftables calls it; write as iptables does: {table: filter, chain: FORWARD}`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// What was there before a step changed it may be named.
func TestRun_NamesOfThePast(t *testing.T) {
	change := scenario.StepDoc{Delete: []scenario.Ref{{Kind: "X", Name: "x"}}}
	past := open(scenario.OpenDoc{To: first + ":80"}, &scenario.ExpectDoc{At: &scenario.PlaceDoc{Table: "old", Chain: "chain"},
		Packets: []scenario.CountDoc{{By: scenario.PolicyDoc{Name: "old"}}}})
	for name, row := range map[string]struct {
		steps []scenario.StepDoc
		want  int
	}{
		"now":  {[]scenario.StepDoc{past}, 3},
		"then": {[]scenario.StepDoc{change, change, past}, 0},
	} {
		script, _ := scenario.Read(document(row.steps...), source, nil)
		w, changed := world(fleet("")), 0
		w.Change = func(int) (*host.Fleet, error) {
			f := fleet("")
			if changed++; changed == 1 {
				f.Hosts[0].Ruleset.Tables = append(f.Hosts[0].Ruleset.Tables, nf.Table{Family: nf.FamilyIP, Name: "old", Backend: nf.IptablesLegacy, Chains: []nf.Chain{{Name: "chain"}}})
			}
			return f, nil
		}
		w.Policies = func() []trace.Policy {
			if changed == 1 {
				return []trace.Policy{{Name: "old"}}
			}
			return nil
		}
		if _, findings := scenario.Run(script, w); len(findings) != row.want {
			t.Errorf("%s: %v, want %d", name, findings, row.want)
		}
	}
}

// A note stands below the first step that has it; what is said of the whole scenario
// stands at its end.
func TestResult_WriteText_SaysNotesOnce(t *testing.T) {
	r := scenario.Result{Scenario: "t", Notes: []string{"everywhere"}, Steps: []scenario.StepResult{
		{Step: 1, Text: "a", Notes: []string{"everywhere", "first"}, Failures: []string{"expected b"}},
		{Step: 2, Text: "b", Notes: []string{"first", "second"}},
		{Step: 3, Text: "c", Notes: []string{"second"}}}}
	var b strings.Builder
	if err := r.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	want := `FAIL   1  0s       a
            expected b
            note: first
       2  0s       b
            note: second
       3  0s       c
note: everywhere
t: 0 expectations met, 0 not
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// How a backend was chosen is no assumption where every one is tried, but is where a
// later packet chooses anew.
func TestResult_WriteText_ChoiceOfBackend(t *testing.T) {
	r := play(t, fleet(""), open(scenario.OpenDoc{To: vip + ":80", As: "c"}, nil), scenario.StepDoc{Forget: "*"}, scenario.StepDoc{Send: "c"})
	var b strings.Builder
	if err := r.WriteText(&b, false); err != nil {
		t.Fatal(err)
	}
	first, last, _ := strings.Cut(b.String(), "forget")
	if strings.Contains(first, "note:") || !strings.Contains(last, "note: node1 nat/PREROUTING rule 1: chance of 0.5, taken as ") || len(r.Steps[0].Notes) != 1 {
		t.Errorf("%q in\n%s", r.Steps[0].Notes, b.String())
	}
}
