// Package calico knows Calico's and Kubernetes' objects one at a time: their
// types where no module has them, the defaults the API server and calicoctl put
// in, and what each becomes in the model that libcalico-go hands to Felix
// (policies with whole selectors, endpoints, profiles).
//
// In goes one object; out comes its defaulted or converted form, with findings
// for what cannot be converted. It does not read text and does not look at other
// objects. It mirrors libcalico-go v3.32: lib/backend/k8s/conversion and
// lib/backend/syncersv1/updateprocessors.
package calico

import (
	"github.com/projectcalico/api/pkg/lib/numorstring"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// WorkloadEndpoint is Calico's object for one interface of a workload. In a
// Kubernetes datastore none is stored: each stands for a pod.
type WorkloadEndpoint struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              WorkloadEndpointSpec `json:"spec,omitempty"`
}

// WorkloadEndpointSpec is the body of a WorkloadEndpoint.
type WorkloadEndpointSpec struct {
	Orchestrator               string                 `json:"orchestrator,omitempty"`
	Workload                   string                 `json:"workload,omitempty"`
	Node                       string                 `json:"node,omitempty"`
	ContainerID                string                 `json:"containerID,omitempty"`
	Pod                        string                 `json:"pod,omitempty"`
	Endpoint                   string                 `json:"endpoint,omitempty"`
	ServiceAccountName         string                 `json:"serviceAccountName,omitempty"`
	IPNetworks                 []string               `json:"ipNetworks,omitempty"`
	IPNATs                     []IPNAT                `json:"ipNATs,omitempty"`
	IPv4Gateway                string                 `json:"ipv4Gateway,omitempty"`
	IPv6Gateway                string                 `json:"ipv6Gateway,omitempty"`
	Profiles                   []string               `json:"profiles,omitempty"`
	InterfaceName              string                 `json:"interfaceName,omitempty"`
	MAC                        string                 `json:"mac,omitempty"`
	Ports                      []WorkloadEndpointPort `json:"ports,omitempty"`
	AllowSpoofedSourcePrefixes []string               `json:"allowSpoofedSourcePrefixes,omitempty"`
	QoSControls                *QoSControls           `json:"qosControls,omitempty"`
}

// WorkloadEndpointPort is a named or host-mapped port of a workload.
type WorkloadEndpointPort struct {
	Name     string               `json:"name"`
	Protocol numorstring.Protocol `json:"protocol"`
	Port     uint16               `json:"port"`
	HostPort uint16               `json:"hostPort"`
	HostIP   string               `json:"hostIP"`
}

// IPNAT maps an external (floating) address to an address of the workload.
type IPNAT struct {
	InternalIP string `json:"internalIP"`
	ExternalIP string `json:"externalIP"`
}

// QoSControls are limits on a workload's traffic and its DSCP mark.
type QoSControls struct {
	IngressBandwidth      int64             `json:"ingressBandwidth,omitempty"`
	IngressBurst          int64             `json:"ingressBurst,omitempty"`
	IngressPeakrate       int64             `json:"ingressPeakrate,omitempty"`
	IngressMinburst       int64             `json:"ingressMinburst,omitempty"`
	EgressBandwidth       int64             `json:"egressBandwidth,omitempty"`
	EgressBurst           int64             `json:"egressBurst,omitempty"`
	EgressPeakrate        int64             `json:"egressPeakrate,omitempty"`
	EgressMinburst        int64             `json:"egressMinburst,omitempty"`
	IngressPacketRate     int64             `json:"ingressPacketRate,omitempty"`
	IngressPacketBurst    int64             `json:"ingressPacketBurst,omitempty"`
	EgressPacketRate      int64             `json:"egressPacketRate,omitempty"`
	EgressPacketBurst     int64             `json:"egressPacketBurst,omitempty"`
	IngressMaxConnections int64             `json:"ingressMaxConnections,omitempty"`
	EgressMaxConnections  int64             `json:"egressMaxConnections,omitempty"`
	DSCP                  *numorstring.DSCP `json:"dscp,omitempty"`
}

// Node is Calico's own node object (projectcalico.org), as an etcd datastore and
// calicoctl show it.
type Node struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              NodeSpec   `json:"spec,omitempty"`
	Status            NodeStatus `json:"status,omitempty"`
}

// NodeSpec is the body of a Node.
type NodeSpec struct {
	BGP                  *NodeBGPSpec       `json:"bgp,omitempty"`
	IPv4VXLANTunnelAddr  string             `json:"ipv4VXLANTunnelAddr,omitempty"`
	VXLANTunnelMACAddr   string             `json:"vxlanTunnelMACAddr,omitempty"`
	IPv6VXLANTunnelAddr  string             `json:"ipv6VXLANTunnelAddr,omitempty"`
	VXLANTunnelMACAddrV6 string             `json:"vxlanTunnelMACAddrV6,omitempty"`
	OrchRefs             []OrchRef          `json:"orchRefs,omitempty"`
	Wireguard            *NodeWireguardSpec `json:"wireguard,omitempty"`
	Addresses            []NodeAddress      `json:"addresses,omitempty"`
	Interfaces           []NodeInterface    `json:"interfaces,omitempty"`
}

// NodeAddress is one address of a node; Type is CalicoNodeIP, InternalIP or
// ExternalIP.
type NodeAddress struct {
	Address string `json:"address"`
	Type    string `json:"type,omitempty"`
}

// NodeInterface is an interface of a node with its addresses.
type NodeInterface struct {
	Name      string   `json:"name,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
}

// NodeStatus is what the node itself reports.
type NodeStatus struct {
	WireguardPublicKey   string   `json:"wireguardPublicKey,omitempty"`
	WireguardPublicKeyV6 string   `json:"wireguardPublicKeyV6,omitempty"`
	PodCIDRs             []string `json:"podCIDRs,omitempty"`
}

// OrchRef names the node as its orchestrator does.
type OrchRef struct {
	NodeName     string `json:"nodeName,omitempty"`
	Orchestrator string `json:"orchestrator"`
}

// NodeBGPSpec holds a node's BGP settings and with them its own address.
type NodeBGPSpec struct {
	ASNumber                *numorstring.ASNumber `json:"asNumber,omitempty"`
	IPv4Address             string                `json:"ipv4Address,omitempty"`
	IPv6Address             string                `json:"ipv6Address,omitempty"`
	IPv4IPIPTunnelAddr      string                `json:"ipv4IPIPTunnelAddr,omitempty"`
	RouteReflectorClusterID string                `json:"routeReflectorClusterID,omitempty"`
}

// NodeWireguardSpec holds the addresses of the node's WireGuard devices.
type NodeWireguardSpec struct {
	InterfaceIPv4Address string `json:"interfaceIPv4Address,omitempty"`
	InterfaceIPv6Address string `json:"interfaceIPv6Address,omitempty"`
}

// IPAMBlock is a block of addresses with its allocations.
type IPAMBlock struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              IPAMBlockSpec `json:"spec,omitempty"`
}

// IPAMBlockSpec is the body of an IPAMBlock; Affinity is "host:NODE" or
// "virtual:NAME".
type IPAMBlockSpec struct {
	CIDR                        string                `json:"cidr"`
	Affinity                    *string               `json:"affinity,omitempty"`
	AffinityClaimTime           *metav1.Time          `json:"affinityClaimTime,omitempty"`
	Allocations                 []*int                `json:"allocations"`
	Unallocated                 []int                 `json:"unallocated"`
	Attributes                  []AllocationAttribute `json:"attributes"`
	SequenceNumber              uint64                `json:"sequenceNumber"`
	SequenceNumberForAllocation map[string]uint64     `json:"sequenceNumberForAllocation"`
	Deleted                     bool                  `json:"deleted"`
	StrictAffinity              bool                  `json:"strictAffinity"`
}

// AllocationAttribute says who holds addresses of a block.
type AllocationAttribute struct {
	HandleID  *string           `json:"handle_id,omitempty"`
	Secondary map[string]string `json:"secondary,omitempty"`
	Alternate map[string]string `json:"alternateOwnerAttrs,omitempty"`
}

// BlockAffinity ties a block to a node.
type BlockAffinity struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              BlockAffinitySpec `json:"spec,omitempty"`
}

// BlockAffinitySpec is the body of a BlockAffinity.
type BlockAffinitySpec struct {
	State   string  `json:"state"`
	Node    string  `json:"node"`
	Type    string  `json:"type,omitempty"`
	CIDR    string  `json:"cidr"`
	Deleted BoolStr `json:"deleted"`
}

// BoolStr is a boolean that the crd.projectcalico.org/v1 form writes as the
// string "true" or "false" and the projectcalico.org/v3 form as a boolean.
type BoolStr bool
