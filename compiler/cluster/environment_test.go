package cluster

import (
	"slices"
	"strings"
	"testing"
)

const twoNodes = `apiVersion: v1
kind: Node
metadata: {name: n1, labels: {zone: a}}
spec: {podCIDR: 10.1.0.0/24, podCIDRs: [10.1.0.0/24]}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2, labels: {zone: b}, annotations: {projectcalico.org/IPv4IPIPTunnelAddr: 10.9.9.9, projectcalico.org/WireguardPublicKey: k}}
spec: {podCIDR: 10.1.1.0/24, podCIDRs: [10.1.1.0/24]}
status: {addresses: [{type: InternalIP, address: 192.0.2.2}]}
`

// workloadOf is a DaemonSet or Deployment with one variable in the container of its name.
func workloadOf(kind, name, variable, value string) string {
	return "---\napiVersion: apps/v1\nkind: " + kind + "\nmetadata: {name: " + name + ", namespace: kube-system}\nspec: {selector: {}, template: {spec: {containers: [" +
		"{name: sidecar, image: x, env: [{name: " + variable + ", value: wrong}]}, {name: " + name + ", image: x, env: [{name: " + variable + ", value: '" + value + "'}]}]}}}\n"
}

// kube-controllers' environment goes before its configuration, and has no templates.
func TestModel_AutoHostEndpointsOfTheEnvironment(t *testing.T) {
	config := func(create, status string) string {
		return "---\napiVersion: projectcalico.org/v3\nkind: KubeControllersConfiguration\nmetadata: {name: default}\nspec: {controllers: {node: {hostEndpoint: {autoCreate: " + create +
			", createDefaultHostEndpoint: Disabled, templates: [{generateName: t, interfaceCIDRs: [192.0.2.0/24], nodeSelector: all()}]}}}}\n" + status
	}
	env := func(v string) string {
		return workloadOf("Deployment", "calico-kube-controllers", "AUTO_HOST_ENDPOINTS", v)
	}
	for _, c := range []struct{ text, want string }{
		{"", ""}, {env("enabled"), "n1-auto-hep n2-auto-hep"}, {env("Enabled") + config("Enabled", ""), "n1-auto-hep n2-auto-hep"},
		{env("disabled") + config("Enabled", ""), ""}, {config("Enabled", ""), "n1-t-auto-hep n2-t-auto-hep"},
		{config("Disabled", "status: {environmentVars: {AUTO_HOST_ENDPOINTS: enabled}}\n"), "n1-auto-hep n2-auto-hep"},
	} {
		s, _ := read(t, twoNodes+c.text, Options{})
		m, _ := s.Model()
		var got []string
		for _, h := range m.HostEndpoints {
			got = append(got, h.Value.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.text, got, c.want)
		}
	}
}

// With host-local address management tunnels have the first address of the node's
// own network, WireGuard's once there is a key.
func TestModel_PodCIDRs(t *testing.T) {
	installation := func(kind string) string {
		return "---\napiVersion: operator.tigera.io/v1\nkind: Installation\nmetadata: {name: default}\nspec: {cni: {ipam: {type: " + kind + "}}}\n"
	}
	for text, want := range map[string]string{
		"": " 10.9.9.9 ", installation("Calico"): " 10.9.9.9 ",
		workloadOf("DaemonSet", "calico-node", "USE_POD_CIDR", "false") + installation("HostLocal"): " 10.9.9.9 ",
		workloadOf("DaemonSet", "calico-node", "USE_POD_CIDR", "true"):                              "10.1.0.1 10.1.1.1 10.1.1.1",
		installation("HostLocal"): "10.1.0.1 10.1.1.1 10.1.1.1",
	} {
		s, _ := read(t, twoNodes+text, Options{})
		m, _ := s.Model()
		var got []string
		for _, n := range m.Nodes {
			ipip, wg := "", ""
			if n.Value.Spec.BGP != nil {
				ipip = n.Value.Spec.BGP.IPv4IPIPTunnelAddr
			}
			if w := n.Value.Spec.Wireguard; w != nil {
				wg = w.InterfaceIPv4Address
			}
			got = append(got, ipip, wg)
		}
		if g := strings.Join(slices.Delete(got, 1, 2), " "); g != want {
			t.Errorf("%s: %q, want %q", text, g, want)
		}
	}
}

// Made-up pods get addresses of the pool that serves their node.
func TestStandIns_PoolsOfNodes(t *testing.T) {
	pool := func(name, spec string) string {
		return "---\napiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: {name: " + name + "}\nspec: {" + spec + "}\n"
	}
	text := twoNodes + "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: d, namespace: a}\nspec: {selector: {}, template: {spec: {containers: [{name: c, image: x}]}}}\n" +
		pool("a1", "cidr: 10.11.0.0/16, allowedUses: [LoadBalancer]") + pool("a2", "cidr: 10.12.0.0/16, disabled: true") + pool("a3", "cidr: 10.13.0.0/16, assignmentMode: Manual") +
		pool("b", "cidr: 10.20.0.0/16, nodeSelector: zone == 'b'")
	for more, want := range map[string]string{
		pool("c", "cidr: 10.30.0.0/16, nodeSelector: zone == 'a'"): "10.30.0.2 10.20.1.2", pool("c", "cidr: 10.30.0.0/16"): "10.30.0.2 10.20.1.2", "": "10.65.0.2 10.20.1.2",
	} {
		s, _ := read(t, text+more, Options{})
		if len(s.Pods) != 2 {
			t.Fatalf("%d pods", len(s.Pods))
		}
		if got := s.Pods[0].Object.Status.PodIP + " " + s.Pods[1].Object.Status.PodIP; got != want {
			t.Errorf("%s: %s, want %s", more, got, want)
		}
	}
}
