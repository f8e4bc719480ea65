package walk_test

import (
	"testing"

	"tortie/dataplane/iptables"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
	"tortie/simulator/walk"
)

// A kernel that computed the checksum of a longer UDP datagram takes it for wrong
// once a rule has changed the DSCP of IPv6, unless the rule comes before. Whether it
// did, or the network card, is not known.
func TestReceive_ChangedDSCP(t *testing.T) {
	for _, c := range []struct {
		table, chain, to string
		payload          uint16
		want             walk.Fate
	}{
		{"mangle", "INPUT", "fd00:172::1", 69, walk.Unknown},
		{"mangle", "INPUT", "fd00:172::1", 68, walk.Delivered},
		{"raw", "PREROUTING", "fd00:172::1", 69, walk.Delivered},
		{"mangle", "PREROUTING", "fd00:172::1", 69, walk.Unknown},
		{"mangle", "PREROUTING", "fd00:65::2", 69, walk.Sent},
	} {
		text := "*" + c.table + "\n-A " + c.chain + " -p udp -j DSCP --set-dscp 8\nCOMMIT\n*filter\n-A INPUT -m conntrack --ctstate NEW\nCOMMIT\n"
		tables, findings := iptables.Parse("rules", []byte(text), iptables.Options{Family: packet.IPv6, Backend: nf.IptablesLegacy})
		w := walk.NewHost(addTables(t, state(), tables, findings), walk.Options{})
		p := packet.Packet{Src: addr("fd00:172::100"), Dst: addr(c.to), Proto: packet.ProtoUDP, TTL: 64, SrcPort: 5000, DstPort: 53, PayloadLen: c.payload}
		if o := w.Receive("node1", "eth0", p); o.Fate != c.want {
			t.Errorf("%s %s, to %s, %d bytes: %s %s, want %s", c.table, c.chain, c.to, c.payload, o.Fate, o.Reason, c.want)
		}
	}
}
