package calico

import (
	"net/netip"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
	"github.com/projectcalico/api/pkg/lib/numorstring"
)

// The kinds of policies in a PolicyID, as Felix names them.
const (
	KindGlobalNetworkPolicy           = "GlobalNetworkPolicy"
	KindNetworkPolicy                 = "NetworkPolicy"
	KindKubernetesNetworkPolicy       = "KubernetesNetworkPolicy"
	KindClusterNetworkPolicy          = "KubernetesClusterNetworkPolicy"
	KindStagedGlobalNetworkPolicy     = "StagedGlobalNetworkPolicy"
	KindStagedNetworkPolicy           = "StagedNetworkPolicy"
	KindStagedKubernetesNetworkPolicy = "StagedKubernetesNetworkPolicy"
)

// PolicyID names a policy as Felix does.
type PolicyID struct{ Kind, Namespace, Name string }

// Policy is a policy as libcalico-go hands it to Felix (backend model.Policy):
// namespace, namespaceSelector and serviceAccountSelector are part of Selector.
// Selector is not normalised; Felix parses and prints it. A nil Order is last.
// Types has "ingress" and "egress" in the order given; none means both.
type Policy struct {
	ID              PolicyID
	Tier            string
	Order           *float64
	Selector        string
	Ingress, Egress []Rule
	Types           []string
	DoNotTrack      bool
	PreDNAT         bool
	ApplyOnForward  bool
	// NeededEverywhere is the performance hint AssumeNeededOnEveryNode.
	NeededEverywhere bool
	// Staged says that the policy is not enforced; StagedAction is Set, Delete
	// (never handed to Felix), Learn or Ignore.
	Staged       bool
	StagedAction v3.StagedAction
}

// Rule is one rule as libcalico-go hands it to Felix (backend model.Rule).
type Rule struct {
	// Action is "allow", "deny", "log" or "next-tier".
	Action string
	// IPVersion is 4, 6 or nil.
	IPVersion             *int
	Protocol, NotProtocol *numorstring.Protocol
	ICMP, NotICMP         *v3.ICMPFields
	Src, Dst              RuleEnd
	HTTP                  *v3.HTTPMatch
	Annotations           map[string]string
	// Index is the position (from 0) of the rule in the object's own list that
	// this rule comes from; one rule of a Kubernetes policy becomes several.
	Index int
}

// RuleEnd is what a rule asks of one end of a packet. Selector holds the
// namespace and service account parts too; the Original fields are as written.
type RuleEnd struct {
	Nets, NotNets         []netip.Prefix
	Selector, NotSelector string
	Ports, NotPorts       []numorstring.Port
	Service, ServiceNS    string

	OriginalSelector, OriginalNamespaceSelector, OriginalNotSelector string
	OriginalServiceAccountNames                                      []string
	OriginalServiceAccountSelector                                   string
}

// Tier is a tier as Felix gets it; a nil Order is last. Pass says that its
// default action is Pass, else it is Deny.
type Tier struct {
	Name  string
	Order *float64
	Pass  bool
}

// Profile is a profile as Felix gets it.
type Profile struct {
	Name            string
	Labels          map[string]string
	Ingress, Egress []Rule
}

// NetworkSet is a set of networks as Felix gets it. Name is "ns/name" for a
// namespaced one.
type NetworkSet struct {
	Name     string
	Labels   map[string]string
	Nets     []netip.Prefix
	Profiles []string
}

// Endpoint is a workload endpoint as Felix gets it. Addresses are masked
// prefixes, IPv4 and IPv6 in the order given.
type Endpoint struct {
	Node, Orchestrator, Workload, Endpoint string
	Namespace, Pod                         string
	InterfaceName                          string
	MAC                                    string
	Profiles                               []string
	Labels                                 map[string]string
	Nets                                   []netip.Prefix
	NATs                                   []NAT
	Ports                                  []EndpointPort
	AllowSpoofed                           []netip.Prefix
	QoS                                    *QoSControls
	Annotations                            map[string]string
	ServiceAccount                         string
}

// NAT maps an external address to an address of the endpoint.
type NAT struct{ Internal, External netip.Addr }

// EndpointPort is a named port. Protocol is in lower case, or a number.
type EndpointPort struct {
	Name     string
	Protocol numorstring.Protocol
	Port     uint16
}

// HostEndpoint is a host endpoint as Felix gets it. Auto says that it stands for
// one that kube-controllers would make (and the input does not hold).
type HostEndpoint struct {
	Node, Name    string
	InterfaceName string
	ExpectedIPs   []netip.Addr
	Labels        map[string]string
	Profiles      []string
	Ports         []EndpointPort
	DSCP          *numorstring.DSCP
	Auto          bool
}
