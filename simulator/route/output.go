package route

import (
	"net/netip"

	"tortie/dataplane/host"
)

// Output decides about a packet of the host (ip_route_output_key_hash): by which
// link it leaves, and which source it gets if it has none. anySource allows
// sources that are not the host's (as ip_route_me_harder does).
func (t *Tables) Output(f *Flow, anySource bool) Result {
	if f.Src.IsValid() && f.Src.IsUnspecified() {
		q := *f
		q.Src = netip.Addr{}
		return t.Output(&q, anySource)
	}
	if res, unknown := t.unknownAddrs(f.Dst); unknown {
		return res
	}
	if f.Dst.Is4() {
		return t.output4(f, anySource)
	}
	return t.output6(f)
}

func (t *Tables) output4(f *Flow, anySource bool) Result {
	if r, bad := t.badOutput(f, anySource); bad {
		return r
	}
	if res, done := t.groupOutput(f); done {
		return res
	}
	res := t.lookup(f)
	switch {
	case res.Unknown != "":
		return res
	case res.Err != OK && f.OIF != "":
		// A bound socket: the kernel supposes that the destination is on the link.
		src := f.Src
		if !src.IsValid() {
			src = t.SelectAddr(f.OIF, netip.Addr{}, host.ScopeLink)
		}
		return t.checkLoopbackSource(Result{Type: host.RouteUnicast, Dev: f.OIF, RouteDev: f.OIF, Src: src})
	case res.Err != OK:
		return res
	}
	res = toGroup(f.Dst, res)
	res.Src = f.Src
	if res.Type == host.RouteLocal {
		if !res.Src.IsValid() {
			res.Src = f.Dst
			if res.Route.PrefSrc.IsValid() {
				res.Src = res.Route.PrefSrc
			}
		}
		res.Dev = t.lo
		return res
	}
	if !res.Src.IsValid() {
		res.Src = t.prefSrc(&res)
	}
	return t.checkLoopbackSource(res)
}

// badOutput refuses impossible sources and links.
func (t *Tables) badOutput(f *Flow, anySource bool) (Result, bool) {
	if f.OIF != "" {
		if d := t.links[f.OIF]; d == nil || !d.Up && !d.Loopback {
			return Result{Err: NetUnreach}, true
		}
	}
	if f.Src.IsValid() {
		if f.Src.IsMulticast() || f.Src == limitedBroadcast || zeronet(f.Src) {
			return Result{Err: Invalid}, true
		}
		if !anySource && !t.isLocal(f.Src) {
			return Result{Err: ForeignSource}, true
		}
	}
	return Result{}, false
}

// groupOutput decides about broadcast and multicast destinations.
func (t *Tables) groupOutput(f *Flow) (Result, bool) {
	typ := host.RouteMulticast
	switch {
	case f.Dst == limitedBroadcast:
		typ = host.RouteBroadcast
	case !f.Dst.IsMulticast():
		return Result{}, false
	}
	if f.OIF == "" && f.Src.IsValid() {
		if n, ok := t.Owns(f.Src); ok {
			return Result{Type: typ, Dev: n, RouteDev: n, Src: f.Src}, true
		}
	}
	if f.OIF != "" {
		src := f.Src
		if !src.IsValid() {
			src = t.SelectAddr(f.OIF, netip.Addr{}, host.ScopeLink)
		}
		return Result{Type: typ, Dev: f.OIF, RouteDev: f.OIF, Src: src}, true
	}
	return Result{}, false
}

// toGroup is the route to a broadcast or multicast address that a unicast route was
// found for: the link is that route's, but nobody is asked to hand the packet on
// (__mkroute_output).
func toGroup(dst netip.Addr, r Result) Result {
	switch {
	case dst == limitedBroadcast:
		r.Type, r.Via = host.RouteBroadcast, netip.Addr{}
	case dst.IsMulticast():
		r.Type = host.RouteMulticast
		if r.Route != nil && r.Route.Dst.Bits() < 4 {
			r.Via = netip.Addr{}
		}
	}
	return r
}

// checkLoopbackSource refuses to let 127.0.0.0/8 leave the host unless
// route_localnet is on (__mkroute_output).
func (t *Tables) checkLoopbackSource(r Result) Result {
	d := t.links[r.Dev]
	if r.Src.IsValid() && r.Src.IsLoopback() && r.Src.Is4() && d != nil && !d.Loopback && !d.routeLocalnet {
		return Result{Err: Invalid}
	}
	return r
}

// prefSrc is fib_result_prefsrc.
func (t *Tables) prefSrc(r *Result) netip.Addr {
	if r.Route != nil && r.Route.PrefSrc.IsValid() {
		return r.Route.PrefSrc
	}
	via := r.Via
	if !via.Is4() {
		via = netip.Addr{}
	}
	scope := host.ScopeUniverse
	if r.Route != nil {
		scope = r.Route.Scope
	}
	return t.SelectAddr(r.Dev, via, scope)
}

func (t *Tables) isLocal(a netip.Addr) bool {
	if _, ok := t.owners[a]; ok {
		return true
	}
	return t.AddrType(a, "") == host.RouteLocal
}

func (t *Tables) output6(f *Flow) Result {
	q := *f
	if needsLink(f.Dst) && f.OIF == "" {
		return t.output6Linkless(f)
	}
	res := t.lookup(&q)
	if res.Unknown != "" || res.Err != OK {
		return res
	}
	res.Src = f.Src
	if !res.Src.IsValid() {
		res.Src = t.prefSrc6(&res, f.Dst)
	}
	if res.Type == host.RouteLocal || res.Type == host.RouteAnycast {
		res.Dev = t.lo
	}
	return res
}

// output6Linkless is for link-local destinations without a chosen link: the
// first route that fits is taken.
func (t *Tables) output6Linkless(f *Flow) Result {
	res := t.lookup(f)
	if res.Err == OK && res.Unknown == "" {
		res.Src = f.Src
		if !res.Src.IsValid() {
			res.Src = t.SelectAddr6(res.Dev, f.Dst)
		}
		if res.Type == host.RouteLocal {
			res.Dev = t.lo
		}
	}
	return res
}

func (t *Tables) prefSrc6(r *Result, dst netip.Addr) netip.Addr {
	if r.Route != nil && r.Route.PrefSrc.IsValid() {
		return r.Route.PrefSrc
	}
	return t.SelectAddr6(r.Dev, dst)
}
