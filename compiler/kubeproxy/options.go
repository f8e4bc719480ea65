package kubeproxy

import (
	"net/netip"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// Mode is kube-proxy's --proxy-mode.
type Mode uint8

// The modes.
const (
	Iptables Mode = iota + 1
	NFTables
	IPVS
)

// String returns the mode as --proxy-mode spells it.
func (m Mode) String() string {
	switch m {
	case Iptables:
		return "iptables"
	case NFTables:
		return "nftables"
	case IPVS:
		return "ipvs"
	}
	return "mode?"
}

// Options are kube-proxy's configuration on one node. Defaults gives what
// kube-proxy does when nothing is configured.
type Options struct {
	// Node is the node's name.
	Node string
	// NodeIPs are the node's own addresses, at most one of each family; nil takes
	// them from the Node object.
	NodeIPs []netip.Addr
	Mode    Mode
	// Backend is the iptables that iptables mode runs: nf.IptablesLegacy or
	// nf.IptablesNFT.
	Backend nf.Backend
	// Family is the only family to make rules for; 0 makes both.
	Family packet.Family

	MasqueradeAll bool
	// MasqueradeMark is the one bit of the mark that asks for masquerading: 1 <<
	// --iptables-masquerade-bit. 0 is the default 0x4000.
	MasqueradeMark uint32
	Local          LocalDetector

	// NodePortAddresses are --nodeport-addresses; none of a family accepts node
	// ports on all of its local addresses. Primary is the value "primary": the
	// node's own addresses, the default in nftables mode.
	NodePortAddresses        []netip.Prefix
	NodePortAddressesPrimary bool
	// Addresses are all addresses of the node's interfaces, which
	// NodePortAddresses select from; the node's own are always among them.
	Addresses []netip.Addr
	// LocalhostNodePorts is --iptables-localhost-nodeports (iptables mode, IPv4).
	LocalhostNodePorts bool

	// Scheduler is --ipvs-scheduler; empty is "rr".
	Scheduler string

	// ConntrackBeLiberal says that nf_conntrack_tcp_be_liberal is not 0.
	ConntrackBeLiberal bool
	// NFAcct says that the kernel has nfnetlink_acct, so that some rules count.
	NFAcct bool
	// Kubelet adds the kubelet's chains, which were there first (iptables mode).
	Kubelet bool
	// ServiceCIDRs are the cluster's ServiceCIDR objects (nftables mode): packets
	// to addresses of theirs that no service has are dropped.
	ServiceCIDRs []netip.Prefix
}

// LocalDetector is kube-proxy's way to tell packets of the node's own pods from
// others (--detect-local-mode). The first field that is set counts; with none
// kube-proxy does not tell.
type LocalDetector struct {
	// CIDRs are the cluster's pod prefixes; the first of each family counts.
	CIDRs []netip.Prefix
	// NodeCIDR takes the prefixes from the Node object's podCIDRs.
	NodeCIDR bool
	// Bridge is one interface, InterfacePrefix how the names of pods' start.
	Bridge, InterfacePrefix string
}

// Defaults returns the options of an unconfigured kube-proxy in a mode, on a
// kernel as distributions build it.
func Defaults(m Mode) Options {
	return Options{
		Mode:                     m,
		Backend:                  nf.IptablesLegacy,
		NodePortAddressesPrimary: m == NFTables,
		LocalhostNodePorts:       true,
		NFAcct:                   true,
	}
}

// Origin is the service that a rule was made from.
type Origin struct {
	Kind, Namespace, Name string
	File                  string
	Line                  int
}

// Result is what kube-proxy programs on one node.
type Result struct {
	Ruleset nf.Ruleset
	// Origins is what nf.Rule.Origin counts in; entry 0 is none.
	Origins []Origin
	// Servers are the virtual servers of IPVS mode, and Bound the addresses that
	// its link kube-ipvs0 has.
	Servers []host.VirtualServer
	Bound   []netip.Addr
	// RouteLocalnet says that kube-proxy sets net.ipv4.conf.all.route_localnet.
	RouteLocalnet bool
	// Notes are what a reader should know: services without a ClusterIP, rules
	// whose order is chance in the real kube-proxy.
	Notes []Note
}

// Note is a remark about one service; Origin is an index into Result.Origins, 0
// when it is about none.
type Note struct {
	Text   string
	Origin int
}
