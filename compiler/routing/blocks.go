package routing

import (
	"net/netip"
	"slices"
	"sort"
	"strings"

	"tortie/compiler/cluster"
	"tortie/dataplane/packet"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

func poolOf(p *v3.IPPool) (pool, bool) {
	cidr, err := netip.ParsePrefix(p.Spec.CIDR)
	if err != nil {
		return pool{}, false
	}
	out := pool{name: p.Name, cidr: cidr.Masked(), blockBits: p.Spec.BlockSize, noExport: p.Spec.DisableBGPExport}
	out.pods = !p.Spec.Disabled && (len(p.Spec.AllowedUses) == 0 || slices.Contains(p.Spec.AllowedUses, v3.IPPoolAllowedUseWorkload))
	if out.blockBits == 0 {
		out.blockBits = 26
		if packet.FamilyOf(cidr.Addr()) == packet.IPv6 {
			out.blockBits = 122
		}
	}
	switch p.Spec.VXLANMode {
	case v3.VXLANModeAlways:
		out.encap = encapVXLAN
	case v3.VXLANModeCrossSubnet:
		out.encap, out.crossSubnet = encapVXLAN, true
	}
	switch p.Spec.IPIPMode {
	case v3.IPIPModeAlways:
		out.encap = encapIPIP
	case v3.IPIPModeCrossSubnet:
		out.encap, out.crossSubnet = encapIPIP, true
	}
	return out, true
}

// PodRange is a network out of which pods get addresses.
type PodRange struct {
	Prefix netip.Prefix
	Pool   string
}

// PodRanges are those of the IPPools. A disabled one is often there for a network
// outside, which pods are to reach as themselves.
func (c *Cluster) PodRanges() (out []PodRange) {
	for _, p := range c.pools {
		if p.pods {
			out = append(out, PodRange{p.cidr, p.name})
		}
	}
	return out
}

func (c *Cluster) poolFor(a netip.Addr) *pool {
	for i := range c.pools {
		if c.pools[i].cidr.Contains(a) {
			return &c.pools[i]
		}
	}
	return nil
}

// gatherBlocks takes the blocks of the IPAM objects; where there are none, each
// pod's address stands for the block of its pool around it. With host-local address
// management the nodes' own networks are the blocks.
func (c *Cluster) gatherBlocks(s *cluster.Snapshot) {
	owner := map[netip.Prefix]string{}
	add := func(text, node string) {
		if p, err := netip.ParsePrefix(text); err == nil && node != "" {
			owner[p.Masked()] = node
		}
	}
	if s.UsesPodCIDR() {
		for _, n := range c.model.Nodes {
			for _, cidr := range n.Value.Status.PodCIDRs {
				add(cidr, n.Value.Name)
			}
		}
		c.keepBlocks(owner)
		return
	}
	for _, o := range s.BlockAffinities {
		if o.Object.Spec.State == "confirmed" {
			add(o.Object.Spec.CIDR, o.Object.Spec.Node)
		}
	}
	for _, o := range s.IPAMBlocks {
		if a := o.Object.Spec.Affinity; a != nil {
			if node, ok := strings.CutPrefix(*a, "host:"); ok {
				add(o.Object.Spec.CIDR, node)
			}
		}
	}
	if len(owner) == 0 {
		c.assumeBlocks(owner)
	}
	c.borrow(owner)
	c.keepBlocks(owner)
}

func (c *Cluster) keepBlocks(owner map[netip.Prefix]string) {
	for cidr, node := range owner {
		c.blocks = append(c.blocks, block{cidr: cidr, node: node})
	}
	sort.Slice(c.blocks, func(i, j int) bool { return c.blocks[i].cidr.Addr().Less(c.blocks[j].cidr.Addr()) })
}

// allocated are the addresses of pods and tunnels, and the nodes that have them.
func (c *Cluster) allocated() (list []block) {
	for _, e := range c.model.Endpoints {
		for _, net := range e.Value.Nets {
			list = append(list, block{cidr: full(net.Addr()), node: e.Value.Node})
		}
	}
	for _, n := range c.nodes {
		for _, a := range []netip.Addr{n.vxlan4, n.vxlan6, n.ipip, n.wg4.addr, n.wg6.addr} {
			if a.IsValid() {
				list = append(list, block{cidr: full(a), node: n.name, tunnel: true})
			}
		}
	}
	return list
}

// borrow gives the addresses that a node has out of another one's block a route of
// their own, as Felix and BIRD do.
func (c *Cluster) borrow(owner map[netip.Prefix]string) {
	for _, a := range c.allocated() {
		node, found := "", false
		for bits := a.cidr.Bits(); bits > 0 && !found; bits-- {
			node, found = owner[netip.PrefixFrom(a.cidr.Addr(), bits).Masked()]
		}
		if found && node != a.node {
			owner[a.cidr] = a.node
		}
	}
}

func (c *Cluster) assumeBlocks(owner map[netip.Prefix]string) {
	for _, a := range c.allocated() {
		cidr := a.cidr
		if p := c.poolFor(cidr.Addr()); p != nil {
			cidr = netip.PrefixFrom(cidr.Addr(), p.blockBits).Masked()
		}
		if have, ok := owner[cidr]; !ok || a.node < have {
			owner[cidr] = a.node
		}
	}
	if len(owner) > 0 {
		c.Notes = append(c.Notes, "no IPAM blocks in the input: each block of a pool is taken to live on the node of a pod in it")
	}
}
