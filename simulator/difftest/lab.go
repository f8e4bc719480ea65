package difftest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/netns"
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
	raw    map[packet.Family]int // raw sockets inside of the router
	all    []*netns.NS
}

// labEnd is one side: a packet socket on the far end of the router's link.
type labEnd struct {
	side  string
	fd    int
	frame [12]byte // the hardware addresses of frames to the router
}

const (
	routerMAC = "02:00:00:00:00:01"
	farMAC    = "02:00:00:00:00:02"
)

// newLab makes the namespaces and the router's network, without rules.
func newLab(network *host.State) (*lab, error) {
	l := &lab{ends: map[string]*labEnd{}, raw: map[packet.Family]int{}}
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
	if err := kernel.Apply(l.router, network); err != nil {
		l.Close()
		return nil, err
	}
	if err := l.neighbours(); err != nil {
		l.Close()
		return nil, err
	}
	if err := l.router.Do(l.openRaw); err != nil {
		l.Close()
		return nil, err
	}
	return l, l.settle()
}

// settle waits until the router has told both sides which groups its addresses
// are in, which it does once, some milliseconds after it has them.
func (l *lab) settle() error {
	heard := map[string]bool{}
	for quiet, deadline := 0, time.Now().Add(500*time.Millisecond); quiet < 2 && time.Now().Before(deadline); {
		frames, err := l.receive(1, time.Millisecond)
		if err != nil {
			return err
		}
		for _, f := range frames {
			if f.Packet.ICMPType == listenerReport1 && strings.HasPrefix(f.Packet.Dst.String(), "ff02::1:ff") {
				heard[f.Side+" "+f.Packet.Dst.String()] = true
			}
		}
		if quiet++; len(frames) > 0 || len(heard) < 4 {
			quiet = 0
		}
	}
	return nil
}

// openRaw opens the sockets by which processes of the router send.
func (l *lab) openRaw() error {
	for fam, domain := range map[packet.Family]int{packet.IPv4: unix.AF_INET, packet.IPv6: unix.AF_INET6} {
		fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BROADCAST, 1); err != nil {
			return err
		}
		l.raw[fam] = fd
	}
	return nil
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
	for _, fd := range l.raw {
		unix.Close(fd)
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
	if err := kernel.Sysctls(far, map[string]string{"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1"}); err != nil {
		return err
	}
	quiet := map[string]string{}
	for name, value := range silence {
		quiet[strings.ReplaceAll(name, "*", "default")] = value
	}
	if err := kernel.Sysctls(l.router, quiet); err != nil {
		return err
	}
	if err := netns.Join(netns.End{NS: l.router, Name: string(routerLinks[side]), MAC: routerMAC}, netns.End{NS: far, Name: "far", MAC: farMAC}); err != nil {
		return err
	}
	e := &labEnd{side: side}
	router, _ := net.ParseMAC(routerMAC)
	own, _ := net.ParseMAC(farMAC)
	copy(e.frame[0:], router)
	copy(e.frame[6:], own)
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
	if e.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, int(htons(unix.ETH_P_ALL))); err != nil {
		return err
	}
	// A copy of what goes out would make the router cut datagrams anew instead of
	// as they came, because it then shares them with the copy.
	if err := unix.SetsockoptInt(e.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return err
	}
	return unix.Bind(e.fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: dev.Index})
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
		for _, fam := range families {
			for last := byte(2); last < 10; last++ {
				b := at(fam, labAddrs[side][0]).AsSlice()
				b[len(b)-1] = last
				n := &netlink.Neigh{LinkIndex: dev.Attrs().Index, State: netlink.NUD_PERMANENT, IP: b, HardwareAddr: far}
				if err := h.NeighSet(n); err != nil {
					return fmt.Errorf("neighbour %s: %w", n.IP, err)
				}
			}
		}
	}
	return nil
}

// send sends a packet from one side, or from a process of the router. A process
// is told that OUTPUT dropped its packet; that is no error here.
func (l *lab) send(s Shot) error {
	data, err := s.Wire, error(nil)
	if data == nil {
		data, err = packet.Encode(&s.Packet)
	}
	if err != nil {
		return err
	}
	fam, to := s.Packet.Family(), unix.Sockaddr(nil)
	if s.From == Local {
		if to = (&unix.SockaddrInet6{Addr: s.Packet.Dst.As16()}); fam == packet.IPv4 {
			to = &unix.SockaddrInet4{Addr: s.Packet.Dst.As4()}
		}
		if err := l.bind(s.Packet.Src); err != nil {
			return err
		}
		err = unix.Sendto(l.raw[fam], data, 0, to)
		if slices.ContainsFunc(refusals, func(e error) bool { return errors.Is(err, e) }) {
			return nil
		}
		return err
	}
	e, typ := l.ends[s.From], uint16(unix.ETH_P_IP)
	if fam == packet.IPv6 {
		typ = unix.ETH_P_IPV6
	}
	frame := binary.BigEndian.AppendUint16(e.frame[:], typ)
	toMany(frame, s)
	_, err = unix.Write(e.fd, append(frame, data...))
	return err
}

// bind makes the raw socket choose its route as one with that source.
func (l *lab) bind(src netip.Addr) error {
	if src.Is4() {
		return unix.Bind(l.raw[packet.IPv4], &unix.SockaddrInet4{Addr: src.As4()})
	}
	return unix.Bind(l.raw[packet.IPv6], &unix.SockaddrInet6{Addr: src.As16()})
}

// toMany changes the hardware address that a frame goes to if its packet goes to a
// group, or to all of its own side.
func toMany(frame []byte, s Shot) {
	if s.From == Local {
		return
	}
	own := at(packet.IPv4, labAddrs[s.From][0]).As4()
	own[3] = 255
	if dst := s.Packet.Dst; dst.IsMulticast() && dst.Is6() {
		group := dst.As16()
		copy(frame, append([]byte{0x33, 0x33}, group[12:]...))
	} else if dst == netip.AddrFrom4(own) {
		copy(frame, bytes.Repeat([]byte{0xff}, 6))
	}
}

// refusals are what a process may be told when it sends.
var refusals = []error{unix.EPERM, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EINVAL, unix.EACCES}

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
		if typ := binary.BigEndian.Uint16(buf[12:]); typ != unix.ETH_P_IP && typ != unix.ETH_P_IPV6 {
			continue
		}
		p, err := packet.Decode(buf[14:n])
		if err != nil {
			return out, fmt.Errorf("a frame on the %s that cannot be read: %w", e.side, err)
		}
		out = append(out, Frame{e.side, p})
	}
}
