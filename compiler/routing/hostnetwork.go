package routing

import (
	"net/netip"
	"strconv"

	"tortie/compiler/cluster"
	"tortie/compiler/diag"
	"tortie/compiler/yamlpos"
	"tortie/dataplane/host"
)

// hostNetwork is tortie's own kind HostNetwork: what no Kubernetes or Calico
// object says of a node. Its interfaces and routes take the place of the
// assumed ones; what it leaves out stays assumed.
type hostNetwork struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Interfaces []hostInterface   `json:"interfaces,omitempty"`
		Routes     []hostRoute       `json:"routes,omitempty"`
		Sysctls    map[string]string `json:"sysctls,omitempty"`
	} `json:"spec"`
}

type hostInterface struct {
	Name      string   `json:"name"`
	Kind      string   `json:"kind,omitempty"`
	MTU       int      `json:"mtu,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
}

type hostRoute struct {
	// To is a CIDR, or "default".
	To     string `json:"to"`
	Via    string `json:"via,omitempty"`
	Dev    string `json:"dev"`
	Src    string `json:"src,omitempty"`
	Metric uint32 `json:"metric,omitempty"`
}

// gatherHostNetworks reads the HostNetwork documents by node name.
func (c *Cluster) gatherHostNetworks(s *cluster.Snapshot) diag.List {
	var findings diag.List
	c.networks = map[string]*hostNetwork{}
	for _, src := range s.Others {
		if src.Kind != "HostNetwork" || src.APIVersion != "tortie.dev/v1" {
			continue
		}
		n := &hostNetwork{}
		more, ok := yamlpos.Decode(src.Node, n, yamlpos.Options{})
		findings = append(findings, more...)
		if !ok {
			continue
		}
		findings = append(findings, n.check(src)...)
		c.networks[n.Metadata.Name] = n
	}
	return findings
}

func (n *hostNetwork) check(src cluster.Source) diag.List {
	var l diag.List
	bad := func(message, hint string, path ...any) {
		l.Add(diag.Finding{Code: "routing/bad-host-network", Severity: diag.Error, Message: message, Hint: hint, Span: src.At(path...)})
	}
	for i, f := range n.Spec.Interfaces {
		if f.Name == "" || len(f.Name) > 15 {
			bad(strconv.Quote(f.Name)+" is no interface name", "1 to 15 characters", "spec", "interfaces", i, "name")
		}
		for j, a := range f.Addresses {
			if _, err := netip.ParsePrefix(a); err != nil {
				bad(strconv.Quote(a)+" is no address with prefix length", `write "192.0.2.1/24"`, "spec", "interfaces", i, "addresses", j)
			}
		}
	}
	for i, r := range n.Spec.Routes {
		if _, via, ok := r.parse(); ok && r.Dev == "" && n.linkTo(via) == "" {
			bad("a route without a device, and "+strconv.Quote(r.Via)+" is on the network of no interface of this document", `give "dev"`, "spec", "routes", i)
		} else if !ok {
			bad(strconv.Quote(r.To)+" via "+strconv.Quote(r.Via)+" is no route", `"to" is a CIDR or default, "via" and "src" are addresses of its family`, "spec", "routes", i)
		}
	}
	return l
}

// linkTo is the interface on whose network a gateway is; empty is none.
func (n *hostNetwork) linkTo(via netip.Addr) host.LinkName {
	for _, f := range n.Spec.Interfaces {
		for _, a := range f.Addresses {
			if p, err := netip.ParsePrefix(a); err == nil && p.Masked().Contains(via) {
				return host.LinkName(f.Name)
			}
		}
	}
	return ""
}

// parse reads the destination and the gateway; default takes the gateway's
// family, IPv4 without one.
func (r *hostRoute) parse() (dst netip.Prefix, via netip.Addr, ok bool) {
	if r.Via != "" {
		var err error
		if via, err = netip.ParseAddr(r.Via); err != nil {
			return dst, via, false
		}
	}
	if r.To == "default" {
		if via.Is6() {
			return all6, via, true
		}
		return all4, via, true
	}
	dst, err := netip.ParsePrefix(r.To)
	return dst.Masked(), via, err == nil && (!via.IsValid() || via.Is4() == dst.Addr().Is4())
}

// hostLinks adds a HostNetwork's interfaces with their connected routes.
func (b *builder) hostLinks(n *hostNetwork) {
	for _, f := range n.Spec.Interfaces {
		l := host.Link{Name: host.LinkName(f.Name), Kind: f.Kind, MTU: f.MTU}
		if l.MTU == 0 {
			l.MTU = 1500
		}
		for _, a := range f.Addresses {
			p, err := netip.ParsePrefix(a)
			if err != nil {
				continue
			}
			l.Addrs = append(l.Addrs, host.Addr{Prefix: p})
			b.connected(l.Name, p)
		}
		b.link(l)
	}
}

func (b *builder) connected(dev host.LinkName, own netip.Prefix) {
	if own.IsSingleIP() {
		return
	}
	b.route(host.Route{
		Table: host.TableMain, Type: host.RouteUnicast, Dst: own.Masked(), Scope: host.ScopeLink,
		PrefSrc: own.Addr(), Hops: []host.NextHop{{Dev: dev}}, Protocol: "kernel",
	})
}

func (b *builder) hostRoutes(n *hostNetwork) {
	for _, r := range n.Spec.Routes {
		dst, via, ok := r.parse()
		if !ok {
			continue
		}
		dev := host.LinkName(r.Dev)
		if dev == "" {
			dev = n.linkTo(via)
		}
		route := host.Route{
			Table: host.TableMain, Type: host.RouteUnicast, Dst: dst, Metric: r.Metric,
			Hops: []host.NextHop{{Via: via, Dev: dev}}, Protocol: "static",
		}
		if !via.IsValid() {
			route.Scope = host.ScopeLink
		}
		route.PrefSrc, _ = netip.ParseAddr(r.Src)
		b.route(route)
	}
}
