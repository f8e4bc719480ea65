package trace

import (
	"strings"
	"testing"
)

func TestWriteMermaid_ShowsEndsNodesAndWhatDecided(t *testing.T) {
	var b strings.Builder
	if err := dropped().WriteMermaid(&b); err != nil {
		t.Fatal(err)
	}
	want := `sequenceDiagram
  participant from as 10.0.0.1:4000
  participant n1 as node1
  participant to as 10.0.0.2:80
  from->>n1: request 10.0.0.1:4000 to 10.0.0.2:80
  Note over n1: PREROUTING conntrack new connection NEW
  Note over n1: rule raw/PREROUTING rule 2: -j MARK (mark 0x0 to 0x1)
  Note over n1: DECIDES: FORWARD rule filter/cali-tw rule 7: -j DROP
  n1--xto: deny
  Note over from,to: DENY: node1 FORWARD filter/cali-tw rule 7: -j DROP
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestWriteMermaid_EscapesWhatMermaidReads(t *testing.T) {
	c := dropped()
	c.Packets[0].Steps[4].Text = "a; b # c <d>\nparticipant evil"
	var b strings.Builder
	if err := c.WriteMermaid(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "a#59; b #35; c #lt;d#gt; participant evil\n") {
		t.Errorf("not escaped:\n%s", b.String())
	}
}

func TestWriteHTML_EscapesAndOpensWhereItWasDecided(t *testing.T) {
	c := dropped()
	c.Packets[0].Steps[4].Text = "<script>alert(1)</script>"
	var b strings.Builder
	if err := c.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if strings.Contains(page, "<script>") {
		t.Errorf("text of a rule is part of the page:\n%s", page)
	}
	for _, part := range []string{`<span class="deny">DENY</span>`, `<details open><summary>node1 FORWARD</summary>`,
		`<details><summary>node1 PREROUTING</summary>`, `<tr class="decided">`, `<tr class="miss">`} {
		if !strings.Contains(page, part) {
			t.Errorf("no %s in\n%s", part, page)
		}
	}
	if strings.Contains(page, "http://") || strings.Contains(page, "https://") {
		t.Errorf("the page needs something else:\n%s", page)
	}
}

func TestWrite_ConnectionWithoutPackets(t *testing.T) {
	c := Connection{Verdict: Deny, Reason: Reason{Text: "no such host"}}
	var m, h, x strings.Builder
	for _, err := range []error{c.WriteMermaid(&m), c.WriteHTML(&h), c.WriteText(&x, TextOptions{})} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{m.String(), h.String(), x.String()} {
		if !strings.Contains(text, "no such host") {
			t.Errorf("no reason in\n%s", text)
		}
	}
}
