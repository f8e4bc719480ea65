// Package resolve turns a cluster into one node's View: the policies, profiles
// and IP sets that matter to its endpoints, selectors evaluated, in the order of
// evaluation. A cluster and a node's name come in, a View and findings come out.
// It makes no rules and knows no chains; see compiler/felix.
//
// Mirrors felix/calc at v3.32 (what it sends as felix/proto messages).
package resolve

import (
	"net/netip"

	"tortie/dataplane/packet"
)

// View is everything that decides one node's rules, with all selectors already
// evaluated: what Felix's calculation graph tells its dataplane
// (felix/proto/felixbackend.proto at v3.32), plus what Felix's dataplane sees of
// the node itself.
//
// Slices whose order Felix takes from names are sorted by name; policies inside
// a tier, tiers and rules stand in order of evaluation. Slices without a meaning
// of order (set members) are sorted too, so that equal inputs give equal views.
type View struct {
	Hostname string
	Settings Settings

	// Policies are the policies that any local endpoint uses, and those with
	// performance hints that want to be rendered although no local endpoint does
	// (Policy.Forced). Staged kinds are here too: their selectors take part in
	// grouping, and the sets of their rules exist. Sorted by ID.
	Policies []Policy
	// Profiles are those that any local endpoint names. Sorted by name.
	Profiles []Profile
	// IPSets are the sets that rules of Policies and Profiles name. Sorted by ID.
	IPSets []IPSet

	Workloads []Workload // local, sorted by orchestrator, workload and endpoint ID
	Hosts     []HostEndpoint

	// Interfaces are the node's own (not the pods' ends), in order of index. What
	// is not here does not exist: a host endpoint on it renders nothing.
	Interfaces []Interface

	// Pools are all enabled IP pools. Sorted by prefix.
	Pools []Pool
	// Nodes are all nodes of the cluster, this one included. Sorted by name.
	Nodes []Node
	// VTEPs are the VXLAN tunnel endpoints of all nodes, this one included.
	VTEPs []VTEP
	// LoopCIDRs are the service CIDRs of the BGPConfiguration, in Felix's order:
	// cluster, external, load balancer.
	LoopCIDRs []netip.Prefix
}

// PolicyID names a policy. Kind is the resource's kind: "NetworkPolicy",
// "GlobalNetworkPolicy", "KubernetesNetworkPolicy",
// "KubernetesClusterNetworkPolicy".
type PolicyID struct{ Kind, Namespace, Name string }

// Policy is one policy, enforced or staged (by its kind).
type Policy struct {
	ID   PolicyID
	Tier string
	// Selector is the policy's effective selector as Felix sends it
	// (original_selector): with namespace and service account parts joined in.
	// Policies with equal text form groups, and the text is part of the group's
	// name, so it has to be Felix's to the byte.
	Selector          string
	Inbound, Outbound []Rule
	Untracked         bool
	PreDNAT           bool
	// Forced says that the policy has the performance hint
	// AssumeNeededOnEveryNode: its chains are written even without a user.
	Forced bool
	Origin Origin
}

// Profile is one profile. Missing says that endpoints name it and it does not
// exist: Felix then sends one deny rule in both directions, and so does the view.
type Profile struct {
	Name              string
	Inbound, Outbound []Rule
	Missing           bool
	Origin            Origin
}

// Origin is where an object or rule is written; empty when made up.
type Origin struct {
	File      string
	Line, Col int
}

// Action is what a rule does.
type Action uint8

// The actions.
const (
	Allow Action = iota + 1
	Deny
	Log
	Pass // next-tier
)

// String returns the action as policies spell it.
func (a Action) String() string {
	switch a {
	case Allow:
		return "Allow"
	case Deny:
		return "Deny"
	case Log:
		return "Log"
	case Pass:
		return "Pass"
	}
	return "Action?"
}

// Rule is one rule with its selectors replaced by IP sets. All fields that are
// set have to match. Numeric ports and named ports of one side are alternatives.
type Rule struct {
	Action Action
	// IPVersion is 0 for both.
	IPVersion packet.Family

	Protocol, NotProtocol packet.Proto // 0 is none
	// QuotedProtocol says that the protocol is a number written as text ("6").
	QuotedProtocol bool
	Src, Dst       Match
	NotSrc, NotDst Match

	ICMP, NotICMP *ICMP

	// HTTP says that the rule has an http part, which these dataplanes ignore.
	HTTP bool

	// Annotations are the rule's metadata, sorted by key.
	Annotations []Annotation

	// Index is the rule's number (from 0) in the policy's own list of that
	// direction as the user wrote it; a rule of Kubernetes becomes several.
	Index  int
	Origin Origin
}

// Match is what a rule asks of one end of a packet.
type Match struct {
	// Nets are masked prefixes, of both families if the user wrote both.
	Nets  []netip.Prefix
	Ports []PortRange
	// NamedPorts are IDs of sets of addresses and ports, alternatives to Ports.
	NamedPorts []string
	// Sets are IDs of sets of addresses; the address has to be in all of them
	// (in a Not part: in none of them).
	Sets []string
	// Services are IDs of sets of addresses and ports made from services; only
	// in Dst.
	Services []string
}

// PortRange is a closed interval of ports.
type PortRange struct{ From, To uint16 }

// ICMP is a type, and a code if HasCode.
type ICMP struct {
	Type, Code uint8
	HasCode    bool
}

// Annotation is one key and value of a rule's metadata.
type Annotation struct{ Key, Value string }

// SetType is the type of an IP set.
type SetType uint8

// The types, as felixbackend.proto has them.
const (
	SetNet    SetType = iota + 1 // NET: prefixes
	SetIP                        // IP: addresses
	SetIPPort                    // IP_AND_PORT: address, protocol, port
)

// IPSet is one set of the calculation graph. ID is Felix's ("s:…", "n:…",
// "svc:…", "svcnoport:…"). Members of both families may stand in one set.
type IPSet struct {
	ID      string
	Type    SetType
	Members []Member
}

// Member is one member of an IP set. Prefix is a full-length prefix in SetIP and
// SetIPPort. Proto and Port belong to SetIPPort.
type Member struct {
	Prefix netip.Prefix
	Proto  packet.Proto
	Port   uint16
}

// Tier is one tier as one endpoint sees it: its policies that select the
// endpoint, in order, per direction. A tier none of whose policies select the
// endpoint is not in the list. Staged policies are in the lists (they decide
// whether a tier has an end), with their staged kinds.
type Tier struct {
	Name string
	// DefaultAction is Deny or Pass.
	DefaultAction   Action
	Ingress, Egress []PolicyID
}

// Workload is a local workload endpoint.
type Workload struct {
	Orchestrator, Workload, Endpoint string // "k8s", "shop/web-1", "eth0"

	// Active is false for endpoints whose state is not "active".
	Active     bool
	Iface      string
	MAC        string // empty when unknown
	IPv4, IPv6 []netip.Prefix
	Profiles   []string
	Tiers      []Tier

	// NAT are floating IPs.
	NAT []FloatingIP
	// SpoofPrefixes are the allowed spoofed source prefixes.
	SpoofPrefixes []netip.Prefix
	QoS           QoS
	// DSCP is the value for outgoing packets; asked when HasDSCP.
	DSCP    uint8
	HasDSCP bool
	// IstioAmbient says that the pod is part of Istio's ambient mesh.
	IstioAmbient bool
	Origin       Origin
}

// FloatingIP maps an outside address to the workload's own.
type FloatingIP struct{ External, Internal netip.Addr }

// QoS are the limits of a workload that become rules; 0 is none. (Bandwidth
// limits are queueing disciplines and not part of the view.)
type QoS struct {
	IngressPacketRate, EgressPacketRate         int64
	IngressPacketBurst, EgressPacketBurst       int64
	IngressMaxConnections, EgressMaxConnections int64
}

// HostEndpoint is a host endpoint of this node.
type HostEndpoint struct {
	// ID is the resource's name; Name is the interface, "*" for all, "" when only
	// ExpectedIPs say which.
	ID, Name                   string
	ExpectedIPv4, ExpectedIPv6 []netip.Addr
	Profiles                   []string
	// Tiers hold for the host's own traffic; UntrackedTiers, PreDNATTiers and
	// ForwardTiers (applyOnForward) are the other three kinds.
	Tiers, UntrackedTiers, PreDNATTiers, ForwardTiers []Tier

	DSCP    uint8
	HasDSCP bool
	Origin  Origin
}

// Interface is one network interface of the node.
// Addrs are its addresses with their prefix lengths, host bits set, link-local
// ones included. Loopback says that the kernel makes whole prefixes local.
type Interface struct {
	Name     string
	Up       bool
	Loopback bool
	Addrs    []netip.Prefix
}

// Pool is one IP pool.
type Pool struct {
	CIDR       netip.Prefix
	Masquerade bool
	// LoadBalancerOnly says that allowedUses is just LoadBalancer.
	LoadBalancerOnly bool
	Origin           Origin
}

// Node is one node's addresses; invalid when it has none of the family.
type Node struct {
	Name       string
	IPv4, IPv6 netip.Addr
}

// VTEP is one node's VXLAN tunnel endpoint: the addresses of the node's own
// interface (Parent) that packets come from; invalid when it has none of the
// family.
type VTEP struct {
	Node                   string
	ParentIPv4, ParentIPv6 netip.Addr
}
