package eval_test

import (
	"testing"
	"time"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/eval"
)

func netIface(p, iface string, wildcard bool) nf.Element {
	return nf.Element{Key: []nf.Datum{nf.PrefixDatum(prefix(p)), {Name: iface, Wildcard: wildcard}}}
}

// The packet is 10.0.0.1 to 10.0.0.2, from cali1 to eth0.
func TestMatchSet_TypesWithRulesOfTheirOwn(t *testing.T) {
	exception := nf.Element{Key: []nf.Datum{nf.PrefixDatum(prefix("10.0.0.0/30"))}, Nomatch: true}
	wide := nf.Element{Key: []nf.Datum{nf.PrefixDatum(prefix("10.0.0.0/8"))}}
	short := nf.Element{Key: []nf.Datum{nf.AddrDatum(addr("10.0.0.1"))}, Expires: time.Second, Timeout: time.Minute}
	src := []nf.Dir{nf.Src}
	for _, row := range []struct {
		name  string
		set   nf.Set
		match nf.MatchSet
		want  eval.Verdict
	}{
		{"interface", nf.Set{Type: "hash:net,iface", Elements: []nf.Element{netIface("10.0.0.0/8", "cali1", false)}}, nf.MatchSet{Dirs: []nf.Dir{nf.Src, nf.Src}}, yes},
		{"interface wildcard", nf.Set{Type: "hash:net,iface", Elements: []nf.Element{netIface("10.0.0.0/8", "cali", true)}}, nf.MatchSet{Dirs: []nf.Dir{nf.Src, nf.Src}}, yes},
		{"most specific net ends the search", nf.Set{Type: "hash:net,iface", Elements: []nf.Element{
			netIface("10.0.0.0/8", "cali1", false), netIface("10.0.0.0/24", "eth9", false)}}, nf.MatchSet{Dirs: []nf.Dir{nf.Src, nf.Src}}, no},
		{"nomatch", nf.Set{Type: "hash:net", Elements: []nf.Element{wide, exception}}, nf.MatchSet{Dirs: src}, no},
		{"return nomatch", nf.Set{Type: "hash:net", Elements: []nf.Element{wide, exception}}, nf.MatchSet{Dirs: src, ReturnNomatch: true}, yes},
		{"return nomatch of a match", nf.Set{Type: "hash:net", Elements: []nf.Element{wide}}, nf.MatchSet{Dirs: src, ReturnNomatch: true}, no},
		{"not expired", nf.Set{Type: "hash:ip", Elements: []nf.Element{short}}, nf.MatchSet{Dirs: src}, yes},
		{"netmask", nf.Set{Type: "hash:ip", Options: []string{"netmask 24"}, Elements: elements(nf.AddrDatum(addr("10.0.0.0")))}, nf.MatchSet{Dirs: src}, yes},
		{"list", nf.Set{Type: "list:set", Elements: elements(nf.NameDatum("dynset"), nf.NameDatum("nets"))}, nf.MatchSet{Dirs: src}, yes},
		{"list without", nf.Set{Type: "list:set", Elements: elements(nf.NameDatum("dynset"))}, nf.MatchSet{Dirs: src}, no},
		{"other family", nf.Set{Type: "hash:net", Family: packet.IPv6}, nf.MatchSet{Dirs: src, Invert: true}, yes},
		{"hardware address", nf.Set{Type: "hash:mac", Elements: []nf.Element{{Key: []nf.Datum{{MAC: "02:00:00:00:00:01"}}}}}, nf.MatchSet{Dirs: src}, open},
		{"options", nf.Set{Type: "hash:net", Elements: []nf.Element{wide}}, nf.MatchSet{Dirs: src, Options: "--packets-gt 3"}, open},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.set.Name, row.match.Set = "s", "s"
			if row.set.Family == 0 {
				row.set.Family = packet.IPv4
			}
			rs := ruleset(nf.IptablesLegacy, body(row.match, nf.Accept{}))
			rs.IPSets = append(rs.IPSets, row.set)
			if got := run(t, rs, context(tcpPacket())); got.Verdict != row.want {
				t.Errorf("got %s, want %s", got.Verdict, row.want)
			}
		})
	}
}

func TestMatchSet_ElementsExpire(t *testing.T) {
	rs := ruleset(nf.IptablesLegacy, body(nf.MatchSet{Set: "nets", Dirs: []nf.Dir{nf.Src}}, nf.Accept{}))
	rs.IPSets[0].Elements[0].Expires = time.Second
	c := context(tcpPacket())
	c.Now = 2 * time.Second
	if got := run(t, rs, c); got.Verdict != eval.Drop {
		t.Errorf("got %s, want drop", got.Verdict)
	}
}
