package eval_test

import (
	"slices"
	"strings"
	"testing"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/eval"
	"tortie/simulator/trace"
)

func baseTable(name nf.TableName, f nf.Family, priority int32, typ nf.ChainType) nf.Table {
	return nf.Table{Name: name, Family: f, Backend: nf.NFTables, Chains: []nf.Chain{{Name: "c",
		Base: &nf.Base{Type: typ, Hook: nf.Forward, Priority: priority, Policy: nf.PolicyAccept}}}}
}

func TestHook_NewestRegistrationFirstAtEqualPriority(t *testing.T) {
	e := eval.New(&nf.Ruleset{Tables: []nf.Table{
		baseTable("old", nf.FamilyIP, 0, nf.TypeFilter), baseTable("six", nf.FamilyIP6, 0, nf.TypeFilter),
		baseTable("new", nf.FamilyInet, 0, nf.TypeFilter), baseTable("early", nf.FamilyIP, -5, nf.TypeFilter),
		baseTable("nat", nf.FamilyIP, -500, nf.TypeNAT),
	}})
	var got []string
	for _, b := range e.Hook(packet.IPv4, nf.Forward) {
		got = append(got, string(b.Table.Name))
	}
	if want := []string{"early", "new", "old"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := len(e.NAT(packet.IPv4, nf.Forward)); n != 1 {
		t.Errorf("%d nat chains, want 1", n)
	}
}

func TestRun_GotoReturnsToTheCallersCaller(t *testing.T) {
	rs := ruleset(nf.IptablesLegacy, body(nf.Jump{Chain: "mid"}), body(nf.Accept{}))
	rs.Tables[0].Chains = append(rs.Tables[0].Chains, nf.Chain{Name: "mid", Rules: []nf.Rule{
		body(nf.Goto{Chain: "back"}), body(nf.Drop{})}})
	got := run(t, rs, context(tcpPacket()))
	if got.Verdict != eval.Accept || got.Rule.Rule != 2 {
		t.Errorf("got %+v, want an accept by rule 2 of the base chain", got)
	}
}

func TestRun_SideEffectsOfMatchesBeforeAMiss(t *testing.T) {
	rs := ruleset(nf.IptablesLegacy,
		body(nf.MatchRecent{Op: "set", Name: "r"}, nf.MatchTTL{Op: "eq", Value: 1}, nf.Drop{}),
		body(nf.MatchRecent{Op: "rcheck", Name: "r"}, nf.Accept{}))
	if got := run(t, rs, context(tcpPacket())); got.Verdict != eval.Accept {
		t.Errorf("got %s, want accept", got.Verdict)
	}
}

// A rule that a known match rules out does not match, whatever an unknown one
// before it says; one that counts or drops on the way stays unknown.
func TestRun_UnknownBeforeAMiss(t *testing.T) {
	opaque, other := nf.OpaqueMatch{Text: "-m time"}, nf.MatchTTL{Op: "eq", Value: 1}
	for name, c := range map[string]struct {
		body []nf.Stmt
		want eval.Verdict
	}{
		"miss":            {[]nf.Stmt{opaque, other, nf.Drop{}}, eval.Accept},
		"two unknown":     {[]nf.Stmt{opaque, opaque, other, nf.Drop{}}, eval.Accept},
		"meets the rest":  {[]nf.Stmt{opaque, nf.MatchTTL{Op: "eq", Value: 64}, nf.Drop{}}, eval.Unknown},
		"remembers first": {[]nf.Stmt{opaque, nf.MatchRecent{Op: "set", Name: "r"}, other, nf.Drop{}}, eval.Unknown},
		"known first":     {[]nf.Stmt{other, opaque, nf.Drop{}}, eval.Accept},
	} {
		rs := ruleset(nf.IptablesLegacy, body(c.body...), body(nf.Accept{}))
		for _, explore := range []bool{false, true} {
			ctx := context(tcpPacket())
			ctx.Explore = explore && c.want != eval.Unknown
			if got := run(t, rs, ctx); got.Verdict != c.want {
				t.Errorf("%s: got %s, want %s", name, got.Verdict, c.want)
			}
		}
	}
}

func TestRun_HotdropOfATCPFragmentAtOffsetOne(t *testing.T) {
	c := context(tcpPacket())
	c.Packet.FragOffset = 1
	rs := ruleset(nf.IptablesLegacy, body(nf.MatchL4{Proto: packet.ProtoTCP}, nf.Accept{}), body(nf.Accept{}))
	if got := run(t, rs, c); got.Verdict != eval.Drop || got.Rule.Rule != 1 {
		t.Errorf("got %+v, want a drop by rule 1", got)
	}
}

func TestRun_EndlessJumpsAreUnknown(t *testing.T) {
	rs := ruleset(nf.IptablesLegacy, body(nf.Jump{Chain: "loop"}))
	rs.Tables[0].Chains = append(rs.Tables[0].Chains, nf.Chain{Name: "loop", Rules: []nf.Rule{body(nf.Jump{Chain: "loop"})}})
	if got := run(t, rs, context(tcpPacket())); got.Verdict != eval.Unknown {
		t.Errorf("got %s, want unknown", got.Verdict)
	}
}

func TestRun_EndlessGotosAreUnknown(t *testing.T) {
	rs := ruleset(nf.IptablesLegacy, body(nf.Goto{Chain: "FORWARD"}))
	if got := run(t, rs, context(tcpPacket())); got.Verdict != eval.Unknown {
		t.Errorf("got %s, want unknown", got.Verdict)
	}
}

func TestRun_ExploreChoosesUnknownMatches(t *testing.T) {
	rs := ruleset(nf.IptablesLegacy, body(nf.OpaqueMatch{Text: "-m bpf"}, nf.Accept{}))
	for choice, want := range []eval.Verdict{eval.Drop, eval.Accept} {
		c := context(tcpPacket())
		c.Explore, c.Choose = true, func(eval.Choice) int { return choice }
		if got := run(t, rs, c); got.Verdict != want {
			t.Errorf("alternative %d: got %s, want %s", choice, got.Verdict, want)
		}
	}
}

func TestRun_RecordsRules(t *testing.T) {
	rs := ruleset(nf.IptablesLegacy, body(nf.MatchProto{Proto: packet.ProtoUDP}, nf.Accept{}),
		body(nf.SetMark{Value: 1, Mask: 1}), body(nf.Drop{}))
	c := context(tcpPacket())
	c.Rec = &trace.Recorder{Node: "n", All: true, Text: func(*nf.Table, *nf.Chain, *nf.Rule) string { return "text" }}
	run(t, rs, c)
	var got []string
	for _, s := range c.Rec.Steps {
		got = append(got, strings.Join([]string{s.Node, s.Chain, s.Text, string(s.Effect), s.MarkBefore, s.Why}, " "))
	}
	want := []string{"n FORWARD text   protocol is tcp", "n FORWARD text mark 0x10 ", "n FORWARD text drop  "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Statements that no codec would write must not panic, whatever the packet.
func TestRun_ZeroStatementsDoNotPanic(t *testing.T) {
	packets := []*packet.Packet{tcpPacket(), echoPacket(), {}, {Proto: packet.ProtoTCP, Truncated: true}}
	for _, k := range nf.Kinds() {
		for _, b := range []nf.Backend{nf.NFTables, nf.IptablesLegacy} {
			e := eval.New(ruleset(b, body(k, nf.Accept{})))
			id := e.Hook(packet.IPv4, nf.Forward)[0].ID
			for _, p := range packets {
				q := *p
				c := &eval.Context{Packet: &q, Hook: nf.Forward, Rec: &trace.Recorder{All: true}}
				if got := e.Run(id, c); got.Verdict == eval.Undecided {
					t.Errorf("%s: undecided", nf.KindName(k))
				}
			}
		}
	}
}
