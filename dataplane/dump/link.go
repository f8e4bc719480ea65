package dump

import (
	"net/netip"
	"strings"

	"tortie/dataplane/host"
)

// linkKinds are the kinds of link that ip -d names at the beginning of a line, and
// whether what they do with a packet is not modelled: they put it into another one,
// which the rules see, too, or let it come in by another link.
var linkKinds = map[string]bool{
	"vxlan": false, "ipip": false, "veth": false, "bridge": false, "dummy": false, "vlan": false, "bond": false, "team": false, "macvlan": false,
	"ipvlan": false, "macvtap": false, "tun": false, "ifb": false, "netkit": false, "macsec": false, "ipoib": false, "nlmon": false,
	"wireguard": true, "gre": true, "gretap": true, "ip6gre": true, "ip6gretap": true, "erspan": true, "ip6erspan": true, "sit": true,
	"ip6tnl": true, "vti": true, "vti6": true, "xfrm": true, "geneve": true, "gtp": true, "bareudp": true, "vrf": true, "amt": true,
}

// tunnelTypes are the kinds of those link/ types that say one; ip without -d
// prints nothing else of it.
var tunnelTypes = map[string]string{"ipip": "ipip", "gre": "gre", "gre6": "ip6gre", "sit": "sit", "tunnel6": "ip6tnl"}

// hardware reads what stands behind link/: a hardware address, or the ends of a
// tunnel: "10.0.0.1 peer 10.0.0.2".
func hardware(w *words, typ string, link *host.Link) {
	link.Kind = tunnelTypes[typ]
	if typ == "none" { // of tunnels and tun devices alike
		link.Opaque = "is of a kind that is not known; the output of ip -d addr shows it"
	}
	first := w.next()
	a, err := netip.ParseAddr(first)
	switch {
	case strings.Count(first, ":") == 5:
		link.MAC = first
	case err == nil && typ == "ipip" && !a.IsUnspecified():
		link.TunnelLocal = a
	}
	for len(w.rest) > 0 {
		if w.next() == "peer" && typ == "ipip" {
			oneEnd(w.next(), link)
		}
	}
}

// kindLine reads the line of a link that begins with its kind.
func kindLine(w *words, kind string, link *host.Link) {
	link.Kind, link.Opaque = kind, ""
	switch kind {
	case "vxlan":
		vxlan(w, link)
	case "ipip":
		ipip(w, link)
	}
}

func ipip(w *words, link *host.Link) {
	for len(w.rest) > 0 {
		switch w.next() {
		case "local":
			if w.peek() != "any" {
				link.TunnelLocal = w.addr()
			}
		case "remote":
			oneEnd(w.next(), link)
		}
	}
}

func vxlan(w *words, link *host.Link) {
	v := &host.VXLAN{Port: 8472} // the kernel's default; ip prints another one
	for len(w.rest) > 0 {
		switch w.next() {
		case "id":
			v.VNI = uint32(w.number(24))
		case "local":
			v.Local = w.addr()
		case "dstport":
			v.Port = uint16(w.number(16))
		case "remote", "group":
			oneEnd(w.next(), link)
		case "external":
			link.Opaque = "is a tunnel whose far ends are chosen elsewhere (external), which is not modelled"
		}
	}
	link.VXLAN = v
}

// oneEnd notes that a tunnel has a far end of its own; the walk takes the next hop,
// or a neighbour's, for it.
func oneEnd(addr string, link *host.Link) {
	if addr != "any" && addr != "0.0.0.0" {
		link.Opaque = "is a tunnel to " + addr + " alone, which is not modelled"
	}
}

// opaqueLinks says of each link whose packets the walk cannot follow why.
func opaqueLinks(s *host.State) {
	for i := range s.Links {
		l := &s.Links[i]
		switch master := s.FindLink(l.Master); {
		case l.Master != "" && (master == nil || master.Kind == ""):
			l.Opaque = "is a port of " + string(l.Master) + ", by which its packets come in"
		case l.Master != "" && master.Kind == "vrf":
			l.Opaque = "is a port of the VRF " + string(l.Master) + ", which is not modelled"
		case l.Master != "":
			l.Opaque = "is a port of the " + master.Kind + " " + string(l.Master) + ", by which its packets come in"
		case linkKinds[l.Kind]:
			l.Opaque = "is a device of kind " + l.Kind + ", which is not modelled"
		}
	}
}
