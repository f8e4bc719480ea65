package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"tortie/dataplane/netns"
	"tortie/dataplane/packet"
)

// A message is eight bytes: the number of the connection and that of the
// message. Servers send every message back, unless it asks for silence; the first
// one on a connection tells them its number.
type message [8]byte

func newMessage(conn, n uint32) (m message) {
	binary.BigEndian.PutUint32(m[:4], conn)
	binary.BigEndian.PutUint32(m[4:], n)
	return m
}

// silentBit of a message's number asks the server not to send it back.
const silentBit = 1 << 31

func (m message) isSilent() bool { return m[4]&0x80 != 0 }

func (m message) conn() uint32 { return binary.BigEndian.Uint32(m[:4]) }

// servers answer everywhere in a lab.
type servers struct {
	mu     sync.Mutex
	open   []io.Closer
	speak  map[uint32]peer // the server's end of each connection
	listen map[string]bool
	half   []*Conn
}

// peer is a server's end of a connection.
type peer struct {
	ns    *netns.NS
	w     io.Writer
	saw   Arrival
	close func()
}

func (s *servers) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.open {
		c.Close()
	}
	s.open = nil
}

// keep closes c with the lab.
func (s *servers) keep(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, c)
}

// keepHalf keeps a half-open connection until GiveUp.
func (s *servers) keepHalf(k *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.half = append(s.half, k)
}

func (s *servers) know(conn uint32, p peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.speak == nil {
		s.speak = map[uint32]peer{}
	}
	s.speak[conn] = p
}

func (s *servers) find(conn uint32) (peer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.speak[conn]
	return p, ok
}

// Listen makes every namespace answer on a port of TCP or UDP.
func (l *Lab) Listen(proto packet.Proto, port uint16) error {
	key := fmt.Sprintf("%d/%d", proto, port)
	if l.servers.listen[key] {
		return nil
	}
	if l.servers.listen == nil {
		l.servers.listen = map[string]bool{}
	}
	l.servers.listen[key] = true
	for _, ns := range l.spaces {
		if err := l.servers.start(ns, proto, port); err != nil {
			return err
		}
	}
	return nil
}

// start listens on each address of the namespace, so that answers come from the
// address that was asked.
func (s *servers) start(ns *netns.NS, proto packet.Proto, port uint16) error {
	return ns.Do(func() error {
		addrs, err := net.InterfaceAddrs()
		if err != nil {
			return err
		}
		for _, a := range addrs {
			n, ok := a.(*net.IPNet)
			if !ok || n.IP.IsLinkLocalUnicast() {
				continue
			}
			if err := s.listenAt(ns, proto, net.JoinHostPort(n.IP.String(), strconv.Itoa(int(port)))); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *servers) listenAt(ns *netns.NS, proto packet.Proto, where string) error {
	switch proto {
	case packet.ProtoTCP:
		quiet := net.ListenConfig{KeepAlive: -1}
		ln, err := quiet.Listen(context.Background(), "tcp", where)
		if err != nil {
			return err
		}
		s.keep(ln)
		go s.acceptAll(ns, ln)
	case packet.ProtoUDP:
		pc, err := net.ListenPacket("udp", where)
		if err != nil {
			return err
		}
		s.keep(pc)
		go s.echoPackets(ns, pc)
	}
	return nil
}

func (s *servers) acceptAll(ns *netns.NS, ln net.Listener) {
	for {
		c, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			impatient(c)
			s.keep(c)
			go s.echo(ns, c)
		}
	}
}

func (s *servers) echo(ns *netns.NS, c net.Conn) {
	defer c.Close()
	var m message
	for first := true; ; first = false {
		if _, err := io.ReadFull(c, m[:]); err != nil {
			return
		}
		if first {
			s.know(m.conn(), peer{ns, c, Arrival{addrPort(c.RemoteAddr()), addrPort(c.LocalAddr())}, func() { vanish(c) }})
		}
		if _, err := c.Write(m[:]); err != nil {
			return
		}
	}
}

// udpPeer writes to one client of a UDP server.
type udpPeer struct {
	pc net.PacketConn
	to net.Addr
}

func (p udpPeer) Write(b []byte) (int, error) { return p.pc.WriteTo(b, p.to) }

func (s *servers) echoPackets(ns *netns.NS, pc net.PacketConn) {
	var m message
	for {
		n, from, err := pc.ReadFrom(m[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n != len(m) {
			continue
		}
		s.know(m.conn(), peer{ns, udpPeer{pc, from}, Arrival{addrPort(from), addrPort(pc.LocalAddr())}, func() {}})
		if !m.isSilent() {
			pc.WriteTo(m[:], from)
		}
	}
}

// addrPort is the address and port of a socket's end.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
