package trace

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"tortie/dataplane/packet"
)

// dropped is a connection that a rule of node1 drops.
func dropped() Connection {
	steps := []Step{
		{Node: "node1", Kind: KindConntrack, Hook: "PREROUTING", Text: "new connection", CtState: "NEW"},
		{Node: "node1", Kind: KindRule, Table: "raw", Chain: "PREROUTING", Rule: 1, Text: "-i lo", Matched: MatchedNo, Why: "MatchIface"},
		{Node: "node1", Kind: KindRule, Table: "raw", Chain: "PREROUTING", Rule: 2, Text: "-j MARK", Matched: MatchedYes,
			Effect: EffectMark, MarkBefore: "0x0", Mark: "0x1"},
		{Node: "node1", Kind: KindRule, Table: "filter", Chain: "FORWARD", Rule: 3, Text: "-j cali-FORWARD", Matched: MatchedYes, Effect: EffectJump},
		{Node: "node1", Kind: KindRule, Hook: "FORWARD", Table: "filter", Chain: "cali-tw", Rule: 7, Text: "-j DROP", Matched: MatchedYes,
			Effect: EffectDrop, Deciding: true},
	}
	return Connection{Verdict: Deny, Reason: ReasonOf(steps[4]), Packets: []Packet{{Direction: Request, Verdict: Deny,
		From: "10.0.0.1:4000", To: "10.0.0.2:80", Protocol: "tcp", Reason: ReasonOf(steps[4]), Steps: steps}}}
}

func TestWriteText_ShortLeavesOutWhatDidNotMatter(t *testing.T) {
	var b strings.Builder
	if err := dropped().WriteText(&b, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	want := `DENY  10.0.0.1:4000 to 10.0.0.2:80 tcp

==> node1 FORWARD filter/cali-tw rule 7: -j DROP

request 10.0.0.1:4000 to 10.0.0.2:80: deny
  node1
      PREROUTING  conntrack new connection NEW
                  rule      raw/PREROUTING rule 2: -j MARK (mark 0x0 to 0x1)
  ==> FORWARD     rule      filter/cali-tw rule 7: -j DROP
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestWriteText_AllShowsEveryRule(t *testing.T) {
	var b strings.Builder
	if err := dropped().WriteText(&b, TextOptions{All: true}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"raw/PREROUTING rule 1: -i lo [MatchIface]", "filter/FORWARD rule 3: -j cali-FORWARD"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("no %q in\n%s", part, b.String())
		}
	}
}

func TestWriteText_ExplainsByPolicies(t *testing.T) {
	c := dropped()
	policy := &Policy{Kind: "NetworkPolicy", Namespace: "shop", Name: "web", Tier: "default", Direction: "ingress", Rule: 2}
	c.Explanation = &Explanation{
		Sides: []Side{{Packet: Request, Endpoint: "shop/web-1", Kind: "WorkloadEndpoint", Direction: "ingress", Stage: "normal",
			Outcome: "denied", Text: "denied by the end of tier default"}},
		Considered: []Considered{
			{Tier: "default", Policy: policy, Outcome: "no rule matched", Text: "no rule matched", Source: &Source{"a.yaml", 7}},
			{Tier: "default", Policy: &Policy{Kind: "Tier", Name: "default"}, Outcome: "denied", Text: "denied", Deciding: true},
		},
		Nearest:    &Nearest{Policy: policy, Source: &Source{"a.yaml", 9}, Failed: []Failed{{Text: "port 81 is not 80"}}},
		Suggestion: "add port 81",
	}
	var b strings.Builder
	if err := c.WriteText(&b, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	want := `
    ingress of shop/web-1  denied by the end of tier default

considered for ingress of shop/web-1, in order
       default  NetworkPolicy shop/web  no rule matched  a.yaml:7
  ==>  default  end of the tier         denied

nearest rule that allows: NetworkPolicy shop/web ingress rule 2 (a.yaml:9)
    port 81 is not 80

to allow it: add port 81
`
	if !strings.Contains(b.String(), want) {
		t.Errorf("got\n%s\nwant in it\n%s", b.String(), want)
	}
}

func TestWriteText_LongListOfPoliciesIsCut(t *testing.T) {
	c := dropped()
	c.Explanation = &Explanation{Sides: []Side{{Stage: "normal"}}}
	for i := range 20 {
		p := &Policy{Kind: "GlobalNetworkPolicy", Name: fmt.Sprintf("p%d", i)}
		c.Explanation.Considered = append(c.Explanation.Considered, Considered{Policy: p, Outcome: "no rule matched", Text: "no rule matched"})
	}
	var short, all strings.Builder
	if err := errors.Join(c.WriteText(&short, TextOptions{}), c.WriteText(&all, TextOptions{All: true})); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(short.String(), "20 more  no rule matched") || strings.Contains(short.String(), "p7") {
		t.Errorf("not cut:\n%s", short.String())
	}
	if !strings.Contains(all.String(), "GlobalNetworkPolicy p7   no rule matched") {
		t.Errorf("cut with --all:\n%s", all.String())
	}
}

func TestWriteText_ThirdPacketIsOneLineAndNotesAreSaidOnce(t *testing.T) {
	step := Step{Node: "node1", Kind: KindRoute, Text: "by eth0"}
	p := Packet{Direction: Request, Verdict: Allow, From: "a", To: "b", Steps: []Step{step}}
	reply := p
	reply.Direction = Reply
	refusal := p
	refusal.Refusal, refusal.Protocol = true, "icmp"
	c := Connection{Verdict: Allow, Packets: []Packet{p, reply, p, refusal}, Notes: []string{"made up", "made up"}}
	var short, all strings.Builder
	if err := errors.Join(c.WriteText(&short, TextOptions{}), c.WriteText(&all, TextOptions{All: true})); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		text, part string
		want       int
	}{{short.String(), "by eth0", 2}, {all.String(), "by eth0", 4}, {short.String(), "refusal of the answer, icmp a to b: allow", 1}, {short.String(), "later packets of the connection: 1, all allowed", 1}, {short.String(), "made up", 1}} {
		if n := strings.Count(row.text, row.part); n != row.want {
			t.Errorf("%q occurs %d times, want %d, in\n%s", row.part, n, row.want, row.text)
		}
	}
}

func TestWriteText_ColoursOnlyWhenAsked(t *testing.T) {
	for _, color := range []bool{true, false} {
		var b strings.Builder
		if err := dropped().WriteText(&b, TextOptions{Color: color}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(b.String(), "\x1b[1;31mDENY\x1b[0m"); got != color {
			t.Errorf("color %v: got\n%q", color, b.String())
		}
	}
}

func TestWriteJSON_RoundTripWithSchemaAndEmptyLists(t *testing.T) {
	var b strings.Builder
	if err := dropped().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"conntrack": []`) {
		t.Errorf("no empty conntrack list in\n%s", b.String())
	}
	var got struct {
		Schema string `json:"schema"`
		Connection
	}
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != Schema || got.Verdict != Deny || got.Reason.Rule != 7 {
		t.Errorf("got %s %s %+v", got.Schema, got.Verdict, got.Reason)
	}
	steps := got.Packets[0].Steps
	for i, want := range []Matched{NoRule, MatchedNo, MatchedYes, MatchedYes, MatchedYes} {
		if steps[i].Matched != want {
			t.Errorf("step %d: matched %d, want %d", i, steps[i].Matched, want)
		}
	}
}

func TestRecorder_NilRecordsNothing(t *testing.T) {
	var r *Recorder
	r.Note("x")
	if i := r.Add(Step{}); i != -1 || r.On() || r.Take() != nil {
		t.Errorf("a nil recorder recorded")
	}
	if _, ok := r.MarkDeciding(); ok {
		t.Errorf("a nil recorder has a deciding step")
	}
}

func TestEnd(t *testing.T) {
	p := &packet.Packet{Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db8::2"),
		Proto: packet.ProtoTCP, DstPort: 80}
	if got := End(p, false); got != "[2001:db8::2]:80" {
		t.Errorf("got %s", got)
	}
	p.Proto = packet.ProtoICMPv6
	if got := End(p, true); got != "2001:db8::1" {
		t.Errorf("got %s", got)
	}
}
