package dump

import (
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
	opaqueLinks(r.state)
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
		hardware(w, strings.TrimPrefix(first, "link/"), link)
	case link.Kind == "" || link.Kind == first: // behind the kind stands, of which a port is
		if _, known := linkKinds[first]; known {
			kindLine(w, first, link)
		}
	}
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
