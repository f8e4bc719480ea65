package eval

import (
	"net/netip"

	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// VirtualServer is the virtual server for which IPVS handles a packet on its way
// to a real server.
type VirtualServer struct {
	Proto packet.Proto
	Addr  netip.Addr
	Port  uint16
}

// matchPhysdev is physdev_mt for packets that no bridge has touched: nothing
// asked of a bridge holds. What a packet that came through a bridge answers
// depends on br_netfilter, which is not known.
func matchPhysdev(m nf.MatchPhysdev) func(*scratch) Truth {
	holds := truth(true)
	for _, f := range []nf.Flag{m.IsIn, m.IsOut, m.IsBridged} {
		if f.Set && !f.Invert {
			holds = No
		}
	}
	return func(w *scratch) Truth {
		if w.c.Bridged {
			return Unknown3
		}
		return holds
	}
}

// matchIPVS is ipvs_mt. The match finds the connection of packets on their way
// to the real server only.
func matchIPVS(m nf.MatchIPVS) func(*scratch) Truth {
	onlyHandled := m.Handled.Set && m.Proto == 0 && !m.Addr.IsValid() && m.Port == 0
	return func(w *scratch) Truth {
		v := w.c.IPVS
		switch {
		case onlyHandled:
			return truth((v != nil) != m.Handled.Invert)
		case v == nil,
			m.Proto != 0 && (v.Proto == m.Proto) == m.ProtoInvert,
			m.Port != 0 && (v.Port == m.Port) == m.PortInvert,
			m.Addr.IsValid() && m.Addr.Contains(v.Addr) == m.AddrInvert:
			return No
		}
		return Yes
	}
}
