package resolve

import (
	"net/netip"

	"tortie/dataplane/packet"
)

// Settings are the settings of Felix that decide rules, parsed and checked, with
// Felix's defaults filled in (DefaultSettings) and the three sources (defaults,
// FelixConfiguration, environment) already merged. In nftables mode the filter,
// mangle and mark settings are those of the Nftables… fields.
type Settings struct {
	// NFTables is nftables mode; else Backend says which iptables.
	NFTables bool
	// NFTablesAuto is nftablesMode Auto, the default: kube-proxy's mode decides. The
	// actions and the mark mask are then those of iptables in either case.
	NFTablesAuto bool
	// IptablesNFT is the nf_tables flavour of iptables.
	IptablesNFT bool
	// BPF is eBPF mode: chains are not modelled.
	BPF bool
	// IPv6 is ipv6Support.
	IPv6 bool

	// InterfacePrefixes are the prefixes of workload interfaces ("cali").
	InterfacePrefixes []string
	// InterfaceExclude are the patterns (Go regular expressions, unanchored as
	// Felix makes them: "^name$" for plain names) of interfaces Felix ignores.
	InterfaceExclude []string

	// ChainInsertAppend is chainInsertMode Append.
	ChainInsertAppend bool
	// EndpointToHost is defaultEndpointToHostAction.
	EndpointToHost HostAction
	// FilterAllowReturn and MangleAllowReturn are filter- and mangleAllowAction
	// Return; DenyReject is filterDenyAction Reject.
	FilterAllowReturn, MangleAllowReturn, DenyReject bool

	// MarkMask is the mask of mark bits that Felix may use.
	MarkMask uint32

	LogPrefix string
	// LogRateLimit is logActionRateLimit ("10/second"); empty is none.
	LogRateLimit      string
	LogRateLimitBurst int

	FailsafeInbound, FailsafeOutbound []ProtoPort

	// DisableConntrackInvalidCheck leaves out the drops of INVALID packets.
	DisableConntrackInvalidCheck bool

	// KubeNodePortRanges are used in IPVS mode only. IPVS says that the node has
	// kube-ipvs0.
	KubeNodePortRanges []PortRange
	IPVS               bool

	// NATPortRange is 0,0 when unset.
	NATPortRange PortRange
	// NATOutgoingAddress is the address to SNAT to; invalid is masquerade.
	NATOutgoingAddress netip.Addr
	// NATOutgoingInterfaceFilter is iptablesNATOutgoingInterfaceFilter.
	NATOutgoingInterfaceFilter string
	// NATExcludeHosts is natOutgoingExclusions IPPoolsAndHostIPs.
	NATExcludeHosts bool

	// IPIP, VXLAN and VXLANv6 say which encapsulation Felix has on (from its own
	// settings or from the pools). IPIPTunnelAddr and VXLANTunnelAddr(v6) are the
	// addresses of this node's tunnel devices; invalid when none.
	IPIP, VXLAN, VXLANv6 bool
	// IPIPConfigured and VXLANConfigured are what ipipEnabled and vxlanEnabled say
	// themselves; nil when not set.
	IPIPConfigured, VXLANConfigured   *bool
	IPIPTunnelAddr                    netip.Addr
	VXLANTunnelAddr, VXLANTunnelAddr6 netip.Addr
	VXLANPort                         uint16
	VXLANVNI                          uint32

	// AllowVXLANFromWorkloads and AllowIPIPFromWorkloads let workloads send
	// encapsulated packets themselves.
	AllowVXLANFromWorkloads, AllowIPIPFromWorkloads bool

	Wireguard, WireguardV6           bool
	WireguardIface, WireguardIfaceV6 string
	WireguardPort, WireguardPortV6   uint16
	WireguardEncryptHost             bool
	WireguardRulePriority            uint32
	// RouteSourceWorkloadIPs is routeSource WorkloadIPs.
	RouteSourceWorkloadIPs bool

	// ServiceLoop is serviceLoopPrevention.
	ServiceLoop LoopAction
	// FloatingIPs is floatingIPs Enabled.
	FloatingIPs bool
	// ExternalNodes are externalNodesList.
	ExternalNodes []netip.Prefix

	// GoldmaneServer says that flowLogsGoldmaneServer is set, LocalReporter that
	// flowLogsLocalReporter is Enabled; either makes rules log every verdict.
	GoldmaneServer, LocalReporter bool

	// MasqueradeKeepsPort and SNATKeepsPort are featureDetectOverride's
	// MASQFullyRandom=false and SNATFullyRandom=false.
	MasqueradeKeepsPort, SNATKeepsPort bool

	IstioAmbient bool
	IstioDSCP    uint8

	// OpenStack and its metadata server.
	OpenStack         bool
	OpenStackMetaIP   netip.Addr
	OpenStackMetaPort uint16

	// SpoofingAllowed is workloadSourceSpoofing Any. Without it an endpoint that asks
	// for spoofed prefixes is treated as missing.
	SpoofingAllowed bool

	// SuppressOverlaps says that sets of networks leave out what a wider member
	// covers: so it is unless nftablesMode is Disabled.
	SuppressOverlaps bool

	MaxIPSetSize uint32
}

// FlowLogs says that rules log every verdict to NFLOG.
func (s *Settings) FlowLogs() bool { return s.GoldmaneServer || s.LocalReporter }

// HostAction is what happens to packets from workloads to their host.
type HostAction uint8

// The actions.
const (
	HostDrop HostAction = iota + 1
	HostReturn
	HostAccept
)

// LoopAction is what happens to packets for service addresses that no service
// has.
type LoopAction uint8

// The actions.
const (
	LoopDrop LoopAction = iota + 1
	LoopReject
	LoopDisabled
)

// ProtoPort is one failsafe port. Net is invalid for "from and to anywhere".
type ProtoPort struct {
	Proto packet.Proto
	Port  uint16
	Net   netip.Prefix
}

// DefaultSettings returns Felix's defaults at v3.32 (felix/config), with IPv6 on,
// in iptables mode with the legacy backend.
func DefaultSettings() Settings {
	return Settings{
		IPv6:               true,
		InterfacePrefixes:  []string{"cali"},
		InterfaceExclude:   []string{"^kube-ipvs0$"},
		EndpointToHost:     HostDrop,
		MarkMask:           0xffff0000,
		LogPrefix:          "calico-packet",
		LogRateLimitBurst:  5,
		FailsafeInbound:    failsafe(tcpPorts(22), udpPorts(68), tcpPorts(179, 2379, 2380, 5473, 6443, 6666, 6667)),
		FailsafeOutbound:   failsafe(udpPorts(53, 67), tcpPorts(179, 2379, 2380, 5473, 6443, 6666, 6667)),
		KubeNodePortRanges: []PortRange{{30000, 32767}},
		VXLANPort:          4789,
		VXLANVNI:           4096,
		WireguardIface:     "wireguard.cali",
		WireguardIfaceV6:   "wg-v6.cali",
		WireguardPort:      51820,
		WireguardPortV6:    51821,

		WireguardRulePriority: 99,
		ServiceLoop:           LoopDrop,
		IstioDSCP:             23,
		OpenStackMetaIP:       netip.AddrFrom4([4]byte{127, 0, 0, 1}),
		OpenStackMetaPort:     8775,
		MaxIPSetSize:          1048576,
	}
}

func failsafe(groups ...[]ProtoPort) []ProtoPort {
	var all []ProtoPort
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

func tcpPorts(ports ...uint16) []ProtoPort { return protoPorts(packet.ProtoTCP, ports) }
func udpPorts(ports ...uint16) []ProtoPort { return protoPorts(packet.ProtoUDP, ports) }

func protoPorts(proto packet.Proto, ports []uint16) []ProtoPort {
	out := make([]ProtoPort, len(ports))
	for i, p := range ports {
		out[i] = ProtoPort{Proto: proto, Port: p}
	}
	return out
}
