package kubeproxy

import (
	"fmt"
	"math/bits"
	"net/netip"

	"tortie/compiler/cluster"
	"tortie/dataplane/nf"
	"tortie/dataplane/packet"
)

// Program makes kube-proxy's rules for one node. An error says that they cannot
// be made: an unknown mode or backend.
func Program(s *cluster.Snapshot, opt Options) (Result, error) {
	if err := opt.check(); err != nil {
		return Result{}, err
	}
	res := Result{Origins: originsOf(s)}
	n := readNode(s, &opt)
	for _, f := range []packet.Family{packet.IPv4, packet.IPv6} {
		if opt.Family != 0 && opt.Family != f {
			continue
		}
		in := &input{Options: &opt, node: n, family: f, nodeIP: firstOf(n.ips, f)}
		in.readServices(s, &res)
		in.notes(&res)
		in.settings()
		if opt.Mode == NFTables {
			res.Ruleset.Tables = append(res.Ruleset.Tables, nftTable(in))
			continue
		}
		if opt.Mode == IPVS {
			parts := ipvsMode(in)
			res.Ruleset.Tables = append(res.Ruleset.Tables, parts.tables...)
			res.Ruleset.IPSets = append(res.Ruleset.IPSets, parts.sets...)
			res.Servers = append(res.Servers, parts.servers...)
			res.Bound = append(res.Bound, parts.bound...)
			continue
		}
		res.RouteLocalnet = res.RouteLocalnet || in.localhost
		res.Ruleset.Tables = append(res.Ruleset.Tables, iptablesTables(in)...)
	}
	return res, nil
}

func (o *Options) check() error {
	switch o.Mode {
	case Iptables, NFTables, IPVS:
	default:
		return fmt.Errorf("unknown kube-proxy mode %d", o.Mode)
	}
	if o.Mode != NFTables && !o.Backend.Iptables() {
		return fmt.Errorf("kube-proxy in %v mode needs iptables-legacy or iptables-nft, not %v", o.Mode, o.Backend)
	}
	if o.MasqueradeMark == 0 {
		o.MasqueradeMark = 1 << 14
	}
	if bits.OnesCount32(o.MasqueradeMark) != 1 {
		return fmt.Errorf("the masquerade mark %#x is not one bit", o.MasqueradeMark)
	}
	return nil
}

// input is what rules of one family are made from.
type input struct {
	*Options
	node     node
	family   packet.Family
	nodeIP   netip.Addr
	services []service

	mark      uint32
	localhost bool           // node ports work on 127.0.0.0/8
	matchAll  bool           // node ports work on all local addresses
	nodePorts []netip.Prefix // else: on addresses of these prefixes
	detect    detector
}

// node is what counts of the Node object.
type node struct {
	ips      []netip.Addr
	podCIDRs []netip.Prefix
	zone     string
}

func readNode(s *cluster.Snapshot, opt *Options) node {
	n := node{ips: opt.NodeIPs}
	for i := range s.Nodes {
		o := s.Nodes[i].Object
		if o.Name != opt.Node {
			continue
		}
		n.zone = o.Labels["topology.kubernetes.io/zone"]
		for _, c := range append([]string{o.Spec.PodCIDR}, o.Spec.PodCIDRs...) {
			if p, ok := ParsePrefix(c); ok {
				n.podCIDRs = append(n.podCIDRs, p)
			}
		}
		if n.ips != nil {
			continue
		}
		for _, kind := range []string{"InternalIP", "ExternalIP"} {
			for _, a := range o.Status.Addresses {
				if ip, ok := ParseAddr(a.Address); ok && string(a.Type) == kind {
					n.ips = append(n.ips, ip)
				}
			}
		}
	}
	return n
}

func (in *input) settings() {
	in.mark = in.MasqueradeMark
	cidrs := in.NodePortAddresses
	if in.NodePortAddressesPrimary {
		cidrs = nil
		for _, f := range []packet.Family{packet.IPv4, packet.IPv6} {
			if a := firstOf(in.node.ips, f); a.IsValid() {
				cidrs = append(cidrs, netip.PrefixFrom(a, a.BitLen()))
			}
		}
	}
	loopback := false
	for _, c := range cidrs {
		if familyOf(c.Addr()) != in.family {
			continue
		}
		in.nodePorts = append(in.nodePorts, c)
		in.matchAll = in.matchAll || c.Bits() == 0
		loopback = loopback || c.Addr().IsLoopback() || c.Contains(netip.AddrFrom4([4]byte{127}))
	}
	if len(in.nodePorts) == 0 || in.matchAll {
		in.matchAll, loopback = true, true
	}
	in.localhost = in.Mode == Iptables && in.family == packet.IPv4 && in.LocalhostNodePorts && loopback
	in.detect = in.detector()
}

// nodePortAddrs are the node's addresses that accept node ports when not all do.
func (in *input) nodePortAddrs() []netip.Addr {
	var out []netip.Addr
	seen := map[netip.Addr]bool{}
	all := append([]netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}, in.node.ips...)
	for _, c := range in.nodePorts {
		for _, a := range append(all, in.Addresses...) {
			if c.Contains(a) && !seen[a] && (!a.IsLoopback() || in.localhost) {
				seen[a] = true
				out = append(out, a)
			}
		}
	}
	sortAddrs(out)
	return out
}

// detector says how a packet of a local pod is recognised; without prefix and
// name it is not.
type detector struct {
	prefix   netip.Prefix
	name     string
	wildcard bool
}

func (d detector) set() bool { return d.prefix.IsValid() || d.name != "" }

func (in *input) detector() detector {
	cidrs := in.Local.CIDRs
	switch {
	case len(cidrs) > 0:
	case in.Local.NodeCIDR:
		cidrs = in.node.podCIDRs
	case in.Local.Bridge != "":
		return detector{name: in.Local.Bridge}
	case in.Local.InterfacePrefix != "":
		return detector{name: in.Local.InterfacePrefix, wildcard: true}
	}
	for _, c := range cidrs {
		if familyOf(c.Addr()) == in.family {
			return detector{prefix: c.Masked()}
		}
	}
	return detector{}
}

func (in *input) tableFamily() nf.Family {
	if in.family == packet.IPv6 {
		return nf.FamilyIP6
	}
	return nf.FamilyIP
}
