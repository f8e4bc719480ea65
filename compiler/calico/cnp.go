package calico

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterNetworkPolicy is policy.networking.k8s.io/v1alpha2, standard channel, as
// Calico v3.32 ships its definition.
type ClusterNetworkPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ClusterNetworkPolicySpec `json:"spec"`
	Status            any                      `json:"status,omitempty"`
}

// ClusterNetworkPolicySpec is the body; Tier is "Admin" or "Baseline".
type ClusterNetworkPolicySpec struct {
	Tier     string           `json:"tier"`
	Priority int32            `json:"priority"`
	Subject  CNPSubject       `json:"subject"`
	Ingress  []CNPIngressRule `json:"ingress,omitempty"`
	Egress   []CNPEgressRule  `json:"egress,omitempty"`
}

// CNPSubject selects the pods that a policy governs; one field is set.
type CNPSubject struct {
	Namespaces *metav1.LabelSelector `json:"namespaces,omitempty"`
	Pods       *NamespacedPod        `json:"pods,omitempty"`
}

// NamespacedPod selects pods by their namespace's labels and their own.
type NamespacedPod struct {
	NamespaceSelector metav1.LabelSelector `json:"namespaceSelector"`
	PodSelector       metav1.LabelSelector `json:"podSelector"`
}

// CNPIngressRule is one rule; Action is Accept, Deny or Pass.
type CNPIngressRule struct {
	Name      string           `json:"name,omitempty"`
	Action    string           `json:"action"`
	From      []CNPIngressPeer `json:"from"`
	Protocols []CNPProtocol    `json:"protocols,omitempty"`
}

// CNPEgressRule is one rule; Action is Accept, Deny or Pass.
type CNPEgressRule struct {
	Name      string          `json:"name,omitempty"`
	Action    string          `json:"action"`
	To        []CNPEgressPeer `json:"to"`
	Protocols []CNPProtocol   `json:"protocols,omitempty"`
}

// CNPIngressPeer is a source; one field is set.
type CNPIngressPeer struct {
	Namespaces *metav1.LabelSelector `json:"namespaces,omitempty"`
	Pods       *NamespacedPod        `json:"pods,omitempty"`
}

// CNPEgressPeer is a destination; one field is set.
type CNPEgressPeer struct {
	Namespaces *metav1.LabelSelector `json:"namespaces,omitempty"`
	Pods       *NamespacedPod        `json:"pods,omitempty"`
	Networks   []string              `json:"networks,omitempty"`
}

// CNPProtocol is a protocol with its ports, or a named port; one field is set.
type CNPProtocol struct {
	TCP                  *CNPPorts `json:"tcp,omitempty"`
	UDP                  *CNPPorts `json:"udp,omitempty"`
	SCTP                 *CNPPorts `json:"sctp,omitempty"`
	DestinationNamedPort string    `json:"destinationNamedPort,omitempty"`
}

// CNPPorts are the ports of one protocol.
type CNPPorts struct {
	DestinationPort *CNPPort `json:"destinationPort,omitempty"`
}

// CNPPort is a port number or a range; one field is set.
type CNPPort struct {
	Number int32         `json:"number,omitempty"`
	Range  *CNPPortRange `json:"range,omitempty"`
}

// CNPPortRange is a range of ports, both ends included.
type CNPPortRange struct {
	Start int32 `json:"start"`
	End   int32 `json:"end"`
}

// AdminNetworkPolicy is policy.networking.k8s.io/v1alpha1. Calico v3.32 does not
// enforce it; it is read and can be converted.
type AdminNetworkPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              AdminNetworkPolicySpec `json:"spec"`
	Status            any                    `json:"status,omitempty"`
}

// AdminNetworkPolicySpec is the body of an AdminNetworkPolicy.
type AdminNetworkPolicySpec struct {
	Priority int32            `json:"priority"`
	Subject  CNPSubject       `json:"subject"`
	Ingress  []ANPIngressRule `json:"ingress,omitempty"`
	Egress   []ANPEgressRule  `json:"egress,omitempty"`
}

// BaselineAdminNetworkPolicy is policy.networking.k8s.io/v1alpha1; Calico v3.32
// does not enforce it.
type BaselineAdminNetworkPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              BaselineAdminNetworkPolicySpec `json:"spec"`
	Status            any                            `json:"status,omitempty"`
}

// BaselineAdminNetworkPolicySpec is the body of a BaselineAdminNetworkPolicy.
type BaselineAdminNetworkPolicySpec struct {
	Subject CNPSubject       `json:"subject"`
	Ingress []ANPIngressRule `json:"ingress,omitempty"`
	Egress  []ANPEgressRule  `json:"egress,omitempty"`
}

// ANPIngressRule is one rule; Action is Allow, Deny or Pass (the last not in a
// baseline policy).
type ANPIngressRule struct {
	Name   string           `json:"name,omitempty"`
	Action string           `json:"action"`
	From   []CNPIngressPeer `json:"from"`
	Ports  *[]ANPPort       `json:"ports,omitempty"`
}

// ANPEgressRule is one rule; Action is Allow, Deny or Pass (the last not in a
// baseline policy).
type ANPEgressRule struct {
	Name   string          `json:"name,omitempty"`
	Action string          `json:"action"`
	To     []ANPEgressPeer `json:"to"`
	Ports  *[]ANPPort      `json:"ports,omitempty"`
}

// ANPEgressPeer is a destination; one field is set.
type ANPEgressPeer struct {
	Namespaces  *metav1.LabelSelector `json:"namespaces,omitempty"`
	Pods        *NamespacedPod        `json:"pods,omitempty"`
	Nodes       *metav1.LabelSelector `json:"nodes,omitempty"`
	Networks    []string              `json:"networks,omitempty"`
	DomainNames []string              `json:"domainNames,omitempty"`
}

// ANPPort is a destination port; one field is set.
type ANPPort struct {
	PortNumber *ANPPortNumber `json:"portNumber,omitempty"`
	NamedPort  *string        `json:"namedPort,omitempty"`
	PortRange  *ANPPortRange  `json:"portRange,omitempty"`
}

// ANPPortNumber is one port of one protocol.
type ANPPortNumber struct {
	Protocol string `json:"protocol"`
	Port     int32  `json:"port"`
}

// ANPPortRange is a range of ports of one protocol, TCP if none is given.
type ANPPortRange struct {
	Protocol string `json:"protocol,omitempty"`
	Start    int32  `json:"start"`
	End      int32  `json:"end"`
}
