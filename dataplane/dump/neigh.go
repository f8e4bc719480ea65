package dump

import (
	"net/netip"

	"tortie/dataplane/host"
)

// neighbours are what ip neigh and bridge fdb say about VXLAN devices.
type neighbours struct {
	entries []neighbour
	remotes map[host.LinkName]map[string]netip.Addr // by hardware address
}

type neighbour struct {
	addr netip.Addr
	dev  host.LinkName
	mac  string
}

// neighbourLines reads "10.0.0.1 dev eth0 lladdr … STATE" of ip neigh and
// "66:… dev vxlan.calico dst 172.31.0.2 self permanent" of bridge fdb.
func (r *reader) neighbourLines(s section) {
	for _, l := range s.lines {
		w := r.words(s, l)
		first := w.next()
		n := neighbour{}
		var dst netip.Addr
		for len(w.rest) > 0 {
			switch w.next() {
			case "dev":
				n.dev = host.LinkName(w.next())
			case "lladdr":
				n.mac = w.next()
			case "dst":
				dst = w.addr()
			}
		}
		if a, err := netip.ParseAddr(first); err == nil {
			n.addr = a
			r.neigh.entries = append(r.neigh.entries, n)
		} else if dst.IsValid() {
			r.neigh.remote(n.dev, first, dst)
		}
	}
}

func (n *neighbours) remote(dev host.LinkName, mac string, dst netip.Addr) {
	if n.remotes == nil {
		n.remotes = map[host.LinkName]map[string]netip.Addr{}
	}
	if n.remotes[dev] == nil {
		n.remotes[dev] = map[string]netip.Addr{}
	}
	n.remotes[dev][mac] = dst
}

// peers joins neighbours and forwarding entries of each VXLAN device.
func (n *neighbours) peers(links []host.Link) {
	for _, e := range n.entries {
		for i := range links {
			if links[i].Name != e.dev || links[i].VXLAN == nil {
				continue
			}
			if remote, ok := n.remotes[e.dev][e.mac]; ok {
				links[i].VXLAN.FDB = append(links[i].VXLAN.FDB, host.VXLANPeer{Via: e.addr, Remote: remote, MAC: e.mac})
			}
		}
	}
}
