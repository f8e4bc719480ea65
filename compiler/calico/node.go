package calico

import (
	"encoding/json"
	"maps"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/projectcalico/api/pkg/lib/numorstring"
	corev1 "k8s.io/api/core/v1"
)

// FromKubernetesNode gives Calico's node of a Kubernetes node: its labels, and
// what calico/node writes into annotations. Annotations that cannot be read count
// as absent. With podCIDR, host-local address management, the addresses of IP-in-IP
// and WireGuard are the first of the node's pod network.
func FromKubernetesNode(o *corev1.Node, podCIDR bool) Node {
	a := o.Annotations
	n := Node{}
	n.Name, n.Labels = o.Name, nodeLabels(o)
	bgp := NodeBGPSpec{
		IPv4Address:             cidrOf(a["projectcalico.org/IPv4Address"], false),
		IPv6Address:             cidrOf(a["projectcalico.org/IPv6Address"], true),
		RouteReflectorClusterID: addrOf(a["projectcalico.org/RouteReflectorClusterID"], false),
		IPv4IPIPTunnelAddr:      addrOf(a["projectcalico.org/IPv4IPIPTunnelAddr"], false),
	}
	wg := NodeWireguardSpec{
		InterfaceIPv4Address: addrOf(a["projectcalico.org/IPv4WireguardInterfaceAddr"], false),
		InterfaceIPv6Address: addrOf(a["projectcalico.org/IPv6WireguardInterfaceAddr"], true),
	}
	if podCIDR && o.Spec.PodCIDR != "" {
		bgp.IPv4IPIPTunnelAddr, wg = firstOf(o.Spec.PodCIDR), NodeWireguardSpec{}
		if a["projectcalico.org/WireguardPublicKey"] != "" {
			wg.InterfaceIPv4Address = bgp.IPv4IPIPTunnelAddr
		}
	}
	if as, err := numorstring.ASNumberFromString(a["projectcalico.org/ASNumber"]); err == nil {
		bgp.ASNumber = &as
	}
	if !reflect.DeepEqual(bgp, NodeBGPSpec{}) {
		n.Spec.BGP = &bgp
	}
	if wg != (NodeWireguardSpec{}) {
		n.Spec.Wireguard = &wg
	}
	n.Spec.OrchRefs = []OrchRef{{NodeName: o.Name, Orchestrator: "k8s"}}
	n.Spec.IPv4VXLANTunnelAddr = addrOf(a["projectcalico.org/IPv4VXLANTunnelAddr"], false)
	n.Spec.IPv6VXLANTunnelAddr = addrOf(a["projectcalico.org/IPv6VXLANTunnelAddr"], true)
	n.Spec.VXLANTunnelMACAddr = macOf(a["projectcalico.org/VXLANTunnelMACAddr"])
	n.Spec.VXLANTunnelMACAddrV6 = macOf(a["projectcalico.org/VXLANTunnelMACAddrV6"])
	n.Status = NodeStatus{
		WireguardPublicKey:   a["projectcalico.org/WireguardPublicKey"],
		WireguardPublicKeyV6: a["projectcalico.org/WireguardPublicKeyV6"],
		PodCIDRs:             o.Spec.PodCIDRs,
	}
	n.Spec.Addresses = nodeAddresses(&bgp, o)
	n.Spec.Interfaces = nodeInterfaces(a["projectcalico.org/Interfaces"])
	return n
}

// nodeLabels are a node's labels and, behind them, those that Calico keeps in an
// annotation.
func nodeLabels(o *corev1.Node) map[string]string {
	labels := map[string]string{}
	if text, ok := o.Annotations["projectcalico.org/labels"]; ok && json.Unmarshal([]byte(text), &labels) != nil {
		labels = map[string]string{}
	}
	if len(labels) == 0 {
		return maps.Clone(o.Labels)
	}
	maps.Copy(labels, o.Labels)
	return labels
}

func nodeAddresses(bgp *NodeBGPSpec, o *corev1.Node) []NodeAddress {
	var out []NodeAddress
	for _, addr := range []string{bgp.IPv4Address, bgp.IPv6Address} {
		if addr != "" {
			out = append(out, NodeAddress{Address: addr, Type: "CalicoNodeIP"})
		}
	}
	for _, addr := range o.Status.Addresses {
		if addr.Type == corev1.NodeInternalIP || addr.Type == corev1.NodeExternalIP {
			out = append(out, NodeAddress{Address: addr.Address, Type: string(addr.Type)})
		}
	}
	return out
}

func nodeInterfaces(text string) []NodeInterface {
	var list []NodeInterface
	if text == "" || json.Unmarshal([]byte(text), &list) != nil {
		return nil
	}
	for i := range list {
		var good []string
		for _, a := range list[i].Addresses {
			if net.ParseIP(a) != nil {
				good = append(good, a)
			}
		}
		list[i].Addresses = good
	}
	return list
}

// cidrOf returns the text if it is an address with prefix length of the family.
func cidrOf(text string, v6 bool) string {
	ip, _, err := net.ParseCIDR(text)
	if err != nil || (ip.To4() == nil) != v6 {
		return ""
	}
	return text
}

// firstOf is the address behind that of an IPv4 network; empty for others.
func firstOf(cidr string) string {
	p, err := netip.ParsePrefix(cidr)
	if err != nil || !p.Addr().Is4() {
		return ""
	}
	return p.Addr().Next().String()
}

// addrOf returns the text if it is an address of the family.
func addrOf(text string, v6 bool) string {
	ip := net.ParseIP(text)
	if ip == nil || (ip.To4() == nil) != v6 {
		return ""
	}
	return text
}

func macOf(text string) string {
	if _, err := net.ParseMAC(strings.TrimSpace(text)); err != nil {
		return ""
	}
	return text
}

// IPs are the addresses of a node that kube-controllers knows: its own,
// its tunnels', its internal ones and those of its interfaces.
func (n *Node) IPs() []string {
	var ips []string
	add := func(ip string) {
		if ip != "" {
			ips = append(ips, ip)
		}
	}
	if bgp := n.Spec.BGP; bgp != nil {
		add(hostPart(bgp.IPv4Address))
		add(hostPart(bgp.IPv6Address))
		add(bgp.IPv4IPIPTunnelAddr)
	}
	add(n.Spec.IPv4VXLANTunnelAddr)
	add(n.Spec.IPv6VXLANTunnelAddr)
	if wg := n.Spec.Wireguard; wg != nil {
		add(wg.InterfaceIPv4Address)
		add(wg.InterfaceIPv6Address)
	}
	for _, a := range n.Spec.Addresses {
		if a.Type == "InternalIP" && !slices.Contains(ips, a.Address) {
			add(a.Address)
		}
	}
	for _, iface := range n.Spec.Interfaces {
		for _, a := range iface.Addresses {
			if !slices.Contains(ips, a) {
				add(a)
			}
		}
	}
	return ips
}

func hostPart(cidr string) string {
	if ip, _, err := net.ParseCIDR(cidr); err == nil {
		return ip.String()
	}
	if ip := net.ParseIP(cidr); ip != nil {
		return ip.String()
	}
	return ""
}
