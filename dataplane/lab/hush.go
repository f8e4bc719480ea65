package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"tortie/dataplane/netns"
)

// hushTable drops what ends of connections say on their own, before any other
// rule sees it.
const hushTable = `add table inet tortie_lab
add set inet tortie_lab quiet4 { type ipv4_addr . inet_service . ipv4_addr . inet_service; }
add set inet tortie_lab quiet6 { type ipv6_addr . inet_service . ipv6_addr . inet_service; }
add chain inet tortie_lab out { type filter hook output priority -500; }
flush chain inet tortie_lab out
add rule inet tortie_lab out ip saddr . tcp sport . ip daddr . tcp dport @quiet4 drop
add rule inet tortie_lab out ip6 saddr . tcp sport . ip6 daddr . tcp dport @quiet6 drop
`

// hush keeps both ends of a connection from sending again what was lost, until
// speak: when TCP does is chance, and what it meets then depends on it.
func (k *Conn) hush() error {
	k.hushed = nil
	add := func(ns *netns.NS, from, to netip.AddrPort) error {
		set := "quiet4"
		if from.Addr().Is6() {
			set = "quiet6"
		}
		element := fmt.Sprintf("element inet tortie_lab %s { %s . %d . %s . %d }\n", set, from.Addr(), from.Port(), to.Addr(), to.Port())
		if _, err := ns.Run(hushTable+"add "+element, "nft", "-f", "-"); err != nil {
			return err
		}
		k.hushed = append(k.hushed, func() error {
			_, err := ns.Run("delete "+element, "nft", "-f", "-")
			return err
		})
		return nil
	}
	err := add(k.ns, addrPort(k.c.LocalAddr()), addrPort(k.c.RemoteAddr()))
	if p, ok := k.lab.servers.find(k.id); ok {
		err = errors.Join(err, add(p.ns, p.saw.To, p.saw.From))
	}
	return err
}

// speak ends hush.
func (k *Conn) speak() error {
	var err error
	for _, undo := range k.hushed {
		err = errors.Join(err, undo())
	}
	k.hushed = nil
	return err
}

// tcpRTOMaxMS is TCP_RTO_MAX_MS of linux/tcp.h: how long TCP may wait at most
// before it sends again. Older kernels do not have it.
const tcpRTOMaxMS = 44

// impatient makes a connection send again each second at least.
func impatient(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		if raw, err := t.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, tcpRTOMaxMS, 1000) })
		}
	}
}
