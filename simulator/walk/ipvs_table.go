package walk

import (
	"net/netip"
	"time"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
	"tortie/simulator/conntrack"
)

// ipvsEnd is an address and port.
type ipvsEnd struct {
	addr  netip.Addr
	proto packet.Proto
	port  uint16
}

// ipvsPair names a connection by two of its ends.
type ipvsPair struct{ from, to ipvsEnd }

// ipvsConn is one connection of IPVS (struct ip_vs_conn).
type ipvsConn struct {
	client, virtual, real ipvsEnd
	state                 ipvsState
	expires               time.Duration
}

// ipvsState is what the time to live of a connection depends on.
type ipvsState uint8

const (
	ipvsSyn         ipvsState = iota // TCP before the handshake is over
	ipvsEstablished                  // TCP
	ipvsClosing                      // TCP behind a FIN
	ipvsClosed                       // TCP behind a RST
	ipvsDatagram                     // UDP
	ipvsAssociation                  // SCTP
)

// ipvsTimeouts are tcp_timeouts, udp_timeouts and sctp_timeouts, the states of a
// connection that ends being one: its longest.
var ipvsTimeouts = [...]time.Duration{
	ipvsSyn: time.Minute, ipvsEstablished: 15 * time.Minute, ipvsClosing: 2 * time.Minute, ipvsClosed: 10 * time.Second,
	ipvsDatagram: 5 * time.Minute, ipvsAssociation: 15 * time.Minute,
}

// ipvsTable is a host's IPVS: its virtual servers and connections.
type ipvsTable struct {
	servers map[ipvsEnd]*host.VirtualServer
	// in finds connections by client and virtual server, out by real server and
	// client. sticky is the real server of a client of a persistent service.
	in, out map[ipvsPair]*ipvsConn
	sticky  map[ipvsPair]ipvsEnd
	until   map[ipvsPair]time.Duration
	// soonest is when the next connection may expire.
	soonest time.Duration
}

func newIPVS(list []host.VirtualServer) ipvsTable {
	t := ipvsTable{servers: map[ipvsEnd]*host.VirtualServer{}}
	for i := range list {
		v := &list[i]
		t.servers[ipvsEnd{v.Addr, v.Proto, v.Port}] = v
	}
	t.flush()
	return t
}

// flush forgets all connections.
func (t *ipvsTable) flush() {
	t.in, t.out = map[ipvsPair]*ipvsConn{}, map[ipvsPair]*ipvsConn{}
	t.sticky, t.until = map[ipvsPair]ipvsEnd{}, map[ipvsPair]time.Duration{}
}

// keep takes over the connections of another table.
func (t *ipvsTable) keep(old *ipvsTable) {
	t.in, t.out, t.sticky, t.until, t.soonest = old.in, old.out, old.sticky, old.until, old.soonest
}

func (t *ipvsTable) has(fam packet.Family) bool {
	for e := range t.servers {
		if packet.FamilyOf(e.addr) == fam {
			return true
		}
	}
	return false
}

func ends(p *packet.Packet) (src, dst ipvsEnd) {
	return ipvsEnd{p.Src, p.Proto, p.SrcPort}, ipvsEnd{p.Dst, p.Proto, p.DstPort}
}

// find returns the connection of two ends, or nil.
func find(m map[ipvsPair]*ipvsConn, from, to ipvsEnd) *ipvsConn { return m[ipvsPair{from, to}] }

// expire forgets connections that are too old, and conntrack's entries of them
// (ip_vs_conn_expire, ip_vs_conn_drop_conntrack).
func (n *node) expire() {
	t, now := &n.ipvs, n.w.now
	if len(t.in) == 0 || now < t.soonest {
		return
	}
	t.soonest = now + ipvsTimeouts[ipvsEstablished]
	for _, c := range t.in {
		if c.expires > now {
			t.soonest = min(t.soonest, c.expires)
			continue
		}
		t.remove(c)
		tuple := conntrack.Tuple{Proto: c.client.proto, Src: c.client.addr, SrcPort: c.client.port, Dst: c.virtual.addr, DstPort: c.virtual.port}
		if entry, _, ok := n.ct.Lookup(tuple, now); ok {
			n.ct.Delete(entry)
		}
	}
}

func (t *ipvsTable) remove(c *ipvsConn) {
	delete(t.in, ipvsPair{c.client, c.virtual})
	delete(t.out, ipvsPair{c.real, c.client})
}

func (t *ipvsTable) add(c *ipvsConn) {
	t.in[ipvsPair{c.client, c.virtual}] = c
	t.out[ipvsPair{c.real, c.client}] = c
}

// see advances the connection's state by a packet.
func (t *ipvsTable) see(c *ipvsConn, p *packet.Packet, fromClient bool, now time.Duration) {
	switch {
	case p.Proto == packet.ProtoUDP:
		c.state = ipvsDatagram
	case p.Proto != packet.ProtoTCP:
		c.state = ipvsAssociation
	case p.TCP.Flags&packet.RST != 0:
		c.state = ipvsClosed
	case p.TCP.Flags&packet.FIN != 0:
		c.state = ipvsClosing
	case c.state == ipvsSyn && fromClient && p.TCP.Flags&packet.SYN == 0:
		c.state = ipvsEstablished
	}
	c.expires = now + ipvsTimeouts[c.state]
	t.soonest = min(t.soonest, c.expires)
}

// lists reports whether the virtual server still has the real one.
func lists(v *host.VirtualServer, real ipvsEnd) bool {
	if v == nil {
		return false
	}
	for i := range v.Servers {
		if v.Servers[i].Addr == real.addr && v.Servers[i].Port == real.port {
			return true
		}
	}
	return false
}
