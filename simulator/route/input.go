package route

import (
	"net/netip"

	"tortie/dataplane/host"
)

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// zeronet is ipv4_is_zeronet, which since Linux 5.3 is 0.0.0.0 alone.
func zeronet(a netip.Addr) bool { return a == netip.IPv4Unspecified() }

// Input decides about a packet that came in by f.IIF: for the host (Local), to be
// forwarded by Dev, or an error.
func (t *Tables) Input(f *Flow) Result {
	if res, unknown := t.unknownAddrs(f.Dst); unknown {
		return res
	}
	d := t.links[f.IIF]
	if d == nil {
		return Result{Unknown: "input link " + string(f.IIF) + " is not known"}
	}
	if f.Dst.Is4() {
		return t.input4(f, d)
	}
	return t.input6(f, d)
}

// input4 follows the order of ip_route_input_slow.
func (t *Tables) input4(f *Flow, d *link) Result {
	if f.Dst.IsMulticast() {
		return inputMulticast(f, d)
	}
	src, dst := f.Src, f.Dst
	switch {
	case src.IsMulticast() || src == limitedBroadcast:
		return Result{Err: MartianSource}
	case dst == limitedBroadcast || dst.IsUnspecified() && src.IsUnspecified():
		return t.broadcastInput(f, d, Result{Type: host.RouteBroadcast, RouteDev: f.IIF})
	case zeronet(src):
		return Result{Err: MartianSource}
	case zeronet(dst):
		return Result{Err: MartianDest}
	case dst.IsLoopback() != src.IsLoopback() && d.localnetUnknown:
		return Result{Unknown: "net.ipv4.conf." + string(d.Name) + ".route_localnet is not known: " + t.noSysctls}
	case dst.IsLoopback() && !d.routeLocalnet:
		return Result{Err: MartianDest}
	case !dst.IsLoopback() && src.IsLoopback() && !d.routeLocalnet:
		return Result{Err: MartianSource}
	}
	q := *f
	q.OIF = ""
	res := t.lookup(&q)
	switch {
	case res.Unknown != "":
		return res
	case res.Err != OK && !d.forward4:
		return Result{Err: HostUnreach}
	case res.Err != OK:
		return res
	case res.Type == host.RouteBroadcast:
		return t.broadcastInput(f, d, res)
	case res.Type == host.RouteLocal:
		res.Dev = t.lo
		return t.validated(f, d, "", res)
	case !d.forward4:
		return Result{Err: HostUnreach}
	case res.Type != host.RouteUnicast:
		return Result{Err: MartianDest}
	}
	res = t.validated(f, d, res.Dev, res)
	res.Redirect = res.Err == OK && res.Unknown == "" && res.Dev == d.Name && t.redirects(f, d)
	return res
}

// redirects reports whether a packet that turns round on a link makes the host
// send an ICMP redirect: its source must be a direct neighbour (__mkroute_input).
func (t *Tables) redirects(f *Flow, d *link) bool {
	if !d.sendRedirects || !d.sharedMedia {
		return false
	}
	q := t.reverse(f, d, d.Name)
	res := t.lookup(&q)
	return res.Err == OK && res.Unknown == "" && res.Type == host.RouteUnicast && !res.Via.IsValid() && usesDev(res.Route, d.Name)
}

// validated is the route, or the error of the check of the source.
func (t *Tables) validated(f *Flow, d *link, oif host.LinkName, res Result) Result {
	if check := t.validateSource(f, d, oif); check.Err != OK || check.Unknown != "" {
		return check
	}
	return res
}

func (t *Tables) broadcastInput(f *Flow, d *link, res Result) Result {
	if d.bcForward && res.Route != nil {
		return Result{Unknown: "bc_forwarding"}
	}
	res.Dev = t.lo
	if zeronet(f.Src) {
		return res
	}
	back := *f // the way back is asked for without the address that all hosts share
	back.Dst = netip.IPv4Unspecified()
	return t.validated(&back, d, "", res)
}

// inputMulticast is ip_route_input_rcu for group addresses: which groups the
// host has joined is not known, but all hosts are in 224.0.0.1.
func inputMulticast(f *Flow, d *link) Result {
	if f.Dst == netip.AddrFrom4([4]byte{224, 0, 0, 1}) && d.hasAddr4 {
		return Result{Type: host.RouteMulticast, Dev: "lo", RouteDev: f.IIF}
	}
	return Result{Unknown: "multicast group membership of " + f.Dst.String()}
}

// validateSource is fib_validate_source: rp_filter, and the refusal of the
// host's own addresses as sources.
func (t *Tables) validateSource(f *Flow, d *link, oif host.LinkName) Result {
	if !d.rpUnknown {
		return t.validate(f, d, oif, d.rpFilter)
	}
	return checked([]int{d.rpFilter, 1, 2}, "net.ipv4.conf."+string(d.Name)+".rp_filter is not known: "+t.noSysctls,
		func(rp int) Result { return t.validate(f, d, oif, rp) })
}

func (t *Tables) validate(f *Flow, d *link, oif host.LinkName, rpFilter int) Result {
	if rpFilter == 0 && (oif != d.Name || !d.sendRedirects) {
		if d.acceptLocal {
			return Result{}
		}
		if !t.v4.customLocal && !t.v4.custom {
			if _, own := t.owners[f.Src]; own {
				return Result{Err: MartianSource}
			}
			return Result{}
		}
	}
	return t.fullCheck(f, d, oif, rpFilter)
}

// fullCheck is __fib_validate_source.
func (t *Tables) fullCheck(f *Flow, d *link, oif host.LinkName, rpFilter int) Result {
	q := t.reverse(f, d, oif)
	res := t.lookup(&q)
	refused := Result{}
	if rpFilter != 0 {
		refused.Err = ReversePath
	}
	switch {
	case res.Unknown != "":
		return res
	case res.Err != OK:
		return refused
	case res.Type != host.RouteUnicast && (res.Type != host.RouteLocal || !d.acceptLocal):
		return Result{Err: MartianSource}
	case usesDev(res.Route, d.Name) || res.Type == host.RouteLocal && d.Loopback:
		return Result{}
	case !d.hasAddr4 || rpFilter == 1:
		return refused
	}
	return Result{}
}

// reverse is the flow of the look-up back to the source.
func (t *Tables) reverse(f *Flow, d *link, oif host.LinkName) Flow {
	q := Flow{Src: f.Dst, Dst: f.Src, IIF: oif, TOS: f.TOS, Proto: f.Proto, SrcPort: f.DstPort, DstPort: f.SrcPort}
	if oif == "" {
		q.IIF = t.lo
	}
	if d.srcValidMark {
		q.Mark = f.Mark
	}
	return q
}

func usesDev(r *host.Route, n host.LinkName) bool {
	if r == nil {
		return false
	}
	for i := range r.Hops {
		if r.Hops[i].Dev == n {
			return true
		}
	}
	return false
}

// input6 is ip6_route_input; IPv6 has no rp_filter. Addresses that need the link
// (link-local and multicast ones) are only looked for on the input link.
func (t *Tables) input6(f *Flow, d *link) Result {
	q := *f
	q.OIF = ""
	if needsLink(f.Dst) {
		q.OIF = f.IIF
	}
	res := t.lookup(&q)
	if res.Unknown != "" || res.Err != OK {
		return res
	}
	switch res.Type {
	case host.RouteLocal, host.RouteAnycast:
		res.Dev = t.lo
	case host.RouteMulticast:
		if !d.joined6(f.Dst) {
			return Result{Unknown: "multicast group membership of " + f.Dst.String()}
		}
		res.Dev = t.lo
	}
	return res
}

var (
	allNodes   = netip.MustParseAddr("ff02::1")
	allRouters = netip.MustParseAddr("ff02::2")
)

// joined6 reports whether the link is surely in a multicast group: that of all
// nodes, of all routers where it forwards, and the solicited-node groups of its
// addresses.
func (d *link) joined6(group netip.Addr) bool {
	if group == allNodes || group == allRouters && d.forward6 {
		return true
	}
	for i := range d.Addrs {
		if a := d.Addrs[i].Prefix.Addr(); a.Is6() && group == solicitedNode(a) {
			return true
		}
	}
	return false
}

// solicitedNode is the group on which neighbours ask for an address (RFC 4291).
func solicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 1, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

func needsLink(a netip.Addr) bool {
	return a.IsMulticast() || a.IsLinkLocalUnicast()
}
