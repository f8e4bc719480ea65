package lab

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"tortie/dataplane/netns"
)

// hushTable drops messages that ends of connections send on their own, before any other
// rule sees them. A mere acknowledgement does not push.
const hushTable = `add table inet tortie_lab
add set inet tortie_lab quiet4 { type ipv4_addr . inet_service . ipv4_addr . inet_service; }
add set inet tortie_lab quiet6 { type ipv6_addr . inet_service . ipv6_addr . inet_service; }
add chain inet tortie_lab out { type filter hook output priority -500; }
flush chain inet tortie_lab out
add rule inet tortie_lab out ip saddr . tcp sport . ip daddr . tcp dport @quiet4 tcp flags & psh == psh drop
add rule inet tortie_lab out ip6 saddr . tcp sport . ip6 daddr . tcp dport @quiet6 tcp flags & psh == psh drop
`

// side is an end of a TCP connection; the zero value is one of anything else, which says
// nothing on its own.
type side struct {
	ns     *netns.NS
	c      *net.TCPConn
	hushed string // its element in the table
}

// far is the server's end of the connection, as far as it is there.
func (k *Conn) far() *side {
	if k.farSide.c == nil {
		if p, ok := k.lab.servers.find(k.id); ok {
			k.farSide.ns = p.ns
			k.farSide.c, _ = p.w.(*net.TCPConn)
		}
	}
	return &k.farSide
}

// hush keeps both ends of a connection from sending again what was lost, until they
// speak: when TCP does is chance, and what it meets then depends on it.
func (k *Conn) hush() error { return errors.Join(k.own.hush(), k.far().hush()) }

func (s *side) hush() error {
	if s.c == nil || s.hushed != "" {
		return nil
	}
	from, to, set := addrPort(s.c.LocalAddr()), addrPort(s.c.RemoteAddr()), "quiet4"
	if from.Addr().Is6() {
		set = "quiet6"
	}
	s.hushed = fmt.Sprintf("element inet tortie_lab %s { %s . %d . %s . %d }\n", set, from.Addr(), from.Port(), to.Addr(), to.Port())
	_, err := s.ns.Run(hushTable+"add "+s.hushed, "nft", "-f", "-")
	return err
}

// speak ends hush.
func (s *side) speak() error {
	if s.hushed == "" {
		return nil
	}
	_, err := s.ns.Run("delete "+s.hushed, "nft", "-f", "-")
	s.hushed = ""
	return err
}

// info is what TCP says of the side; the zero value if there is nothing to say.
func (s *side) info() unix.TCPInfo {
	if s.c == nil {
		return unix.TCPInfo{}
	}
	info, err := tcpInfo(s.c)
	if err != nil {
		return unix.TCPInfo{}
	}
	return *info
}

// waits reports whether a message of the side was lost, on the way or at the door: TCP
// sends it again, and no other before it.
func (s *side) waits() bool {
	info := s.info()
	return info.Unacked > 0 && info.Retransmits > 0 || info.Notsent_bytes > 0
}

// stands reports whether the connection has not ended for the side.
func (s *side) stands() bool { return s.info().State == tcpEstablished }

// tcpEstablished is TCP_ESTABLISHED of linux/tcp_states.h.
const tcpEstablished = 1

// forget takes back what came late: an error, or messages.
func (s *side) forget() {
	if s.c == nil {
		return
	}
	if raw, err := s.c.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR) })
	}
	s.c.SetReadDeadline(time.Now().Add(time.Millisecond))
	for b := make([]byte, 1<<10); ; {
		if _, err := s.c.Read(b); err != nil {
			return
		}
	}
}

// tcpRTOMaxMS is TCP_RTO_MAX_MS of linux/tcp.h: how long TCP may wait at most
// before it sends again. Older kernels do not have it.
const tcpRTOMaxMS = 44

// rtoMax is how long our connections wait at most, where the kernel can be told.
const rtoMax = time.Second

// impatient makes a connection send again each second at least.
func impatient(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		if raw, err := t.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) {
				unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, tcpRTOMaxMS, int(rtoMax/time.Millisecond))
			})
		}
	}
}
