package iptables

import (
	"testing"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// iptables-save prints the names of /etc/protocols where that file is installed.
func TestParse_NamesOfProtocols(t *testing.T) {
	for name, want := range map[string]packet.Proto{"st": 5, "eigrp": 88, "ospf": 89, "ipip": 94, "ipencap": 4, "ax.25": 93, "ROHC": 142} {
		tables, diags := Parse("save", []byte("*filter\n:X - [0:0]\n-A X -p "+name+" -j DROP\nCOMMIT\n"), Options{Family: packet.IPv4})
		if len(diags) > 0 {
			t.Error(diags)
			continue
		}
		m, ok := tables[0].FindChain("X").Rules[0].Body[0].(nf.MatchProto)
		if !ok || m.Proto != want {
			t.Errorf("-p %s is %+v, want protocol %d", name, m, want)
		}
	}
}
