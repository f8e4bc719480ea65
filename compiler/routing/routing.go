// Package routing says what a node's kernel knows besides its rules: links,
// addresses, routes, policy rules and sysctls, as Calico's CNI plugin, Felix and
// BIRD (v3.32) set them up for the pods and pools of a cluster.
//
// In go the objects of a cluster and a node's name; out comes a host.State
// without rules. Where no object says, a node has lo and eth0 with its own
// address, and a default route out of it to whoever answers. It decides nothing
// about policy.
package routing

import (
	"cmp"
	"crypto/sha1"
	"maps"
	"net"
	"net/netip"
	"regexp"
	"sort"

	"tortie/compiler/calico"
	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// Cluster is what routing needs of a cluster, gathered once for all nodes.
type Cluster struct {
	model  *cluster.Model
	pools  []pool
	nodes  []node
	blocks []block
	// floating are sorted by address.
	floating []Floating
	// networks are the HostNetworks by node name.
	networks map[string]*hostNetwork
	// Notes are assumptions worth a word, sorted.
	Notes []string
}

// encap is how packets between nodes are wrapped.
type encap uint8

const (
	encapNone encap = iota
	encapVXLAN
	encapIPIP
)

type pool struct {
	name string
	cidr netip.Prefix
	// pods says that pods get addresses out of it.
	pods      bool
	blockBits int
	encap     encap
	// crossSubnet limits the encapsulation to nodes of other subnets.
	crossSubnet bool
	// noExport is disableBGPExport.
	noExport bool
}

// node is a node's own addresses with their prefix lengths, and its tunnel
// addresses.
type node struct {
	name         string
	v4, v6       netip.Prefix
	vxlan4, ipip netip.Addr
	vxlan6       netip.Addr
	// uplink is the link with its own addresses, the first of links.
	uplink host.LinkName
	links  []nodeLink
	// mac4 and mac6 are the hardware addresses of its VXLAN devices.
	mac4, mac6 string
	wg4, wg6   wireGuardIdentity
	// addrs are all the addresses that the node is known to have, internal and
	// external those that Kubernetes calls so.
	addrs, internal, external []netip.Addr
}

// own is the node's address of a family.
func (n *node) own(f packet.Family) netip.Prefix {
	if f == packet.IPv6 {
		return n.v6
	}
	return n.v4
}

// vtep is the address and the hardware address of the node's VXLAN device of a
// family.
func (n *node) vtep(f packet.Family) (netip.Addr, string) {
	if f == packet.IPv6 {
		return n.vxlan6, n.mac6
	}
	return n.vxlan4, n.mac4
}

// Tunnels is what Felix's configuration of a node says of tunnels.
type Tunnels struct {
	VXLAN, VXLANv6, IPIP bool
	VXLANPort            uint16
	VNI                  uint32
	// WireGuard is said for each family.
	WireGuard, WireGuardV6 WireGuard
}

// block is a block of addresses that lives on a node.
type block struct {
	cidr netip.Prefix
	node string
	// tunnel says that it is the address of a node's tunnel device.
	tunnel bool
}

// New gathers a cluster. Findings are about HostNetwork documents.
func New(s *cluster.Snapshot, m *cluster.Model) (*Cluster, diag.List) {
	c := &Cluster{model: m}
	for _, o := range s.IPPools {
		if p, ok := poolOf(o.Object); ok {
			c.pools = append(c.pools, p)
		}
	}
	for i := range m.Nodes {
		n := nodeOf(&m.Nodes[i].Value)
		n.wg4, n.wg6 = identities(&m.Nodes[i])
		c.nodes = append(c.nodes, n)
	}
	c.nameUplinks()
	for i := range c.nodes {
		c.nodes[i].settleLinks()
	}
	c.gatherBlocks(s)
	c.noteTunnels()
	findings := c.gatherHostNetworks(s)
	c.noteOtherLinks()
	return c, findings
}

// notUplink are the names of other links: no or every one, and those of Calico.
var notUplink = regexp.MustCompile(`^(|\*|lo|tunl0|vxlan.*|wireguard.*|wg.*|cali.*|kube-ipvs0)$`)

// nameUplinks takes the name of a node's link from a host endpoint that expects the
// node's address there.
func (c *Cluster) nameUplinks() {
	for i := range c.model.HostEndpoints {
		h := &c.model.HostEndpoints[i].Value
		n := c.find(h.Node)
		if n == nil || len(h.InterfaceName) > 15 || notUplink.MatchString(h.InterfaceName) {
			continue
		}
		if _, known := n.uplinkOf(); known {
			continue
		}
		for _, a := range h.ExpectedIPs {
			if a == n.v4.Addr() || a == n.v6.Addr() {
				n.uplink = host.LinkName(h.InterfaceName)
			}
		}
	}
}

func nodeOf(n *calico.Node) node {
	out := node{name: n.Name, uplink: Underlay}
	if b := n.Spec.BGP; b != nil {
		out.v4, out.v6 = ownPrefix(b.IPv4Address, 24), ownPrefix(b.IPv6Address, 64)
		out.ipip, _ = netip.ParseAddr(b.IPv4IPIPTunnelAddr)
	}
	out.gatherAddresses(n.Spec.Addresses)
	out.links = out.linksOf(n.Spec.Interfaces)
	if name, ok := out.uplinkOf(); ok {
		out.uplink = name
	}
	out.vxlan4, _ = netip.ParseAddr(n.Spec.IPv4VXLANTunnelAddr)
	out.vxlan6, _ = netip.ParseAddr(n.Spec.IPv6VXLANTunnelAddr)
	out.mac4 = cmp.Or(n.Spec.VXLANTunnelMACAddr, vtepMAC(n.Name))
	out.mac6 = cmp.Or(n.Spec.VXLANTunnelMACAddrV6, vtepMAC(n.Name+"-v6"))
	return out
}

// vtepMAC is the hardware address that Felix makes of a name for a VXLAN device.
func vtepMAC(name string) string {
	sum := sha1.Sum([]byte(name))
	return net.HardwareAddr(append([]byte{'f'}, sum[:5]...)).String()
}

// ownPrefix reads an address with or without a prefix length; bits is taken
// when there is none.
func ownPrefix(s string, bits int) netip.Prefix {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, bits)
	}
	return netip.Prefix{}
}

// Nodes returns the names of the cluster's nodes in order.
func (c *Cluster) Nodes() []host.Name {
	out := make([]host.Name, len(c.nodes))
	for i, n := range c.nodes {
		out[i] = host.Name(n.name)
	}
	sort.Slice(out, func(i, j int) bool { return out[i] < out[j] })
	return out
}

func (c *Cluster) find(name string) *node {
	for i := range c.nodes {
		if c.nodes[i].name == name {
			return &c.nodes[i]
		}
	}
	return nil
}

// Underlay is the link of a modelled node that leads to the other nodes, unless
// a HostNetwork, the node's own list of interfaces or a host endpoint with the
// node's address says otherwise.
const Underlay host.LinkName = "eth0"

// Node returns a node's state without rules, and false when the cluster has no
// such node.
func (c *Cluster) Node(name string, t Tunnels) (host.State, bool) {
	n := c.find(name)
	if n == nil {
		return host.State{}, false
	}
	b := builder{cluster: c, node: n, on: t, state: host.State{Name: host.Name(name), Sysctls: map[string]string{}}}
	b.baseLinks()
	b.tunnels()
	b.workloads()
	b.remoteBlocks()
	b.floating()
	b.localTable()
	b.sysctls()
	if own := c.networks[name]; own != nil {
		maps.Copy(b.state.Sysctls, own.Spec.Sysctls)
	}
	return b.state, true
}

// UnderlayOf returns the link of a node that leads to the other nodes.
func (c *Cluster) UnderlayOf(s *host.State) host.LinkName {
	b := builder{cluster: c, state: *s}
	if n := c.find(string(s.Name)); n != nil {
		return b.linkOf(n.v4.Addr())
	}
	return Underlay
}

// AddrsOf are a node's own addresses, IPv4 first.
func (c *Cluster) AddrsOf(name string) (out []netip.Addr) {
	if n := c.find(name); n != nil {
		for _, own := range []netip.Prefix{n.v4, n.v6} {
			if own.IsValid() {
				out = append(out, own.Addr())
			}
		}
	}
	return out
}

// NodeOf returns the node that has the address as its own.
func (c *Cluster) NodeOf(a netip.Addr) (host.Name, bool) {
	for _, n := range c.nodes {
		if n.v4.Addr() == a || n.v6.Addr() == a {
			return host.Name(n.name), true
		}
	}
	return "", false
}
