package difftest

import (
	"testing"

	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// limits are limits that packets of one instant exhaust: they refill within hours,
// or count windows of an hour.
func limits(bits uint8) []nf.Match {
	hash := func(name string, m nf.MatchHashLimit) nf.MatchHashLimit {
		m.Name = name
		if m.Rate == 0 {
			m.Rate, m.Unit = 2, nf.PerHour
		}
		if m.Burst == 0 {
			m.Burst = 2
		}
		if m.SrcMask == 0 {
			m.SrcMask = bits
		}
		m.DstMask = bits
		return m
	}
	return []nf.Match{
		nf.MatchLimit{Rate: 3, Unit: nf.PerHour, Burst: 5},
		nf.MatchLimit{Rate: 7, Unit: nf.PerDay, Burst: 4},
		hash("all", nf.MatchHashLimit{Upto: true, Burst: 3}),
		hash("above", nf.MatchHashLimit{SrcIP: true}),
		hash("net", nf.MatchHashLimit{SrcIP: true, SrcMask: bits - 8, Upto: true}),
		hash("ends", nf.MatchHashLimit{SrcIP: true, DstIP: true, DstPort: true, SrcPort: true, Upto: true}),
		hash("shared", nf.MatchHashLimit{DstIP: true, Upto: true, Burst: 3}),
		hash("shared", nf.MatchHashLimit{DstIP: true, Upto: true, Burst: 100}),
		hash("small", nf.MatchHashLimit{SrcPort: true, Upto: true, Size: 2, Max: 2}),
		hash("window", nf.MatchHashLimit{RateMatch: true, RateInterval: 3600, Rate: 1, Unit: nf.PerSecond}),
		hash("hourly", nf.MatchHashLimit{RateMatch: true, RateInterval: 3600, Rate: 2, Unit: nf.PerHour, Upto: true}),
		hash("bytes", nf.MatchHashLimit{SrcIP: true, PerByte: true, Rate: 16, Unit: nf.PerSecond, Burst: 256, Upto: true}),
	}
}

// Limits run dry in the walk with the packet with which they do in the kernel.
func TestDiff_Limits(t *testing.T) {
	netns.Require(t, labTools...)
	for _, fam := range families {
		bits := uint8(unspecified(fam).BitLen())
		for _, backend := range []nf.Backend{nf.IptablesLegacy, nf.IptablesNFT} {
			var rules []nf.Rule
			for _, m := range limits(bits) {
				rules = append(rules, nf.Rule{Body: []nf.Stmt{m}})
			}
			table := iptablesTable(fam, "filter", map[nf.ChainName][]nf.Rule{"FORWARD": rules})
			table.Backend = backend
			runLimits(t, fam.String()+" "+backend.String(), fam, nf.Ruleset{Tables: []nf.Table{table}})
		}
		var rules []nf.Rule
		for _, m := range []nf.MatchLimit{{Rate: 3, Unit: nf.PerHour, Burst: 4}, {Rate: 2, Unit: nf.PerWeek, Burst: 3, Over: true},
			{Rate: 200, Unit: nf.PerHour, PerByte: true}, {Rate: 100, Unit: nf.PerDay, PerByte: true, Burst: 90, Over: true}} {
			rules = append(rules, nf.Rule{Body: []nf.Stmt{m, nf.Counter{}}})
		}
		runLimits(t, fam.String()+" nftables", fam, both(base("forwarded", nf.TypeFilter, nf.Forward, nf.PriFilter, rules...)))
	}
}

func runLimits(t *testing.T, name string, fam packet.Family, r nf.Ruleset) {
	t.Run(name, func(t *testing.T) {
		c := &Case{Ruleset: r}
		for i := range 8 {
			s := syn(fam, []string{"10.1.0.2", "10.1.0.3"}[i%2], []string{"10.2.0.2", "10.2.0.3"}[i/4])
			s.Packet.SrcPort = uint16(5000 + i%3)
			c.Shots = append(c.Shots, s)
		}
		diffs, err := c.Run()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range diffs {
			t.Error(d)
		}
	})
}
