package resolve_test

import (
	"strings"
	"testing"

	"tortie/compiler/cluster"
	"tortie/compiler/resolve"
)

const configObjects = `
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata:
  name: default
  annotations: {config.projectcalico.org/LogPrefix: by-annotation}
spec: {logPrefix: by-spec, vxlanPort: 1000, externalNodesList: [10.9.0.1/32], ipipEnabled: true, istioDSCPMark: CS1}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: younger, creationTimestamp: "2026-02-01T00:00:00Z"}
spec: {nodeSelector: "zone == 'a'", vxlanPort: 3000, maxIpsetSize: 77}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: zolder, creationTimestamp: "2026-01-01T00:00:00Z"}
spec: {nodeSelector: "has(zone)", vxlanPort: 2000}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: elsewhere}
spec: {nodeSelector: "zone == 'b'", vxlanPort: 4000}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: node.own}
spec: {vxlanPort: 5000}
---
apiVersion: v1
kind: Node
metadata: {name: node1, labels: {zone: a}}
---
apiVersion: v1
kind: Node
metadata: {name: own, labels: {zone: a}}
---
apiVersion: v1
kind: Node
metadata: {name: plain}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: bare}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: everyone, creationTimestamp: "2026-03-01T00:00:00Z"}
spec: {nodeSelector: all(), vxlanPort: 6000}
`

// The FelixConfigurations of a node: the default, the oldest selected one, its
// own; annotations before fields.
func TestNode_FelixConfigurations(t *testing.T) {
	snap, diags := cluster.Read([]cluster.File{{Name: "in.yaml", Data: []byte(configObjects)}}, cluster.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	model, _ := snap.Model()
	for node, port := range map[string]uint16{"node1": 2000, "own": 5000, "plain": 6000, "bare": 1000} {
		view, _ := resolve.New(snap, model).Node(node, resolve.NodeOptions{})
		s := view.Settings
		if s.VXLANPort != port {
			t.Errorf("%s: port %d, want %d", node, s.VXLANPort, port)
		}
		if s.LogPrefix != "by-annotation" || len(s.ExternalNodes) != 1 || !s.IPIP || s.IstioDSCP != 8 || s.MaxIPSetSize == 77 {
			t.Errorf("%s: %+v", node, s)
		}
	}
}

// With nftablesMode Auto kube-proxy's mode decides, and iptables' actions hold.
func TestNode_ProxyModeDecides(t *testing.T) {
	snap, _ := cluster.Read([]cluster.File{{Name: "in.yaml", Data: []byte(configObjects)}}, cluster.Options{})
	model, _ := snap.Model()
	opt := resolve.NodeOptions{ProxyNFTables: true, Env: resolve.Config{"iptablesfilterallowaction": "Return"}}
	for mode, want := range map[string]bool{"": true, "Auto": true, "Enabled": true, "Disabled": false} {
		opt.Env["nftablesmode"] = mode
		view, _ := resolve.New(snap, model).Node("node1", opt)
		if s := view.Settings; s.NFTables != want || s.FilterAllowReturn != (mode != "Enabled") {
			t.Errorf("%q: %v %v", mode, s.NFTables, s.FilterAllowReturn)
		}
	}
}

// The addresses of other nodes: a node of a running cluster has only what
// calico/node wrote down, and the set of all hosts takes it with its length only.
func TestNode_AddressesOfNodes(t *testing.T) {
	const objects = `
apiVersion: v1
kind: Node
metadata: {name: fresh}
status: {addresses: [{type: ExternalIP, address: 172.31.0.9}, {type: InternalIP, address: 172.31.0.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: outside}
status: {addresses: [{type: ExternalIP, address: 172.31.0.2}]}
---
apiVersion: v1
kind: Node
metadata: {name: running, uid: "1"}
status: {addresses: [{type: InternalIP, address: 172.31.0.3}]}
---
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: plain}
spec: {ipv4VXLANTunnelAddr: 10.65.0.0, bgp: {ipv4Address: 172.31.0.4}}
`
	snap, _ := cluster.Read([]cluster.File{{Name: "in.yaml", Data: []byte(objects)}}, cluster.Options{})
	model, _ := snap.Model()
	view, _ := resolve.New(snap, model).Node("fresh", resolve.NodeOptions{})
	want := map[string]string{"fresh": "172.31.0.1", "outside": "172.31.0.2", "running": "invalid IP", "plain": "invalid IP"}
	for _, n := range view.Nodes {
		if n.IPv4.String() != want[n.Name] {
			t.Errorf("%s: %s, want %s", n.Name, n.IPv4, want[n.Name])
		}
	}
	if len(view.VTEPs) != 1 || view.VTEPs[0].ParentIPv4.String() != "172.31.0.4" {
		t.Errorf("VTEPs %v", view.VTEPs)
	}
}

// Which encapsulation is on: the configuration decides for IPv4, the pools alone
// for IPv6.
func TestNode_Encapsulation(t *testing.T) {
	const pool = `
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: six}
spec: {cidr: "fd00:65::/64", vxlanMode: Always}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: zz-same-as-four}
spec: {cidr: 10.65.0.0/16, vxlanMode: Always, natOutgoing: true}
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: four}
spec: {cidr: 10.65.0.0/16, ipipMode: CrossSubnet, disabled: true}
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec: `
	for _, row := range []struct {
		spec             string
		ipip, vxlan, six bool
	}{
		{"{}", true, false, true},
		{"{vxlanEnabled: true}", true, true, true},
		{"{vxlanEnabled: false, ipipEnabled: false}", false, false, true},
	} {
		snap, _ := cluster.Read([]cluster.File{{Name: "in.yaml", Data: []byte(pool + row.spec)}}, cluster.Options{})
		model, _ := snap.Model()
		view, _ := resolve.New(snap, model).Node("n", resolve.NodeOptions{})
		if len(view.Pools) != 2 || view.Pools[0].Masquerade {
			t.Errorf("pools %v", view.Pools)
		}
		if s := view.Settings; s.IPIP != row.ipip || s.VXLAN != row.vxlan || s.VXLANv6 != row.six {
			t.Errorf("%s: IPIP %v, VXLAN %v, IPv6 %v", row.spec, s.IPIP, s.VXLAN, s.VXLANv6)
		}
	}
}

// A value that Felix refuses is shown where the strongest object has it.
func TestNode_BadSettingHasAPlace(t *testing.T) {
	const objects = `
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata:
  name: default
  annotations: {config.projectcalico.org/MaxIpsetSize: abc}
spec:
  maxIpsetSize: 5
  logActionRateLimit: often
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: node.n}
spec: {logActionRateLimit: seldom}
`
	snap, _ := cluster.Read([]cluster.File{{Name: "in.yaml", Data: []byte(objects)}}, cluster.Options{})
	model, _ := snap.Model()
	_, found := resolve.New(snap, model).Node("n", resolve.NodeOptions{Env: resolve.Config{"vxlanport": "x"}})
	want := map[string]string{"maxipsetsize": "in.yaml:6:56", "logactionratelimit": "in.yaml:14:28", "vxlanport": ""}
	for _, f := range found {
		name, _, _ := strings.Cut(f.Message, ":")
		if at, ok := want[name]; f.Code != "felix/bad-setting" || !ok || f.Span.String() != at || (at == "") != strings.Contains(f.Message, "environment") {
			t.Errorf("%s: %+v", f.Span, f)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}
