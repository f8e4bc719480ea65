package routing

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

const annotated = `apiVersion: v1
kind: Node
metadata:
  name: n1
  annotations:
    projectcalico.org/IPv4Address: 192.0.2.11/25
    projectcalico.org/Interfaces: '[{"name":"bond0","addresses":["203.0.113.7"]},{"name":"ens192","addresses":["192.0.2.11","192.0.2.99"]},{"name":"cali1","addresses":["192.0.2.77"]}]'
status:
  addresses:
  - {type: InternalIP, address: 192.0.2.11}
  - {type: InternalIP, address: 198.51.100.3}
  - {type: ExternalIP, address: 203.0.113.7}
  - {type: ExternalIP, address: 203.0.113.8}
`

func links(t *testing.T, c *Cluster, node string) string {
	t.Helper()
	s := nodeState(t, c, node)
	var out []string
	for _, l := range s.Links {
		if l.Loopback {
			continue
		}
		var addrs []string
		for _, a := range l.Addrs {
			addrs = append(addrs, a.Prefix.String())
		}
		out = append(out, fmt.Sprintf("%s(%s)", l.Name, strings.Join(addrs, " ")))
	}
	return strings.Join(out, " ")
}

// What a node says of its interfaces is what it has; addresses that Kubernetes knows as
// internal are the node's wherever they are, external ones only where a link has them.
func TestNode_Interfaces(t *testing.T) {
	const hep = "---\napiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: h}\nspec: {node: n1, interfaceName: ens7, expectedIPs: [192.0.2.11]}\n"
	const network = "---\napiVersion: tortie.dev/v1\nkind: HostNetwork\nmetadata: {name: n1}\nspec: {interfaces: [{name: ext0, addresses: [203.0.113.8/24]}]}\n"
	const lone = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{type: InternalIP, address: 192.0.2.11}, {type: ExternalIP, address: 203.0.113.8}]}\n"
	for _, c := range []struct{ name, text, links, translated string }{
		{"annotated", annotated, "ens192(192.0.2.11/25 192.0.2.99/32 198.51.100.3/32) bond0(203.0.113.7/32)", "203.0.113.8"},
		{"annotated, with a host endpoint elsewhere", annotated + hep, "ens192(192.0.2.11/25 192.0.2.99/32 198.51.100.3/32) bond0(203.0.113.7/32)", "203.0.113.8"},
		{"nothing said", lone, "eth0(192.0.2.11/24)", "203.0.113.8"},
		{"host endpoint", lone + hep, "ens7(192.0.2.11/24)", "203.0.113.8"},
		{"HostNetwork", lone + network, "ext0(203.0.113.8/24)", ""},
	} {
		cl, found := load(t, c.text)
		if len(found) > 0 {
			t.Errorf("%s: %v", c.name, found)
		}
		if got := links(t, cl, "n1"); got != c.links {
			t.Errorf("%s: links %s, want %s", c.name, got, c.links)
		}
		got := ""
		for a := range cl.Translated() {
			got += a.String()
		}
		if got != c.translated {
			t.Errorf("%s: %q is translated, want %q", c.name, got, c.translated)
		}
	}
	cl, _ := load(t, annotated)
	s := nodeState(t, cl, "n1")
	if dev := way(&s, "192.0.2.100"); dev != "ens192" {
		t.Errorf("the node's network is by %s", dev)
	}
	if !strings.Contains(strings.Join(cl.Notes, "\n"), "does not say what networks") {
		t.Errorf("notes %q", cl.Notes)
	}
	if a := cl.AddrsOf("n1"); len(a) != 1 || a[0] != netip.MustParseAddr("192.0.2.11") {
		t.Errorf("own addresses %v", a)
	}
}
