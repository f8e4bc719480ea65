package routing

import (
	"net/netip"
	"slices"
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
		findings = append(findings, c.checkHostNetwork(n, src)...)
		c.networks[n.Metadata.Name] = n
	}
	return findings
}

// checkHostNetwork checks a document, alone and against the cluster that it is for.
func (c *Cluster) checkHostNetwork(n *hostNetwork, src cluster.Source) diag.List {
	r := networkCheck{hostNetwork: n, src: src}
	name := n.Metadata.Name
	if _, twice := c.networks[name]; twice {
		r.bad("a second HostNetwork of node "+strconv.Quote(name), "one document says everything of a node", "metadata", "name")
	}
	own := c.find(name)
	if own == nil && len(c.nodes) > 0 {
		var names []string
		for i := range c.nodes {
			names = append(names, c.nodes[i].name)
		}
		r.add("routing/unknown-node", diag.Warning, "no node "+strconv.Quote(name)+" in the input: the document says nothing of any node", yamlpos.Suggestion(name, names), "metadata", "name")
	}
	r.interfaces()
	r.routes(own)
	return r.found
}

// networkCheck collects what is wrong with a HostNetwork.
type networkCheck struct {
	*hostNetwork
	src   cluster.Source
	found diag.List
}

func (r *networkCheck) bad(message, hint string, path ...any) {
	r.add("routing/bad-host-network", diag.Error, message, hint, path...)
}

// add reports at a value, or at the name of what is no scalar.
func (r *networkCheck) add(code string, severity diag.Severity, message, hint string, path ...any) {
	at := r.src.At(path...)
	if v := r.src.Node.Lookup(path...); v != nil && v.Kind != yamlpos.Map && v.Kind != yamlpos.List {
		at = v.Span
	}
	r.found.Add(diag.Finding{Code: code, Severity: severity, Message: message, Hint: hint, Span: at})
}

func (r *networkCheck) interfaces() {
	seen := map[string]bool{}
	for i, f := range r.Spec.Interfaces {
		switch {
		case f.Name == "" || len(f.Name) > 15:
			r.bad(strconv.Quote(f.Name)+" is no interface name", "1 to 15 characters", "spec", "interfaces", i, "name")
		case seen[f.Name]:
			r.bad("a second interface "+strconv.Quote(f.Name), "list all addresses of an interface together, or correct the name", "spec", "interfaces", i, "name")
		}
		seen[f.Name] = true
		for j, a := range f.Addresses {
			if _, err := netip.ParsePrefix(a); err != nil {
				r.bad(strconv.Quote(a)+" is no address with prefix length", `write "192.0.2.1/24"`, "spec", "interfaces", i, "addresses", j)
			}
		}
	}
}

// routes checks the routes of a node, which is nil where there is none of that name.
func (r *networkCheck) routes(own *node) {
	links := r.linkNames(own)
	for i, route := range r.Spec.Routes {
		_, via, ok := route.parse()
		if _, err := netip.ParseAddr(route.Src); route.Src != "" && err != nil {
			r.bad(strconv.Quote(route.Src)+" is no address", "src is an address of the node", "spec", "routes", i, "src")
		}
		switch {
		case !ok:
			r.bad(strconv.Quote(route.To)+" via "+strconv.Quote(route.Via)+" is no route", `"to" is a CIDR or default, "via" and "src" are addresses of its family`, "spec", "routes", i)
		case route.Dev == "" && r.linkTo(via, own) == "":
			r.bad("a route without a device, and "+strconv.Quote(route.Via)+" is on the network of no interface of the node", `give "dev"`, "spec", "routes", i)
		case route.Dev != "" && links != nil && !slices.Contains(links, route.Dev) && !notUplink.MatchString(route.Dev):
			r.bad("no interface "+strconv.Quote(route.Dev)+" on node "+r.Metadata.Name, yamlpos.Suggestion(route.Dev, links), "spec", "routes", i, "dev")
		}
	}
}

// linkNames are the interfaces of a node: those of the document, else the assumed ones;
// nil where nobody knows them.
func (r *networkCheck) linkNames(own *node) (names []string) {
	for _, f := range r.Spec.Interfaces {
		names = append(names, f.Name)
	}
	if names == nil && own != nil {
		for _, l := range own.links {
			names = append(names, string(l.name))
		}
	}
	return names
}

// linkTo is the interface of a node, nil if nobody knows it, on whose network a gateway is:
// of the document, or an assumed one if it lists none. Empty is none.
func (n *hostNetwork) linkTo(via netip.Addr, own *node) host.LinkName {
	if len(n.Spec.Interfaces) == 0 && own != nil {
		for _, l := range own.links {
			if slices.ContainsFunc(l.addrs, func(p netip.Prefix) bool { return p.Masked().Contains(via) }) {
				return l.name
			}
		}
	}
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
			dev = n.linkTo(via, b.node)
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
