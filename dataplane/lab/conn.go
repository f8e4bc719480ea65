package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tortie/dataplane/host"
	"tortie/dataplane/netns"
	"tortie/dataplane/packet"
)

// Answer is what a connection met.
type Answer uint8

// The answers. The zero value is none.
const (
	Answered Answer = iota + 1
	Refused         // by a reset or an ICMP error
	Silence
)

// String returns the answer in lower case.
func (a Answer) String() string {
	switch a {
	case Answered:
		return "answered"
	case Refused:
		return "refused"
	case Silence:
		return "silence"
	}
	return "answer?"
}

// Try is a connection to open. From is a link of a node for whatever sits behind
// it, and a process of the node when the link is empty.
type Try struct {
	From    host.Port
	Src     netip.Addr // invalid: the kernel chooses
	Dst     netip.Addr
	Proto   packet.Proto
	SrcPort uint16 // of ICMP the identifier
	DstPort uint16
	// Type and Code are ICMP's.
	Type, Code uint8
	// HalfOpen sends only the first packet; of TCP, the answer is not answered.
	HalfOpen bool
	// Wait is how long the answer may take; 0 is the usual patience, which is shorter
	// than TCP's before it tries again.
	Wait time.Duration
}

func (t *Try) patience() time.Duration {
	if t.Wait > 0 {
		return t.Wait
	}
	return patience
}

// Conn is a connection, open or not.
type Conn struct {
	lab  *Lab
	try  Try
	id   uint32
	sent uint32
	c    net.Conn
	// late says that a message was lost: what follows may have to wait until TCP
	// sends it again.
	late bool
	ns   *netns.NS // where it begins
	// own and farSide are the ends of TCP.
	own, farSide side
	// half is the socket of a half-open TCP connection; 0 is none.
	half int
}

// Arrival is the first packet of a connection as the far end saw it.
type Arrival struct{ From, To netip.AddrPort }

// How long answers may take; behind a lost message TCP waits before it tries
// again.
const (
	patience     = 600 * time.Millisecond
	longPatience = 6 * time.Second
)

var lastConn atomic.Uint32

// Open opens a connection and exchanges a first message.
func (l *Lab) Open(t Try) (*Conn, Answer, error) {
	ns := l.behind[t.From]
	if t.From.Link == "" {
		ns = l.hosts[t.From.Host]
	}
	if ns == nil {
		return nil, 0, fmt.Errorf("nothing sits behind %s of %s", t.From.Link, t.From.Host)
	}
	k := &Conn{lab: l, try: t, id: lastConn.Add(1), ns: ns}
	var answer Answer
	err := ns.Do(func() error {
		var err error
		switch {
		case t.Proto.IsICMP():
			answer, err = ping(t)
			return err
		case t.HalfOpen && t.Proto == packet.ProtoTCP:
			answer, err = k.openHalf()
			return err
		}
		err = k.dial()
		if errors.Is(err, errNotDialled) {
			return err
		}
		answer = answerOf(err)
		return nil
	})
	if err == nil && k.c != nil {
		answer, err = k.first()
		if answer != Answered {
			k.abandon()
		}
	}
	return k, answer, err
}

var errNotDialled = errors.New("the lab opens TCP, UDP and ICMP only")

func (k *Conn) dial() error {
	t := &k.try
	held := -1
	d := net.Dialer{Timeout: t.patience(), KeepAlive: -1, Control: func(network, address string, c syscall.RawConn) error {
		return errors.Join(alert(network, address, c), hold(c, &held))
	}}
	to := netip.AddrPortFrom(t.Dst, t.DstPort).String()
	network := "tcp"
	switch t.Proto {
	case packet.ProtoTCP:
		d.LocalAddr = &net.TCPAddr{IP: ipOf(t.Src), Port: int(t.SrcPort)}
	case packet.ProtoUDP:
		network = "udp"
		d.LocalAddr = &net.UDPAddr{IP: ipOf(t.Src), Port: int(t.SrcPort)}
	default:
		return fmt.Errorf("%s: %w", t.Proto, errNotDialled)
	}
	c, err := d.Dial(network, to)
	release(held, t.Proto == packet.ProtoTCP && err != nil)
	if err == nil {
		impatient(c)
		k.c = c
		k.own.ns = k.ns
		k.own.c, _ = c.(*net.TCPConn)
		k.lab.servers.keep(c)
	}
	return err
}

// hold keeps a socket when the dialer closes its own descriptor of it.
func hold(c syscall.RawConn, held *int) error {
	var err error
	cerr := c.Control(func(fd uintptr) { *held, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	return errors.Join(cerr, err)
}

// release gives up what hold kept, without a packet if nobody wants the connection: the
// dialer hears of an ICMP error about a later packet than the SYN too, and closes a
// connection that stands.
func release(held int, silently bool) {
	if held < 0 {
		return
	}
	if silently {
		unix.SetsockoptInt(held, unix.IPPROTO_TCP, unix.TCP_REPAIR, 1)
	}
	unix.Close(held)
}

// answerOf reads an error of the kernel: EPERM is a packet that the node's own
// rules dropped, which a program elsewhere would call silence.
func answerOf(err error) Answer {
	switch {
	case err == nil:
		return Answered
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EHOSTUNREACH),
		errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EACCES):
		return Refused
	}
	return Silence
}

// Try is what was asked for.
func (k *Conn) Try() Try { return k.try }

// IsOpen reports whether the connection stands.
func (k *Conn) IsOpen() bool { return k != nil && k.c != nil }

// Seen are the server's own address and the client's as the server sees it; false
// when nothing has reached a server.
func (k *Conn) Seen() (local, remote netip.AddrPort, ok bool) {
	p, ok := k.lab.servers.find(k.id)
	return p.saw.To, p.saw.From, ok
}

// Segments is how many segments a TCP connection has sent and received, its SYN and
// the SYN-ACK included.
func (k *Conn) Segments() (sent, received int, err error) {
	c, ok := k.c.(*net.TCPConn)
	if !ok {
		return 0, 0, fmt.Errorf("no TCP connection stands")
	}
	info, err := tcpInfo(c)
	if err != nil {
		return 0, 0, err
	}
	return int(info.Segs_out), int(info.Segs_in), nil
}

func tcpInfo(c *net.TCPConn) (info *unix.TCPInfo, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	cerr := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	return info, errors.Join(cerr, err)
}

// first sends the first message; of a half-open connection nothing comes back, and
// it is answered when it arrives.
func (k *Conn) first() (Answer, error) {
	if !k.try.HalfOpen {
		return k.Send()
	}
	m := newMessage(k.id, silentBit)
	if _, err := k.c.Write(m[:]); err != nil {
		return answerOf(err), nil
	}
	for range int(patience / pollPause) {
		if _, ok := k.lab.servers.find(k.id); ok {
			return Answered, nil
		}
		k.c.SetReadDeadline(time.Now().Add(pollPause))
		if _, err := k.c.Read(m[:]); answerOf(err) == Refused {
			return Refused, nil
		}
	}
	return Silence, nil
}

// Send sends a message and waits until it comes back. If TCP still has one to send, that
// is the message.
func (k *Conn) Send() (Answer, error) {
	if !k.IsOpen() {
		return Silence, nil
	}
	return k.say(&k.own, k.c)
}

// Reply makes the far end send a message.
func (k *Conn) Reply() (Answer, error) {
	p, ok := k.lab.servers.find(k.id)
	if !k.IsOpen() || !ok {
		return Silence, nil
	}
	return k.say(k.far(), p.w)
}

// say writes a message to the connection of one side and waits until our own reads it, or
// its echo.
func (k *Conn) say(s *side, w io.Writer) (Answer, error) {
	if k.late {
		k.own.forget()
	}
	before := moment{sent: s.info().Segs_out, heard: k.far().info().Segs_in}
	if err := s.speak(); err != nil {
		return 0, err
	}
	k.sent++
	m := newMessage(k.id, k.sent)
	if !s.waits() {
		if _, err := w.Write(m[:]); err != nil && (s != &k.own || !errors.Is(err, syscall.EPERM)) {
			return answerOf(err), nil // what the node's own rules drop they may reject, too
		}
	}
	answer, err := k.await(s, before, m)
	if k.try.Proto == packet.ProtoTCP && (answer != Answered || k.late) {
		err = errors.Join(err, k.pause(answer))
	}
	return answer, err
}

// pause notes whether messages were lost, and keeps TCP from sending them again.
func (k *Conn) pause(answer Answer) error {
	if k.late = k.own.waits() || k.far().waits() || answer != Answered && k.own.stands(); k.late {
		return k.hush()
	}
	return errors.Join(k.own.speak(), k.far().speak())
}

// moment is how many segments a side had sent, and the far end had heard.
type moment struct{ sent, heard uint32 }

// await reads until the message of a side arrives. Behind lost messages any one will do,
// the far end speaks when it has heard our own, and patience begins when TCP has sent
// again.
func (k *Conn) await(s *side, before moment, want message) (Answer, error) {
	end := time.Now().Add(k.try.patience())
	if k.late {
		end = time.Now().Add(longPatience)
	}
	var m message
	for have, again := 0, false; ; {
		k.c.SetReadDeadline(end)
		if soon := time.Now().Add(pollPause); k.late && soon.Before(end) {
			k.c.SetReadDeadline(soon)
		}
		n, err := k.c.Read(m[have:])
		have += n
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(end):
			if !again && s.info().Segs_out > before.sent {
				again, end = true, time.Now().Add(k.try.patience()+rtoMax)
			}
			if k.far().info().Segs_in > before.heard {
				if err := k.far().speak(); err != nil {
					return 0, err
				}
			}
		case err != nil:
			return answerOf(err), nil
		case have == len(m) && (m == want || k.late):
			return Answered, nil
		case have == len(m):
			have = 0
		}
	}
}

// Close ends the connection in order.
func (k *Conn) Close() {
	if k.IsOpen() {
		k.c.Close()
		k.c = nil
	}
}

// Reset ends a TCP connection by a reset.
func (k *Conn) Reset() {
	if t, ok := k.c.(*net.TCPConn); ok {
		t.SetLinger(0)
	}
	k.Close()
}

// abandon gives a connection up that never stood: neither end says a word more.
func (k *Conn) abandon() {
	if p, ok := k.lab.servers.find(k.id); ok {
		p.close()
	}
	vanish(k.c)
	k.c = nil
}

// vanish closes a connection without a packet. What is not TCP sends none anyway.
func vanish(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		if raw, err := t.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_REPAIR, 1) })
		}
	}
	c.Close()
}

func ipOf(a netip.Addr) net.IP {
	if !a.IsValid() {
		return nil
	}
	return a.AsSlice()
}

// alert prepares a socket before it connects.
func alert(_, _ string, c syscall.RawConn) error {
	var err error
	cerr := c.Control(func(fd uintptr) { err = prepare(int(fd)) })
	return errors.Join(cerr, err)
}

// prepare lets a socket have a port that was used before, and hear of every ICMP error. A
// near offender's comes while TCP still sends, when the kernel passes it on over IPv4
// only (ipv6_icmp_error in net/ipv6/datagram.c looks for IPV6_RECVERR), and those about
// a connection that stands count for nothing without (tcp_v4_err, tcp_v6_err).
func prepare(fd int) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if kind, e := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); e != nil || kind != unix.SOCK_STREAM {
		return errors.Join(err, e)
	}
	level, option := unix.IPPROTO_IP, unix.IP_RECVERR
	if family, e := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); e != nil || family == unix.AF_INET6 {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
	}
	return errors.Join(err, unix.SetsockoptInt(fd, level, option, 1))
}
