package routing

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"tortie/dataplane/host"
)

// Floating is an address outside its pod that Felix translates to the pod's own.
type Floating struct {
	Addr netip.Addr
	// Workload has it, on Node behind link.
	Workload, Node string
	link           host.LinkName
	// quiet says why BIRD of the node tells nobody of it, or nobody listens; "" when
	// the other nodes have routes to it.
	quiet string
}

// RouteFloating gives the floating addresses of pods their routes: on is floatingIPs of a
// node. Without it only OpenStack's are there.
func (c *Cluster) RouteFloating(on func(node string) bool) {
	for i := range c.model.Endpoints {
		e := &c.model.Endpoints[i].Value
		if len(e.NATs) == 0 || e.Orchestrator != "openstack" && !on(e.Node) || c.find(e.Node) == nil {
			continue
		}
		for _, nat := range e.NATs {
			c.floating = append(c.floating, Floating{Addr: nat.External, Workload: e.Workload, Node: e.Node,
				link: host.LinkName(e.InterfaceName), quiet: c.quiet(nat.External)})
		}
	}
	slices.SortStableFunc(c.floating, func(a, b Floating) int {
		return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Workload, b.Workload))
	})
	for _, f := range c.floating {
		if f.quiet != "" && len(c.nodes) > 1 {
			c.Notes = append(c.Notes, fmt.Sprintf("the floating IP %s of pod %s is routed on node %s only: %s", f.Addr, f.Workload, f.Node, f.quiet))
		}
	}
}

// Floating are the floating addresses that are in force.
func (c *Cluster) Floating() []Floating { return c.floating }

// quiet says why other nodes have no route to a floating address (BIRD learns the one of
// its own node from the kernel and exports it by the filters of
// confd/pkg/backends/calico/bgp_processor.go); "" when they have.
func (c *Cluster) quiet(a netip.Addr) string {
	if slices.ContainsFunc(c.blocks, func(b block) bool { return b.cidr.Contains(a) }) {
		return "" // with its block, or as a more specific route
	}
	switch p := c.poolFor(a); {
	case p == nil:
		return "BIRD exports no address out of every IPPool"
	case p.noExport:
		return "disableBGPExport of its IPPool keeps it from the others"
	case p.encap == encapVXLAN:
		return "its IPPool has VXLAN, where BIRD programs no routes, and Felix only those of blocks"
	}
	return ""
}

// floating adds the routes to floating addresses: to the pods of this node, and to the
// nodes of the others.
func (b *builder) floating() {
	for _, f := range b.cluster.floating {
		r := host.Route{Table: host.TableMain, Type: host.RouteUnicast, Dst: full(f.Addr)}
		switch {
		case slices.ContainsFunc(b.state.Routes, func(o host.Route) bool { return o.Dst == r.Dst && o.Table == r.Table }):
			continue
		case f.Node == b.node.name && b.state.FindLink(f.link) != nil:
			r.Scope, r.Metric, r.Hops = host.ScopeLink, 1024, []host.NextHop{{Dev: f.link}}
		case f.Node == b.node.name || f.quiet != "":
			continue
		default:
			hop, ok := b.hopTo(b.cluster.find(f.Node), f.Addr)
			if !ok {
				continue
			}
			r.Hops, r.Protocol = []host.NextHop{hop}, "bird"
		}
		b.route(r)
	}
}
