package eval_test

import (
	"strings"
	"testing"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/trace"
)

// The packet is 10.0.0.1 to 10.0.0.2, from cali1 to eth0. A rule that does not
// match says what the packet has.
func TestWhy_SaysWhatThePacketHas(t *testing.T) {
	p := tcpPacket()
	field := func(f nf.KeyField, v nf.Datum) nf.MatchCompare {
		return nf.MatchCompare{Key: []nf.Key{{Field: f}}, Op: nf.OpEqual, Values: [][]nf.Datum{{v}}}
	}
	for _, row := range []struct {
		name    string
		backend nf.Backend
		match   nf.Stmt
		want    string
	}{
		{"protocol", nf.IptablesLegacy, nf.MatchProto{Proto: packet.ProtoUDP}, "protocol is tcp"},
		{"source", nf.IptablesLegacy, nf.MatchAddr{Dir: nf.Src, Prefix: prefix("192.0.2.0/24")}, "source is 10.0.0.1"},
		{"interface", nf.IptablesLegacy, nf.MatchIface{Dir: nf.Src, Name: "eth7"}, "interface in is cali1"},
		{"mark", nf.IptablesLegacy, nf.MatchMark{Value: 1, Mask: 1}, "mark is " + trace.Hex(p.Mark)},
		{"ipset", nf.IptablesLegacy, nf.MatchSet{Set: "nets", Dirs: []nf.Dir{nf.Src}, Invert: true}, "10.0.0.1 is in nets"},
		{"nft address", nf.NFTables, field(nf.KeyDAddr, nf.AddrDatum(addr("192.0.2.1"))), "destination is 10.0.0.2"},
		{"nft port of another protocol", nf.NFTables, field(nf.KeyUDPDPort, nf.NumDatum(7)), "protocol is tcp"},
		{"not modelled", nf.IptablesLegacy, nf.OpaqueMatch{Text: "-m string --string x"}, "-m string --string x is not known"},
	} {
		t.Run(row.name, func(t *testing.T) {
			rs := ruleset(row.backend, body(row.match, nf.Accept{}))
			c := context(tcpPacket())
			c.Rec = &trace.Recorder{All: true}
			run(t, rs, c)
			steps := c.Rec.Take()
			if len(steps) == 0 || steps[0].Why != row.want {
				t.Errorf("got %+v, want %q", steps, row.want)
			}
		})
	}
}

// What no capture tells of is said to be taken as something.
func TestTaken_SaysWhatNoCaptureTells(t *testing.T) {
	key := func(f nf.KeyField) nf.Stmt {
		return nf.MatchCompare{Key: []nf.Key{{Field: f}}, Op: nf.OpEqual, Values: [][]nf.Datum{{nf.NumDatum(1)}}}
	}
	for _, m := range []nf.Stmt{nf.MatchRecent{Name: "l", Op: "rcheck"}, nf.MatchConnLimit{Limit: 2}, nf.MatchTTL{Op: "eq", Value: 1},
		nf.MatchDSCP{DSCP: 1}, key(nf.KeyTTL), key(nf.KeyDSCP)} {
		c := context(tcpPacket())
		c.Rec = &trace.Recorder{}
		run(t, ruleset(nf.NFTables, body(m, nf.Accept{})), c)
		if steps := c.Rec.Take(); len(steps) == 0 || !strings.Contains(steps[0].Taken, "taken as ") {
			t.Errorf("%T: %+v", m, steps)
		}
	}
}

// Whatever a rule asks, recording it changes no verdict and never panics.
func TestWhy_EveryKindOfMatch(t *testing.T) {
	for _, s := range nf.Kinds() {
		name := nf.KindName(s)
		for _, p := range []*packet.Packet{tcpPacket(), echoPacket()} {
			rs := ruleset(nf.IptablesLegacy, body(s, nf.Accept{}))
			plain, traced := context(p), context(p)
			traced.Rec = &trace.Recorder{All: true}
			if a, b := run(t, rs, plain), run(t, rs, traced); a.Verdict != b.Verdict {
				t.Errorf("%s: %s without a trace, %s with", name, a.Verdict, b.Verdict)
			}
		}
	}
}
