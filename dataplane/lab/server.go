package lab

import (
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
// message. Servers send every message back; the first one on a connection tells
// them its number.
type message [8]byte

func newMessage(conn, n uint32) (m message) {
	binary.BigEndian.PutUint32(m[:4], conn)
	binary.BigEndian.PutUint32(m[4:], n)
	return m
}

func (m message) conn() uint32 { return binary.BigEndian.Uint32(m[:4]) }

// servers answer everywhere in a lab.
type servers struct {
	mu     sync.Mutex
	open   []io.Closer
	speak  map[uint32]farEnd // the server's end of each connection
	listen map[string]bool
}

// farEnd is the server's end of a connection, and the two addresses as the server
// sees them.
type farEnd struct {
	io.Writer
	local, remote netip.AddrPort
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

func (s *servers) know(conn uint32, w io.Writer, local, remote net.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.speak == nil {
		s.speak = map[uint32]farEnd{}
	}
	s.speak[conn] = farEnd{w, addrPort(local), addrPort(remote)}
}

func addrPort(a net.Addr) netip.AddrPort {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// find is the server's end of a connection; its Writer is nil when no message
// has reached a server.
func (s *servers) find(conn uint32) farEnd {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.speak[conn]
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
			if err := s.listenAt(proto, net.JoinHostPort(n.IP.String(), strconv.Itoa(int(port)))); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *servers) listenAt(proto packet.Proto, where string) error {
	switch proto {
	case packet.ProtoTCP:
		ln, err := net.Listen("tcp", where)
		if err != nil {
			return err
		}
		s.keep(ln)
		go s.acceptAll(ln)
	case packet.ProtoUDP:
		pc, err := net.ListenPacket("udp", where)
		if err != nil {
			return err
		}
		s.keep(pc)
		go s.echoPackets(pc)
	}
	return nil
}

func (s *servers) acceptAll(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			s.keep(c)
			go s.echo(c)
		}
	}
}

func (s *servers) echo(c net.Conn) {
	defer c.Close()
	var m message
	for first := true; ; first = false {
		if _, err := io.ReadFull(c, m[:]); err != nil {
			return
		}
		if first {
			s.know(m.conn(), c, c.LocalAddr(), c.RemoteAddr())
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

func (s *servers) echoPackets(pc net.PacketConn) {
	var m message
	for {
		n, from, err := pc.ReadFrom(m[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n != len(m) {
			continue
		}
		s.know(m.conn(), udpPeer{pc, from}, pc.LocalAddr(), from)
		pc.WriteTo(m[:], from)
	}
}
