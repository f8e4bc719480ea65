package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tortie/dataplane/host"
	"tortie/dataplane/kernel"
	"tortie/dataplane/netns"
	"tortie/dataplane/packet"

	"golang.org/x/sys/unix"
)

// lab is a fleet built of network namespaces: one per host with its rules, one
// per endpoint behind its link, one for the outside, all nodes on one bridge.
// IPv4 without tunnels.
type lab struct {
	hosts map[host.Name]*netns.NS
	pods  map[string]*netns.NS
	out   *netns.NS
}

// outside is the address of the lab's machine that no node owns.
var outside = netip.MustParseAddr("198.51.100.7")

const gatewayMAC = "ee:ee:ee:ee:ee:ee"

func buildLab(t *testing.T, f *host.Fleet) *lab {
	t.Helper()
	netns.Require(t, "nft", "iptables-legacy-restore", "ipset", "ip")
	l := &lab{hosts: map[host.Name]*netns.NS{}, pods: map[string]*netns.NS{}, out: netns.ForTest(t)}
	sw := netns.ForTest(t)
	must(t, run1(sw, "ip link add br0 type bridge"), run1(sw, "ip link set br0 up"))
	l.plug(t, sw, l.out, "out", "eth0")
	must(t, run1(l.out, "ip addr add "+outside.String()+"/32 dev eth0"))
	for i := range f.Hosts {
		s := &f.Hosts[i]
		ns := netns.ForTest(t)
		l.hosts[s.Name] = ns
		l.plug(t, sw, ns, fmt.Sprintf("h%d", i), "eth0")
		l.endpoints(t, f, s.Name, ns)
		must(t, kernel.Apply(ns, s))
		l.routesOutside(t, s)
		for _, e := range f.Endpoints {
			if e.Host == s.Name && !e.HostNetwork {
				must(t, kernel.Sysctls(ns, map[string]string{"net.ipv4.neigh." + string(e.Link) + ".proxy_delay": "0"}))
			}
		}
	}
	return l
}

// plug joins a namespace's interface to the bridge.
func (l *lab) plug(t *testing.T, sw, ns *netns.NS, port, iface string) {
	t.Helper()
	must(t, netns.Join(netns.End{NS: sw, Name: port}, netns.End{NS: ns, Name: iface}), run1(sw, "ip link set "+port+" master br0"))
}

// endpoints makes the namespaces behind a host's links, as the CNI plugin wires
// pods: a /32 address and a gateway that the host answers for.
func (l *lab) endpoints(t *testing.T, f *host.Fleet, name host.Name, ns *netns.NS) {
	t.Helper()
	for _, e := range f.Endpoints {
		if e.Host != name || e.HostNetwork {
			continue
		}
		pod := netns.ForTest(t)
		l.pods[e.Name] = pod
		must(t, netns.Join(netns.End{NS: ns, Name: string(e.Link), MAC: gatewayMAC}, netns.End{NS: pod, Name: "eth0"}))
		for _, a := range e.Addrs {
			if a.Is4() {
				must(t, run1(pod, "ip addr add "+a.String()+"/32 dev eth0"))
			}
		}
		must(t, run1(pod, "ip route add 169.254.1.1 dev eth0 scope link"), run1(pod, "ip route add default via 169.254.1.1"),
			run1(pod, "ip neigh add 169.254.1.1 lladdr "+gatewayMAC+" dev eth0"))
	}
}

// routesOutside gives the outside a way to the node and to what lives on it.
func (l *lab) routesOutside(t *testing.T, s *host.State) {
	t.Helper()
	own := s.FindLink("eth0").Addrs[0].Prefix
	must(t, run1(l.out, "ip route replace "+own.Addr().String()+" dev eth0"))
	for _, r := range s.Routes {
		if r.Type == host.RouteBlackhole && r.Dst.Addr().Is4() {
			must(t, run1(l.out, fmt.Sprintf("ip route replace %s via %s dev eth0", r.Dst, own.Addr())))
		}
	}
}

func run1(ns *netns.NS, command string) error {
	f := strings.Fields(command)
	_, err := ns.Run("", f[0], f[1:]...)
	return err
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// listen answers on a port of a namespace until the test ends: TCP by accepting,
// UDP by sending back.
func listen(t *testing.T, ns *netns.NS, proto packet.Proto, port uint16) {
	t.Helper()
	where := fmt.Sprintf("0.0.0.0:%d", port)
	err := ns.Do(func() error {
		if proto == packet.ProtoTCP {
			ln, err := net.Listen("tcp4", where)
			if err == nil {
				t.Cleanup(func() { ln.Close() })
				go acceptAll(ln)
			}
			return err
		}
		pc, err := net.ListenPacket("udp4", where)
		if err == nil {
			t.Cleanup(func() { pc.Close() })
			go echo(pc)
		}
		return err
	})
	must(t, err)
}

func acceptAll(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		c.Write([]byte("x"))
		c.Close()
	}
}

func echo(pc net.PacketConn) {
	buf := make([]byte, 64)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		pc.WriteTo(buf[:n], from)
	}
}

// attempt is one connection to try.
type attempt struct {
	ns       *netns.NS
	src      netip.Addr // invalid: the kernel chooses
	dst      netip.AddrPort
	proto    packet.Proto
	srcPort  uint16
	answered bool
}

const patience = 500 * time.Millisecond

// try makes the connection and remembers whether it was answered.
func (a *attempt) try() error {
	return a.ns.Do(func() error {
		d := net.Dialer{Timeout: patience, Control: reuse}
		network := "tcp4"
		if a.proto == packet.ProtoUDP {
			network = "udp4"
			d.LocalAddr = &net.UDPAddr{IP: ipOf(a.src), Port: int(a.srcPort)}
		} else {
			d.LocalAddr = &net.TCPAddr{IP: ipOf(a.src), Port: int(a.srcPort)}
		}
		c, err := d.Dial(network, a.dst.String())
		if err != nil {
			return nil
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		if a.proto == packet.ProtoUDP {
			if _, err := c.Write([]byte("x")); err != nil {
				return nil
			}
		}
		n, _ := c.Read(make([]byte, 8))
		a.answered = n > 0
		return nil
	})
}

func ipOf(a netip.Addr) net.IP {
	if !a.IsValid() {
		return nil
	}
	return a.AsSlice()
}

func reuse(_, _ string, c syscall.RawConn) error {
	var err error
	cerr := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
	if err != nil {
		return err
	}
	return cerr
}

// tryAll makes the attempts, several at a time.
func tryAll(t *testing.T, list []*attempt) {
	t.Helper()
	work := make(chan *attempt)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for a := range work {
				if err := a.try(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, a := range list {
		work <- a
	}
	close(work)
	wg.Wait()
}
