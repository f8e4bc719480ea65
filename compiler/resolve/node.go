package resolve

import (
	"net/netip"
	"sort"
	"strings"

	"tortie/compiler/calico"
	"tortie/compiler/diag"
	"tortie/dataplane/packet"

	v3 "github.com/projectcalico/api/pkg/apis/projectcalico/v3"
)

// settings merges Felix's configuration and what the node and the pools say of
// tunnels.
func (n *nodeResolver) settings(opt NodeOptions) {
	n.configured(opt)
	n.pools()
	n.nodes()
	n.loopCIDRs()
}

// configured merges Felix's configuration.
func (n *nodeResolver) configured(opt NodeOptions) {
	sources := []Config{opt.Base, n.clusterType()}
	objects := n.felixConfigurations()
	for _, o := range objects {
		sources = append(sources, n.felixConfig(o))
	}
	s, problems := ParseSettings(append(sources, opt.Env)...)
	for _, p := range problems {
		f := problemFinding(p)
		if opt.Env[p.Name] == p.Value {
			f.Message += ", in Felix's environment"
			f.Span = n.variable(p)
		} else {
			f.Span = placeOf(p, objects, sources[len(sources)-len(objects):])
		}
		n.findings.Add(f)
	}
	s.IPVS = opt.IPVS
	s.NFTables = s.NFTables || s.NFTablesAuto && opt.ProxyNFTables
	n.view.Settings = s
}

// variable is the place of a variable of calico-node's DaemonSet that has the value; the
// zero place if it is given in another way.
func (n *nodeResolver) variable(p ConfigProblem) diag.Span {
	for _, v := range n.index.snapshot.Variables("calico-node") {
		if strings.EqualFold(v.Name, "FELIX_"+p.Name) && v.Value == p.Value {
			return v.Place
		}
	}
	return diag.Span{}
}

func problemFinding(p ConfigProblem) diag.Finding {
	f := diag.Finding{Code: "felix/bad-setting", Severity: diag.Warning, Message: p.String(), Hint: "Felix takes its default instead"}
	if p.Fatal {
		f.Severity, f.Hint = diag.Error, "Felix does not start with this value"
	}
	return f
}

// pools lists the pools and derives which encapsulation is on, as
// felix/calc/encapsulation_resolver.go does: the configuration decides, else any
// pool that uses it; VXLAN over IPv6 is a matter of the pools alone.
func (n *nodeResolver) pools() {
	s := &n.view.Settings
	seen := map[netip.Prefix]bool{}
	for _, o := range n.index.snapshot.IPPools {
		spec := o.Object.Spec
		cidr, err := netip.ParsePrefix(spec.CIDR)
		if err != nil || seen[cidr.Masked()] {
			continue // Of several pools of one prefix the first by name counts.
		}
		seen[cidr.Masked()] = true
		pool := Pool{CIDR: cidr.Masked(), Masquerade: spec.NATOutgoing, Origin: originAt(o.Source.At("spec", "cidr"))}
		pool.LoadBalancerOnly = len(spec.AllowedUses) == 1 && spec.AllowedUses[0] == v3.IPPoolAllowedUseLoadBalancer
		n.view.Pools = append(n.view.Pools, pool)
		vxlan := spec.VXLANMode != "" && spec.VXLANMode != v3.VXLANModeNever
		if packet.FamilyOf(cidr.Addr()) == packet.IPv6 {
			s.VXLANv6 = s.VXLANv6 || vxlan
			continue
		}
		s.VXLAN = s.VXLAN || vxlan
		s.IPIP = s.IPIP || spec.IPIPMode != "" && spec.IPIPMode != v3.IPIPModeNever
	}
	if s.IPIPConfigured != nil {
		s.IPIP = *s.IPIPConfigured
	}
	if s.VXLANConfigured != nil {
		s.VXLAN = *s.VXLANConfigured
	}
	sort.Slice(n.view.Pools, func(i, j int) bool {
		a, b := n.view.Pools[i].CIDR, n.view.Pools[j].CIDR
		return a.Addr().Less(b.Addr()) || a.Addr() == b.Addr() && a.Bits() < b.Bits()
	})
}

func (n *nodeResolver) nodes() {
	for i := range n.index.model.Nodes {
		node := &n.index.model.Nodes[i].Value
		v4, v6 := nodeAddrs(&n.index.model.Nodes[i])
		host := Node{Name: node.Name, IPv4: v4, IPv6: v6}
		if b := node.Spec.BGP; b != nil {
			host.IPv4, host.IPv6 = hostAddr(v4, b.IPv4Address), hostAddr(v6, b.IPv6Address)
		}
		n.view.Nodes = append(n.view.Nodes, host)
		vtep := VTEP{Node: node.Name}
		if addrOf(node.Spec.IPv4VXLANTunnelAddr).IsValid() {
			vtep.ParentIPv4 = v4
		}
		if addrOf(node.Spec.IPv6VXLANTunnelAddr).IsValid() {
			vtep.ParentIPv6 = v6
		}
		if vtep.ParentIPv4.IsValid() || vtep.ParentIPv6.IsValid() {
			n.view.VTEPs = append(n.view.VTEPs, vtep)
		}
	}
	own := n.index.findNode(n.name)
	if own == nil {
		return
	}
	s := &n.view.Settings
	setIfMissing(&s.VXLANTunnelAddr, addrOf(own.Spec.IPv4VXLANTunnelAddr))
	setIfMissing(&s.VXLANTunnelAddr6, addrOf(own.Spec.IPv6VXLANTunnelAddr))
	if own.Spec.BGP != nil {
		setIfMissing(&s.IPIPTunnelAddr, addrOf(own.Spec.BGP.IPv4IPIPTunnelAddr))
	}
}

// setIfMissing sets an address of the node that Felix's own settings do not give.
func setIfMissing(dst *netip.Addr, a netip.Addr) {
	if !dst.IsValid() {
		*dst = a
	}
}

func (n *nodeResolver) loopCIDRs() {
	for _, o := range n.index.snapshot.BGPConfigurations {
		if o.Object.Name != "default" {
			continue
		}
		spec := o.Object.Spec
		var all []string
		for _, b := range spec.ServiceClusterIPs {
			all = append(all, b.CIDR)
		}
		for _, b := range spec.ServiceExternalIPs {
			all = append(all, b.CIDR)
		}
		for _, b := range spec.ServiceLoadBalancerIPs {
			all = append(all, b.CIDR)
		}
		for _, text := range all {
			if p, ok := calico.ParseNet(text); ok {
				n.view.LoopCIDRs = append(n.view.LoopCIDRs, p)
			}
		}
	}
}
