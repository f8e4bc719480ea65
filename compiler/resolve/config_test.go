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

// What Felix takes and refuses of each kind of parameter.
func TestParseSettings_Values(t *testing.T) {
	for _, row := range []struct {
		name, value string
		ok          func(Settings) bool
		problem     bool
	}{
		{"logActionRateLimitBurst", "20000", func(s Settings) bool { return s.LogRateLimitBurst == 20000 }, false},
		{"logActionRateLimit", "0/second", func(s Settings) bool { return s.LogRateLimit == "" }, true},
		{"interfaceExclude", "eth0.100", func(s Settings) bool { return s.InterfaceExclude[0] == "^kube-ipvs0$" }, true},
		{"interfaceExclude", "/^veth.*/,dummy0", func(s Settings) bool {
			return s.InterfaceExclude[0] == "^veth.*" && s.InterfaceExclude[1] == "^dummy0$"
		}, false},
		{"interfacePrefix", "cali, tap", func(s Settings) bool { return len(s.InterfacePrefixes) == 1 }, true},
		{"interfacePrefix", "cali,tap", func(s Settings) bool { return s.OpenStack }, false},
		{"failsafeInboundHostPorts", "tcp:10.1.2.3:22", func(s Settings) bool { return s.FailsafeInbound[0].Net == netip.MustParsePrefix("10.1.2.3/32") }, false},
		{"failsafeInboundHostPorts", "tcp:22 udp:53", func(s Settings) bool { return len(s.FailsafeInbound) == 9 }, true},
		{"failsafeInboundHostPorts", "", func(s Settings) bool { return len(s.FailsafeInbound) == 9 }, false},
		{"failsafeInboundHostPorts", "none", func(s Settings) bool { return len(s.FailsafeInbound) == 0 }, false},
		{"iptablesMarkMask", "0x10000", func(s Settings) bool { return s.MarkMask == 0xffff0000 }, true},
		{"iptablesMarkMask", "", func(s Settings) bool { return s.MarkMask == 0xffff0000 }, false},
		{"chainInsertMode", "none", func(s Settings) bool { return !s.ChainInsertAppend }, true},
		{"serviceLoopPrevention", "none", func(s Settings) bool { return s.ServiceLoop != LoopDrop && s.ServiceLoop != LoopReject }, false},
		{"ipv6Support", "none", func(s Settings) bool { return !s.IPv6 }, false},
		{"iptablesNATOutgoingInterfaceFilter", "eth 0", func(s Settings) bool { return s.NATOutgoingInterfaceFilter == "" }, true},
		{"vxlanPort", "0x12b6", func(s Settings) bool { return s.VXLANPort == 4790 }, false},
		{"maxIpsetSize", "65536", func(s Settings) bool { return s.MaxIPSetSize == 65536 }, false},
		{"externalNodesCIDRList", "10.9.0.1, 10.8.0.0/16", func(s Settings) bool { return len(s.ExternalNodes) == 2 }, false},
		{"istioDSCPMark", "AF11", func(s Settings) bool { return s.IstioDSCP == 10 }, false},
		{"flowLogsGoldmaneServer", "goldmane:7443", func(s Settings) bool { return s.FlowLogs() }, false},
		{"flowLogsLocalReporter", "Enabled", func(s Settings) bool { return s.FlowLogs() }, false},
		{"metadataAddr", "10.0.0.9", func(s Settings) bool { return s.OpenStack && s.OpenStackMetaIP.IsValid() }, false},
		{"metadataPort", "8776", func(s Settings) bool { return s.OpenStack && s.OpenStackMetaPort == 8776 }, false},
		{"clusterType", "openstack,k8s", func(s Settings) bool { return s.OpenStack }, false},
		{"featureDetectOverride", "MASQFullyRandom=false", func(s Settings) bool { return s.MasqueradeKeepsPort && !s.SNATKeepsPort }, false},
		{"ipipEnabled", "true", func(s Settings) bool { return s.IPIPConfigured == nil }, false},
	} {
		s, problems := ParseSettings(Config{row.name: row.value})
		if !row.ok(s) || (len(problems) > 0) != row.problem {
			t.Errorf("%s=%q: problems %v, settings %+v", row.name, row.value, problems, s)
		}
	}
}

// An empty value hides nothing; a value that stops Felix does so even when
// another source hides it.
func TestParseSettings_HiddenValues(t *testing.T) {
	s, problems := ParseSettings(Config{"logprefix": "global"}, Config{"logPrefix": ""})
	if s.LogPrefix != "global" || len(problems) != 0 {
		t.Errorf("got %q %v", s.LogPrefix, problems)
	}
	_, problems = ParseSettings(Config{"chaininsertmode": "middle", "vxlanport": "x"}, Config{"chainInsertMode": "Append", "vxlanPort": "1"})
	if len(problems) != 1 || problems[0].Name != "chaininsertmode" || !problems[0].Fatal {
		t.Errorf("got %v", problems)
	}
}

// openstackRegion decides no rules, but Felix does not start with a bad one.
func TestParseSettings_Region(t *testing.T) {
	for value, good := range map[string]bool{"region-one": true, "RegionOne": false, "a23456789012345678901234567890123456789012345678": false} {
		if _, problems := ParseSettings(Config{"openstackRegion": value}); (len(problems) == 0) != good || !good && !problems[0].Fatal {
			t.Errorf("%s: %v", value, problems)
		}
	}
}
