// Package kernel programs a host.State into a network namespace, and reads back
// what the kernel made of it: rule sets with counters, and connections.
//
// In: a netns.NS and a host.State. Out: the same state in the kernel, or an
// error that says what the kernel refused. Links that the namespace already has
// are kept and only get addresses; a missing VXLAN device is made, behind the link
// that has its local address; for any other a veth without a partner stands in,
// because rules and routes only need its name. Iptables tables and IP
// sets go through the restore tools, for which the codecs write the text. Nftables
// go by netlink, each table in nft's own expressions (google/nftables), so that
// nft lists what it would list had it loaded the text; what netlink cannot say
// (statements kept as text) is an error of LoadNFT, and Apply takes nft for it.
// Order matters to the kernel and is kept: links, addresses, sysctls ("all" and
// "default" first), routes, policy rules, IP sets, tables.
//
// The package judges nothing and simulates nothing. It needs root and Linux.
package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/vishvananda/netlink"

	"tortie/dataplane/host"
	"tortie/dataplane/netns"
)

// Apply programs the state into the namespace.
func Apply(ns *netns.NS, s *host.State) error {
	if len(s.IPVS) > 0 {
		return fmt.Errorf("%s has virtual servers of IPVS, which are not programmed", s.Name)
	}
	if err := applyNetwork(ns, s); err != nil {
		return err
	}
	return ApplyRuleset(ns, &s.Ruleset)
}

func applyNetwork(ns *netns.NS, s *host.State) error {
	h, err := ns.Netlink()
	if err != nil {
		return err
	}
	defer h.Close()
	p := programmer{h: h}
	if err := p.links(s.Links); err != nil {
		return err
	}
	if err := Sysctls(ns, s.Sysctls); err != nil {
		return err
	}
	for _, r := range s.Routes {
		if err := p.route(r); err != nil {
			return fmt.Errorf("route %s: %w", r.Dst, err)
		}
	}
	for _, r := range s.Rules {
		if err := p.rule(r); err != nil {
			return fmt.Errorf("policy rule %d: %w", r.Priority, err)
		}
	}
	return nil
}

// programmer programs links, addresses, routes and policy rules by netlink.
type programmer struct {
	h *netlink.Handle
}

func (p programmer) links(links []host.Link) error {
	for _, l := range links {
		if err := p.link(l); err != nil {
			return fmt.Errorf("interface %s: %w", l.Name, err)
		}
	}
	return nil
}

func (p programmer) link(l host.Link) error {
	link, err := p.h.LinkByName(string(l.Name))
	switch {
	case err == nil:
	case l.VXLAN != nil:
		link, err = p.vxlan(l)
	default:
		link, err = p.standIn(l)
	}
	if err != nil {
		return err
	}
	if l.Up {
		if err := p.h.LinkSetUp(link); err != nil {
			return err
		}
	}
	for _, a := range l.Addrs {
		if err := p.address(link, a); err != nil {
			return fmt.Errorf("address %s: %w", a.Prefix, err)
		}
	}
	if l.VXLAN != nil {
		return p.vxlanPeers(link, l.VXLAN)
	}
	return nil
}

// standIn makes an interface of that name: one end of a veth pair whose other
// end stays in the namespace, up but unused.
func (p programmer) standIn(l host.Link) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = string(l.Name)
	if l.MTU > 0 {
		attrs.MTU = l.MTU
	}
	if mac, err := net.ParseMAC(l.MAC); err == nil {
		attrs.HardwareAddr = mac
	}
	peer := fmt.Sprintf("peer%d", l.Index)
	if l.Index == 0 {
		peer = "p-" + string(l.Name[:min(len(l.Name), 13)])
	}
	if err := p.h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: peer}); err != nil {
		return nil, err
	}
	other, err := p.h.LinkByName(peer)
	if err != nil {
		return nil, err
	}
	if err := p.h.LinkSetUp(other); err != nil {
		return nil, err
	}
	return p.h.LinkByName(attrs.Name)
}

// ifaFlagNoDAD is IFA_F_NODAD: an IPv6 address is used at once.
const ifaFlagNoDAD = 0x02

func (p programmer) address(link netlink.Link, a host.Addr) error {
	if a.Prefix.Addr().IsLinkLocalUnicast() && a.Prefix.Addr().Is6() {
		return nil // the kernel makes its own
	}
	addr := &netlink.Addr{IPNet: ipnet(a.Prefix), Scope: int(a.Scope)}
	if a.Peer.IsValid() {
		addr.Peer = ipnet(a.Peer)
	}
	if a.Broadcast.IsValid() {
		addr.Broadcast = a.Broadcast.AsSlice()
	}
	if a.Prefix.Addr().Is6() {
		addr.Flags = ifaFlagNoDAD
	}
	return p.h.AddrReplace(link, addr)
}

// ipnet keeps the host bits.
func ipnet(p netip.Prefix) *net.IPNet {
	if !p.IsValid() {
		return nil
	}
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// Sysctls writes /proc/sys of the namespace: "all" and "default" first, because
// they change the others. Those outside of net belong to the machine and are
// left alone, as are those of interfaces that do not exist and those that only
// the first namespace may change.
func Sysctls(ns *netns.NS, values map[string]string) error {
	var names []string
	for name := range values {
		if strings.HasPrefix(name, "net.") {
			names = append(names, name)
		}
	}
	sort.Slice(names, func(i, j int) bool {
		if a, b := general(names[i]), general(names[j]); a != b {
			return a
		}
		return names[i] < names[j]
	})
	return ns.Do(func() error {
		for _, name := range names {
			if err := writeSysctl(name, values[name]); err != nil {
				return fmt.Errorf("sysctl %s = %s: %w", name, values[name], err)
			}
		}
		return nil
	})
}

func general(name string) bool {
	return strings.Contains(name, ".all.") || strings.Contains(name, ".default.") || strings.HasSuffix(name, ".ip_forward")
}

func writeSysctl(name, value string) error {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		parts[i] = strings.ReplaceAll(p, "/", ".")
	}
	file := filepath.Join(append([]string{"/proc/sys"}, parts...)...)
	old, err := os.ReadFile(file)
	if os.IsNotExist(err) || err == nil && strings.TrimSpace(string(old)) == value {
		return nil
	}
	err = os.WriteFile(file, []byte(value), 0)
	if os.IsPermission(err) {
		return nil
	}
	return err
}
