package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// wireGuardCluster is three nodes of two families of which the third has no key.
const wireGuardCluster = `apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec: {wireguardEnabled: true, wireguardEnabledV6: true, ipv6Support: true, FIELDS}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1, uid: a}
spec:
  bgp: {ipv4Address: 192.0.2.11/24, ipv6Address: "2001:db8::11/64"}
  wireguard: {interfaceIPv4Address: 10.50.1.9, interfaceIPv6Address: "fd50:1::9"}
status: {wireguardPublicKey: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=, wireguardPublicKeyV6: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI=}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n2, uid: b}
spec:
  bgp: {ipv4Address: 192.0.2.12/24, ipv6Address: "2001:db8::12/64"}
  wireguard: {interfaceIPv4Address: 10.50.2.9, interfaceIPv6Address: "fd50:2::9"}
status: {wireguardPublicKey: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM=, wireguardPublicKeyV6: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ=}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n3, uid: c}
spec: {bgp: {ipv4Address: 192.0.2.13/24, ipv6Address: "2001:db8::13/64"}}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: p4}
spec: {cidr: 10.50.0.0/16, vxlanMode: Always}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: p6}
spec: {cidr: "fd50::/16"}
---
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: a}
spec: {nodeName: n1, containers: [{name: c, image: x}]}
status: {podIPs: [{ip: 10.50.1.10}, {ip: "fd50:1::10"}], podIP: 10.50.1.10}
---
apiVersion: v1
kind: Pod
metadata: {name: two, namespace: a}
spec: {nodeName: n2, containers: [{name: c, image: x}]}
status: {podIPs: [{ip: 10.50.2.10}, {ip: "fd50:2::10"}], podIP: 10.50.2.10}
---
apiVersion: v1
kind: Pod
metadata: {name: three, namespace: a}
spec: {nodeName: n3, containers: [{name: c, image: x}]}
status: {podIPs: [{ip: 10.50.3.10}, {ip: "fd50:3::10"}], podIP: 10.50.3.10}
`

// noOuterPacket is a host endpoint of the second node that refuses the packets of
// WireGuard before connection tracking.
const noOuterPacket = `---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: n2-eth0, labels: {host: n2}}
spec: {node: n2, interfaceName: eth0, expectedIPs: [192.0.2.12]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: no-outer}
spec:
  selector: host == 'n2'
  doNotTrack: true
  applyOnForward: true
  types: [Ingress]
  ingress:
  - {action: Deny, protocol: UDP, destination: {ports: [51820]}}
  - {action: Allow}
`

// A connection between nodes with WireGuard is encrypted, its outer packets meet the
// chains of both hosts and leave by the main table; in both dataplanes and families.
func TestTrace_WireGuard(t *testing.T) {
	// The bit is the sixth of the mark mask.
	request := []string{`route     by wireguard.cali to 10.50.2.10`, `FORWARD .* ACCEPT|accept`, `encap     into the tunnel of wireguard.cali to 192.0.2.12:51820, encrypted, with mark 0x200000`,
		`route     by eth0 to 192.0.2.12`, `OUTPUT .*51820`, `n2\n`, `INPUT .*51820`, `decap     out of the tunnel of wireguard.cali`, `route     by cali`, `\nreply `,
		`encap     into the tunnel of wireguard.cali to 192.0.2.11:51820`, `decap`, `route     by cali\w+ to 10.50.1.10`}
	v6 := []string{`encap     into the tunnel of wg-v6.cali to \[2001:db8::12\]:51821, encrypted, with mark 0x200000`, `OUTPUT .*51821`, `INPUT .*51821`,
		`decap     out of the tunnel of wg-v6.cali`, `\nreply `, `to \[2001:db8::11\]:51821`, `decap`}
	plain := []string{`route     by eth0 to 192.0.2.13`, `\nreply `, `route     by eth0 to 192.0.2.11`}
	for _, row := range []struct {
		fields, extra, ends, verdict string
		want                         []string
		without                      string
	}{
		{"", "", "a/one a/two:80", "ALLOW", request, ""},
		{"", "", "a/one a/two:80 --family 6", "ALLOW", v6, ""},
		{"", "", "a/one a/three:80", "ALLOW", plain, "encap"},
		{"", "", "node:n1 a/two:80", "ALLOW", []string{`10\.50\.1\.9:40000`, `encap .*51820`, `decap`, `\nreply `, `encap .*192.0.2.11:51820`, `decap`}, ""},
		{"", "", "node:n1 node:n2:8000", "ALLOW", nil, "encap"},
		{"wireguardHostEncryptionEnabled: true", "", "node:n1 node:n2:8000", "ALLOW", []string{`route     by wireguard.cali to 192.0.2.12`, `encap .*51820`, `decap`, `\nreply `, `encap`, `decap`}, ""},
		{"wireguardHostEncryptionEnabled: true", "", "a/one node:n2:8000", "ALLOW", []string{`encap .*51820`, `decap`, `\nreply `, `encap`, `decap`}, ""},
		{"", noOuterPacket, "a/one a/two:80", "DENY", []string{`encap`, `==> PREROUTING  rule .*DROP|drop`}, "decap"},
		{"wireguardListeningPort: 500, wireguardInterfaceName: wg0", "", "a/one a/two:80", "ALLOW", []string{`into the tunnel of wg0 to 192.0.2.12:500,`, `decap     out of the tunnel of wg0`}, ""},
		{"wireguardEnabled: false", "", "a/one a/two:80", "ALLOW", nil, "encap"},
	} {
		for _, dataplane := range []string{"iptables", "nftables"} {
			fields := row.fields
			text := strings.Replace(wireGuardCluster, "FIELDS", fields, 1) + row.extra
			if strings.Contains(fields, "wireguardEnabled:") {
				text = strings.Replace(text, "wireguardEnabled: true, ", "", 1)
			}
			file := filepath.Join(t.TempDir(), "wireguard.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"trace", "-f", file, "--dataplane", dataplane}, strings.Fields(row.ends)...)
			out, errs, code := tortie(t, args...)
			if code != exitFine || !strings.HasPrefix(out, row.verdict+" ") || row.without != "" && strings.Contains(out, row.without) {
				t.Errorf("%s %s (%s): exit %d, want %s without %q\n%s%s", row.ends, dataplane, fields, code, row.verdict, row.without, out, errs)
			}
			inOrder(t, row.ends+" "+dataplane+" "+fields, out, row.want)
		}
	}
}

// inOrder finds regular expressions in a text one behind the other.
func inOrder(t *testing.T, name, text string, want []string) {
	t.Helper()
	rest := text
	for _, w := range want {
		at := regexp.MustCompile(w).FindStringIndex(rest)
		if at == nil {
			t.Errorf("%s: no %q in the rest of\n%s", name, w, text)
			return
		}
		rest = rest[at[1]:]
	}
}

// A node takes only packets of its own peers: with one public key for two nodes, as
// after a disk was copied, they are no peers of the third, which is still theirs.
func TestTrace_WireGuardOneKeyTwice(t *testing.T) {
	text := strings.Replace(wireGuardCluster, "FIELDS", "", 1)
	text = strings.Replace(text, "metadata: {name: n3, uid: c}", "metadata: {name: n3, uid: c}\nstatus: {wireguardPublicKey: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=}", 1)
	file := filepath.Join(t.TempDir(), "wireguard.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errs, code := tortie(t, "trace", "-f", file, "a/one", "a/two:80")
	if code != exitFine || !strings.HasPrefix(out, "DENY ") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	inOrder(t, "one key twice", out, []string{`encap     into the tunnel of wireguard.cali`, `no peer of wireguard.cali is allowed 10.50.1.10`})
}
