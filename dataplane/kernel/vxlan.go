package kernel

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tortie/dataplane/host"
)

// vxlan makes a VXLAN device as Felix does: one VNI, no learning, behind the link
// with the local address.
func (p programmer) vxlan(l host.Link) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = string(l.Name), l.MTU
	if l.MAC != "" {
		mac, err := net.ParseMAC(l.MAC)
		if err != nil {
			return nil, err
		}
		attrs.HardwareAddr = mac
	}
	parent, err := p.linkWith(l.VXLAN.Local)
	if err != nil {
		return nil, err
	}
	v := &netlink.Vxlan{LinkAttrs: attrs, VxlanId: int(l.VXLAN.VNI), Port: int(l.VXLAN.Port), SrcAddr: l.VXLAN.Local.AsSlice(),
		VtepDevIndex: parent, UDPCSum: true}
	if err := p.h.LinkAdd(v); err != nil {
		return nil, err
	}
	return p.h.LinkByName(attrs.Name)
}

// linkWith is the index of the link that has the address.
func (p programmer) linkWith(a netip.Addr) (int, error) {
	addrs, err := p.h.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return 0, err
	}
	for _, have := range addrs {
		if have.IP.Equal(a.AsSlice()) {
			return have.LinkIndex, nil
		}
	}
	return 0, fmt.Errorf("no link has the tunnel's local address %s", a)
}

// vxlanPeers tells the device where the other ends are: their hardware addresses
// as neighbours, and the nodes behind those.
func (p programmer) vxlanPeers(link netlink.Link, v *host.VXLAN) error {
	for _, peer := range v.FDB {
		mac, err := net.ParseMAC(peer.MAC)
		if err != nil {
			return fmt.Errorf("tunnel to %s: %w", peer.Remote, err)
		}
		entries := []*netlink.Neigh{
			{LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: peer.Via.AsSlice(), HardwareAddr: mac},
			{LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, Family: unix.AF_BRIDGE, Flags: netlink.NTF_SELF,
				IP: peer.Remote.AsSlice(), HardwareAddr: mac},
		}
		for _, n := range entries {
			if err := p.h.NeighSet(n); err != nil {
				return fmt.Errorf("tunnel to %s: %w", peer.Remote, err)
			}
		}
	}
	return nil
}
