package kernel

import (
	"net"

	"github.com/vishvananda/netlink"

	"tortie/dataplane/host"
	"tortie/dataplane/packet"
)

// Family numbers of the kernel (AF_INET, AF_INET6).
const (
	afINET  = 2
	afINET6 = 10
)

func familyNumber(f packet.Family) int {
	if f == packet.IPv6 {
		return afINET6
	}
	return afINET
}

// rtnhFOnLink is RTNH_F_ONLINK.
const rtnhFOnLink = 4

// route programs one route. Routes that the kernel makes itself for addresses
// are left to it.
func (p programmer) route(r host.Route) error {
	if r.Protocol == "kernel" || r.Table == host.TableLocal && r.Dst.Addr().Is6() {
		return nil
	}
	out := &netlink.Route{
		Dst: ipnet(r.Dst), Table: int(r.Table), Type: int(r.Type), Tos: int(r.TOS),
		Priority: int(r.Metric), Scope: netlink.Scope(r.Scope), Family: familyNumber(packet.FamilyOf(r.Dst.Addr())),
	}
	if r.PrefSrc.IsValid() {
		out.Src = r.PrefSrc.AsSlice()
	}
	for _, hop := range r.Hops {
		h, err := p.hop(hop)
		if err != nil {
			return err
		}
		out.MultiPath = append(out.MultiPath, h)
	}
	if len(out.MultiPath) == 1 {
		h := out.MultiPath[0]
		out.LinkIndex, out.Gw, out.Flags, out.MultiPath = h.LinkIndex, h.Gw, h.Flags, nil
	}
	return p.h.RouteReplace(out)
}

func (p programmer) hop(n host.NextHop) (*netlink.NexthopInfo, error) {
	out := &netlink.NexthopInfo{Hops: max(n.Weight-1, 0)}
	if n.Dev != "" {
		link, err := p.h.LinkByName(string(n.Dev))
		if err != nil {
			return nil, err
		}
		out.LinkIndex = link.Attrs().Index
	}
	if n.Via.IsValid() {
		out.Gw = net.IP(n.Via.AsSlice())
	}
	if n.OnLink {
		out.Flags = rtnhFOnLink
	}
	return out, nil
}

// The kernel's actions of policy rules (FR_ACT_ of linux/fib_rules.h).
var ruleTypes = map[host.RuleAction]uint8{
	host.ActionLookup: 1, host.ActionGoto: 2, host.ActionNop: 3,
	host.ActionBlackhole: 6, host.ActionUnreachable: 7, host.ActionProhibit: 8,
}

// rule programs one policy rule, except those that every namespace has.
func (p programmer) rule(r host.Rule) error {
	plain := r.Action == host.ActionLookup && r.Mask == 0 && !r.From.IsValid() && !r.To.IsValid() && r.IIF == "" && r.OIF == ""
	if plain && (r.Priority == 0 && r.Table == host.TableLocal ||
		r.Priority == 32766 && r.Table == host.TableMain || r.Priority == 32767 && r.Table == host.TableDefault) {
		return nil
	}
	out := netlink.NewRule()
	out.Priority, out.Family, out.Invert, out.Type = int(r.Priority), familyNumber(r.Family), r.Invert, ruleTypes[r.Action]
	out.Src, out.Dst, out.IifName, out.OifName = ipnet(r.From), ipnet(r.To), string(r.IIF), string(r.OIF)
	out.Tos, out.IPProto = uint(r.TOS), int(r.Proto)
	if r.Mask != 0 {
		out.Mark, out.Mask = r.Mark, &r.Mask
	}
	if r.SPortHi != 0 {
		out.Sport = netlink.NewRulePortRange(r.SPortLo, r.SPortHi)
	}
	if r.DPortHi != 0 {
		out.Dport = netlink.NewRulePortRange(r.DPortLo, r.DPortHi)
	}
	if r.SuppressPrefixLength != 0 {
		out.SuppressPrefixlen = r.SuppressPrefixLength - 1
	}
	switch r.Action {
	case host.ActionLookup:
		out.Table = int(r.Table)
	case host.ActionGoto:
		out.Goto = int(r.Goto)
	}
	return p.h.RuleAdd(out)
}
