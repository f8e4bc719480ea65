package walk

import (
	"net/netip"

	"tortie/dataplane/host"
	"tortie/simulator/route"
	"tortie/simulator/trace"
)

// inside finds the connections that never leave the network namespace of a pod: to
// its own addresses and to loopback. That namespace is a small host, with a walker
// of its own, on which the connection is one of a process to its own host; its
// source is left to routing.
func (w *Walker) inside(r Request) (*Walker, Request, bool) {
	e := w.endpointAt(r.From.Host, r.From.Link)
	if e == nil || r.Enters || r.From.Link == "" || !hasAddr(e, r.From.Addr.Unmap()) {
		return nil, r, false
	}
	dst := r.Dst.Unmap()
	pod := namespaceOf(e)
	if to := route.New(&pod).Output(&route.Flow{Dst: dst}, false); !dst.IsUnspecified() && !to.Local() {
		return nil, r, false
	}
	in := NewHost(&pod, w.opts)
	in.rec, in.now = w.rec, w.now
	r.From, r.Bound = End{Host: pod.Name}, ""
	return in, r, true
}

// namespaceOf is the network namespace of a pod: loopback, and a link with its
// addresses, by which everything else leaves.
func namespaceOf(e *host.Endpoint) host.State {
	s := host.State{Name: host.Name(e.Name), Links: []host.Link{
		{Index: 1, Name: "lo", Up: true, Loopback: true, MTU: 65536, Addrs: []host.Addr{
			{Prefix: netip.MustParsePrefix("127.0.0.1/8"), Scope: host.ScopeHost}, {Prefix: netip.MustParsePrefix("::1/128"), Scope: host.ScopeHost}}},
		{Index: 2, Name: "eth0", Kind: "veth", Up: true, MTU: 1500}}}
	for _, a := range e.Addrs {
		s.Links[1].Addrs = append(s.Links[1].Addrs, host.Addr{Prefix: netip.PrefixFrom(a, a.BitLen())})
	}
	for _, a := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		s.Routes = append(s.Routes, host.Route{Table: host.TableMain, Type: host.RouteUnicast, Dst: netip.PrefixFrom(a, 0), Hops: []host.NextHop{{Dev: "eth0"}}})
	}
	return s
}

// stays says of a connection within a pod why no node saw it.
func stays(c trace.Connection, pod host.Name) trace.Connection {
	c.Conntrack = nil
	if c.Verdict == trace.Allow {
		c.Reason = trace.Reason{Node: string(pod), Text: "it stays inside the pod, whose kernel answers for its own addresses and for loopback: no rule of a node sees it"}
	}
	if len(c.Packets) > 0 && len(c.Packets[0].Steps) > 0 {
		c.Packets[0].Steps = append([]trace.Step{{Node: string(pod), Kind: trace.KindLocal, Text: "stays inside the pod"}}, c.Packets[0].Steps...)
	}
	return c
}
