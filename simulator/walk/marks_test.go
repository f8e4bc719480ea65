package walk_test

import (
	"testing"

	"tortie/dataplane/host"
)

const markInFilter = "-A FORWARD -j MARK --set-xmark 0x80000/0x80000\n-A FORWARD -p tcp -j MARK --set-xmark 0x10000/0x10000\n-A FORWARD -j MARK --set-xmark 0x0/0x80000\n"

// The rule behind an accept by mark is the one that set the bit, whatever was done to
// other bits since. Where that was in an earlier hook, a rule of a policy counts. An
// accept that asks for more than a mark, or for a mark of no policy, stands for itself.
func TestConnect_RuleBehindTheMark(t *testing.T) {
	ofPolicy := func(s *host.State) *host.State {
		for i, chain := range s.Ruleset.Tables[1].Chains {
			for j := range chain.Rules {
				s.Ruleset.Tables[1].Chains[i].Rules[j].Origin = 1
			}
		}
		return s
	}
	early := func() *host.State {
		return rules(t, state(), "*mangle\n:PREROUTING ACCEPT\n-A PREROUTING -j MARK --set-xmark 0x4000/0x4000\nCOMMIT\n"+
			"*filter\n:FORWARD DROP\n"+markInFilter+"-A FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT\nCOMMIT\n")
	}
	for name, c := range map[string]struct {
		state *host.State
		table string
		rule  int
	}{
		"iptables": {rules(t, state(), "*filter\n:FORWARD DROP\n"+markInFilter+"-A FORWARD -j MARK --set-xmark 0x4000/0x4000\n"+
			"-A FORWARD -m mark --mark 0x10000/0x10000 -j ACCEPT\nCOMMIT\n"), "filter", 2},
		"by a mark of an earlier hook": {early(), "filter", 4},
		"behind a policy":              {ofPolicy(early()), "filter", 2},
		"set in an earlier hook": {rules(t, state(), "*mangle\n:PREROUTING ACCEPT\n:FORWARD ACCEPT\n-A PREROUTING -p udp -j MARK --set-xmark 0x1/0x1\n"+
			"-A PREROUTING -j MARK --set-xmark 0x10000/0x10000\n-A FORWARD -j MARK --set-xmark 0x200/0x200\nCOMMIT\n"+
			"*filter\n:FORWARD DROP\n-A FORWARD -m mark --mark 0x10000/0x10000 -j ACCEPT\nCOMMIT\n"), "filter", 1},
		"more than a mark": {rules(t, state(), "*filter\n:FORWARD DROP\n"+markInFilter+"-A FORWARD -p tcp -m mark --mark 0x10000/0x10000 -j ACCEPT\nCOMMIT\n"), "filter", 4},
		"nftables": {nft(t, state(), `table ip t { chain f { type filter hook forward priority 0; policy drop;
			meta mark set meta mark | 0x80000; tcp dport 80 meta mark set meta mark | 0x10000
			meta mark set meta mark & 0xfff7ffff; meta mark set meta mark | 0x4000
			meta mark & 0x10000 == 0x10000 accept; } }`), "t", 2},
	} {
		got := connect(t, c.state, tcp(outside, "10.65.0.2", 80))
		if len(got.Packets) == 0 || got.Packets[0].Reason.Rule != c.rule || got.Packets[0].Reason.Table != c.table {
			t.Errorf("%s: %+v, want rule %d of %s", name, got.Reason, c.rule, c.table)
		}
	}
}
