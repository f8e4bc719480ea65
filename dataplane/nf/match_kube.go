package nf

import (
	"net/netip"

	"tortie/dataplane/packet"
)

// The matches of iptables that only kube-proxy in IPVS mode needs.

// Flag is a question that a match may ask, and whether it asks for the opposite.
type Flag struct {
	Set    bool `json:",omitempty"`
	Invert bool `json:",omitempty"`
}

// MatchPhysdev is -m physdev without interface names: whether the packet came in
// by a bridge's port, leaves by one, and is bridged (xt_physdev.c). All that are
// set must hold.
type MatchPhysdev struct {
	IsIn, IsOut, IsBridged Flag
}

// MatchIPVS is -m ipvs: whether IPVS handles the packet, and of which virtual
// server (xt_ipvs.c). What is zero is not asked; everything but Handled holds
// only for packets that IPVS handles.
type MatchIPVS struct {
	Handled     Flag         // --ipvs
	Proto       packet.Proto `json:",omitempty"` // --vproto
	ProtoInvert bool         `json:",omitempty"`
	Addr        netip.Prefix `json:",omitzero"` // --vaddr
	AddrInvert  bool         `json:",omitempty"`
	Port        uint16       `json:",omitempty"` // --vport
	PortInvert  bool         `json:",omitempty"`
}
