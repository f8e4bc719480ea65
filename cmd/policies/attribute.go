package policies

import (
	"net/netip"
	"slices"
	"strings"

	"tortie/dataplane/host"
	"tortie/dataplane/nf"
	"tortie/simulator/trace"
)

// Attribute fills in which policy each rule of a connection's way was made from, its
// line, and who has the addresses of the ends.
func Attribute(c *trace.Connection, f *host.Fleet) {
	for i := range c.Packets {
		p := &c.Packets[i]
		for j := range p.Steps {
			s := &p.Steps[j]
			s.Policy, s.Source = originOf(f, s.Origin)
			s.Minor = s.Minor || s.Policy == nil && s.Effect == trace.EffectMark && plumbing(s.Chain)
		}
		p.FromName, p.ToName = ownerOf(f, p.From), ownerOf(f, p.To)
		explainReason(&p.Reason, p, f)
		explainReason(&c.Reason, p, f)
	}
}

// explainReason fills in the policy of a reason, and the hook of a rule that let
// the packet through.
func explainReason(r *trace.Reason, p *trace.Packet, f *host.Fleet) {
	r.Policy, r.Source = originOf(f, r.Origin)
	for i := range p.Steps {
		s := &p.Steps[i]
		if r.Hook == "" && s.Matched == trace.MatchedYes && s.Rule == r.Rule && s.Chain == r.Chain && s.Chain != "" &&
			s.Table == r.Table && s.Node == r.Node && s.Backend == r.Backend && s.Family == r.Family {
			r.Hook = s.Hook
		}
	}
}

func originOf(f *host.Fleet, n int) (*trace.Policy, *trace.Source) {
	if n <= 0 || n >= len(f.Origins) {
		return nil, nil
	}
	o := f.Origins[n]
	p := &trace.Policy{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name, Tier: o.Tier, Direction: o.Direction, Rule: o.Rule}
	if o.File == "" {
		return p, nil
	}
	return p, &trace.Source{File: o.File, Line: o.Line}
}

// plumbing says whether a chain is one of Felix's that hold no policy: their
// marks are of no interest.
func plumbing(chain string) bool {
	return strings.HasPrefix(bareChain(chain), "cali-") && !Holds(nf.ChainName(chain))
}

// Holds says whether a chain is one of Felix's for a policy or a profile.
func Holds(chain nf.ChainName) bool {
	for _, p := range []string{"cali-pi-", "cali-po-", "cali-pri-", "cali-pro-"} {
		if strings.HasPrefix(bareChain(string(chain)), p) {
			return true
		}
	}
	return false
}

// bareChain is a chain's name without the layer that it begins with in nftables mode.
func bareChain(chain string) string {
	if _, rest, ok := strings.Cut(chain, "-cali-"); ok {
		return "cali-" + rest
	}
	return chain
}

// ownerOf names the pod or node that has the address of an end.
func ownerOf(f *host.Fleet, end string) string {
	addr, err := netip.ParseAddr(end)
	if err != nil {
		p, err := netip.ParseAddrPort(end)
		if err != nil {
			return ""
		}
		addr = p.Addr()
	}
	for _, h := range f.Hosts {
		for _, l := range h.Links {
			for _, a := range l.Addrs {
				if a.Prefix.Addr() == addr && !l.Loopback && l.Name != host.IPVSLink {
					return "node " + string(h.Name)
				}
			}
		}
	}
	for _, e := range f.Endpoints {
		if !e.HostNetwork && slices.Contains(e.Addrs, addr) {
			return e.Name
		}
	}
	return ""
}
