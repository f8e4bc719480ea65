package host

import (
	"net/netip"
	"reflect"
	"slices"

	"tortie/dataplane/packet"
)

// UDPService is one UDP port of a service in one family: what kube-proxy looks at when
// it removes stale connections (k8s.io/kubernetes pkg/proxy/conntrack, v1.36.3).
type UDPService struct {
	// Name is namespace/name:port.
	Name string
	// Frontends are the addresses and the port that clients ask; none where there
	// are endpoints of no service. NodePort is the port that leads there on every
	// address, or 0.
	Frontends []netip.AddrPort
	NodePort  uint16 `json:",omitempty"`
	Endpoints []ServiceEndpoint
}

// ServiceEndpoint is an endpoint of a service.
type ServiceEndpoint struct {
	Addr    netip.AddrPort
	Serving bool
	// State is all else whose change kube-proxy notices, as text.
	State string `json:",omitempty"`
}

// Tracked is a tracked connection: its protocol, source and destination, and the source
// of its answers.
type Tracked struct {
	Proto             packet.Proto
	Src, Dst, Replies netip.AddrPort
}

// Stale returns what says of a tracked connection by whom, and why, it is removed when
// the node becomes next; "" is kept. It is nil where none is. kube-proxy removes
// UDP connections to services that lead to no serving endpoint, Felix those of addresses
// whose route it takes away or leads to another link (felix/routetable, v3.32.1).
func (s *State) Stale(next *State) func(*Tracked) string {
	gone := map[netip.Addr]bool{}
	to := next.felixRoutes()
	for a, was := range s.felixRoutes() {
		if now, ok := to[a]; !ok || now != was && !(now.remote && was.remote) {
			gone[a] = true
		}
	}
	services := staleServices(s.UDPServices, next.UDPServices)
	if len(gone)+len(services) == 0 {
		return nil
	}
	return func(c *Tracked) string {
		for _, a := range []netip.Addr{c.Src.Addr(), c.Replies.Addr()} {
			if gone[a] {
				return "Felix removed the route to " + a.String()
			}
		}
		if list := services[packet.FamilyOf(c.Dst.Addr())]; list != nil && c.Proto == packet.ProtoUDP {
			return list.stale(c)
		}
		return ""
	}
}

// felixRoute is where Felix leads an address.
type felixRoute struct {
	dev    LinkName
	remote bool
}

// Protocols of Felix's routes, as ip writes them: boot, which it leaves out, and 80.
const (
	routeBoot  = ""
	RouteFelix = "80"
)

// felixRoutes are the routes to single addresses in the main table that are Felix's.
func (s *State) felixRoutes() map[netip.Addr]felixRoute {
	out := map[netip.Addr]felixRoute{}
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.Table != TableMain || r.Type != RouteUnicast || !r.Dst.IsSingleIP() || len(r.Hops) != 1 {
			continue
		}
		if r.Protocol == routeBoot || r.Protocol == RouteFelix {
			out[r.Dst.Addr()] = felixRoute{r.Hops[0].Dev, r.Hops[0].Via.IsValid()}
		}
	}
	return out
}

// frontends are where kube-proxy leads UDP of one family.
type frontends struct {
	at    map[netip.AddrPort]*UDPService
	ports map[uint16]*UDPService
}

// staleServices are the services to ask about connections, by family: all of a family
// in which the endpoints of any changed.
func staleServices(old, next []UDPService) map[packet.Family]*frontends {
	out := map[packet.Family]*frontends{}
	for _, f := range []packet.Family{packet.IPv4, packet.IPv6} {
		if !reflect.DeepEqual(endpointsOf(old, f), endpointsOf(next, f)) {
			out[f] = newFrontends(next, f)
		}
	}
	return out
}

// endpointsOf are the endpoints of a family by service.
func endpointsOf(list []UDPService, f packet.Family) map[string][]ServiceEndpoint {
	out := map[string][]ServiceEndpoint{}
	for i := range list {
		for _, e := range list[i].Endpoints {
			if packet.FamilyOf(e.Addr.Addr()) == f {
				out[list[i].Name] = append(out[list[i].Name], e)
			}
		}
	}
	return out
}

func newFrontends(list []UDPService, f packet.Family) *frontends {
	out := &frontends{at: map[netip.AddrPort]*UDPService{}, ports: map[uint16]*UDPService{}}
	for i := range list {
		u := &list[i]
		if !slices.ContainsFunc(u.Endpoints, func(e ServiceEndpoint) bool {
			return e.Serving && packet.FamilyOf(e.Addr.Addr()) == f
		}) {
			continue // without endpoints connections are left alone
		}
		for _, a := range u.Frontends {
			out.at[a] = u
		}
		if u.NodePort != 0 && len(u.Frontends) > 0 {
			out.ports[u.NodePort] = u
		}
	}
	return out
}

// stale says which service a connection is led by that does not lead to where it goes.
func (f *frontends) stale(c *Tracked) string {
	for _, u := range []*UDPService{f.at[c.Dst], f.ports[c.Dst.Port()]} {
		if u == nil {
			continue
		}
		serves := func(e ServiceEndpoint) bool { return e.Serving && e.Addr == c.Replies }
		if !slices.ContainsFunc(u.Endpoints, serves) {
			return "kube-proxy found no serving endpoint " + c.Replies.String() + " of " + u.Name
		}
	}
	return ""
}
