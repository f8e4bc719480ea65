package dump

import (
	"net/netip"
	"strconv"
	"strings"

	"tortie/compiler/diag"
	"tortie/dataplane/host"
)

// addrs reads the output of ip addr (with or without -d) and ip link.
func (r *reader) addrs(s section) {
	for _, l := range s.lines {
		w := r.words(s, l)
		if l.text[0] != ' ' && l.text[0] != '\t' {
			r.link(w)
			continue
		}
		if len(r.state.Links) == 0 {
			w.fail(l.text, "a line with an interface before its addresses")
			continue
		}
		r.linkDetail(w, &r.state.Links[len(r.state.Links)-1])
	}
}

// link reads "2: eth0@if3: <BROADCAST,UP> mtu 1500 … master br0 state UP".
func (r *reader) link(w *words) {
	index, err := strconv.Atoi(strings.TrimSuffix(w.peek(), ":"))
	if err != nil {
		w.fail(w.peek(), "the number of an interface")
	}
	w.next()
	name, _, _ := strings.Cut(strings.TrimSuffix(w.next(), ":"), "@")
	link := host.Link{Index: index, Name: host.LinkName(name)}
	for _, flag := range strings.Split(strings.Trim(w.next(), "<>"), ",") {
		switch flag {
		case "UP":
			link.Up = true
		case "NO-CARRIER":
			link.NoCarrier = true
		case "LOOPBACK":
			link.Loopback = true
		}
	}
	for len(w.rest) > 0 {
		switch w.next() {
		case "mtu":
			link.MTU = int(w.number(31))
		case "master":
			link.Master = host.LinkName(w.next())
		}
	}
	if r.state.FindLink(link.Name) != nil {
		w.fail(name, "every interface once")
		return
	}
	r.state.Links = append(r.state.Links, link)
}

// linkDetail reads one of the indented lines under an interface.
func (r *reader) linkDetail(w *words, link *host.Link) {
	first := w.next()
	switch {
	case first == "inet" || first == "inet6":
		r.address(w, link)
	case strings.HasPrefix(first, "link/"):
		mac := w.next()
		if strings.Count(mac, ":") == 5 {
			link.MAC = mac
		} else if a, err := netip.ParseAddr(mac); err == nil && first == "link/ipip" && !a.IsUnspecified() {
			link.TunnelLocal = a
		}
	case first == "vxlan":
		link.Kind, link.VXLAN = first, vxlan(w)
	case first == "ipip":
		link.Kind = first
		for len(w.rest) > 0 {
			if w.next() == "local" && w.peek() != "any" {
				link.TunnelLocal = w.addr()
			}
		}
	case linkKinds[first]:
		link.Kind = first
	}
}

// linkKinds are the kinds of link that ip -d names at the beginning of a line.
var linkKinds = map[string]bool{
	"veth": true, "bridge": true, "dummy": true, "wireguard": true, "vlan": true, "vrf": true, "bond": true,
	"macvlan": true, "ipvlan": true, "tun": true, "gre": true, "sit": true, "ip6tnl": true, "geneve": true,
	"ifb": true, "macvtap": true, "vti": true, "xfrm": true,
}

func vxlan(w *words) *host.VXLAN {
	v := &host.VXLAN{Port: 8472} // the kernel's default; ip prints another one
	for len(w.rest) > 0 {
		switch w.next() {
		case "id":
			v.VNI = uint32(w.number(24))
		case "local":
			v.Local = w.addr()
		case "dstport":
			v.Port = uint16(w.number(16))
		}
	}
	return v
}

var scopes = map[string]host.Scope{
	"global": host.ScopeUniverse, "universe": host.ScopeUniverse, "site": host.ScopeSite,
	"link": host.ScopeLink, "host": host.ScopeHost, "nowhere": host.ScopeNowhere,
}

func (w *words) scope() host.Scope {
	word := w.next()
	if s, ok := scopes[word]; ok {
		return s
	}
	n, err := strconv.ParseUint(word, 10, 8)
	if err != nil {
		w.fail(word, "a scope (global, site, link, host or a number)")
	}
	return host.Scope(n)
}

// addressFlags are words of an address that do not decide who uses it.
var addressFlags = map[string]bool{
	"permanent": true, "home": true, "nodad": true, "optimistic": true, "mngtmpaddr": true, "noprefixroute": true, "autojoin": true,
	"dynamic": true, "stable-privacy": true,
}

// address reads "10.0.0.1/24 peer … brd … scope global secondary eth0". IPv6
// says temporary for the flag that IPv4 calls secondary.
func (r *reader) address(w *words, link *host.Link) {
	a := host.Addr{Prefix: w.prefix(0)}
	if !a.Prefix.IsValid() {
		return
	}
	for len(w.rest) > 0 {
		switch word := w.next(); word {
		case "peer":
			a.Peer = w.prefix(0)
		case "brd":
			a.Broadcast = w.addr()
		case "scope":
			a.Scope = w.scope()
		case "metric", "proto", "any", "flags":
			w.next()
		case "secondary":
			a.Secondary = true
		case "deprecated":
			a.Deprecated = a.Prefix.Addr().Is6()
		case "dadfailed", "tentative":
			a.Tentative = true
		case "temporary":
			w.report(diag.Warning, "which of the temporary addresses is a source is not modelled: "+a.Prefix.String()+" is taken like any other", word)
		default:
			last := len(w.rest) == 0 && a.Prefix.Addr().Is4() // the label
			if !addressFlags[word] && !last {
				w.report(diag.Warning, "the word "+quote(word)+" of an address is not known; the address is used without it", word)
			}
		}
	}
	link.Addrs = append(link.Addrs, a)
}
