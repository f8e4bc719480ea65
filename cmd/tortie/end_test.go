package main

import (
	"strings"
	"testing"

	"tortie/dataplane/packet"
)

func TestParseEnd(t *testing.T) {
	rows := []struct {
		in    string
		kind  endKind
		text  string
		port  uint16
		proto packet.Proto
	}{
		{"shop/web-1:8080/tcp", endPod, "shop/web-1", 8080, packet.ProtoTCP},
		{"shop/web-1:8080", endPod, "shop/web-1", 8080, packet.ProtoTCP},
		{"shop/deploy/web:53/udp", endDeploy, "shop/deploy/web", 53, packet.ProtoUDP},
		{"svc:kube-system/kube-dns:53/udp", endService, "svc:kube-system/kube-dns", 53, packet.ProtoUDP},
		{"node:edge-1:30080/tcp", endNode, "node:edge-1", 30080, packet.ProtoTCP},
		{"node:edge-1", endNode, "node:edge-1", 0, packet.ProtoTCP},
		{"10.0.0.1:80", endAddr, "10.0.0.1", 80, packet.ProtoTCP},
		{"10.0.0.1/icmp", endAddr, "10.0.0.1", 0, packet.ProtoICMP},
		{"10.0.0.1:8/0/icmp", endAddr, "10.0.0.1", 0, packet.ProtoICMP},
		{"[2001:db8::1]:53/udp", endAddr, "[2001:db8::1]", 53, packet.ProtoUDP},
		{"2001:db8::1", endAddr, "2001:db8::1", 0, packet.ProtoTCP},
		{"10.0.0.1/proto-50", endAddr, "10.0.0.1", 0, packet.ProtoESP},
	}
	for _, r := range rows {
		e, err := parseEnd(r.in, true)
		if err != nil {
			t.Errorf("%s: %v", r.in, err)
			continue
		}
		if e.kind != r.kind || e.text != r.text || e.port != r.port || e.proto != r.proto {
			t.Errorf("%s: got %+v", r.in, e)
		}
	}
}

func TestParseEnd_Wrong(t *testing.T) {
	for in, want := range map[string]string{
		"":                  "nothing is named",
		"web":               "neither an IP address nor",
		"10.0.0.1:0":        "from 1 to 65535",
		"10.0.0.1:99999":    "from 1 to 65535",
		"10.0.0.1:http":     "from 1 to 65535",
		"node:":             "name is empty",
		"1.2.3.4@n1":        "not NODE/IFACE",
		"a.b@n1/eth0":       "not an IP address",
		"10.0.0.1/proto-0":  "from 1 to 255",
		"10.0.0.1:x/0/icmp": "not an ICMP type",
	} {
		if _, err := parseEnd(in, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", in, err, want)
		}
	}
}

func FuzzParseEnd(f *testing.F) {
	for _, s := range []string{"shop/web:80/tcp", "node:a:1", "[::1]:2", "1.2.3.4@n/e", "svc:a/b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parseEnd(s, true)
		if err == nil && (e.kind == 0 || !strings.Contains(s, e.text)) {
			t.Errorf("%q gave %+v", s, e)
		}
	})
}
