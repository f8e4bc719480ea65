package eval_test

import (
	"net/netip"
	"testing"
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/eval"
)

// sticky is a rule set that remembers sources for an hour, in a set of nftables and in
// one of ipset, and drops those that it knows; add is what it does with the others.
func sticky(add bool, change func(*nf.Set)) *nf.Ruleset {
	base, _ := nf.IptablesBase("filter", "INPUT")
	src := []nf.Key{{Field: nf.KeySAddr}}
	set := nf.Set{Name: "s", Key: []nf.DataType{nf.TypeIPv4Addr}, Dynamic: true, HasTimeout: true, Timeout: time.Hour}
	change(&set)
	known := []nf.Rule{{Body: []nf.Stmt{nf.MatchLookup{Key: src, Set: "s"}, nf.Drop{}}}}
	asked := []nf.Rule{{Body: []nf.Stmt{nf.MatchSet{Set: "i", Dirs: []nf.Dir{nf.Src}}, nf.Drop{}}}}
	if add {
		known = append(known, nf.Rule{Body: []nf.Stmt{nf.SetElement{Op: "update", Set: "s", Key: src}}})
		asked = append(asked, nf.Rule{Body: []nf.Stmt{nf.SetElement{Op: "add", Set: "i", Dirs: []nf.Dir{nf.Src}}}})
	}
	return &nf.Ruleset{
		IPSets: []nf.Set{{Name: "i", Type: "hash:ip", Family: packet.IPv4, Timeout: time.Hour}},
		Tables: []nf.Table{
			{Family: nf.FamilyIP, Name: "filter", Backend: nf.IptablesLegacy, Chains: []nf.Chain{{Name: "INPUT", Base: &base, Rules: asked}}},
			{Family: nf.FamilyIP, Name: "t", Backend: nf.NFTables, Sets: []nf.Set{set}, Chains: []nf.Chain{{Name: "c", Base: &base, Rules: known}}},
		},
	}
}

// verdicts are those of both chains for a packet.
func verdicts(e *eval.Engine, s *eval.State, at time.Duration) (out [2]eval.Verdict) {
	p := packet.Packet{Src: netip.MustParseAddr("192.0.2.9"), Dst: netip.MustParseAddr("192.0.2.1"), Proto: packet.ProtoUDP}
	for i, b := range e.Hook(packet.IPv4, nf.LocalIn) {
		q := p
		out[i] = e.Run(b.ID, &eval.Context{Packet: &q, State: s, Now: at}).Verdict
	}
	return out
}

// Elements that rules added go on with the set, with the time that they have left; they
// end with it.
func TestState_KeepsElements(t *testing.T) {
	same := func(*nf.Set) {}
	for _, row := range []struct {
		name   string
		now    *nf.Ruleset
		nft    eval.Verdict
		within time.Duration
	}{
		{"the same rules", sticky(true, same), eval.Drop, time.Minute},
		{"rules that only look", sticky(false, same), eval.Drop, time.Minute},
		{"an hour later", sticky(false, same), eval.Accept, 61 * time.Minute},
		{"another time for new ones", sticky(false, func(s *nf.Set) { s.Timeout = time.Second }), eval.Drop, time.Minute},
		{"another name", sticky(false, func(s *nf.Set) { s.Name = "s2" }), eval.Unknown, time.Minute},
		{"other elements", sticky(false, func(s *nf.Set) {
			s.Elements = []nf.Element{{Key: []nf.Datum{nf.AddrDatum(netip.MustParseAddr("192.0.2.99"))}}}
		}), eval.Accept, time.Minute},
	} {
		old, before := eval.New(sticky(true, same)), &eval.State{}
		if got := verdicts(old, before, 0); got != [2]eval.Verdict{eval.Accept, eval.Accept} {
			t.Fatalf("the first packet: %v", got)
		}
		now, state := eval.New(row.now), &eval.State{}
		state.Keep(before, old, now)
		want := [2]eval.Verdict{row.nft, eval.Drop} // newest registration first
		if row.within > time.Hour {
			want[1] = eval.Accept
		}
		if got := verdicts(now, state, row.within); got != want {
			t.Errorf("%s: got %v, want %v", row.name, got, want)
		}
	}
}
