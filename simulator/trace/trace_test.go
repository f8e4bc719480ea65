package trace

import (
	"encoding/json"
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
	want := `DENY: 10.0.0.1:4000 to 10.0.0.2:80 tcp
  decided by node1 filter/cali-tw rule 7: -j DROP

request 10.0.0.1:4000 to 10.0.0.2:80: deny
  node1
      conntrack PREROUTING new connection NEW
      rule      raw/PREROUTING rule 2: -j MARK (mark 0x0 to 0x1)
  ==> rule      FORWARD filter/cali-tw rule 7: -j DROP
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
