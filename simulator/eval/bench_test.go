package eval_test

import (
	"net/netip"
	"testing"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/eval"
)

// calicoLike is a chain of n rules as Felix writes them: a set and ports set a
// mark, the mark returns.
func calicoLike(n int) *nf.Ruleset {
	rs := ruleset(nf.IptablesLegacy)
	set := nf.Set{Name: "peers", Type: "hash:net", Family: packet.IPv4}
	for i := range 1000 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)}), 32)
		set.Elements = append(set.Elements, nf.Element{Key: []nf.Datum{nf.PrefixDatum(p)}})
	}
	rs.IPSets = append(rs.IPSets, set)
	rules := make([]nf.Rule, 0, n)
	for len(rules) < n {
		rules = append(rules,
			body(nf.MatchProto{Proto: packet.ProtoTCP}, nf.MatchSet{Set: "peers", Dirs: []nf.Dir{nf.Src}},
				nf.MatchMultiport{Dir: nf.Dst, Ports: []nf.PortRange{{From: 8080, To: 8090}, {From: 443, To: 443}}},
				nf.SetMark{Value: 0x10000, Mask: 0x10000}),
			body(nf.MatchMark{Value: 0x10000, Mask: 0x10000}, nf.Return{}))
	}
	rs.Tables[0].Chains[0].Rules = rules
	return rs
}

func BenchmarkRun_CalicoLikeThousandRules(b *testing.B) {
	e := eval.New(calicoLike(1000))
	c := context(tcpPacket())
	id := e.Hook(packet.IPv4, nf.Forward)[0].ID
	b.ReportAllocs()
	for b.Loop() {
		e.Run(id, c)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/rule")
}

func TestRun_AllocatesNothing(t *testing.T) {
	e := eval.New(calicoLike(100))
	c := context(tcpPacket())
	id := e.Hook(packet.IPv4, nf.Forward)[0].ID
	if n := testing.AllocsPerRun(100, func() { e.Run(id, c) }); n != 0 {
		t.Errorf("%v allocations per packet, want 0", n)
	}
}
