package walk_test

import (
	"testing"

	"tortie/dataplane/host"
)

// The rule behind an accept by mark is the one that set the bit, whatever was
// done to other bits since; where that was in an earlier hook, it is the last one
// that set a bit in this one.
func TestConnect_RuleBehindTheMark(t *testing.T) {
	for name, s := range map[string]*host.State{
		"iptables": rules(t, state(), "*filter\n:FORWARD DROP\n"+
			"-A FORWARD -j MARK --set-xmark 0x80000/0x80000\n-A FORWARD -p tcp -j MARK --set-xmark 0x10000/0x10000\n"+
			"-A FORWARD -j MARK --set-xmark 0x0/0x80000\n-A FORWARD -j MARK --set-xmark 0x4000/0x4000\n"+
			"-A FORWARD -m mark --mark 0x10000/0x10000 -j ACCEPT\nCOMMIT\n"),
		"by a mark of an earlier hook": rules(t, state(), "*mangle\n:PREROUTING ACCEPT\n-A PREROUTING -j MARK --set-xmark 0x4000/0x4000\nCOMMIT\n"+
			"*filter\n:FORWARD DROP\n-A FORWARD -j MARK --set-xmark 0x80000/0x80000\n-A FORWARD -p tcp -j MARK --set-xmark 0x10000/0x10000\n"+
			"-A FORWARD -j MARK --set-xmark 0x0/0x80000\n-A FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT\nCOMMIT\n"),
		"set in an earlier hook": rules(t, state(), "*mangle\n:PREROUTING ACCEPT\n-A PREROUTING -p udp -j MARK --set-xmark 0x1/0x1\n"+
			"-A PREROUTING -j MARK --set-xmark 0x10000/0x10000\n-A PREROUTING -j MARK --set-xmark 0x4000/0x4000\nCOMMIT\n"+
			"*filter\n:FORWARD DROP\n-A FORWARD -m mark --mark 0x10000/0x10000 -j ACCEPT\nCOMMIT\n"),
		"nftables": nft(t, state(), `table ip t { chain f { type filter hook forward priority 0; policy drop;
			meta mark set meta mark | 0x80000; tcp dport 80 meta mark set meta mark | 0x10000
			meta mark set meta mark & 0xfff7ffff; meta mark set meta mark | 0x4000
			meta mark & 0x10000 == 0x10000 accept; } }`),
	} {
		got := connect(t, s, tcp(outside, "10.65.0.2", 80))
		if len(got.Packets) == 0 || got.Packets[0].Reason.Rule != 2 {
			t.Errorf("%s: %+v, want rule 2", name, got.Reason)
		}
	}
}
