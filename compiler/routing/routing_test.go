package routing

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/dataplane/host"
)

const twoNodes = `apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1}
spec: {bgp: {ipv4Address: 192.0.2.11/24}}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n2}
spec: {bgp: {ipv4Address: 192.0.2.12/24}, ipv4VXLANTunnelAddr: TUNNEL}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: p}
spec: {cidr: 10.50.0.0/16, vxlanMode: MODE}
---
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
apiVersion: v1
kind: Pod
metadata: {name: near, namespace: a}
spec: {nodeName: n1, containers: [{name: c, image: x}]}
status: {podIP: 10.50.1.10}
---
apiVersion: v1
kind: Pod
metadata: {name: far, namespace: a}
spec: {nodeName: n2, containers: [{name: c, image: x}]}
status: {podIP: 10.50.1.20}
`

// load gathers a cluster, with the values of names in capitals.
func load(t *testing.T, text string, values ...string) (*Cluster, diag.List) {
	t.Helper()
	s, found := cluster.Read([]cluster.File{{Name: "f", Data: []byte(strings.NewReplacer(values...).Replace(text))}}, cluster.Options{})
	m, more := s.Model()
	c, own := New(s, m)
	return c, slices.Concat(found, more, own)
}

func nodeState(t *testing.T, c *Cluster, name string) host.State {
	t.Helper()
	s, ok := c.Node(name, Tunnels{VXLAN: true, IPIP: true, VXLANPort: 4789, VNI: 4096})
	if !ok {
		t.Fatalf("no node %s", name)
	}
	return s
}

// way is the link by which a node sends to an address, by its longest prefix.
func way(s *host.State, to string) host.LinkName {
	var best host.Route
	for _, r := range s.Routes {
		if r.Table == host.TableMain && r.Dst.Contains(netip.MustParseAddr(to)) && (!best.Dst.IsValid() || r.Dst.Bits() > best.Dst.Bits()) {
			best = r
		}
	}
	if best.Type == host.RouteBlackhole || len(best.Hops) == 0 {
		return "nowhere"
	}
	return best.Hops[0].Dev
}

// An address that a node has out of another one's block has a route of its own, a
// tunnel's too; without it the block's node drops what is for it.
func TestNode_BorrowedAddresses(t *testing.T) {
	blocks := `---
apiVersion: projectcalico.org/v3
kind: BlockAffinity
metadata: {name: b}
spec: {cidr: 10.50.1.0/26, node: n1, state: confirmed}
`
	for name, text := range map[string]string{"blocks assumed": twoNodes, "blocks given": twoNodes + blocks} {
		c, found := load(t, text, "MODE", "Never", "TUNNEL", "10.50.1.30")
		if found.HasErrors() {
			t.Fatal(name, found)
		}
		s := nodeState(t, c, "n1")
		for to, want := range map[string]host.LinkName{"10.50.1.20": "eth0", "10.50.1.30": "eth0", "10.50.1.40": "nowhere"} {
			if got := way(&s, to); got != want {
				t.Errorf("%s: n1 sends to %s by %s, want %s", name, to, got, want)
			}
		}
	}
}

// The block of a tunnel's address is assumed where its node is, pods or not.
func TestNode_BlockOfATunnelAddress(t *testing.T) {
	c, _ := load(t, twoNodes, "MODE", "Never", "TUNNEL", "10.50.9.1")
	s := nodeState(t, c, "n1")
	if got := way(&s, "10.50.9.5"); got != "eth0" || len(s.Routes) == 0 || !slices.ContainsFunc(s.Routes, func(r host.Route) bool { return r.Dst.String() == "10.50.9.0/26" }) {
		t.Errorf("by %s, routes %v", got, s.Routes)
	}
}

// A host endpoint with the node's own address names its link, if that is none of
// Calico's devices.
func TestNode_UplinkOfAHostEndpoint(t *testing.T) {
	hep := `---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: h}
spec: {node: n1, interfaceName: IFACE, expectedIPs: [ADDR]}
`
	for _, c := range []struct {
		iface, addr string
		want        host.LinkName
	}{{"ens3", "192.0.2.11", "ens3"}, {"ens3", "192.0.2.99", "eth0"}, {"vxlan.calico", "192.0.2.11", "eth0"}, {"'*'", "192.0.2.11", "eth0"}} {
		cl, _ := load(t, twoNodes+hep, "MODE", "Never", "TUNNEL", "10.50.1.30", "IFACE", c.iface, "ADDR", c.addr)
		s := nodeState(t, cl, "n1")
		if s.FindLink(c.want) == nil || cl.UnderlayOf(&s) != c.want || way(&s, "198.51.100.7") != c.want {
			t.Errorf("%s at %s: links %v, underlay %s", c.iface, c.addr, s.Links, cl.UnderlayOf(&s))
		}
	}
}

// Nodes without an address for the device of the tunnel that a pool asks for are noted.
func TestNew_NotesMissingTunnels(t *testing.T) {
	for mode, want := range map[string]string{"Always": "node n1 is without an address for its device", "Never": ""} {
		c, _ := load(t, twoNodes, "MODE", mode, "TUNNEL", "10.50.1.30")
		got := slices.ContainsFunc(c.Notes, func(n string) bool { return strings.Contains(n, "without an address") })
		if got != (want != "") || got && !strings.Contains(strings.Join(c.Notes, "\n"), want) {
			t.Errorf("vxlanMode %s: notes %q", mode, c.Notes)
		}
	}
}

// A route of a HostNetwork finds the device of its gateway, or is an error.
func TestNode_RouteWithoutDevice(t *testing.T) {
	network := `---
apiVersion: tortie.dev/v1
kind: HostNetwork
metadata: {name: n1}
spec:
  interfaces: [{name: ens3, addresses: [192.0.2.11/24]}]
  routes: [{to: default, via: GATEWAY}]
`
	c, found := load(t, twoNodes+network, "MODE", "Never", "TUNNEL", "10.50.1.30", "GATEWAY", "192.0.2.254")
	s := nodeState(t, c, "n1")
	if got := way(&s, "198.51.100.7"); got != "ens3" || found.HasErrors() {
		t.Errorf("by %q, %v", got, found)
	}
	if _, found := load(t, twoNodes+network, "MODE", "Never", "TUNNEL", "10.50.1.30", "GATEWAY", "203.0.113.1"); !found.HasErrors() {
		t.Error("a gateway on no network is no error")
	}
}

// With host-local address management the nodes' own networks are the blocks, whatever
// IPAM objects are left.
func TestNode_PodCIDRs(t *testing.T) {
	const text = `apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.50.1.0/24, "fd00:1::/64"]}
status: {addresses: [{type: InternalIP, address: 192.0.2.11}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
spec: {podCIDRs: [10.50.2.0/24]}
status: {addresses: [{type: InternalIP, address: 192.0.2.12}]}
---
apiVersion: projectcalico.org/v3
kind: BlockAffinity
metadata: {name: b}
spec: {cidr: 10.50.2.64/26, node: n1, state: confirmed}
---
apiVersion: operator.tigera.io/v1
kind: Installation
metadata: {name: default}
spec: {cni: {ipam: {type: HostLocal}}}
`
	c, found := load(t, text)
	s := nodeState(t, c, "n1")
	for to, want := range map[string]host.LinkName{"10.50.2.70": "eth0", "10.50.2.200": "eth0", "10.50.1.200": "nowhere", "fd00:1::5": "nowhere"} {
		if got := way(&s, to); got != want || found.HasErrors() {
			t.Errorf("n1 sends to %s by %s, want %s; %v", to, got, want, found)
		}
	}
}
