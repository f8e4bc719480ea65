package resolve

import (
	"net/netip"
	"testing"

	"tortie/dataplane/packet"
)

func TestParseSettings_LaterSourcesWin(t *testing.T) {
	global := Config{"defaultEndpointToHostAction": "Drop", "logPrefix": "global", "vxlanPort": "1234"}
	node := Config{"logPrefix": "node"}
	env := EnvConfig(map[string]string{"FELIX_DEFAULTENDPOINTTOHOSTACTION": "ACCEPT", "PATH": "/bin", "Felix_IpInIpEnabled": "true"})
	s, problems := ParseSettings(global, node, env)
	if len(problems) != 0 {
		t.Fatalf("problems: %v", problems)
	}
	if s.EndpointToHost != HostAccept || s.LogPrefix != "node" || s.VXLANPort != 1234 || s.IPIPConfigured == nil || !*s.IPIPConfigured {
		t.Errorf("got %+v", s)
	}
}

// Of the twin settings only those of the mode in force count.
func TestParseSettings_ModeChoosesItsOwnActions(t *testing.T) {
	c := Config{"iptablesFilterAllowAction": "Return", "nftablesMangleAllowAction": "Return", "nftablesMarkMask": "0xff0000"}
	if s, _ := ParseSettings(c); !s.FilterAllowReturn || s.MangleAllowReturn || s.MarkMask != 0xffff0000 {
		t.Errorf("iptables mode: %+v", s)
	}
	c["nftablesMode"] = "Enabled"
	if s, _ := ParseSettings(c); s.FilterAllowReturn || !s.MangleAllowReturn || s.MarkMask != 0xff0000 {
		t.Errorf("nftables mode: %+v", s)
	}
}

func TestParseSettings_Failsafes(t *testing.T) {
	s, problems := ParseSettings(Config{"failsafeInboundHostPorts": "tcp:22, udp:[fd00::/8]:68,tcp:10.1.2.3/8:179, 99", "failsafeOutboundHostPorts": "none"})
	want := []ProtoPort{
		{Proto: packet.ProtoTCP, Port: 22},
		{Proto: packet.ProtoUDP, Port: 68, Net: netip.MustParsePrefix("fd00::/8")},
		{Proto: packet.ProtoTCP, Port: 179, Net: netip.MustParsePrefix("10.0.0.0/8")},
		{Proto: packet.ProtoTCP, Port: 99},
	}
	if len(problems) != 0 || len(s.FailsafeOutbound) != 0 || len(s.FailsafeInbound) != len(want) {
		t.Fatalf("got %+v %v", s.FailsafeInbound, problems)
	}
	for i := range want {
		if s.FailsafeInbound[i] != want[i] {
			t.Errorf("%d: got %+v, want %+v", i, s.FailsafeInbound[i], want[i])
		}
	}
}

func TestParseSettings_RefusedValuesKeepTheDefault(t *testing.T) {
	bad := Config{
		"failsafeInboundHostPorts": "sctp:22", "chainInsertMode": "Middle", "natPortRange": "9:1",
		"logActionRateLimit": "10/week", "interfaceExclude": "/[/", "ipv6Support": "maybe", "vxlanPort": "70000",
	}
	s, problems := ParseSettings(bad)
	if len(problems) != len(bad) {
		t.Errorf("%d problems, want %d: %v", len(problems), len(bad), problems)
	}
	for _, p := range problems {
		if fatal := p.Name == "failsafeinboundhostports" || p.Name == "chaininsertmode"; p.Fatal != fatal {
			t.Errorf("%s: fatal is %v", p.Name, p.Fatal)
		}
	}
	if len(s.FailsafeInbound) != 9 || s.ChainInsertAppend || s.VXLANPort != 4789 {
		t.Errorf("got %+v", s)
	}
}
