// Package host describes one node as its kernel has it (links, addresses,
// routes, policy routing rules, sysctls, netfilter rules), and a fleet of nodes
// with what connects them. Plain data; JSON round-trips.
//
// The package knows no Kubernetes and no Calico. A State comes from a capture of
// a live node (dataplane/dump) or from the compiler (compiler/link).
package host

import (
	"net/netip"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// LinkName is the name of a network interface, at most 15 bytes.
type LinkName string

// Name is the name of a node.
type Name string

// State is one node.
type State struct {
	Name   Name
	Links  []Link
	Rules  []Rule  // ip rule and ip -6 rule, in order of priority
	Routes []Route // all tables, both families
	// Sysctls by name with dots ("net.ipv4.conf.eth0.rp_filter"; an interface's
	// dots are slashes, as sysctl prints them). A missing one has the kernel's
	// default.
	Sysctls map[string]string
	Ruleset nf.Ruleset
	// IPVS are the virtual servers of the kernel's load balancer.
	IPVS []VirtualServer `json:",omitempty"`
	// IPVSMissing says that virtual servers have the addresses of this link and
	// that they are not known.
	IPVSMissing LinkName `json:",omitempty"`
	// Removals are the connections that programs remove as the node becomes what it is.
	Removals []Removal `json:",omitempty"`
	// HostPorts are ports that rules translate which are not in Ruleset.
	HostPorts []HostPort `json:",omitempty"`
	// Missing are the parts of the node that are not known; none of a modelled one.
	Missing []Missing `json:",omitempty"`
	// Kernel is the kernel's release ("6.18.44"); empty when unknown. A few
	// behaviours differ between releases.
	Kernel string `json:",omitempty"`
}

// HostPort is a port of a host that the CNI plugin portmap leads to a pod.
type HostPort struct {
	// Prefix has the host's addresses that it is for: one, or all of a family.
	Prefix netip.Prefix
	Proto  packet.Proto
	Port   uint16
	// Name says for people whose it is.
	Name string
}

// IPVSLink is the link on which kube-proxy keeps the addresses of services in IPVS
// mode; it stays down, and every node has the same.
const IPVSLink LinkName = "kube-ipvs0"

// Link is one network interface.
type Link struct {
	Index int
	Name  LinkName
	Kind  string `json:",omitempty"` // "veth", "vxlan", "bridge", "dummy", "ipip", "wireguard", "" for others
	Up    bool
	// NoCarrier says that the link is up but has no carrier.
	NoCarrier bool   `json:",omitempty"`
	Loopback  bool   `json:",omitempty"`
	MTU       int    `json:",omitempty"`
	MAC       string `json:",omitempty"`
	// Master is the bridge, bond or VRF that the link is a port of.
	Master LinkName `json:",omitempty"`
	Addrs  []Addr
	// VXLAN is set for a VXLAN device.
	VXLAN *VXLAN `json:",omitempty"`
	// WireGuard is set for a WireGuard device whose peers are known.
	WireGuard *WireGuard `json:",omitempty"`
	// TunnelLocal is the local address of an ipip device; invalid otherwise.
	TunnelLocal netip.Addr `json:",omitzero"`
	// Opaque is what the link does with packets and is not modelled, in words that
	// go on from the link's name: "is a port of the bridge br0". What becomes of a
	// packet that comes in or leaves by it is unknown.
	Opaque string `json:",omitempty"`
}

// VXLAN is what encapsulation needs of a VXLAN device.
type VXLAN struct {
	VNI   uint32
	Port  uint16
	Local netip.Addr
	// FDB maps an inner next hop to the tunnel's far end.
	FDB []VXLANPeer `json:",omitempty"`
}

// VXLANPeer says that packets to next hop Via go to the node at Remote, whose
// device has the hardware address MAC.
type VXLANPeer struct {
	Via, Remote netip.Addr
	MAC         string `json:",omitempty"`
}

// WireGuard is what encapsulation needs of a WireGuard device.
type WireGuard struct {
	// Port is where it listens, in both families, and what it sends from.
	Port uint16
	// Mark is the mark of the packets that it sends.
	Mark  uint32          `json:",omitempty"`
	Peers []WireGuardPeer `json:",omitempty"`
}

// WireGuardPeer is the far end at Endpoint. Packets to the allowed networks go
// there, and those that come from there have sources in them.
type WireGuardPeer struct {
	Endpoint netip.AddrPort
	Allowed  []netip.Prefix
}

// Addr is one address of a link.
type Addr struct {
	Prefix    netip.Prefix // address and prefix length, host bits set
	Peer      netip.Prefix `json:",omitzero"`
	Broadcast netip.Addr   `json:",omitzero"`
	Scope     Scope
	Secondary bool `json:",omitempty"`
	// Deprecated addresses of IPv6 are sources only where there is no other.
	Deprecated bool `json:",omitempty"`
	// Tentative addresses of IPv6 are not used: whether a neighbour has them, too,
	// is being found out, or was.
	Tentative bool `json:",omitempty"`
}

// Scope is the scope of an address or route (RT_SCOPE_ of linux/rtnetlink.h).
type Scope uint8

// The scopes.
const (
	ScopeUniverse Scope = 0
	ScopeSite     Scope = 200
	ScopeLink     Scope = 253
	ScopeHost     Scope = 254
	ScopeNowhere  Scope = 255
)

// RouteType is the type of a route (RTN_ numbers of linux/rtnetlink.h).
type RouteType uint8

// The route types.
const (
	RouteUnspec      RouteType = 0
	RouteUnicast     RouteType = 1
	RouteLocal       RouteType = 2
	RouteBroadcast   RouteType = 3
	RouteAnycast     RouteType = 4
	RouteMulticast   RouteType = 5
	RouteBlackhole   RouteType = 6
	RouteUnreachable RouteType = 7
	RouteProhibit    RouteType = 8
	RouteThrow       RouteType = 9
)

// The routing tables with names.
const (
	TableDefault uint32 = 253
	TableMain    uint32 = 254
	TableLocal   uint32 = 255
)

// Route is one route.
type Route struct {
	Table   uint32
	Type    RouteType
	Dst     netip.Prefix // 0.0.0.0/0 or ::/0 for default
	TOS     uint8        `json:",omitempty"`
	Metric  uint32       `json:",omitempty"`
	Scope   Scope
	PrefSrc netip.Addr `json:",omitzero"`
	// Pref is the preference of an IPv6 route among those of one metric (RFC 4191):
	// 1 high, 0 medium, -1 low.
	Pref int8 `json:",omitempty"`
	// Hops is one next hop, or several of a multipath route; none for blackhole
	// and its like.
	Hops     []NextHop
	Protocol string `json:",omitempty"` // "kernel", "bird", "static", RouteFelix …
	// Opaque is what the route does and is not modelled, verbatim: what becomes of
	// a packet that takes it is unknown.
	Opaque string `json:",omitempty"`
}

// RouteFelix is the protocol of Felix's routes to other nodes, as ip writes it. Those to
// workloads have the protocol boot, which ip leaves out.
const RouteFelix = "80"

// NextHop is where a route leads.
type NextHop struct {
	Via    netip.Addr `json:",omitzero"` // invalid: the destination itself is on the link
	Dev    LinkName
	Weight int  `json:",omitempty"` // 0 and 1 are the same
	OnLink bool `json:",omitempty"`
	// Dead hops are not used. Those of a link without carrier (linkdown) are, unless
	// a sysctl says otherwise, and then the kernel calls them dead, too.
	Dead bool `json:",omitempty"`
}

// Rule is one policy routing rule (ip rule).
type Rule struct {
	Priority uint32
	Family   packet.Family
	Invert   bool         `json:",omitempty"`
	From, To netip.Prefix `json:",omitzero"` // invalid: all
	IIF, OIF LinkName     `json:",omitempty"`
	// Mark and Mask: (mark & Mask) == Mark; asked when Mask is not 0.
	Mark, Mask           uint32       `json:",omitempty"`
	TOS                  uint8        `json:",omitempty"`
	Proto                packet.Proto `json:",omitempty"`
	SPortLo, SPortHi     uint16       `json:",omitempty"`
	DPortLo, DPortHi     uint16       `json:",omitempty"`
	Action               RuleAction
	Table                uint32 `json:",omitempty"`
	Goto                 uint32 `json:",omitempty"`
	SuppressPrefixLength int    `json:",omitempty"` // length+1; 0 is none
	// L3MDev asks the table of the VRF that the packet comes in by or leaves by.
	L3MDev bool `json:",omitempty"`
	// Opaque is a selector that is not modelled, verbatim.
	Opaque string `json:",omitempty"`
}

// RuleAction is what a policy routing rule does.
type RuleAction uint8

// The actions.
const (
	ActionLookup RuleAction = iota + 1
	ActionGoto
	ActionNop
	ActionBlackhole
	ActionUnreachable
	ActionProhibit
)

// FindLink returns the link of that name, or nil.
func (s *State) FindLink(n LinkName) *Link {
	for i := range s.Links {
		if s.Links[i].Name == n {
			return &s.Links[i]
		}
	}
	return nil
}
