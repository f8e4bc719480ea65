package difftest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/netns"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// The sides of the router.
const (
	Left  = "left"
	Right = "right"
	Local = "local" // a process of the router
)

const routerName = "router"

// routerLinks are the links of the router by side.
var routerLinks = map[string]host.LinkName{Left: "lr", Right: "rr"}

// lab is a router between two namespaces that have no addresses: frames come
// and go through packet sockets, so that only the router's kernel acts.
type lab struct {
	router *netns.NS
	ends   map[string]*labEnd
	raw    int // raw socket inside of the router
	all    []*netns.NS
}

// labEnd is one side: a packet socket on the far end of the router's link.
type labEnd struct {
	side  string
	fd    int
	frame [14]byte // the Ethernet header of frames to the router
}

// routerState is the router without rules. ICMP is not rate-limited and there
// are no redirects, because both depend on the clock.
func routerState() *host.State {
	link := func(i int, name host.LinkName, prefix string) host.Link {
		return host.Link{Index: i, Name: name, Up: true, MTU: 1500, Addrs: []host.Addr{{Prefix: netip.MustParsePrefix(prefix)}}}
	}
	lo := host.Link{Index: 1, Name: "lo", Up: true, Loopback: true, MTU: 65536, Addrs: []host.Addr{{Prefix: netip.MustParsePrefix("127.0.0.1/8"), Scope: host.ScopeHost}}}
	s := &host.State{Name: routerName, Links: []host.Link{lo, link(2, "lr", "10.1.0.1/24"), link(3, "rr", "10.2.0.1/24")}, Sysctls: map[string]string{
		"net.ipv4.ip_forward": "1", "net.ipv4.icmp_ratelimit": "0", "net.ipv4.icmp_msgs_per_sec": "1000000", "net.ipv4.icmp_msgs_burst": "1000000",
		"net.ipv6.conf.all.disable_ipv6": "1",
	}}
	for _, l := range []string{"all", "default", "lr", "rr"} {
		s.Sysctls["net.ipv4.conf."+l+".send_redirects"] = "0"
		s.Sysctls["net.ipv4.conf."+l+".rp_filter"] = "0"
	}
	for _, l := range s.Links {
		s.Routes = append(s.Routes, connectedRoutes(l)...)
	}
	s.Routes = append(s.Routes, host.Route{Table: host.TableMain, Type: host.RouteUnicast, Dst: netip.MustParsePrefix("0.0.0.0/0"),
		Hops: []host.NextHop{{Via: netip.MustParseAddr("10.2.0.2"), Dev: "rr"}}})
	return s
}

// connectedRoutes are the routes that the kernel makes for a link's address.
func connectedRoutes(l host.Link) []host.Route {
	a := l.Addrs[0].Prefix
	hop := []host.NextHop{{Dev: l.Name}}
	single := netip.PrefixFrom(a.Addr(), 32)
	local := host.Route{Table: host.TableLocal, Type: host.RouteLocal, Dst: single, Scope: host.ScopeHost, PrefSrc: a.Addr(), Hops: hop, Protocol: "kernel"}
	broadcast := host.Route{Table: host.TableLocal, Type: host.RouteBroadcast, Dst: netip.PrefixFrom(nf.PrefixDatum(a).AddrTo, 32), Scope: host.ScopeLink, PrefSrc: a.Addr(), Hops: hop, Protocol: "kernel"}
	net := host.Route{Table: host.TableMain, Type: host.RouteUnicast, Dst: a.Masked(), Scope: host.ScopeLink, PrefSrc: a.Addr(), Hops: hop, Protocol: "kernel"}
	if l.Loopback {
		net.Table, net.Type, net.Scope = host.TableLocal, host.RouteLocal, host.ScopeHost
	}
	return []host.Route{local, broadcast, net}
}

// labAddrs are the addresses that exist on each side.
var labAddrs = map[string][]netip.Addr{
	Left:  {netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("10.1.0.3")},
	Right: {netip.MustParseAddr("10.2.0.2"), netip.MustParseAddr("10.2.0.3")},
	Local: {netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("10.2.0.1")},
}

const (
	routerMAC = "02:00:00:00:00:01"
	farMAC    = "02:00:00:00:00:02"
)

// newLab makes the namespaces and the router's network, without rules.
func newLab() (*lab, error) {
	l := &lab{ends: map[string]*labEnd{}, raw: -1}
	var err error
	if l.router, err = l.namespace(); err != nil {
		return nil, err
	}
	for _, side := range []string{Left, Right} {
		if err := l.join(side); err != nil {
			l.Close()
			return nil, err
		}
	}
	if err := kernel.Apply(l.router, routerState()); err != nil {
		l.Close()
		return nil, err
	}
	if err := l.neighbours(); err != nil {
		l.Close()
		return nil, err
	}
	err = l.router.Do(func() (err error) {
		l.raw, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return err
	})
	if err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func (l *lab) namespace() (*netns.NS, error) {
	ns, err := netns.New()
	if err == nil {
		l.all = append(l.all, ns)
	}
	return ns, err
}

// Close gives everything up.
func (l *lab) Close() {
	for _, e := range l.ends {
		unix.Close(e.fd)
	}
	if l.raw >= 0 {
		unix.Close(l.raw)
	}
	for _, ns := range l.all {
		ns.Close()
	}
}

// join makes the link of one side and opens its packet socket.
func (l *lab) join(side string) error {
	far, err := l.namespace()
	if err != nil {
		return err
	}
	quiet := map[string]string{"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1"}
	for _, ns := range []*netns.NS{far, l.router} {
		if err := kernel.Sysctls(ns, quiet); err != nil {
			return err
		}
	}
	if err := netns.Join(netns.End{NS: l.router, Name: string(routerLinks[side]), MAC: routerMAC}, netns.End{NS: far, Name: "far", MAC: farMAC}); err != nil {
		return err
	}
	e := &labEnd{side: side}
	router, _ := net.ParseMAC(routerMAC)
	own, _ := net.ParseMAC(farMAC)
	copy(e.frame[0:], router)
	copy(e.frame[6:], own)
	binary.BigEndian.PutUint16(e.frame[12:], unix.ETH_P_IP)
	err = far.Do(func() error { return e.open("far") })
	if err == nil {
		l.ends[side] = e
	}
	return err
}

func (e *labEnd) open(link string) error {
	dev, err := net.InterfaceByName(link)
	if err != nil {
		return err
	}
	if e.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(htons(unix.ETH_P_IP))); err != nil {
		return err
	}
	return unix.Bind(e.fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_IP), Ifindex: dev.Index})
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// neighbours tells the router the hardware addresses of everything on a side.
func (l *lab) neighbours() error {
	h, err := l.router.Netlink()
	if err != nil {
		return err
	}
	defer h.Close()
	far, _ := net.ParseMAC(farMAC)
	for side, link := range routerLinks {
		dev, err := h.LinkByName(string(link))
		if err != nil {
			return err
		}
		base := labAddrs[side][0].As4()
		for last := byte(2); last < 10; last++ {
			base[3] = last
			n := &netlink.Neigh{LinkIndex: dev.Attrs().Index, State: netlink.NUD_PERMANENT, IP: net.IP(base[:]).To4(), HardwareAddr: far}
			if err := h.NeighSet(n); err != nil {
				return fmt.Errorf("neighbour %s: %w", n.IP, err)
			}
		}
	}
	return nil
}

// send sends a packet from one side, or from a process of the router. A process
// is told that OUTPUT dropped its packet; that is no error here.
func (l *lab) send(s Shot) error {
	data, err := packet.Encode(&s.Packet)
	if err != nil {
		return err
	}
	if s.From == Local {
		err = unix.Sendto(l.raw, data, 0, &unix.SockaddrInet4{Addr: s.Packet.Dst.As4()})
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EINVAL) {
			return nil
		}
		return err
	}
	e := l.ends[s.From]
	_, err = unix.Write(e.fd, append(e.frame[:], data...))
	return err
}

// receive takes the packets that have arrived on both sides, waiting for at
// least want of them.
func (l *lab) receive(want int, patience time.Duration) ([]Frame, error) {
	var out []Frame
	deadline := time.Now().Add(patience)
	for {
		for _, side := range []string{Left, Right} {
			got, err := l.ends[side].drain()
			if err != nil {
				return out, err
			}
			out = append(out, got...)
		}
		if len(out) >= want || time.Now().After(deadline) {
			return out, nil
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// drain reads what is in the socket.
func (e *labEnd) drain() ([]Frame, error) {
	var out []Frame
	buf := make([]byte, 65536)
	for {
		n, from, err := unix.Recvfrom(e.fd, buf, 0)
		if errors.Is(err, unix.EAGAIN) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if a, ok := from.(*unix.SockaddrLinklayer); ok && a.Pkttype == unix.PACKET_OUTGOING || n < 14 {
			continue
		}
		p, err := packet.Decode(buf[14:n])
		if err != nil {
			return out, fmt.Errorf("a frame on the %s that cannot be read: %w", e.side, err)
		}
		out = append(out, Frame{e.side, p})
	}
}
