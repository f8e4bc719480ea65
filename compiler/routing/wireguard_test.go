package routing

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/route"
)

const (
	keyA = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE="
	keyB = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI="
	keyC = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM="
)

const wireGuardNodes = `apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1, uid: a}
spec: {bgp: {ipv4Address: 192.0.2.11/24}, wireguard: {interfaceIPv4Address: 10.50.1.9}}
status: {wireguardPublicKey: "KEY1"}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n2, uid: b}
spec: {bgp: {ipv4Address: 192.0.2.12/24}, wireguard: {interfaceIPv4Address: 10.50.2.9}}
status: {wireguardPublicKey: "KEY2"}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n3, uid: c}
spec: {bgp: {ipv4Address: 192.0.2.13/24}}
status: {wireguardPublicKey: "KEY3"}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: p}
spec: {cidr: 10.50.0.0/16}
---
apiVersion: v1
kind: Namespace
metadata: {name: a}
`

const wireGuardPods = `---
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: a}
spec: {nodeName: n1, containers: [{name: c, image: x}]}
status: {podIP: 10.50.1.10}
---
apiVersion: v1
kind: Pod
metadata: {name: two, namespace: a}
spec: {nodeName: n2, containers: [{name: c, image: x}]}
status: {podIP: 10.50.2.10}
---
apiVersion: v1
kind: Pod
metadata: {name: three, namespace: a}
spec: {nodeName: n3, containers: [{name: c, image: x}]}
status: {podIP: 10.50.3.10}
`

// by is the link by which a node sends a packet with a mark, by all its tables.
func by(s *host.State, to string, mark uint32) string {
	tables := route.New(s)
	r := tables.Lookup(&route.Flow{Dst: netip.MustParseAddr(to), Mark: mark})
	if r.Err != route.OK {
		return r.Err.String()
	}
	return string(r.Dev)
}

// Felix routes into WireGuard what belongs to nodes with a key of their own, and
// leaves the rest to the other tables; what WireGuard itself sends passes by.
func TestNode_WireGuard(t *testing.T) {
	const wg, mark = "wireguard.cali", 0x200000
	for _, c := range []struct {
		name             string
		key1, key2, key3 string
		on               WireGuard
		// pod2 and pod3 are the ways to pods of the other nodes, tunnel2 that to n2's
		// device, host2 to n2 itself.
		pod2, pod3, tunnel2, host2 string
	}{
		{"keys of all", keyA, keyB, keyC, WireGuard{}, wg, wg, wg, "eth0"},
		{"a node without", keyA, keyB, "", WireGuard{}, wg, "eth0", wg, "eth0"},
		{"a key that cannot be read", keyA, "x", keyC, WireGuard{}, "eth0", wg, "eth0", "eth0"},
		{"one key for two nodes", keyA, keyB, keyB, WireGuard{}, "eth0", "eth0", "eth0", "eth0"},
		{"hosts too", keyA, keyB, keyC, WireGuard{Hosts: true}, wg, wg, wg, wg},
		{"hosts too, one without a key", keyA, "", keyC, WireGuard{Hosts: true}, "eth0", wg, "eth0", "eth0"},
		{"addresses of pods", keyA, keyB, keyC, WireGuard{WorkloadIPs: true}, wg, wg, wg, "eth0"},
		{"the own key, too", keyA, keyA, keyC, WireGuard{}, wg, wg, wg, "eth0"},
		{"none of its own", "", keyB, keyC, WireGuard{}, "eth0", "eth0", "eth0", "eth0"},
	} {
		cl, found := load(t, wireGuardNodes+wireGuardPods, "KEY1", c.key1, "KEY2", c.key2, "KEY3", c.key3)
		if found.HasErrors() {
			t.Fatal(found)
		}
		on := c.on
		on.On, on.Link, on.Port, on.Mark, on.Priority = true, wg, 51820, mark, 99
		s, _ := cl.Node("n1", Tunnels{WireGuard: on})
		for to, want := range map[string]string{"10.50.2.10": c.pod2, "10.50.3.10": c.pod3, "10.50.2.9": c.tunnel2, "192.0.2.12": c.host2, "10.50.1.10": string(linkOfPod(cl))} {
			if got := by(&s, to, 0); got != want {
				t.Errorf("%s: to %s by %s, want %s", c.name, to, got, want)
			}
		}
		if got := by(&s, "192.0.2.12", mark); got != "eth0" {
			t.Errorf("%s: what WireGuard sends leaves by %s", c.name, got)
		}
		if on.WorkloadIPs && slices.ContainsFunc(s.Routes, func(r host.Route) bool { return r.Table == wireGuardTable && r.Dst.Bits() < 32 }) {
			t.Errorf("%s: blocks in the table", c.name)
		}
	}
}

func linkOfPod(c *Cluster) host.LinkName {
	for _, e := range c.model.Endpoints {
		if e.Value.Pod == "one" {
			return host.LinkName(e.Value.InterfaceName)
		}
	}
	return ""
}

// The device has the node's address on it, listens and marks as Felix says, and knows
// the networks of its peers.
func TestNode_WireGuardDevice(t *testing.T) {
	cl, _ := load(t, wireGuardNodes+wireGuardPods, "KEY1", keyA, "KEY2", keyB, "KEY3", "")
	s, _ := cl.Node("n1", Tunnels{WireGuard: WireGuard{On: true, Link: "wg7", Port: 51900, Mark: 4, Priority: 7}})
	l := s.FindLink("wg7")
	if l == nil || l.WireGuard == nil {
		t.Fatalf("links %v", s.Links)
	}
	got := fmt.Sprint(l.Kind, " ", l.MTU, " ", l.Addrs[0].Prefix, " ", *l.WireGuard)
	if want := "wireguard 1440 10.50.1.9/32 {51900 4 [{192.0.2.12:51900 [10.50.2.0/26 10.50.2.9/32]}]}"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var rules []string
	for _, r := range s.Rules {
		rules = append(rules, fmt.Sprint(r.Priority, r.Invert, r.Mark, r.Mask, r.Table))
	}
	if got := strings.Join(rules, ","); got != "0 false 0 0 255,7 true 4 4 1,32766 false 0 0 254,32767 false 0 0 253" {
		t.Errorf("rules %s", got)
	}
}

// Nodes that no server has stored have published nothing yet: keys and addresses are
// made up for them, and only where none is in the input.
func TestAssumeWireGuard(t *testing.T) {
	unstored := strings.NewReplacer(", uid: a", "", ", uid: b", "", ", uid: c", "", "interfaceIPv4Address: 10.50.1.9", "")
	for _, c := range []struct{ text, key1, assumed, without string }{
		{wireGuardNodes, "", "", "nodes n1, n2, n3 are without"},
		{wireGuardNodes, keyA, "", "nodes n2, n3 are without"},
		{unstored.Replace(wireGuardNodes), "", "nodes n1, n2, n3 are taken to have one", ""},
		{unstored.Replace(wireGuardNodes), keyA, "", "nodes n2, n3 are without"},
	} {
		cl, _ := load(t, c.text+wireGuardPods, "KEY1", c.key1, "KEY2", "", "KEY3", "")
		cl.AssumeWireGuard(packet.IPv4, func(string) bool { return true })
		notes := strings.Join(cl.Notes, "\n")
		for _, want := range []string{c.assumed, c.without} {
			if !strings.Contains(notes, want) {
				t.Errorf("notes %q, want %q", notes, want)
			}
		}
		if n := cl.find("n1"); c.assumed != "" && (n.wg4.key == "" || n.wg4.addr.String() != "10.50.1.63") {
			t.Errorf("n1 has key %q and address %s", n.wg4.key, n.wg4.addr)
		}
	}
}

// The kernel takes no peer with the device's own key, so what Felix routes there is sent
// to nobody.
func TestNode_WireGuardOwnKey(t *testing.T) {
	cl, _ := load(t, wireGuardNodes+wireGuardPods, "KEY1", keyA, "KEY2", keyA, "KEY3", keyC)
	s, _ := cl.Node("n1", Tunnels{WireGuard: WireGuard{On: true, Link: "wg7", Port: 51820, Mark: 4, Priority: 7}})
	if got := by(&s, "10.50.2.10", 0); got != "wg7" {
		t.Errorf("to n2 by %s", got)
	}
	if got, want := fmt.Sprint(s.FindLink("wg7").WireGuard.Peers), "[{192.0.2.13:51820 [10.50.3.0/26]}]"; got != want {
		t.Errorf("peers %s, want %s", got, want)
	}
}

// Felix takes back the key of a node on which it has turned WireGuard off.
func TestAssumeWireGuard_Off(t *testing.T) {
	cl, _ := load(t, wireGuardNodes+wireGuardPods, "KEY1", keyA, "KEY2", keyB, "KEY3", keyC)
	cl.AssumeWireGuard(packet.IPv4, func(name string) bool { return name != "n2" })
	s, _ := cl.Node("n1", Tunnels{WireGuard: WireGuard{On: true, Link: "wg7", Port: 51820, Mark: 4, Priority: 7}})
	for to, want := range map[string]string{"10.50.2.10": "eth0", "10.50.3.10": "wg7"} {
		if got := by(&s, to, 0); got != want {
			t.Errorf("to %s by %s, want %s", to, got, want)
		}
	}
	if notes := strings.Join(cl.Notes, "\n"); strings.Count(notes, "node n2 is without WireGuard") != 1 || strings.Contains(notes, "n3") {
		t.Errorf("notes %q", notes)
	}
}
